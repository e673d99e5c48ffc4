"""Filters: records that they pass over are never delivered, and the checkpoint goes past them all the same."""

from __future__ import annotations

import orjson
from sqlalchemy import text

from cdc.mappings.delivery import SAVE_RECORDS, SAVE_SECONDS
from cdc.model.functions import Outcome
from tests.unit.mappings.bench import FAILURE, OK, numbered

ONLY_A = '{"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "a"}]}}}}'
ONLY_B = '{"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "b"}]}}}}'


def kinds(bench):
    return [(each.kind, each.records, each.filtered) for each in bench.outcomes()]


def test_only_records_that_a_filter_matches_are_delivered(bench):
    bench.create()
    bench.declare(filters=(ONLY_A, ONLY_B))
    bench.put("a1", "c1", "b1", "c2", "a2", "c3")
    bench.run()
    assert bench.delivered() == ["a1", "b1", "a2"]
    assert kinds(bench)[0] == ("delivered", 3, 3)
    assert bench.state().counters.polled == 6


def test_what_is_passed_over_does_not_fill_a_batch(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,), batch_size=3)
    bench.put(*(f"{'a' if number % 10 == 0 else 'c'}{number}" for number in range(60)))
    bench.run()
    assert [call.keys for call in bench.calls] == [["a0", "a10", "a20"], ["a30", "a40", "a50"]]


def test_a_checkpoint_follows_what_is_passed_over_soon_but_not_at_once(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,))
    bench.run()
    start = bench.checkpoint().sequence
    bench.put("c1", "c2")
    bench.run()
    assert bench.checkpoint().sequence == start
    bench.advance(SAVE_SECONDS)
    assert bench.checkpoint().sequence > start
    assert kinds(bench) == [("filtered", 2, 2)]
    assert bench.state().counters.filtered == 2
    assert bench.checkpoint().last_result == "OK"
    bench.restart()
    bench.run()
    assert bench.state().counters.polled == 0


def test_many_records_that_are_passed_over_are_so_at_once(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,))
    bench.put(*numbered(SAVE_RECORDS))
    bench.run()
    assert sum(filtered for _, _, filtered in kinds(bench)) == SAVE_RECORDS


def test_changed_filters_apply_to_what_comes_next_and_not_to_a_batch_in_flight(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,), batch_size=1)
    bench.functions.answer = lambda _: None
    bench.put("a1", "a2", "b1")
    bench.run()
    bench.declare(filters=(ONLY_B,), batch_size=1)
    bench.run()
    bench.functions.answer = lambda _: OK
    bench.calls[0].done(OK)
    bench.run()
    assert bench.delivered() == ["a1", "b1"]


def test_a_batch_that_is_tried_again_is_filtered_as_it_is_set_now(bench):
    bench.create()
    bench.declare()
    bench.functions.answer = lambda _: FAILURE
    bench.put("a1", "c1", "a2")
    bench.run()
    bench.functions.answer = lambda _: OK
    bench.declare(filters=(ONLY_A,))
    bench.advance(61)
    assert bench.calls[-1].keys == ["a1", "a2"]
    bench.functions.answer = lambda _: FAILURE
    bench.put("a3", "c3")
    bench.run()
    bench.declare(filters=(ONLY_B,))
    bench.advance(61)
    assert bench.calls[-1].keys == ["a3"]
    bench.put("b1")
    bench.functions.answer = lambda _: OK
    bench.run()
    assert bench.delivered()[-1] == "b1"


def test_filters_and_lanes_and_reported_failures_together(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,), parallelization_factor=3, batch_size=4, report_batch_item_failures=True)
    failed = set()

    def answer(call):
        last = call.records[-1]["dynamodb"]["SequenceNumber"]
        if last in failed:
            return OK
        failed.add(last)
        report = {"batchItemFailures": [{"itemIdentifier": last}]}
        return Outcome(ok=True, duration_ms=1, result=orjson.dumps(report))

    bench.functions.answer = answer
    wanted = [f"a{number}" for number in range(40)]
    bench.put(*(key for number in range(40) for key in (f"a{number}", f"c{number}")))
    bench.advance(120)
    assert set(bench.delivered()) == set(wanted)
    bench.advance(SAVE_SECONDS)
    assert sum(records for kind, records, _ in kinds(bench) if kind == "delivered") == 40
    assert bench.state().counters.filtered == 40


def test_a_mapping_whose_stored_filters_are_damaged_waits_and_says_so(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,))
    bench.declare("other", function="g")
    stored = "UPDATE mappings SET revision = 99, settings = replace(settings, 'prefix', 'perfix') WHERE name = 'm'"
    bench.write(lambda each: each.connection.execute(text(stored)))
    bench.poller.poke()
    bench.put("a1")
    bench.run()
    assert "filters are wrong: filter 1: dynamodb.Keys.pk.S" in bench.state().waiting_for
    assert bench.delivered("f") == []
    assert bench.delivered("g") == ["a1"]
