"""The message about a discarded batch has the members, order and forms that were recorded from Lambda."""

from __future__ import annotations

import json

import orjson
import pytest

from cdc.mappings.failure_record import failure_record, message_about, object_key
from cdc.model.dead_letters import AGE_EXCEEDED
from cdc.model.outbox import Message
from tests.unit.mappings.batches import FUNCTION, STREAM, discarded

RECORD = {
    "requestContext": {
        "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
        "functionArn": FUNCTION,
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    },
    "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    "version": "1.0",
    "timestamp": "2019-11-14T00:13:49.717Z",
    "DDBStreamBatchInfo": {
        "shardId": "shardId-00000001573689847184-864758bb",
        "startSequenceNumber": "100000000000000000007",
        "endSequenceNumber": "100000000000000000009",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:13:20Z",
        "batchSize": 3,
        "streamArn": STREAM,
    },
}


def test_a_record_is_as_recorded_to_the_byte():
    assert failure_record(discarded(), with_event=False) == orjson.dumps(RECORD)


def test_reported_batch_items_leave_the_function_error_null():
    record = json.loads(failure_record(discarded(function_error=None), with_event=False))
    assert record == RECORD | {"responseContext": RECORD["responseContext"] | {"functionError": None}}  # type: ignore[operator]


@pytest.mark.parametrize(("invoked", "said"), [(0, 1), (1, 1), (3, 3)])
def test_a_batch_that_grew_too_old_has_no_response_and_counts_as_invoked_once(invoked, said):
    batch = discarded(condition=AGE_EXCEEDED, invoke_count=invoked, function_error=None)
    record = json.loads(failure_record(batch, with_event=False))
    assert "responseContext" not in record
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == said


def test_a_whole_second_has_its_milliseconds():
    record = json.loads(failure_record(discarded(discarded_ms=1_657_720_081_000), with_event=False))
    assert record["timestamp"] == "2022-07-13T13:48:01.000Z"


def test_the_payload_is_the_event_as_an_object():
    batch = discarded()
    record = json.loads(failure_record(batch, with_event=True))
    assert record == RECORD | {"payload": json.loads(batch.event)}


def test_the_key_of_an_object_has_mapping_shard_time_and_the_stable_id():
    assert object_key(discarded()) == (
        "aws/lambda/14e0db71-5d35-4eb5-b481-8945cf9d10c2/shardId-00000001573689847184-864758bb/2019/11/14/"
        "2019-11-14T00.13.49-5cfa8d0e-6a5b-4b9c-8f4c-0a6a3c1d2e3f"
    )


@pytest.mark.parametrize(
    ("text", "with_event", "with_key"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:q", False, False),
        ("arn:aws:sns:us-east-1:123456789012:t", False, False),
        ("arn:aws:s3:::bucket", True, True),
        ("https://example.com/failed", True, False),
        ("file:/var/failed.jsonl", True, False),
        ("nowhere", True, False),
    ],
)
def test_each_kind_of_destination_gets_its_form(text, with_event, with_key):
    batch = discarded()
    assert message_about(batch, text) == Message(
        message_id=batch.message_id,
        destination=text,
        payload=failure_record(batch, with_event=with_event),
        mapping_name="audit",
        records=3,
        object_key=object_key(batch) if with_key else None,
    )
