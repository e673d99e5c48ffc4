"""The checkpoint writes of a lane: each is one transition of the store, and tells where the checkpoint is afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from cdc.model.mappings import DELIVERED, TRIMMED, Checkpoint
from cdc.store import mappings as store

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.mappings import Mapping
    from cdc.store.transaction import Transaction


class Purpose(Enum):
    """Why a checkpoint is written."""

    BEGIN = "begin"
    DELIVERED = "delivered"
    TRIMMED = "trimmed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Write:
    """A write that a lane waits for. `run` gives the new checkpoint; None if the stored one is elsewhere by now."""

    purpose: Purpose
    run: Callable[[Transaction], Checkpoint | None]
    records: int = 0  # that the checkpoint passes


def begin(mapping: Mapping, shard: int) -> Write:
    """Give a mapping its first checkpoint in a shard, or find the one it has. None if the shard is gone."""

    def run(transaction: Transaction) -> Checkpoint | None:
        known = transaction.catalog.shards.get(shard)
        if known is None:
            return None
        # What a purge took before this moment is no part of what outcomes account for.
        start = max(mapping.start_sequence, known[1].start_sequence - 1, known[1].trimmed_sequence)
        return store.start_checkpoint(transaction, mapping.id, shard, start)

    return Write(Purpose.BEGIN, run)


def deliver(checkpoint: Checkpoint, through: int, records: int, request_id: str) -> Write:
    """Pass records that the function has taken."""

    def run(transaction: Transaction) -> Checkpoint | None:
        if store.settle(transaction, checkpoint, through, kind=DELIVERED, records=records, request_id=request_id):
            return store.settled(checkpoint, through, DELIVERED, transaction.now_ms)
        return None

    return Write(Purpose.DELIVERED, run, records)


def trim(checkpoint: Checkpoint, through: int, records: int) -> Write:
    """Pass records that expired before they were delivered."""

    def run(transaction: Transaction) -> Checkpoint | None:
        if store.settle(transaction, checkpoint, through, kind=TRIMMED, records=records):
            return store.settled(checkpoint, through, TRIMMED, transaction.now_ms)
        return None

    return Write(Purpose.TRIMMED, run, records)


def fail(checkpoint: Checkpoint, error: str) -> Write:
    """Count a failed attempt at the batch that follows."""

    def run(transaction: Transaction) -> Checkpoint | None:
        if store.note_failure(transaction, checkpoint, error):
            return store.failed(checkpoint, error, transaction.now_ms)
        return None

    return Write(Purpose.FAILED, run)
