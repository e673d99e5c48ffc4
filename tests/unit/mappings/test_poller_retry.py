"""A failed batch is tried again, ever later, until it succeeds or its records have expired; nothing else waits for it."""

from __future__ import annotations

import logging
from itertools import pairwise

from cdc.model.functions import Outcome
from cdc.store import records
from cdc.store.check import check
from tests.unit.mappings.bench import FAILURE, OK, disk_full, numbered


def failing(times):
    """Fail so many times, then succeed."""
    left = [times]

    def answer(_):
        left[0] -= 1
        return FAILURE if left[0] >= 0 else OK

    return answer


def test_the_same_batch_is_tried_again_at_doubling_intervals_up_to_a_minute(mapped):
    mapped.functions.answer = lambda _: FAILURE
    mapped.put("a", "b")
    mapped.run()
    mapped.put("c")
    mapped.advance(300)
    assert {tuple(call.keys) for call in mapped.calls} == {("a", "b")}
    times = [call.at for call in mapped.calls]
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_jitter_takes_up_to_half_of_a_wait_away(bench):
    bench.jitter = 1.0
    bench.create()
    bench.declare()
    bench.functions.answer = failing(2)
    bench.put("a")
    bench.advance(10)
    assert [call.at for call in bench.calls] == [0, 0.125, 0.375]


def test_success_after_failures_settles_with_the_count_of_attempts(mapped):
    mapped.functions.answer = failing(2)
    mapped.put("a")
    mapped.advance(10)
    (outcome,) = mapped.outcomes()
    assert (outcome.kind, outcome.records, outcome.attempts) == ("delivered", 1, 3)
    assert outcome.request_id == mapped.calls[-1].request_id
    assert mapped.checkpoint().attempts == 0
    assert len({call.request_id for call in mapped.calls}) == 3


def test_a_success_ends_the_doubling(mapped):
    mapped.functions.answer = failing(3)
    mapped.put("a")
    mapped.advance(10)
    mapped.functions.answer = failing(1)
    mapped.put("b")
    mapped.advance(10)
    assert mapped.calls[-1].at - mapped.calls[-2].at == 0.25


def test_the_state_tells_of_the_failure(mapped):
    mapped.functions.answer = lambda _: FAILURE
    mapped.put("a")
    mapped.run()
    lane = mapped.lane()
    assert (lane.phase, lane.attempts, lane.retry_at_ms) == ("backing off", 1, mapped.clock.now_ms() + 250)
    assert (lane.last_result, lane.last_error) == ("PROBLEM: Function call failed", "ValueError: no")
    mapped.advance(1)
    state = mapped.state()
    assert (state.counters.invocations, state.counters.errors, state.lanes[0].attempts) == (3, 3, 3)


def test_attempts_survive_a_restart(mapped):
    mapped.functions.answer = lambda _: FAILURE
    mapped.put("a")
    mapped.advance(1)  # attempts at 0, 0.25, 0.75
    assert mapped.checkpoint().attempts == 3
    mapped.restart()
    mapped.run()
    assert mapped.checkpoint().attempts == 4
    start = mapped.clock.monotonic()
    mapped.advance(2)
    assert mapped.calls[-1].at == start + 2


def test_the_function_that_refuses_to_start_is_a_failed_attempt(mapped, caplog):
    def answer(_):
        raise RuntimeError("out of processes")

    mapped.functions.answer = answer
    mapped.put("a")
    mapped.run()
    assert (mapped.lane().last_error, mapped.lane().attempts) == ("RuntimeError: out of processes", 1)
    mapped.functions.answer = lambda _: OK
    mapped.advance(1)
    assert mapped.checkpoint().attempts == 0
    assert "out of processes" in caplog.text


def test_a_failed_batch_is_logged_in_one_line(mapped, caplog):
    mapped.functions.answer = failing(1)
    mapped.put("a", "b")
    mapped.advance(1)
    (line,) = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert "mapping m, shard shardId-" in line
    assert "function f failed, attempt 1 at 2 records" in line
    assert line.endswith("ValueError: no")


def test_a_very_long_error_is_cut(mapped):
    mapped.functions.answer = lambda _: Outcome(ok=False, duration_ms=0, error_type="E", error_message="x" * 100_000)
    mapped.put("a")
    mapped.run()
    assert len(mapped.checkpoint().last_error) == 1000


def test_a_retry_waits_for_no_window(bench):
    bench.create()
    bench.declare(maximum_batching_window_in_seconds=10)
    bench.functions.answer = failing(1)
    bench.put("a")
    bench.advance(11)
    assert [call.at for call in bench.calls] == [10, 10.25]


def test_one_failing_shard_delays_no_other_and_no_other_mapping(bench):
    bench.create(shards=4)
    bench.declare("m", batch_size=1000)
    bench.declare("n", function="g", batch_size=1000)
    bench.functions.answer = lambda call: FAILURE if call.function == "f" and "k0000" in call.keys else OK
    bench.put("k0000")
    bench.advance(5)
    for key in numbered(50, start=1):
        bench.put(key)
        bench.run()
    delivered = [key for call in bench.calls if call.function == "f" and "k0000" not in call.keys for key in call.keys]
    assert 25 < len(delivered) < 50
    assert bench.clock.monotonic() == 5
    assert sorted(bench.delivered("g")) == ["k0000", *numbered(50, start=1)]


# Expiry


def test_records_that_expired_are_passed_counted_and_named(bench, caplog):
    bench.create(retention=3600)
    bench.declare()
    bench.pause(paused=True)
    bench.put(*numbered(3))
    bench.run()
    bench.advance(1800)
    bench.put("x")
    bench.run()
    bench.advance(1800)  # the age is exactly the retention
    bench.pause(paused=False)
    bench.run()
    assert bench.delivered() == ["x"]
    trimmed, delivered = bench.outcomes()
    assert (trimmed.kind, trimmed.records, trimmed.request_id) == ("trimmed", 3, None)
    assert (delivered.kind, delivered.records) == ("delivered", 1)
    assert delivered.after_sequence == trimmed.through_sequence
    assert bench.state().counters.trimmed == 3
    assert "3 records expired before they were delivered" in caplog.text


def test_many_expired_records_are_counted_exactly(bench):
    bench.create(retention=3600)
    bench.declare()
    bench.pause(paused=True)
    bench.put(*numbered(5003))
    bench.run()
    bench.advance(3600)
    bench.pause(paused=False)
    bench.run()
    assert bench.calls == []
    assert [outcome.records for outcome in bench.outcomes()] == [5000, 3]


def test_a_batch_waiting_for_retry_loses_its_expired_head_and_keeps_its_end(bench):
    bench.create(retention=3600)
    bench.declare()
    bench.pause(paused=True)
    bench.put("a", "b")
    bench.run()
    bench.advance(1000)
    bench.put("c")
    bench.functions.answer = lambda _: FAILURE
    bench.pause(paused=False)
    bench.run()
    bench.put("d")
    assert bench.calls[-1].keys == ["a", "b", "c"]
    bench.advance(2600)
    assert {tuple(call.keys) for call in bench.calls} == {("a", "b", "c")}
    attempts = bench.lane().attempts
    bench.advance(70)
    assert bench.calls[-1].keys == ["c"]
    assert bench.lane().attempts > attempts
    bench.functions.answer = lambda _: OK
    bench.advance(70)
    assert [call.keys for call in bench.calls[-2:]] == [["c"], ["d"]]
    assert [(each.kind, each.records) for each in bench.outcomes()] == [
        ("trimmed", 2),
        ("delivered", 1),
        ("delivered", 1),
    ]


def test_a_batch_that_expires_whole_makes_way_for_a_fresh_one(bench):
    bench.create(retention=3600)
    bench.declare(batch_size=1)
    bench.functions.answer = lambda call: FAILURE if call.keys == ["a"] else OK
    bench.put("a")
    bench.advance(100)
    bench.put("b")
    bench.advance(3560)
    assert bench.delivered()[-1] == "b"
    assert [each.attempts for each in bench.outcomes()][-1] == 1


def test_the_purge_moves_a_checkpoint_and_the_lane_follows(bench):
    bench.create(retention=3600)
    bench.declare()
    bench.pause(paused=True)
    bench.put("a", "b")
    bench.run()
    bench.advance(7200)
    bench.purge()
    bench.put("c")
    assert bench.checkpoint().sequence == bench.outcomes()[0].through_sequence
    bench.pause(paused=False)
    bench.run()
    assert bench.delivered() == ["c"]
    assert [(each.kind, each.records) for each in bench.outcomes()] == [("trimmed", 2), ("delivered", 1)]
    assert bench.state().counters.trimmed == 0  # it was the purge that counted them
    assert list(check(bench.database)) == []


def test_the_purge_in_mid_flight_moves_the_checkpoint_past_the_batch(bench):
    bench.create(retention=3600)
    bench.declare()
    bench.functions.answer = lambda _: None
    bench.put("a", "b")
    bench.run()
    bench.advance(7200)
    bench.purge()
    bench.put("c")
    bench.run()
    bench.calls[0].done(OK)
    bench.run()
    assert bench.delivered() == ["a", "b", "c"]
    assert list(check(bench.database)) == []


def test_a_segment_that_is_purged_during_a_step_costs_a_second_look(bench, caplog, monkeypatch):
    bench.create(retention=3600)
    bench.declare()
    bench.run()
    bench.put("a")
    original = records.read

    def purge_and_read(*arguments):
        monkeypatch.setattr(records, "read", original)
        bench.clock.advance(7200)
        bench.purge()
        return original(*arguments)

    monkeypatch.setattr(records, "read", purge_and_read)
    bench.run()
    assert bench.calls == []
    assert [(each.kind, each.records) for each in bench.outcomes()] == [("trimmed", 1)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_a_lane_that_begins_after_a_purge_says_so_and_starts_there(bench, caplog):
    bench.declare()
    bench.create(retention=3600)
    bench.run()
    bench.restart()
    bench.write(lambda each: each.cursor.execute("DELETE FROM checkpoints"))  # as if it had never run
    bench.put("a", "b")
    bench.clock.advance(7200)
    bench.purge()
    bench.put("c")
    bench.run()
    assert bench.delivered() == ["c"]
    assert bench.checkpoint().start_sequence == bench.calls[0].sequences[0] - 1
    assert "retention has taken older records, uncounted" in caplog.text


# The store fails


def test_a_checkpoint_that_cannot_be_written_is_written_later_without_another_invocation(mapped):
    mapped.store_error = disk_full()
    mapped.put("a")
    mapped.advance(20)
    assert mapped.delivered() == ["a"]
    assert (mapped.lane().phase, mapped.lane().trouble) == ("settling", "ServiceUnavailable: The disk is full")
    mapped.store_error = None
    mapped.put("b")
    mapped.advance(60)
    assert mapped.delivered() == ["a", "b"]
    assert (mapped.lane().trouble, mapped.lane().retry_at_ms) == (None, None)
    assert len(mapped.outcomes()) == 2


def test_a_failure_that_cannot_be_noted_is_noted_before_the_next_attempt(mapped):
    mapped.functions.answer = lambda _: FAILURE
    mapped.store_error = disk_full()
    mapped.put("a")
    mapped.advance(20)
    assert len(mapped.calls) == 1
    mapped.store_error = None
    mapped.functions.answer = lambda _: OK
    mapped.advance(60)
    assert len(mapped.calls) == 2
    assert mapped.outcomes()[0].attempts == 2


def test_a_damaged_record_stops_its_shard_alone_and_is_said(bench, caplog):
    bench.create("bad")
    bench.create("good")
    bench.declare("m", table="bad")
    bench.declare("n", table="good", function="g")
    bench.run()
    bench.put("a", table="bad")
    bench.put("b", table="good")
    segment = bench.reader.view().catalog.segments[0].id
    bench.write(lambda each: each.cursor.execute(f"UPDATE records_{segment} SET crc = crc + 1 WHERE rowid % 2 = 1"))
    bench.run()
    damaged = [state for state in bench.poller.status() if state.lanes[0].trouble is not None]
    assert len(damaged) == 1
    assert "CRC mismatch" in damaged[0].lanes[0].trouble
    assert "failed, and will be tried again" in caplog.text
    assert len(bench.calls) == 1
