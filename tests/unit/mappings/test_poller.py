"""The poller delivers in order, settles what it delivered, and goes on where it was."""

from __future__ import annotations

import logging
from dataclasses import replace

import orjson

from cdc.store import checkpoints, mappings
from cdc.store.check import check
from cdc.store.checkpoints import Passed
from tests.unit.mappings.bench import FAILURE, OK, Bench, numbered


def test_records_are_delivered_in_order_and_settled(mapped):
    mapped.put("a", "b")
    mapped.put("a")
    mapped.run()
    assert mapped.delivered() == ["a", "b", "a"]
    sequences = [sequence for call in mapped.calls for sequence in call.sequences]
    assert sequences == sorted(sequences)
    checkpoint = mapped.checkpoint()
    assert (checkpoint.sequence, checkpoint.attempts, checkpoint.last_result) == (sequences[-1], 0, "OK")
    (outcome,) = mapped.outcomes()
    assert (outcome.after_sequence, outcome.through_sequence) == (checkpoint.start_sequence, sequences[-1])
    assert (outcome.kind, outcome.records, outcome.attempts) == ("delivered", 3, 1)
    assert outcome.request_id == mapped.calls[0].request_id


def test_an_event_has_the_shape_of_lambdas(mapped):
    mapped.put("a", value="x")
    mapped.run()
    (record,) = orjson.loads(mapped.calls[0].event)["Records"]
    assert record["eventSource"] == "aws:dynamodb"
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {"pk": {"S": "a"}, "v": {"S": "x"}}
    assert record["eventSourceARN"].startswith("arn:aws:dynamodb:us-east-1:000000000000:table/t/stream/")


def test_a_batch_has_at_most_batch_size_records_and_one_is_in_flight_per_shard(bench):
    bench.create()
    bench.declare(batch_size=4)
    bench.functions.answer = lambda _: None
    bench.put(*numbered(10))
    bench.run()
    assert [len(call.keys) for call in bench.calls] == [4]
    bench.calls[0].done(OK)
    bench.run()
    bench.calls[1].done(OK)
    bench.run()
    assert [len(call.keys) for call in bench.calls] == [4, 4, 2]


def test_the_next_batch_waits_for_the_commit_of_the_checkpoint(bench):
    bench.create()
    bench.declare(batch_size=1)
    bench.run()
    bench.put("a", "b")
    bench.hold_writes = True
    bench.run()
    assert bench.delivered() == ["a"]
    assert bench.lane().phase == "settling"
    bench.hold_writes = False
    bench.commit()
    bench.run()
    assert bench.delivered() == ["a", "b"]


def test_a_restart_goes_on_after_the_checkpoint(mapped):
    mapped.put("a", "b")
    mapped.run()
    mapped.restart()
    mapped.put("c")
    mapped.run()
    assert mapped.delivered() == ["c"]


def test_a_crash_before_the_checkpoint_delivers_again(mapped):
    mapped.hold_writes = True
    mapped.put("a")
    mapped.run()
    mapped.restart()
    mapped.hold_writes = False
    mapped.run()
    assert mapped.delivered() == ["a"]
    assert len(mapped.outcomes()) == 1


def test_records_of_another_process_are_found_when_the_file_has_changed(mapped):
    mapped.put("a")  # opens the segment, which any poller notices
    mapped.run()
    other = Bench(mapped.path)
    other.put("b")
    other.stop()
    mapped.run()
    assert mapped.delivered() == ["a"]
    mapped.poller.file_changed()
    mapped.run()
    assert mapped.delivered() == ["a", "b"]


def test_several_mappings_get_every_record_each(bench):
    bench.create(shards=3)
    bench.declare("m", function="f", batch_size=7)
    bench.declare("n", function="g", batch_size=2)
    keys = list(numbered(40))
    bench.put(*keys)
    bench.run()
    assert sorted(bench.delivered("f")) == sorted(bench.delivered("g")) == keys


def test_latest_starts_with_the_first_write_after_the_declaration(bench):
    bench.create(shards=4)
    bench.put(*numbered(20))
    bench.declare(starting_position="LATEST")
    bench.put(*numbered(20, start=20))
    bench.run()
    assert sorted(bench.delivered()) == list(numbered(20, start=20))


def test_latest_of_a_stream_to_come_starts_with_its_first_record(bench):
    bench.declare(starting_position="LATEST")
    bench.create()
    bench.put("a")
    bench.run()
    assert bench.delivered() == ["a"]


def test_a_lane_begins_at_the_start_of_its_shard_or_of_the_mapping(bench):
    bench.create(shards=2)
    starts = {shard: each.start_sequence - 1 for shard, (_, each) in bench.reader.view().catalog.shards.items()}
    bench.declare("m")
    bench.put("a")
    bench.declare("n", starting_position="LATEST")
    bench.run()
    assert {each.shard: each.start_sequence for each in bench.checkpoints("m")} == starts
    latest = bench.calls[0].sequences[0]
    assert {each.start_sequence for each in bench.checkpoints("n")} == {latest}


def test_a_checkpoint_moved_by_somebody_else_is_where_it_goes_on(bench):
    bench.create()
    bench.declare(batch_size=2)
    bench.functions.answer = lambda _: None
    bench.put("a", "b", "c", "d", "e")
    bench.run()
    old = bench.checkpoint()
    through = bench.calls[0].sequences[0] + 3  # past d
    bench.write(lambda each: checkpoints.settle(each, old, through, Passed(kind="delivered", records=4)))
    bench.calls[0].done(OK)
    bench.functions.answer = lambda _: OK
    bench.run()
    assert bench.delivered() == ["a", "b", "e"]
    assert [(each.after_sequence, each.records) for each in bench.outcomes()] == [(old.sequence, 4), (through, 1)]


def test_a_failed_attempt_at_a_moved_checkpoint_is_not_counted(bench):
    bench.create()
    bench.declare(batch_size=2)
    bench.functions.answer = lambda _: None
    bench.put("a", "b", "c")
    bench.run()
    old = bench.checkpoint()
    bench.write(
        lambda each: checkpoints.settle(each, old, bench.calls[0].sequences[1], Passed(kind="delivered", records=2))
    )
    bench.calls[0].done(FAILURE)
    bench.run()
    assert bench.delivered() == ["a", "b", "c"]
    assert bench.checkpoint().attempts == 0


def test_a_late_second_answer_of_an_invocation_is_ignored(mapped):
    mapped.put("a")
    mapped.run()
    mapped.calls[0].done(FAILURE)
    mapped.run()
    assert mapped.checkpoint().attempts == 0
    assert mapped.state().counters.errors == 0


def test_the_state_tells_what_was_done(mapped):
    mapped.functions.answer = lambda _: None
    mapped.put("a", "b")
    mapped.run()
    lane = mapped.lane()
    assert (lane.phase, lane.in_flight_since_ms) == ("invoking", mapped.clock.now_ms())
    mapped.clock.advance(2)
    mapped.calls[0].done(OK)
    mapped.run()
    state, lane = mapped.state(), mapped.lane()
    counters = state.counters
    assert (state.active, state.waiting_for) == (True, None)
    assert (counters.invocations, counters.errors, counters.delivered, counters.trimmed) == (1, 0, 2, 0)
    assert (lane.phase, lane.in_flight_since_ms, lane.iterator_age_ms) == ("waiting for records", None, 2000)
    assert (lane.last_result, lane.checkpoint) == ("OK", mapped.calls[0].sequences[-1])


def test_an_idle_poller_plans_nothing(mapped):
    mapped.advance(1)
    assert mapped.wake_at is None


def test_draining_settles_what_is_in_flight_and_starts_nothing(bench):
    bench.create()
    bench.declare(batch_size=1)
    bench.functions.answer = lambda _: None
    bench.put("a", "b")
    bench.run()
    bench.poller.drain()
    bench.run()
    assert bench.poller.busy == 1
    bench.calls[0].done(OK)
    bench.run()
    assert bench.poller.busy == 0
    assert bench.delivered() == ["a"]
    assert bench.checkpoint().sequence == bench.calls[0].sequences[0]


def test_an_invocation_that_was_ended_by_the_stop_is_no_failed_attempt(mapped):
    mapped.functions.answer = lambda _: None
    mapped.put("a")
    mapped.run()
    mapped.poller.drain()
    mapped.calls[0].done(replace(FAILURE, error_type="Sandbox.Closed", reached=False))
    mapped.run()
    assert mapped.poller.busy == 0
    assert mapped.checkpoint().attempts == 0


def test_pausing_finishes_the_batch_in_flight_and_takes_no_other(bench):
    bench.create()
    bench.declare(batch_size=1)
    bench.functions.answer = lambda _: None
    bench.put("a", "b")
    bench.run()
    bench.pause(paused=True)
    bench.calls[0].done(OK)
    bench.put("c")
    bench.advance(100)
    assert bench.delivered() == ["a"]
    assert bench.checkpoint().sequence == bench.calls[0].sequences[0]
    bench.functions.answer = lambda _: OK
    bench.pause(paused=False)
    bench.run()
    assert bench.delivered() == ["a", "b", "c"]


def test_a_pause_by_another_process_is_seen_within_a_second(mapped):
    mapped.advance(10)
    other = Bench(mapped.path)
    other.pause(paused=True)
    other.stop()
    mapped.poller.file_changed()
    mapped.advance(1)
    mapped.put("a")
    mapped.run()
    assert mapped.calls == []
    assert not mapped.poller.active


def test_a_paused_batch_is_not_tried_again(mapped):
    mapped.functions.answer = lambda _: FAILURE
    mapped.put("a")
    mapped.run()
    mapped.pause(paused=True)
    mapped.advance(600)
    assert len(mapped.calls) == 1
    mapped.pause(paused=False)
    mapped.run()
    assert len(mapped.calls) == 2


def test_a_removed_mapping_delivers_no_more_and_goes_on_when_it_is_back(mapped):
    mapped.put("a")
    mapped.run()
    mapped.write(lambda each: mappings.remove_others(each, []))
    mapped.poller.poke()
    mapped.run()
    mapped.put("b")
    mapped.run()
    assert mapped.poller.status() == ()
    mapped.declare()
    mapped.run()
    assert mapped.delivered() == ["a", "b"]


def test_a_forgotten_mapping_disappears_even_in_flight(mapped):
    mapped.functions.answer = lambda _: None
    mapped.put("a")
    mapped.run()
    mapped.write(lambda each: mappings.forget(each, mapped.mapping_id()))
    mapped.poller.poke()
    mapped.run()
    mapped.calls[0].done(OK)
    mapped.run()
    assert mapped.poller.status() == ()


def test_a_mapping_follows_its_new_settings(mapped):
    mapped.declare(function="g", batch_size=1)
    mapped.put("a", "b")
    mapped.run()
    assert [(call.function, call.keys) for call in mapped.calls] == [("g", ["a"]), ("g", ["b"])]


def test_what_a_mapping_waits_for_is_said_and_logged_once_per_change(bench, caplog):
    caplog.set_level(logging.INFO, logger="cdc.mappings")
    bench.functions.names = set()
    bench.declare()
    said = []
    for change in (
        lambda: bench.create(stream=False),
        bench.enable,
        lambda: bench.functions.names.add("f"),
    ):
        bench.advance(5)
        bench.poller.poke()
        bench.run()
        said.append(bench.state().waiting_for)
        change()
        bench.poller.poke()
    bench.run()
    assert said == ["table t does not exist", "stream of table t is not enabled", "function f is not configured"]
    assert bench.state().waiting_for is None
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("cdc.mappings")]
    assert lines == [*(f"mapping m: waits, since {text}" for text in said), "mapping m: no longer waits"]


def test_records_written_while_the_function_was_missing_are_delivered(bench):
    bench.functions.names = set()
    bench.create()
    bench.declare()
    bench.put("a")
    bench.run()
    bench.functions.names = {"f"}
    bench.poller.poke()
    bench.run()
    assert bench.delivered() == ["a"]


def test_a_re_enabled_stream_is_followed_after_the_old_one(bench):
    bench.create(shards=2)
    bench.declare(batch_size=5)
    bench.functions.answer = lambda _: None
    keys = list(numbered(20))
    bench.put(*keys)
    bench.disable()
    bench.enable(shards=3)
    later = list(numbered(20, start=20))
    bench.put(*later)
    bench.run()
    answered: list[str] = []
    while len(answered) < 40:
        for call in bench.calls[:]:
            if any(key in later for key in call.keys):
                assert sorted(answered[:20]) == keys
            answered += call.keys
            bench.calls.remove(call)
            call.done(OK)
            bench.run()
    assert sorted(answered[20:]) == later


def test_a_deleted_tables_stream_is_delivered_to_its_end_and_its_namesakes_after_it(bench):
    bench.create()
    bench.declare()
    bench.put("a")
    bench.disable()
    bench.run()
    assert bench.delivered() == ["a"]
    assert bench.state().waiting_for == "stream of table t is not enabled"
    bench.enable()
    bench.put("b")
    bench.run()
    assert bench.delivered() == ["a", "b"]
    assert bench.state().waiting_for is None


def test_closed_and_drained_shards_are_drained_after_a_restart_too(bench):
    bench.create(shards=2)
    bench.declare()
    bench.put(*numbered(8))
    bench.disable()
    bench.enable()
    bench.run()
    bench.restart()
    bench.put("z")
    bench.run()
    assert bench.delivered() == ["z"]


def test_one_stuck_shard_delays_no_other(bench):
    bench.create(shards=2)
    bench.declare(batch_size=10)
    bench.run()
    bench.functions.answer = lambda call: None if "k0000" in call.keys else OK
    for key in numbered(200):
        bench.put(key)
        bench.run()
    stuck = next(call for call in bench.calls if "k0000" in call.keys)
    shard = next(lane for lane in bench.state().lanes if lane.phase == "invoking")
    assert shard.in_flight_since_ms is not None
    assert len(stuck.keys) == 1
    others = set(bench.delivered()) - {"k0000"}
    assert len(others) > 60
    idle = next(lane for lane in bench.state().lanes if lane.phase != "invoking")
    assert idle.phase == "waiting for records"


def test_a_long_backlog_lets_the_others_have_their_turn(bench):
    bench.create("big")
    bench.create("small")
    bench.declare("m", table="big", function="f", batch_size=10_000)
    bench.declare("n", table="small", function="g")
    bench.put(*numbered(6000), table="big")
    bench.put("a", table="small")
    steps = 0
    while not any(call.function == "g" for call in bench.calls):
        bench.poller.step(bench.clock.monotonic())
        bench.commit()
        steps += 1
    assert not any(call.function == "f" for call in bench.calls)
    bench.run()
    assert [len(call.keys) for call in bench.calls if call.function == "f"] == [6000]


def test_what_the_poller_delivered_passes_the_check_of_the_file(bench):
    bench.create(shards=3)
    bench.declare(batch_size=3)
    bench.put(*numbered(50))
    bench.run()
    assert list(check(bench.database)) == []
