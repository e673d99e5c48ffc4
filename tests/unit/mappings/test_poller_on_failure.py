"""A batch that is given up leaves one message for the mapping's destination, with its dead letter and its checkpoint."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cdc.model.functions import Outcome
from cdc.store import dead_letters, outbox
from tests.unit.mappings.bench import FAILURE, OK, disk_full

if TYPE_CHECKING:
    from cdc.model.outbox import Entry
    from tests.unit.mappings.bench import Bench

FILE = "file:/var/failed.jsonl"
QUEUE = "arn:aws:sqs:us-east-1:123456789012:failed"


def begin(bench: Bench, on_failure: str | None = FILE, **settings: Any) -> None:
    bench.create()
    bench.declare(on_failure=on_failure, **{"maximum_retry_attempts": 1} | settings)
    bench.run()


def messages(bench: Bench) -> list[Entry]:
    with bench.database.reading() as connection:
        return outbox.load_entries(connection)


def record_of(bench: Bench, entry: Entry) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(outbox.load_payload(bench.database.reader(), entry))
    return record


def letters(bench: Bench) -> list[Any]:
    with bench.database.reading() as connection:
        return list(dead_letters.find(connection))


def test_the_message_tells_of_the_batch_as_its_last_invocation_saw_it(bench):
    begin(bench)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a", "b")
    bench.advance(10)
    [entry], [letter] = messages(bench), letters(bench)
    record = record_of(bench, entry)
    assert (entry.destination, entry.mapping_name, entry.records, entry.object_key) == (FILE, "m", 2, None)
    assert record["requestContext"] == {
        "requestId": bench.calls[-1].request_id,
        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 2,
    }
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record["payload"] == json.loads(bench.calls[-1].event)
    records = bench.calls[-1].records
    info = record["DDBStreamBatchInfo"]
    assert info["startSequenceNumber"] == records[0]["dynamodb"]["SequenceNumber"]
    assert info["endSequenceNumber"] == records[1]["dynamodb"]["SequenceNumber"]
    assert info["streamArn"] == records[0]["eventSourceARN"]
    assert info["batchSize"] == letter.record_count == 2
    assert bench.checkpoint().sequence == letter.last_sequence
    assert entry.message_id not in {call.request_id for call in bench.calls}


@pytest.mark.parametrize(("on_failure", "has_key"), [("arn:aws:s3:::failed", True), (QUEUE, False)])
def test_a_bucket_gets_a_key_and_a_queue_gets_no_records(bench, on_failure, has_key):
    begin(bench, on_failure)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.advance(10)
    [entry] = messages(bench)
    assert ("payload" in record_of(bench, entry)) == has_key
    if has_key:
        assert entry.object_key is not None
        assert entry.object_key.startswith("aws/lambda/uuid-m/shardId-")
        assert entry.object_key.endswith(f"-{entry.message_id}")


def test_reported_items_leave_the_function_error_null(bench):
    begin(bench, report_batch_item_failures=True, maximum_retry_attempts=0)
    answer = b'{"batchItemFailures":[{"itemIdentifier":"nonsense"}]}'
    bench.functions.answer = lambda _: Outcome(ok=True, duration_ms=1.0, result=answer)
    bench.put("a")
    bench.advance(10)
    [entry] = messages(bench)
    assert record_of(bench, entry)["responseContext"]["functionError"] is None


def test_records_that_were_too_old_for_any_invocation_are_told_of_too(bench):
    begin(bench, maximum_record_age_in_seconds=60, enabled=False)
    bench.put("a")
    bench.clock.advance(61)
    bench.declare(on_failure=FILE, maximum_record_age_in_seconds=60)
    bench.advance(1)
    [entry] = messages(bench)
    record = record_of(bench, entry)
    assert bench.calls == []
    assert "responseContext" not in record
    assert record["requestContext"]["condition"] == "RecordAgeExceeded"
    assert record["requestContext"]["approximateInvokeCount"] == 1
    assert record["requestContext"]["requestId"] == entry.message_id
    assert len(record["payload"]["Records"]) == 1


def test_each_half_of_a_bisected_batch_has_a_message_of_its_own(bench):
    begin(bench, bisect_batch_on_function_error=True)
    bench.functions.answer = lambda call: FAILURE if {"b", "d"} & set(call.keys) else OK
    bench.put("a", "b", "c", "d")
    bench.advance(100)
    found = [record_of(bench, entry)["payload"]["Records"] for entry in reversed(messages(bench))]
    assert [[each["dynamodb"]["Keys"]["pk"]["S"] for each in records] for records in found] == [["b"], ["d"]]
    assert len(letters(bench)) == 2


def test_a_mapping_without_a_destination_has_dead_letters_alone(bench):
    begin(bench, None)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.advance(10)
    assert messages(bench) == []
    assert len(letters(bench)) == 1


def test_a_store_that_fails_at_first_gets_one_message(bench):
    begin(bench, maximum_retry_attempts=0)
    bench.functions.answer = lambda _: FAILURE
    bench.hold_writes = True
    bench.put("a")
    bench.run()
    bench.store_error = disk_full()
    bench.hold_writes = False
    bench.commit()
    bench.advance(30)
    assert messages(bench) == []
    bench.store_error = None
    bench.advance(60)
    assert len(messages(bench)) == len(letters(bench)) == 1
    assert len(bench.calls) == 1


def test_a_crash_before_the_commit_leaves_none_and_the_next_life_one(bench):
    begin(bench, maximum_retry_attempts=0)
    bench.functions.answer = lambda _: FAILURE
    bench.hold_writes = True
    bench.put("a")
    bench.run()
    bench.hold_writes = False
    bench.restart()
    assert messages(bench) == []
    bench.advance(10)
    assert len(messages(bench)) == len(letters(bench)) == 1


def test_a_destination_that_is_none_makes_a_message_all_the_same(bench):
    begin(bench, "nowhere", maximum_retry_attempts=0)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.advance(10)
    [entry] = messages(bench)
    assert entry.destination == "nowhere"
    assert bench.checkpoint().sequence > 0


def test_the_last_invocation_of_a_window_is_told_of_without_records(bench):
    begin(bench, tumbling_window_in_seconds=60, maximum_retry_attempts=0)
    bench.functions.answer = lambda call: (
        FAILURE
        if b'"isFinalInvokeForWindow":true' in call.event
        else Outcome(ok=True, duration_ms=1.0, result=b'{"state":{}}')
    )
    bench.put("a")
    bench.advance(180)
    [entry] = messages(bench)
    record = record_of(bench, entry)
    assert (entry.records, record["DDBStreamBatchInfo"]["batchSize"]) == (0, 0)
    assert record["payload"]["isFinalInvokeForWindow"] is True
    assert record["DDBStreamBatchInfo"]["approximateArrivalOfFirstRecord"][:4] == record["timestamp"][:4]
