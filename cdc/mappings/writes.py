"""The checkpoint writes of a lane: each is one transaction, and tells where the checkpoint is afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from cdc.model.history import Attempt
from cdc.model.mappings import DEAD, DELIVERED, FILTERED, TRIMMED
from cdc.store import checkpoints as store
from cdc.store.checkpoints import Passed, Window

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.batch import Batch
    from cdc.mappings.lane import Lane
    from cdc.model.mappings import Checkpoint, Mapping
    from cdc.store.transaction import Transaction

    Transition = Callable[[Transaction], Checkpoint | None]


class Purpose(Enum):
    """Why a checkpoint is written."""

    BEGIN = "begin"
    DELIVERED = "delivered"
    PARTLY = "partly delivered"
    PASSED = "filtered, or nothing for this lane"
    TRIMMED = "trimmed"
    FAILED = "failed"
    SPLIT = "split"
    DEAD = "dead"
    WINDOW = "tumbling window closed"
    DIVIDED = "divided into another number of lanes"


@dataclass(frozen=True, slots=True)
class Write:
    """A write that a lane waits for. `run` gives the new checkpoint; None if the stored one has moved by now."""

    purpose: Purpose
    run: Transition
    records: int = 0  # delivered, trimmed or given up
    filtered: int = 0


def begin(mapping: Mapping, shard: int, lane: int, lane_count: int) -> Write:
    """Give a mapping its first checkpoints in a shard, or find those that it has. None if the shard is gone."""

    def run(transaction: Transaction) -> Checkpoint | None:
        known = transaction.catalog.shards.get(shard)
        if known is None:
            return None
        # What a purge took before this moment is no part of what outcomes account for.
        start = max(mapping.start_sequence, known[1].start_sequence - 1, known[1].trimmed_sequence)
        begun = store.begin(transaction, mapping.id, shard, lane_count, start)
        return begun[lane] if len(begun) == lane_count else None

    return Write(Purpose.BEGIN, run)


def deliver(lane: Lane, batch: Batch, state: bytes | None) -> Write:
    """Pass records that the function has taken."""
    through = batch.through if batch.last is None else batch.last
    passed = _delivered(lane, batch, batch.count, batch.filtered)
    return _settle(Purpose.DELIVERED, lane, through, passed, window=_window(batch, state))


def deliver_partly(lane: Lane, batch: Batch, failed_from: int, state: bytes | None) -> Write:
    """Pass the records before one that the function reported; the rest is tried again as a batch of its own."""
    count = sum(sequence < failed_from for sequence in batch.sequences)
    passed = _delivered(lane, batch, count, batch.filtered_before[count])
    rest = batch.through if batch.last is None else batch.last
    return _settle(Purpose.PARTLY, lane, failed_from - 1, passed, rest_through=rest, window=_window(batch, state))


def _delivered(lane: Lane, batch: Batch, records: int, filtered: int) -> Passed:
    assert lane.checkpoint is not None
    return Passed(
        kind=DELIVERED,
        records=records,
        filtered=lane.filtered + filtered,
        attempts=lane.checkpoint.attempts + 1,
        request_id=batch.request_id,
        first_sequence=batch.sequences[0],
        last_sequence=batch.sequences[records - 1],
        started_ms=batch.started_ms,
    )


def _window(batch: Batch, state: bytes | None) -> Window:
    return Window(start_ms=batch.window_start_ms if state is not None else None, state=state)


def pass_over(lane: Lane, through: int) -> Write:
    """Pass records none of which is for the function."""
    passed = Passed(kind=FILTERED, records=lane.filtered, filtered=lane.filtered)
    return _settle(Purpose.PASSED, lane, through, passed)


def trim(lane: Lane, through: int, records: int) -> Write:
    """Pass records that expired before they were delivered."""
    passed = Passed(kind=TRIMMED, records=records, filtered=lane.filtered)
    return _settle(Purpose.TRIMMED, lane, through, passed)


def _settle(
    purpose: Purpose,
    lane: Lane,
    through: int,
    passed: Passed,
    *,
    rest_through: int | None = None,
    window: Window | None = None,
) -> Write:
    checkpoint = lane.checkpoint
    assert checkpoint is not None

    def run(transaction: Transaction) -> Checkpoint | None:
        return store.settle(transaction, checkpoint, through, passed, rest_through=rest_through, window=window)

    return Write(purpose, run, 0 if passed.kind == FILTERED else passed.records, passed.filtered)


def give_up(
    lane: Lane, batch: Batch, attempts: int, request_id: str | None, keep: Callable[[Transaction], None]
) -> Write:
    """Pass a batch that is given up; `keep` puts it among the dead letters in the same transaction."""
    checkpoint = lane.checkpoint
    assert checkpoint is not None
    filtered = lane.filtered + batch.filtered
    passed = Passed(
        kind=DEAD,
        records=batch.count,
        filtered=filtered,
        attempts=attempts,
        request_id=request_id,
        first_sequence=batch.sequences[0] if batch.sequences else None,
        last_sequence=batch.sequences[-1] if batch.sequences else None,
        started_ms=batch.started_ms,
    )
    through = batch.through if batch.last is None or batch.aged else batch.last

    def run(transaction: Transaction) -> Checkpoint | None:
        if batch.final:
            after = store.close_window(transaction, checkpoint, DEAD)
        else:
            after = store.settle(transaction, checkpoint, through, passed)
        if after is not None:
            keep(transaction)
        return after

    return Write(Purpose.DEAD, run, batch.count, filtered)


def fail(lane: Lane, batch: Batch, error: str, *, counts: bool) -> Write:
    """Have a batch tried again."""
    checkpoint = lane.checkpoint
    assert checkpoint is not None
    through = checkpoint.sequence if batch.final else batch.through if batch.last is None else batch.last
    attempt = _attempt(batch)

    def run(transaction: Transaction) -> Checkpoint | None:
        return store.fail(transaction, checkpoint, through, error, attempt, counts=counts)

    return Write(Purpose.FAILED, run)


def _attempt(batch: Batch) -> Attempt:
    assert batch.started_ms is not None, "it was invoked"
    return Attempt(batch.count, batch.request_id, batch.started_ms)


def split(lane: Lane, batch: Batch, left_through: int, error: str) -> Write:
    """Have a batch tried again as two."""
    checkpoint = lane.checkpoint
    assert checkpoint is not None
    through = batch.through if batch.last is None else batch.last
    attempt = _attempt(batch)

    def run(transaction: Transaction) -> Checkpoint | None:
        return store.split(transaction, checkpoint, left_through, through, error, attempt)

    return Write(Purpose.SPLIT, run)


def close_window(lane: Lane) -> Write:
    """End a tumbling window whose last invocation has succeeded."""
    checkpoint = lane.checkpoint
    assert checkpoint is not None

    def run(transaction: Transaction) -> Checkpoint | None:
        return store.close_window(transaction, checkpoint)

    return Write(Purpose.WINDOW, run)


def divide(lanes: list[Lane], lane_count: int) -> Write:
    """Give a shard another number of lanes; all of its lanes are at the same place, and idle."""
    old = [lane.checkpoint for lane in lanes if lane.checkpoint is not None]

    def run(transaction: Transaction) -> Checkpoint | None:
        new = store.divide(transaction, old, lane_count)
        return None if new is None else new[0]

    return Write(Purpose.DIVIDED, run)
