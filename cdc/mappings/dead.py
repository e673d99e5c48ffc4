"""Giving a batch up: the dead letter that keeps it, and the message that says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.failure_record import DiscardedBatch, message_about
from cdc.model.arns import function_arn, stream_arn
from cdc.model.dead_letters import DeadLetter
from cdc.store import dead_letters, outbox

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.batch import Batch
    from cdc.mappings.lane import Lane
    from cdc.mappings.surroundings import Surroundings
    from cdc.mappings.verdict import GiveUp
    from cdc.model.outbox import Message
    from cdc.store.transaction import Transaction


def dead_letter_of(
    lane: Lane, batch: Batch, why: GiveUp, attempts: int, request_id: str | None, message: Message | None
) -> Callable[[Transaction], None]:
    """Build the write that keeps a batch, for the transaction that moves the checkpoint past it.

    A message about it goes into the outbox in the same transaction.
    """
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
        if message is not None:
            outbox.add(transaction, message)

    return keep


def message_about_batch(
    lane: Lane, batch: Batch, why: GiveUp, attempts: int, request_id: str | None, surroundings: Surroundings
) -> Message | None:
    """Build the message about a batch for the mapping's destination; None when it has none."""
    mapping, options = lane.run.mapping, surroundings.options
    on_failure, qualifier = mapping.settings.on_failure, mapping.settings.function_qualifier
    if on_failure is None:
        return None
    assert lane.checkpoint is not None
    message_id, now_ms = surroundings.new_request_id(), surroundings.clock.now_ms()
    nowhere = lane.checkpoint.sequence  # the last invocation of a tumbling window may be without records
    discarded = DiscardedBatch(
        message_id=message_id,
        mapping_id=mapping.uuid,
        mapping_name=mapping.name,
        condition=why.condition,
        request_id=request_id or message_id,
        function_arn=function_arn(options, mapping.function_name) + (f":{qualifier}" if qualifier else ""),
        invoke_count=attempts,
        function_error=why.function_error,
        discarded_ms=now_ms,
        stream_arn=stream_arn(options, lane.stream.table_name, lane.stream.label),
        shard_id=lane.shard.shard_id,
        first_sequence=batch.sequences[0] if batch.sequences else nowhere,
        last_sequence=batch.sequences[-1] if batch.sequences else nowhere,
        first_created_ms=batch.first_created_ms if batch.sequences else now_ms,
        last_created_ms=batch.last_created_ms if batch.sequences else now_ms,
        records=batch.count,
        event=batch.event,
    )
    return message_about(discarded, on_failure)
