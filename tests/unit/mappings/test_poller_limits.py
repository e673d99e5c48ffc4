"""Retries that end: batches are given up by attempts or by age, bisected, or tried again from a reported record."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from cdc.model.dead_letters import AGE_EXCEEDED, RETRIES_EXHAUSTED
from cdc.model.functions import Outcome
from cdc.store import dead_letters, history
from tests.unit.mappings.bench import FAILURE, OK, numbered


@pytest.fixture
def letters(bench):
    """List the dead letters."""

    def letters():
        with bench.database.reading() as connection:
            return dead_letters.find(connection)

    return letters


def fail_at(*poison):
    return lambda call: FAILURE if set(call.keys) & set(poison) else OK


def report(bench):
    """Answer as a function that reports the keys in `bench.poison`."""

    def answer(call):
        failed = [
            {"itemIdentifier": record["dynamodb"]["SequenceNumber"]}
            for record, key in zip(call.records, call.keys, strict=True)
            if key in bench.poison
        ]
        return Outcome(ok=True, duration_ms=1, result=orjson.dumps({"batchItemFailures": failed}))

    return answer


def calls(bench):
    return [call.keys for call in bench.calls]


def kinds(bench):
    return [(each.kind, each.records) for each in bench.outcomes()]


def test_a_batch_is_given_up_after_its_retries_and_the_shard_goes_on(bench, letters):
    bench.create()
    bench.declare(batch_size=2, maximum_retry_attempts=2)
    bench.functions.answer = fail_at("a")
    bench.put("a", "b", "c")
    bench.advance(60)
    assert calls(bench) == [["a", "b"]] * 3 + [["c"]]
    assert kinds(bench) == [("dead", 2), ("delivered", 1)]
    [letter] = letters()
    assert (letter.condition, letter.attempts, letter.record_count) == (RETRIES_EXHAUSTED, 3, 2)
    assert (letter.error_type, letter.error_message, letter.mapping_name) == ("ValueError", "no", "m")
    assert [letter.first_sequence, letter.last_sequence] == bench.calls[0].sequences
    with bench.database.reading() as connection:
        event = dead_letters.load_event(connection, letter.id)
    assert event == bench.calls[0].event
    assert bench.checkpoint().attempts == 0
    assert bench.state().counters.dead == 2


def test_attempts_are_counted_across_restarts(bench):
    bench.create()
    bench.declare(maximum_retry_attempts=3)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a", "b")
    bench.run()
    for _ in range(3):
        bench.restart()
        bench.functions.answer = lambda _: FAILURE
        bench.run()
        assert calls(bench) == [["a", "b"]]
    assert kinds(bench) == [("dead", 2)]


def test_a_batch_that_failed_stays_as_it_is_across_a_restart(bench):
    bench.create()
    bench.declare(batch_size=100)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a", "b")
    bench.run()
    bench.restart()
    bench.functions.answer = lambda _: FAILURE
    bench.put("c")
    bench.run()
    assert calls(bench) == [["a", "b"]]


def test_a_poison_record_is_found_by_halves_left_half_first(bench, letters):
    bench.create()
    bench.declare(batch_size=8, maximum_retry_attempts=1, bisect_batch_on_function_error=True)
    bench.functions.answer = fail_at("k0005")
    bench.put(*numbered(9))
    bench.advance(60)
    k = [f"k{number:04d}" for number in range(9)]
    assert calls(bench) == [k[:8], k[:4], k[4:8], k[4:6], k[4:5], k[5:6], k[5:6], k[6:8], k[8:]]
    [letter] = letters()
    assert (letter.record_count, letter.attempts) == (1, 2)
    assert [kind for kind, _ in kinds(bench)] == ["delivered", "delivered", "dead", "delivered", "delivered"]


def test_halves_are_done_after_a_restart_too(bench):
    bench.create()
    bench.declare(batch_size=8, bisect_batch_on_function_error=True)
    bench.functions.answer = fail_at("k0005")
    bench.put(*numbered(8))
    bench.run()
    seen = []
    for _ in range(12):
        bench.restart()
        bench.functions.answer = fail_at("k0005")
        bench.run()
        seen += calls(bench)
        if seen[-1] == ["k0005"]:
            break
    assert [len(each) for each in seen] == [4, 4, 2, 1, 1]


def test_records_before_a_reported_one_are_done_and_the_rest_is_a_fresh_batch(bench, letters):
    """As recorded on AWS: six puts, batches of three, three retries, the last one fails."""
    bench.create()
    bench.declare(batch_size=3, maximum_retry_attempts=3, report_batch_item_failures=True)
    bench.poison = {"k0005"}
    bench.functions.answer = report(bench)
    bench.put(*numbered(6))
    bench.advance(60)
    assert calls(bench) == [["k0000", "k0001", "k0002"], ["k0003", "k0004", "k0005"], *[["k0005"]] * 4]
    [letter] = letters()
    assert (letter.record_count, letter.attempts, letter.error_type) == (1, 4, "")
    assert kinds(bench) == [("delivered", 3), ("delivered", 2), ("dead", 1)]


def test_what_is_left_of_a_batch_gets_no_new_records(bench):
    bench.create()
    bench.declare(batch_size=10, report_batch_item_failures=True)
    bench.poison = {"c"}
    bench.functions.answer = report(bench)
    bench.put("a", "b", "c", "d")
    bench.run()
    bench.put("e")
    bench.poison = set()
    bench.advance(5)
    assert calls(bench) == [["a", "b", "c", "d"], ["c", "d"], ["e"]]


def test_what_is_left_of_a_batch_is_known_after_a_restart(bench):
    bench.create()
    bench.declare(batch_size=10, report_batch_item_failures=True)
    bench.poison = {"c"}
    bench.functions.answer = report(bench)
    bench.put("a", "b", "c", "d")
    bench.run()
    bench.restart()
    bench.poison = set()
    bench.put("e")
    bench.run()
    assert calls(bench) == [["c", "d"], ["e"]]


def test_records_that_are_too_old_are_given_up_without_an_invocation(bench, letters):
    bench.create()
    bench.put("a", "b")
    bench.advance(61)
    bench.put("c")
    bench.declare(maximum_record_age_in_seconds=60)
    bench.run()
    assert calls(bench) == [["c"]]
    [letter] = letters()
    assert (letter.condition, letter.attempts, letter.record_count) == (AGE_EXCEEDED, 0, 2)
    assert letter.request_id is None
    assert kinds(bench) == [("dead", 2), ("delivered", 1)]


def test_a_failing_batch_is_given_up_as_its_records_grow_too_old(bench, letters):
    bench.create()
    bench.declare(maximum_record_age_in_seconds=60)
    bench.functions.answer = lambda call: FAILURE if "b" in call.keys else OK
    bench.put("a")
    bench.advance(0)
    bench.put("b")
    bench.advance(10)
    bench.put("c")
    bench.advance(100)
    assert calls(bench)[-1] == ["c"]
    assert [(each.condition, each.record_count) for each in letters()] == [(AGE_EXCEEDED, 1)]
    assert letters()[0].attempts == len([each for each in calls(bench) if each == ["b"]])


def test_what_does_not_reach_the_function_is_no_attempt(bench):
    bench.create()
    bench.declare(maximum_retry_attempts=0)
    busy = replace(FAILURE, error_type="TooManyRequestsException", reached=False)
    answers = iter([busy, busy, busy])
    bench.functions.answer = lambda _: next(answers, OK)
    bench.put("a")
    bench.advance(5)
    assert calls(bench) == [["a"]] * 4
    assert kinds(bench) == [("delivered", 1)]
    assert bench.outcomes()[0].attempts == 1


def test_a_batch_that_is_given_up_is_among_the_dead_letters_or_still_to_be_done_whatever_the_store_does(bench, letters):
    bench.create()
    bench.declare(maximum_retry_attempts=0)
    bench.functions.answer = fail_at("a")
    bench.hold_writes = True
    bench.put("a")
    bench.run()
    bench.restart()  # before the write was committed
    bench.hold_writes = False
    assert letters() == []
    bench.functions.answer = fail_at("a")
    bench.run()
    assert calls(bench) == [["a"]]
    assert [each.record_count for each in letters()] == [1]
    bench.restart()
    bench.run()
    assert calls(bench) == []
    assert len(letters()) == 1


def test_an_outcome_names_the_records_that_it_is_about(bench):
    bench.create()
    bench.declare(batch_size=6, report_batch_item_failures=True, maximum_retry_attempts=1)
    bench.poison = {"c"}
    bench.functions.answer = report(bench)
    bench.put("a", "b", "c", "d")
    bench.advance(30)
    first = bench.calls[0].sequences
    told = [(each.kind, each.first_sequence, each.last_sequence, each.records) for each in bench.outcomes()]
    assert told == [("delivered", first[0], first[1], 2), ("dead", first[2], first[3], 2)]
    assert all(each.started_ms is not None and each.started_ms <= each.settled_ms for each in bench.outcomes())


def test_each_attempt_that_is_repeated_is_kept_and_none_that_ended_the_batch(bench):
    bench.create()
    bench.declare(batch_size=2, maximum_retry_attempts=1, bisect_batch_on_function_error=True)
    bench.functions.answer = fail_at("b")
    bench.put("a", "b")
    bench.advance(30)
    with bench.database.reading() as connection:
        kept = [history.failed_attempts_about(connection, 1, 1, each) for each in bench.calls[0].sequences]
    assert [[(each.records, each.attempts) for each in attempts] for attempts in kept] == [[(2, 0)], [(2, 0), (1, 1)]]
    assert kinds(bench) == [("delivered", 1), ("dead", 1)]
