"""The message about a discarded batch: what Lambda sends to the on-failure destination of a mapping."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from cdc.model.catalog import sequence_text
from cdc.model.dead_letters import AGE_EXCEEDED
from cdc.model.destinations import Bucket, Destination, DestinationError, parse_destination
from cdc.model.outbox import Message

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class DiscardedBatch:
    """A batch that is given up. Times are ms since 1970."""

    message_id: str  # a UUID of this batch alone: the same however often the message is sent
    mapping_id: str  # the mapping's UUID
    mapping_name: str
    condition: str  # of `cdc.model.dead_letters`
    request_id: str  # of the last invocation
    function_arn: str  # as the mapping names it, with its qualifier if it has one
    invoke_count: int  # invocations of this batch
    function_error: str | None  # "Unhandled"; None when the function reported batch items
    discarded_ms: int
    stream_arn: str
    shard_id: str
    first_sequence: int
    last_sequence: int
    first_created_ms: int
    last_created_ms: int
    records: int
    event: bytes  # as the function got it


def message_about(batch: DiscardedBatch, on_failure: str) -> Message:
    """Build the message for a destination, given as a text.

    Queues and topics get the record of the failure; buckets, URLs and files get the event in it, too. A text that names
    no destination makes a message all the same: it can't be sent, and is kept and shown with the reason.
    """
    destination = _parsed(on_failure)
    return Message(
        message_id=batch.message_id,
        destination=on_failure,
        payload=failure_record(batch, with_event=destination is None or destination.with_records),
        mapping_name=batch.mapping_name,
        records=batch.records,
        object_key=object_key(batch) if isinstance(destination, Bucket) else None,
    )


def _parsed(text: str) -> Destination | None:
    try:
        return parse_destination(text)
    except DestinationError:
        return None


def failure_record(batch: DiscardedBatch, *, with_event: bool) -> bytes:
    """Write the record of a failure as JSON (Lambda: on-failure destination of a stream's mapping)."""
    aged = batch.condition == AGE_EXCEEDED
    record: dict[str, Any] = {
        "requestContext": {
            "requestId": batch.request_id,
            "functionArn": batch.function_arn,
            "condition": batch.condition,
            # Lambda was seen to say 1 for records that were too old for any invocation.
            "approximateInvokeCount": max(batch.invoke_count, 1),
        }
    }
    if not aged:
        record["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": batch.function_error,
        }
    record |= {
        "version": "1.0",
        "timestamp": _time(batch.discarded_ms).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "DDBStreamBatchInfo": {
            "shardId": batch.shard_id,
            "startSequenceNumber": sequence_text(batch.first_sequence),
            "endSequenceNumber": sequence_text(batch.last_sequence),
            "approximateArrivalOfFirstRecord": f"{_time(batch.first_created_ms):%Y-%m-%dT%H:%M:%SZ}",
            "approximateArrivalOfLastRecord": f"{_time(batch.last_created_ms):%Y-%m-%dT%H:%M:%SZ}",
            "batchSize": batch.records,
            "streamArn": batch.stream_arn,
        },
    }
    if with_event:
        record["payload"] = orjson.Fragment(
            batch.event
        )  # an object, not a text: as recorded, against the documentation
    return orjson.dumps(record)


def object_key(batch: DiscardedBatch) -> str:
    """Name the object in a bucket. A repetition has the same name, and takes the place of what was there."""
    at = _time(batch.discarded_ms)
    return (
        f"aws/lambda/{batch.mapping_id}/{batch.shard_id}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{batch.message_id}"  # UTC
    )


def _time(ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=ms)
