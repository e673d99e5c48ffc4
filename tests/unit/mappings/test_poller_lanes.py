"""Several lanes in a shard: one key's records stay in one of them, each with a place of its own that outlives a restart."""

from __future__ import annotations

import pytest

from cdc.store import checkpoints
from cdc.store.check import check
from tests.unit.mappings.bench import FAILURE, OK, numbered


@pytest.fixture
def laned(bench):
    bench.create()
    bench.declare(parallelization_factor=4, batch_size=3)
    return bench


def lanes(bench):
    """Group the keys of calls by who can be in flight at once: leave all open and see."""
    bench.functions.answer = lambda _: None
    bench.run()
    return [call.keys for call in bench.calls]


def test_as_many_batches_as_lanes_are_in_flight(laned):
    laned.put(*numbered(100))
    in_flight = lanes(laned)
    assert len(in_flight) == 4
    assert len({key for keys in in_flight for key in keys}) == 12


def test_the_records_of_a_key_are_never_in_two_lanes(laned):
    for _ in range(5):
        laned.put(*numbered(12))
    in_flight = lanes(laned)
    seen = [set(keys) for keys in in_flight]
    assert sum(map(len, seen)) == len(set().union(*seen))


def test_everything_is_delivered_once_and_each_key_in_order(laned):
    for _ in range(10):
        laned.put(*numbered(25))
    laned.run()
    assert sorted(laned.delivered()) == sorted(list(numbered(25)) * 10)
    by_key: dict[str, int] = {}
    for call in laned.calls:
        for key, sequence in zip(call.keys, call.sequences, strict=True):
            assert by_key.get(key, 0) < sequence
            by_key[key] = sequence


def test_a_stuck_key_holds_up_its_own_lane_alone_and_costs_no_redelivery_after_a_restart(laned):
    stuck = "k0000"
    laned.functions.answer = lambda call: FAILURE if stuck in call.keys else OK
    laned.put(*numbered(40))
    laned.advance(3)
    done = {key for call in laned.calls if stuck not in call.keys for key in call.keys}
    assert len(done) > 25
    laned.restart()
    laned.functions.answer = lambda call: FAILURE if stuck in call.keys else OK
    laned.advance(3)
    again = {key for call in laned.calls if stuck not in call.keys for key in call.keys}
    assert again == set()
    laned.functions.answer = lambda _: OK
    laned.advance(60)
    assert set(laned.delivered()) | done == set(numbered(40))


def test_a_lane_that_has_nothing_follows_the_others(laned):
    for number in range(1200):
        laned.put(f"k{number % 2}", value=str(number))
    laned.run()
    laned.advance(10)
    newest = max(each.sequence for each in laned.checkpoints())
    assert min(each.sequence for each in laned.checkpoints()) > newest - 1300
    laned.restart()
    laned.run()
    assert laned.delivered() == []


@pytest.mark.parametrize(("before", "after"), [(1, 4), (4, 1), (4, 3)])
def test_a_shard_gets_another_number_of_lanes_between_two_batches(bench, before, after):
    bench.create()
    bench.declare(parallelization_factor=before, batch_size=3)
    bench.functions.answer = lambda _: None
    bench.put(*numbered(60))
    bench.run()
    open_calls = list(bench.calls)
    bench.declare(parallelization_factor=after, batch_size=3)
    bench.run()
    assert bench.calls == open_calls, "nothing new while old lanes are at work"
    bench.functions.answer = lambda _: OK
    for call in open_calls:
        call.done(OK)
    bench.run()
    assert sorted(bench.delivered()) == sorted(numbered(60))
    assert {each.lane_count for each in bench.checkpoints()} == {after}
    assert len(bench.checkpoints()) == after


def test_another_number_of_lanes_waits_for_a_stuck_batch_across_a_restart(bench):
    bench.create()
    bench.declare(parallelization_factor=2, batch_size=5)
    bench.functions.answer = lambda call: FAILURE if "k0000" in call.keys else OK
    bench.put(*numbered(20))
    bench.run()
    bench.declare(parallelization_factor=3, batch_size=5)
    bench.run()
    bench.restart()
    bench.functions.answer = lambda call: FAILURE if "k0000" in call.keys else OK
    bench.advance(10)
    assert {each.lane_count for each in bench.checkpoints()} == {2}
    bench.functions.answer = lambda _: OK
    bench.advance(60)
    assert {each.lane_count for each in bench.checkpoints()} == {3}
    bench.put("new")
    bench.run()
    assert bench.delivered()[-1] == "new"


def test_a_lane_that_was_put_elsewhere_while_its_shard_is_divided_goes_on_from_there(bench):
    bench.create()
    bench.declare(parallelization_factor=2, batch_size=50)
    bench.functions.answer = lambda call: None if "k0000" in call.keys else OK
    bench.put(*numbered(20))
    bench.run()
    [open_call] = [call for call in bench.calls if "k0000" in call.keys]
    others = [key for key in bench.delivered() if key not in open_call.keys]
    bench.declare(parallelization_factor=3, batch_size=50)
    bench.run()
    [moved] = [each for each in bench.checkpoints() if each.sequence]
    bench.write(
        lambda each: checkpoints.reset(each, moved, 0)
    )  # by another process, so that nobody has heard of it yet
    open_call.done(OK)
    bench.run()
    assert sorted(bench.delivered()) == sorted([*open_call.keys, *others, *others])
    assert {each.lane_count for each in bench.checkpoints()} == {3}


def test_a_batch_that_failed_waits_its_time_though_its_shard_gets_another_number_of_lanes(laned):
    laned.functions.answer = lambda call: FAILURE if "k0000" in call.keys else OK
    laned.put("k0000")
    laned.advance(10)
    laned.declare(parallelization_factor=2, batch_size=3)
    laned.run()
    tried = len(laned.calls)
    for _ in range(5):  # each makes a lane see that it may go no further
        laned.put(*numbered(20, start=1))
        laned.run()
    assert [call.keys for call in laned.calls[tried:]] == []


def test_a_batch_whose_failure_is_being_written_is_tried_again_as_it_was_before_the_lanes_change(laned):
    laned.run()
    laned.functions.answer = lambda _: FAILURE
    laned.hold_writes = True
    laned.put(*numbered(6))
    laned.run()
    failed = [call.keys for call in laned.calls]
    laned.declare(parallelization_factor=2, batch_size=3)
    laned.run()
    laned.functions.answer = lambda _: OK
    laned.hold_writes = False
    laned.advance(1)
    again = [call.keys for call in laned.calls[len(failed) :]]
    assert sorted(again) == sorted(failed)
    assert all(each.attempts == 2 for each in laned.outcomes() if each.lane_count == 4 and each.kind == "delivered")
    assert {each.lane_count for each in laned.checkpoints()} == {2}


def test_the_outcomes_of_changing_numbers_of_lanes_are_one_chain(bench):
    bench.create()
    for number, factor in enumerate((1, 3, 1, 4, 2)):
        bench.declare(parallelization_factor=factor, batch_size=3)
        bench.put(*numbered(30, start=number))
        bench.run()
        assert {each.lane_count for each in bench.checkpoints()} == {factor}
        assert list(check(bench.database)) == []
    assert len(bench.delivered()) == 150


def test_the_children_of_a_shard_wait_for_all_of_its_lanes(bench):
    bench.create()
    bench.declare(parallelization_factor=3, batch_size=2)
    bench.functions.answer = lambda call: FAILURE if "k0000" in call.keys else OK
    bench.put(*numbered(9))
    bench.advance(1)
    bench.disable()
    bench.enable()
    bench.put("next")
    bench.advance(5)
    assert "next" not in bench.delivered()
    bench.functions.answer = lambda _: OK
    bench.advance(60)
    assert bench.delivered()[-1] == "next"


def test_records_that_expire_are_counted_in_their_lanes(laned):
    laned.pause(paused=True)
    laned.put(*numbered(30))
    laned.advance(86_400)
    laned.purge()
    laned.pause(paused=False)
    laned.put("new")
    laned.run()
    assert laned.delivered() == ["new"]
    trimmed = [each for each in laned.outcomes() if each.kind == "trimmed"]
    assert [each.lane for each in trimmed] == [0, 1, 2, 3]
    assert sum(each.records for each in trimmed) == 30
