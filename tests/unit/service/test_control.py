"""Acts of an operator, on a poller at work: pause, resume, retry now, skip, reset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import func, select

from cdc.model.catalog import sequence_text
from cdc.model.errors import ServiceError
from cdc.model.functions import Outcome
from cdc.service import open_service
from cdc.store import schema
from tests.unit.mappings.bench import FAILURE, OK, Bench, numbered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.service import Service

HOUR = 3600


@pytest.fixture
def bench(tmp_path) -> Iterator[Bench]:
    made = Bench(tmp_path / "a.db")
    made.create()
    yield made
    made.stop()


@pytest.fixture
def service(bench) -> Iterator[Service]:
    """Another process's view of the same file, for what it matters."""
    with open_service(bench.path, bench.options, bench.clock) as opened:
        yield opened


@pytest.fixture
def act(bench) -> Callable[..., Any]:
    """Do something and let the poller hear of it."""

    def run(verb: Callable[..., Any], *arguments: Any, **more: Any) -> Any:
        result = verb(*arguments, **more)
        bench.poller.file_changed()
        bench.advance(1)
        return result

    return run


def begin(bench: Bench, *, shards: int = 1, **settings: Any) -> list[str]:
    """Declare a mapping, on a table with a few shards; return their ids."""
    if shards > 1:
        bench.disable()
        bench.enable(shards=shards)
    bench.declare(**settings)
    bench.run()
    return [lane.shard_id for lane in bench.state().lanes]


def kinds(bench: Bench) -> list[tuple[str, int]]:
    return [(each.kind, each.records) for each in bench.outcomes()]


# -- pause and resume --


def test_a_paused_shard_delivers_nothing_until_it_is_resumed_and_others_go_on(bench, service, act):
    first, *_ = begin(bench, shards=3)
    act(service.control.pause, "m", first[-8:])
    bench.put(*numbered(60))
    bench.advance(5)
    some = len(bench.delivered())
    assert 20 < some < 60
    states = {lane["shard_id"]: lane["paused"] for lane in service.status()["mappings"][0]["shards"]}
    assert [shard for shard, paused in states.items() if paused] == [first]
    act(service.control.resume, "m", first)
    assert sorted(bench.delivered()) == list(numbered(60))


def test_a_pause_of_a_shard_outlives_a_restart(bench, service, act):
    [only] = begin(bench)
    act(service.control.pause, "m", only)
    bench.restart()
    bench.put("a")
    bench.advance(5)
    assert bench.delivered() == []


def test_a_batch_in_flight_is_settled_though_its_shard_is_paused(bench, service, act):
    [only] = begin(bench)
    bench.functions.answer = lambda _: None
    bench.put("a")
    bench.run()
    act(service.control.pause, "m", only)
    bench.calls[0].done(OK)
    bench.run()
    assert kinds(bench) == [("delivered", 1)]
    assert bench.lane().checkpoint == bench.calls[0].sequences[0]


@pytest.mark.parametrize(
    ("end", "says"), [("x", "no shard of table t is named x; there are: shardId-"), ("", "no shard")]
)
def test_a_shard_that_there_is_not_is_answered_with_those_that_there_are(bench, service, end, says):
    begin(bench)
    for verb in (service.control.pause, service.control.retry, service.control.skip):
        with pytest.raises(ServiceError, match=says):
            verb("m", end)
    with pytest.raises(ServiceError, match=says):
        service.control.reset("m", position="LATEST", shard_id=end)


def test_an_end_that_two_shards_have_is_not_enough(bench, service):
    shards = begin(bench, shards=20)
    ends = [shard[-1] for shard in shards]
    twice = next(end for end in ends if ends.count(end) > 1)
    with pytest.raises(ServiceError, match="more than one shard of table t"):
        service.control.pause("m", twice)


# -- retry --


def test_a_retry_ends_the_pause_of_what_fails_in_its_shard_alone(bench, service, act):
    first, *_ = begin(bench, shards=2)
    bench.functions.answer = lambda _: FAILURE
    bench.put(*numbered(20))
    bench.advance(60)  # pauses are long by now
    before = len(bench.calls)
    assert act(service.control.retry, "m", first) == 1
    retried = bench.calls[before:]
    assert [call.records[0]["eventSourceARN"] for call in retried] != []
    in_shard = {lane.shard_id: lane.attempts for lane in bench.state().lanes}
    assert len(retried) == 1
    assert in_shard[first] == max(in_shard.values())
    assert act(service.control.retry, "m") == 2
    assert len(bench.calls) == before + 3


def test_a_retry_while_an_attempt_is_in_flight_does_not_deliver_it_twice(bench, service, act):
    begin(bench)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.run()
    bench.functions.answer = lambda _: None
    bench.advance(10)
    act(service.control.retry, "m")
    bench.calls[-1].done(OK)
    bench.advance(100)
    assert len(bench.calls) == 2
    assert kinds(bench) == [("delivered", 1)]


def test_with_nothing_failing_a_retry_does_nothing(bench, service, act):
    begin(bench)
    assert act(service.control.retry, "m") == 0


# -- skip --


def test_a_skipped_batch_is_recorded_and_what_follows_is_delivered(bench, service, act):
    [only] = begin(bench, batch_size=2)
    bench.functions.answer = lambda call: FAILURE if "bad" in call.keys else OK
    bench.put("bad", "b", "c")
    bench.advance(20)
    attempts = bench.checkpoint().attempts
    [skipped] = act(service.control.skip, "m")
    assert skipped == (only, 0, 2, sequence_text(bench.calls[0].sequences[1]))
    assert bench.calls[-1].keys == ["c"]
    [outcome, _] = bench.outcomes()
    assert (outcome.kind, outcome.records, outcome.attempts) == ("skipped", 2, attempts)
    assert service.status()["mappings"][0]["skipped_records"] == 2
    assert service.dead_letters.find() == []


def test_a_skip_counts_what_was_for_the_lane_and_not_filtered(bench, service, act):
    begin(bench, filters=('{"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "a"}]}}}}',))
    bench.functions.answer = lambda _: FAILURE
    bench.put("a1", "b1", "b2", "a2")
    bench.advance(5)
    [skipped] = act(service.control.skip, "m")
    assert skipped.records == 2
    [outcome] = bench.outcomes()
    assert (outcome.records, outcome.filtered) == (2, 2)


def test_with_nothing_failing_there_is_nothing_to_skip(bench, service):
    [only] = begin(bench)
    bench.put("a")
    bench.run()
    with pytest.raises(ServiceError, match=r"^no batch of mapping m fails: there is nothing to skip$"):
        service.control.skip("m")
    with pytest.raises(ServiceError, match=f"fails in {only}: there"):
        service.control.skip("m", only)


def test_a_batch_that_was_tried_again_meanwhile_is_not_skipped(bench, service, monkeypatch):
    begin(bench)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.advance(3)
    count = service.control._passed

    def slowly(*arguments):
        bench.advance(10)  # another attempt
        return count(*arguments)

    monkeypatch.setattr(service.control, "_passed", slowly)
    with pytest.raises(ServiceError, match="has been tried again meanwhile"):
        service.control.skip("m")
    assert bench.outcomes() == []


def test_the_last_call_of_a_tumbling_window_can_be_skipped(bench, service, act):
    begin(bench, tumbling_window_in_seconds=60)
    state = Outcome(ok=True, duration_ms=1.0, result=b'{"state": {}}')
    bench.functions.answer = lambda call: FAILURE if b'"isFinalInvokeForWindow":true' in call.event else state
    bench.put("a")
    bench.advance(200)
    act(service.control.skip, "m")
    assert bench.checkpoint().window_start_ms is None
    assert bench.checkpoint().last_result == "PROBLEM: a batch was skipped by an operator"
    calls = len(bench.calls)
    bench.advance(200)
    assert len(bench.calls) == calls


# -- reset --


def test_a_reset_to_the_trim_horizon_delivers_everything_again(bench, service, act):
    [only] = begin(bench)
    bench.put("a", "b")
    bench.run()
    assert [each.shard_id for each in act(service.control.reset, "m", position="TRIM_HORIZON")] == [only]
    assert bench.delivered() == ["a", "b", "a", "b"]
    assert [kind for kind, _ in kinds(bench)] == ["delivered", "reset", "delivered"]


def test_a_reset_to_the_latest_passes_what_waits(bench, service, act):
    begin(bench)
    bench.pause(paused=True)
    bench.put("a", "b")
    bench.run()
    act(service.control.reset, "m", position="LATEST")
    bench.pause(paused=False)
    bench.put("c")
    bench.run()
    assert bench.delivered() == ["c"]


def test_a_reset_to_a_sequence_begins_with_that_record(bench, service, act):
    begin(bench)
    bench.put("a", "b", "c")
    bench.run()
    act(service.control.reset, "m", sequence=sequence_text(bench.calls[0].sequences[1]))
    assert bench.delivered() == ["a", "b", "c", "b", "c"]


def test_a_reset_to_a_time_begins_with_the_first_record_from_then_on(bench, service, act):
    begin(bench)
    for key in "abc":
        bench.put(key)
        bench.advance(HOUR)
    act(service.control.reset, "m", time_ms=bench.clock.now_ms() - 2 * HOUR * 1000)
    assert bench.delivered() == ["a", "b", "c", "b", "c"]
    act(service.control.reset, "m", time_ms=bench.clock.now_ms() - 1000)
    assert bench.delivered() == ["a", "b", "c", "b", "c"]


def test_a_reset_ends_what_fails_and_what_was_in_flight_counts_for_nothing(bench, service, act):
    begin(bench)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.run()
    bench.functions.answer = lambda _: None
    bench.advance(5)
    act(service.control.reset, "m", position="LATEST")
    bench.calls[-1].done(FAILURE)
    bench.functions.answer = lambda _: OK
    bench.advance(10)
    checkpoint = bench.checkpoint()
    assert (checkpoint.attempts, checkpoint.retry_through) == (0, None)
    assert len(bench.calls) == 2


def test_only_the_shard_that_is_named_is_reset(bench, service, act):
    first, *_ = begin(bench, shards=2)
    bench.put(*numbered(40))
    bench.run()
    act(service.control.reset, "m", position="TRIM_HORIZON", shard_id=first)
    assert 40 < len(bench.delivered()) < 80


def test_a_closed_shard_is_read_again_after_a_reset(bench, service, act):
    begin(bench)
    bench.put("a")
    bench.run()
    bench.disable()
    bench.enable()
    bench.put("b")
    bench.advance(1)
    act(service.control.reset, "m", position="TRIM_HORIZON")
    bench.advance(5)
    assert bench.delivered() == ["a", "b", "a", "b"]


def test_a_reset_back_does_not_stop_at_where_the_mapping_once_began(bench, service, act):
    bench.put("a")
    begin(bench, starting_position="LATEST")
    bench.put("b")
    bench.run()
    act(service.control.reset, "m", position="TRIM_HORIZON")
    assert bench.delivered() == ["b", "a", "b"]


def test_before_a_shard_is_begun_a_reset_says_where_the_mapping_will_begin(bench, service):
    bench.put("a")
    bench.declare()
    assert service.control.reset("m", position="LATEST") == []
    bench.put("b")
    bench.advance(1)
    assert bench.delivered() == ["b"]


def test_what_can_not_be_is_refused(bench, service):
    begin(bench)
    bench.put("a")
    for asked, says in [
        ({"sequence": sequence_text(10**6)}, "is beyond the newest sequence number, 1000000"),
        ({"sequence": "7"}, "7 is no sequence number: these have 21 digits"),
        ({"time_ms": bench.clock.now_ms() + 1}, "the time is in the future"),
        ({}, "one of a position, a sequence number and a time"),
        ({"position": "LATEST", "time_ms": 1}, "one of a position"),
    ]:
        with pytest.raises(ServiceError, match=says):
            service.control.reset("m", **asked)
    assert bench.outcomes() == []


def test_controls_go_with_their_mapping(bench, service, act):
    [only] = begin(bench)
    act(service.control.pause, "m", only)
    service.declare_mappings([])
    service.forget_mapping("m")
    with service.database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.shard_controls)).scalar_one() == 0
