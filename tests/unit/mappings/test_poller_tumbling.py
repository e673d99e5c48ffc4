"""Tumbling windows: records of one window share a state, which ends with a last invocation."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings import batch
from cdc.mappings.windows import GRACE_MS, STATE_BYTES
from cdc.model.functions import Outcome
from cdc.store import dead_letters
from tests.unit.mappings.bench import FAILURE, OK

MINUTE = 60


@pytest.fixture
def tumbling(bench):
    """A mapping with windows of a minute, whose function adds up how many records it has seen; at a minute's begin."""
    bench.create()
    bench.declare(tumbling_window_in_seconds=MINUTE)
    bench.clock.advance(MINUTE - bench.clock.now_ms() / 1000 % MINUTE)
    bench.functions.answer = count
    return bench


def count(call, extra=None):
    event = orjson.loads(call.event)
    state = {"count": event["state"].get("count", 0) + len(event["Records"]), **(extra or {})}
    return Outcome(ok=True, duration_ms=1, result=orjson.dumps({"state": state}))


def seen(bench):
    """Show each call: its keys, the state that it got, and whether it was the window's last."""
    events = [orjson.loads(call.event) for call in bench.calls]
    return [
        (call.keys, event["state"].get("count", 0), event["isFinalInvokeForWindow"])
        for call, event in zip(bench.calls, events, strict=True)
    ]


def test_the_state_goes_from_one_batch_to_the_next_and_ends_with_its_window(tumbling):
    tumbling.put("a", "b")
    tumbling.advance(10)
    tumbling.put("c")
    tumbling.advance(MINUTE)
    assert seen(tumbling) == [(["a", "b"], 0, False), (["c"], 2, False), ([], 3, True)]
    assert tumbling.calls[-1].at - tumbling.calls[0].at == MINUTE + GRACE_MS / 1000
    tumbling.put("d")
    tumbling.run()
    assert seen(tumbling)[-1] == (["d"], 0, False)


def test_an_event_of_a_window_says_which_it_is_and_whose(tumbling):
    start_ms = tumbling.clock.now_ms()
    tumbling.put("a")
    tumbling.run()
    event = orjson.loads(tumbling.calls[0].event)
    [record] = event.pop("Records")
    shard = tumbling.reader.view().catalog.tables["t"].stream.shards[0].shard_id
    assert event == {
        "window": {"start": iso(start_ms), "end": iso(start_ms + MINUTE * 1000)},
        "state": {},
        "shardId": shard,
        "eventSourceARN": record["eventSourceARN"],
        "isFinalInvokeForWindow": False,
        "isWindowTerminatedEarly": False,
    }


def iso(ms):
    assert ms % 1000 == 0
    seconds = ms // 1000 % 86_400
    return f"2023-11-14T{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}Z"


def test_records_of_two_windows_are_never_in_one_batch(tumbling):
    tumbling.pause(paused=True)
    tumbling.put("a", "b")
    tumbling.advance(MINUTE)
    tumbling.put("c")
    tumbling.pause(paused=False)
    tumbling.advance(MINUTE + 5)
    assert seen(tumbling) == [(["a", "b"], 0, False), ([], 2, True), (["c"], 0, False), ([], 1, True)]


def test_the_state_outlives_a_restart(tumbling):
    tumbling.put("a", "b")
    tumbling.run()
    tumbling.restart()
    tumbling.put("c")
    tumbling.run()
    tumbling.restart()
    tumbling.advance(MINUTE + 5)
    assert seen(tumbling) == [([], 3, True)]


def test_an_answer_without_a_state_is_a_failure(tumbling):
    answers = iter([b"null", b"{}", b'{"state": 1}', b"nonsense"])
    tumbling.functions.answer = lambda call: (
        Outcome(ok=True, duration_ms=1, result=result) if (result := next(answers, None)) else count(call)
    )
    tumbling.put("a")
    tumbling.run()
    assert "tumbling window needs" in tumbling.checkpoint().last_error
    tumbling.advance(10)
    assert seen(tumbling) == [(["a"], 0, False)] * 5
    assert tumbling.state().counters.delivered == 1


def test_the_last_invocation_is_tried_again_until_it_succeeds_and_nothing_overtakes_it(tumbling):
    failing = True
    tumbling.functions.answer = lambda call: FAILURE if failing and not call.records else count(call)
    tumbling.put("a")
    tumbling.advance(MINUTE + 2)
    tumbling.put("b")
    tumbling.advance(5)
    assert len(tumbling.calls) > 3
    assert all(call == ([], 1, True) for call in seen(tumbling)[1:])
    tumbling.restart()
    failing = False
    tumbling.functions.answer = count
    tumbling.advance(MINUTE)
    assert seen(tumbling)[:2] == [([], 1, True), (["b"], 0, False)]


def test_the_last_invocation_is_given_up_after_its_retries(tumbling):
    tumbling.declare(tumbling_window_in_seconds=MINUTE, maximum_retry_attempts=2)
    tumbling.functions.answer = lambda call: FAILURE if not call.records else count(call)
    tumbling.put("a")
    tumbling.advance(MINUTE + 30)
    assert seen(tumbling) == [(["a"], 0, False), *[([], 1, True)] * 3]
    with tumbling.database.reading() as connection:
        [letter] = dead_letters.find(connection)
    assert (letter.record_count, letter.attempts) == (0, 3)
    assert tumbling.lane().last_result == "PROBLEM: Function call failed"
    tumbling.put("b")
    tumbling.run()
    assert seen(tumbling)[-1] == (["b"], 0, False)


def test_a_state_that_gets_too_large_ends_its_window_early(tumbling):
    tumbling.functions.answer = lambda call: count(call, {"x": "x" * STATE_BYTES} if "b" in call.keys else None)
    tumbling.put("a")
    tumbling.run()
    tumbling.put("b")
    tumbling.run()
    tumbling.put("c")
    tumbling.run()
    events = [orjson.loads(call.event) for call in tumbling.calls]
    assert [event["isWindowTerminatedEarly"] for event in events] == [False, False, True, False]
    assert seen(tumbling) == [(["a"], 0, False), (["b"], 1, False), ([], 2, True), (["c"], 0, False)]


def test_a_shards_end_closes_its_window(tumbling):
    tumbling.put("a")
    tumbling.run()
    tumbling.disable()
    tumbling.enable()
    tumbling.put("b")
    tumbling.run()
    assert seen(tumbling) == [(["a"], 0, False), ([], 1, True), (["b"], 0, False)]


def test_reported_failures_keep_the_state_of_what_was_done(tumbling):
    def answer(call):
        outcome = count(call)
        if call.keys == ["a", "b", "c"]:
            failed = [{"itemIdentifier": call.records[1]["dynamodb"]["SequenceNumber"]}]
            result = {"state": {"count": 1}, "batchItemFailures": failed}
            return Outcome(ok=True, duration_ms=1, result=orjson.dumps(result))
        return outcome

    tumbling.declare(tumbling_window_in_seconds=MINUTE, report_batch_item_failures=True)
    tumbling.functions.answer = answer
    tumbling.put("a", "b", "c")
    tumbling.advance(5)
    assert seen(tumbling) == [(["a", "b", "c"], 0, False), (["b", "c"], 1, False)]


def test_what_no_longer_fits_beside_a_larger_state_is_delivered_after_it(tumbling, monkeypatch):
    monkeypatch.setattr(batch, "EVENT_BYTES", 3000)

    def answer(call):
        if call.keys == ["a", "b", "c", "d"]:
            failed = [{"itemIdentifier": call.records[1]["dynamodb"]["SequenceNumber"]}]
            result = {"state": {"count": 1, "x": "x" * 800}, "batchItemFailures": failed}
            return Outcome(ok=True, duration_ms=1, result=orjson.dumps(result))
        return count(call)

    tumbling.declare(tumbling_window_in_seconds=MINUTE, report_batch_item_failures=True)
    tumbling.functions.answer = answer
    tumbling.put("a", "b", "c", "d", value="v" * 20)
    tumbling.advance(5)
    assert [call.keys for call in tumbling.calls] == [["a", "b", "c", "d"], ["b", "c"], ["d"]]
    assert [each.records for each in tumbling.outcomes()] == [1, 2, 1]


def test_a_batch_that_is_tried_again_is_divided_by_windows_that_came_meanwhile(tumbling):
    tumbling.pause(paused=True)
    tumbling.put("a")
    tumbling.advance(30)
    tumbling.put("b")
    tumbling.functions.answer = lambda _: FAILURE
    tumbling.pause(paused=False)
    tumbling.run()
    tumbling.declare(tumbling_window_in_seconds=10)
    tumbling.functions.answer = count
    tumbling.advance(60)
    assert seen(tumbling)[1:] == [(["a"], 0, False), ([], 1, True), (["b"], 0, False), ([], 1, True)]


def test_the_rest_of_a_batch_outlives_a_failing_end_of_its_window(tumbling):
    large = {"count": 1, "x": "x" * STATE_BYTES}

    def answer(call):
        if call.keys == ["a", "b", "c"]:
            failed = [{"itemIdentifier": call.records[1]["dynamodb"]["SequenceNumber"]}]
            return Outcome(ok=True, duration_ms=1, result=orjson.dumps({"state": large, "batchItemFailures": failed}))
        return FAILURE if len(tumbling.calls) == 2 else count(call)

    tumbling.declare(tumbling_window_in_seconds=MINUTE, report_batch_item_failures=True)
    tumbling.functions.answer = answer
    tumbling.put("a", "b", "c")
    tumbling.run()
    tumbling.put("d")
    tumbling.advance(5)
    assert [call.keys for call in tumbling.calls] == [["a", "b", "c"], [], [], ["b", "c"], ["d"]]


def test_windows_that_are_turned_off_while_one_can_not_end_end_it_without_a_call(tumbling):
    tumbling.functions.answer = lambda call: FAILURE if not call.records else count(call)
    tumbling.put("a")
    tumbling.advance(MINUTE + 2)
    tried = len(tumbling.calls)
    tumbling.declare(tumbling_window_in_seconds=0)
    tumbling.functions.answer = lambda _: OK
    tumbling.put("b")
    tumbling.advance(2 * MINUTE)
    assert [call.keys for call in tumbling.calls[tried:]] == [["b"]]


def test_windows_that_are_turned_off_leave_no_state_behind(tumbling):
    tumbling.put("a")
    tumbling.run()
    tumbling.declare(tumbling_window_in_seconds=0)
    tumbling.functions.answer = lambda _: Outcome(ok=True, duration_ms=1, result=b"null")
    tumbling.put("b")
    tumbling.advance(2 * MINUTE)
    assert [call.keys for call in tumbling.calls] == [["a"], ["b"]]
    assert "state" not in orjson.loads(tumbling.calls[-1].event)
    assert tumbling.checkpoint().window_start_ms is None
