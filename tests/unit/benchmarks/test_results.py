"""Holding targets against measurements."""

from __future__ import annotations

import json

import pytest

from tests.benchmarks.bench import report
from tests.benchmarks.bench import results as names
from tests.benchmarks.bench.results import Results


@pytest.fixture
def results():
    found = Results()
    for scale in (1.0, 0.5):  # the second round on a machine half as fast: the ratios stay
        for name, rate, cpu_us in (
            (names.FLOOR_STORE, 30_000, 30.0),
            (names.FLOOR_HTTP_PUT, 20_000, 40.0),
            (names.PUT_64, 9_000, 100.0),
            (names.PUT_64_NO_STREAM, 9_900, 90.0),
            (names.FLOOR_HTTP_GET, 20_000, 40.0),
            (names.GET_64, 8_000, 100.0),
        ):
            found.add(name, {"rate": rate * scale, "cpu_us": cpu_us / scale})
    return found


def judged(results):
    return {target.name: (summary.median, target.met(summary.median)) for target, summary in results.judged()}


def test_rates_are_held_against_their_floors_round_by_round(results):
    found = judged(results)
    assert found[names.PUT_TARGET.name] == (pytest.approx(0.75), True)
    assert found[names.GET_TARGET.name] == (pytest.approx(0.4), False)
    assert found[names.STREAM_TARGET.name] == (pytest.approx(1.1), True)


def test_cpu_time_gives_the_same_ratios_in_the_same_direction(results):
    found = {name: summary.median for name, summary in results.cpu_ratios().items()}
    assert found == {
        "(S + H) / PutItem": pytest.approx(0.7),
        "H / GetItem": pytest.approx(0.4),
        "PutItem with / without stream": pytest.approx(100 / 90),
    }


def test_latencies_are_held_against_their_bounds():
    found = Results()
    found.add(names.LATENCY_IDLE, {"p50_ms": 1.5})
    for p99_ms, purging in ((10.0, names.NO_PURGE), (21.0, names.PURGE)):
        found.add(purging, {"p99_ms": p99_ms})
    assert judged(found) == {names.LATENCY_TARGET.name: (1.5, True), names.PURGE_TARGET.name: (2.1, False)}


def test_deliveries_are_held_against_the_splice_of_their_round():
    found = Results()
    for scale in (1.0, 0.5):
        found.add(names.FLOOR_PIPE, {"rate": 200_000 * scale})
        found.add(names.delivery(names.WORKER), {"rate": 150_000 * scale})
        found.add(names.delivery(names.RUNTIME), {"rate": 90_000 * scale})
        found.add(names.FLOOR_LOOP, {"rate": 150_000 * scale})
        found.add(names.delivery(names.IN_PROCESS), {"rate": 105_000 * scale})
    assert judged(found) == {
        names.WORKER_TARGET.name: (0.75, True),
        names.RUNTIME_TARGET.name: (0.45, False),
        names.IN_PROCESS_TARGET.name: (pytest.approx(0.7), True),
    }


def test_catching_up_is_held_against_what_the_handler_takes():
    found = Results()
    found.add(names.delivery(names.SLOW), {"rate": 38_000})
    assert judged(found) == {names.SLOW_TARGET.name: (pytest.approx(0.95), True)}


def test_a_write_with_indexes_is_held_against_the_same_load_without():
    found = Results()
    for load, cpu_us in ((names.STAY, 50.0), (names.MOVE, 60.0)):
        found.add(names.indexed(names.NO_INDEX, load), {"cpu_us": cpu_us})
    found.add(names.indexed("ALL", names.STAY), {"cpu_us": 75.0})
    found.add(names.indexed("INCLUDE", names.MOVE), {"cpu_us": 150.0})
    assert judged(found) == {
        names.INDEX_TARGETS["ALL", names.STAY].name: (1.5, True),
        names.INDEX_TARGETS["INCLUDE", names.MOVE].name: (2.5, False),
    }


def test_a_target_without_its_measurements_is_left_out():
    found = Results()
    found.add(names.PUT_64, {"rate": 1.0, "cpu_us": 1.0})
    assert found.judged() == []
    assert found.cpu_ratios() == {}


def test_everything_can_be_written_as_json(results):
    written = json.loads(json.dumps(results.as_json()))
    assert written["measurements"][names.GET_64]["median"] == {"rate": 6000.0, "cpu_us": 150.0}
    assert [each["met"] for each in written["targets"]] == [True, False, True]
    assert written["failures"] == []


def test_the_report_has_a_line_for_each_measurement_and_target(results):
    results.failures.append("purge: it broke")
    lines = [*report.table(results), *(target.verdict(summary) for target, summary in results.judged())]
    assert len(lines) == 1 + len(results.rounds) + 3
    put = next(line for line in lines if line.startswith(names.PUT_64))
    assert put.split()[-3:] == ["6,750", "±33%", "150"]
