"""Giving a batch up: the dead letter that keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.model.dead_letters import DeadLetter
from cdc.store import dead_letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.batch import Batch
    from cdc.mappings.lane import Lane
    from cdc.mappings.verdict import GiveUp
    from cdc.store.transaction import Transaction


def dead_letter_of(
    lane: Lane, batch: Batch, why: GiveUp, attempts: int, request_id: str | None
) -> Callable[[Transaction], None]:
    """Build the write that keeps a batch, for the transaction that moves the checkpoint past it."""
    mapping, checkpoint, event = lane.run.mapping, lane.checkpoint, batch.event
    assert checkpoint is not None
    first = batch.sequences[0] if batch.sequences else checkpoint.sequence
    last = batch.sequences[-1] if batch.sequences else checkpoint.sequence
    stream, shard_id = lane.stream, lane.shard.shard_id

    def keep(transaction: Transaction) -> None:
        letter = DeadLetter(
            mapping_id=mapping.id,
            mapping_name=mapping.name,
            function_name=mapping.function_name,
            table_name=stream.table_name,
            stream_id=stream.id,
            shard_id=shard_id,
            first_sequence=first,
            last_sequence=last,
            record_count=batch.count,
            condition=why.condition,
            attempts=attempts,
            error_type=why.error_type,
            error_message=why.error_message,
            request_id=request_id,
            first_created_ms=batch.first_created_ms,
            last_created_ms=batch.last_created_ms,
            created_ms=transaction.now_ms,
        )
        dead_letters.add(transaction, letter, event)

    return keep
