"""The load generator's command line and output."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench import wrk

LINE = (
    'BENCH {"requests":30000,"microseconds":3000000,"not_ok":%d,"broken":%d,'
    '"p50_us":4000,"p90_us":6000,"p99_us":9500,"max_us":20000}'
)
OUTPUT = f"Running 3s test @ http://127.0.0.1:8000\n  1 threads and 64 connections\n{LINE}\n"


def test_figures_are_read_from_among_what_wrk_prints_itself():
    found = wrk.parse(OUTPUT % (0, 0))
    assert (found.rate, found.p50_ms, found.p99_ms, found.max_ms) == (10_000, 4.0, 9.5, 20.0)


@pytest.mark.parametrize("wrong", [(1, 0), (0, 1)])
def test_an_answer_that_is_no_success_voids_the_measurement(wrong):
    with pytest.raises(wrk.LoadError, match="1"):
        wrk.parse(OUTPUT % wrong)


@pytest.mark.parametrize("output", ["", "unable to connect to 127.0.0.1:1", (LINE % (0, 0)).replace("30000", "0", 1)])
def test_no_figures_or_no_answers_are_a_failure(output):
    with pytest.raises(wrk.LoadError):
        wrk.parse(output)


def test_the_command_line_says_who_asks_what_and_for_how_long():
    load = wrk.Load(operation="PutItem", table="t", keys=10, first=5, connections=64, seconds=3)
    command = wrk.command(load, "http://127.0.0.1:8000")
    assert command[:7] == ["wrk", "-t", "1", "-c", "64", "-d", "3s"]
    assert command[-6:] == ["http://127.0.0.1:8000", "--", "PutItem", "t", "10", "5"]
