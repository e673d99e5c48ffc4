"""The self-trigger guard: generations grow only where a function is invoked with nothing but what it wrote itself."""

from __future__ import annotations

import pytest

from cdc.mappings.lineage import LOOP_GENERATIONS, SEQUENCES_KEPT, Lineage
from cdc.model.app_id import app_id_of
from tests.unit.mappings.bench import OK

F, G = app_id_of("f"), app_id_of("g")


@pytest.fixture
def lineage():
    return Lineage()


def test_records_by_others_are_of_generation_0(lineage):
    assert lineage.begin("r", "f", [1, 2, 3]) == 0
    assert lineage.begin("final", "f", []) == 0


def test_what_a_function_writes_is_one_generation_younger(lineage):
    for generation in range(20):
        assert lineage.begin(f"r{generation}", "f", [generation]) == generation
        lineage.wrote(F, range(generation + 1, generation + 2))
        lineage.end(f"r{generation}")


def test_one_record_by_others_in_a_batch_makes_it_theirs(lineage):
    lineage.begin("r1", "f", [1])
    lineage.wrote(F, range(2, 4))
    assert lineage.begin("r2", "f", [2, 3]) == 1
    assert lineage.begin("r3", "f", [2, 3, 4]) == 0


def test_what_is_written_beside_an_older_invocation_counts_as_its(lineage):
    lineage.begin("r1", "f", [1])
    lineage.wrote(F, range(2, 3))
    lineage.begin("r2", "f", [2])
    lineage.wrote(F, range(3, 4))
    assert lineage.begin("r3", "f", [3]) == 1
    lineage.end("r1")
    lineage.wrote(F, range(4, 5))
    assert lineage.begin("r4", "f", [4]) == 2


def test_two_functions_that_trigger_each_other_are_a_loop_too(lineage):
    lineage.begin("r1", "f", [1])
    lineage.wrote(F, range(2, 3))
    lineage.end("r1")
    assert lineage.begin("r2", "g", [2]) == 1
    lineage.wrote(G, range(3, 4))
    lineage.end("r2")
    assert lineage.begin("r3", "f", [3]) == 2


def test_what_comes_without_an_invocation_in_flight_is_of_generation_0(lineage):
    lineage.begin("r1", "f", [1])
    lineage.end("r1")
    lineage.wrote(F, range(2, 3))
    assert lineage.begin("r2", "f", [2]) == 0


def test_only_so_many_records_are_remembered(lineage):
    lineage.begin("r1", "f", [0])
    lineage.wrote(F, range(1, 10))
    lineage.wrote(F, range(10, 10 + SEQUENCES_KEPT))
    assert lineage.begin("r2", "f", [9]) == 0
    assert lineage.begin("r3", "f", [10]) == 1


def loop(bench, writes=lambda _: ("a",)):
    """Have the function write to its own table, as a handler does over the API."""

    def answer(call):
        before = bench.write(lambda each: each.counters.next_sequence)
        keys = writes(call)
        if keys:
            bench.put(*keys)
            bench.poller.lineage.wrote(app_id_of(call.function), range(before, before + len(keys)))
        return OK if len(bench.calls) < 40 else None

    bench.functions.answer = answer


def test_a_function_that_triggers_itself_is_reported_and_goes_on(mapped, caplog):
    loop(mapped)
    mapped.put("a")
    mapped.run()
    state = mapped.state()
    assert len(mapped.calls) == 40
    assert state.counters.recursive == 40 - LOOP_GENERATIONS
    assert state.loop is not None
    assert (state.loop.generation, state.loop.seen_ms) == (39, mapped.clock.now_ms())
    [warning] = [each.getMessage() for each in caplog.records if "triggers itself" in each.getMessage()]
    assert warning.startswith("mapping m, shard ")
    assert "function f triggers itself" in warning
    assert "16 times in a row" in warning


def test_it_is_reported_again_after_a_minute(mapped, caplog):
    loop(mapped)
    mapped.put("a")
    original = mapped.functions.answer

    def slowly(call):
        mapped.clock.advance(4)
        return original(call)

    mapped.functions.answer = slowly
    mapped.run()
    assert sum("triggers itself" in each.getMessage() for each in caplog.records) == 2  # 23 invocations in 92 s


def test_a_function_that_writes_for_what_others_wrote_alone_is_no_loop(mapped, caplog):
    loop(mapped, lambda call: [f"{key}-child{n}" for key in call.keys if "child" not in key for n in range(3)])
    for number in range(30):
        mapped.put(f"k{number}")
        mapped.run()
    assert mapped.state().counters.recursive == 0
    assert mapped.state().loop is None
    assert "triggers itself" not in caplog.text
