"""The arithmetic of the bench."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench.figures import Target, percentile, ratios, serial_rate, summarise

AT_LEAST = Target(name="PutItem", what="of the floor", bound=0.5, at_least=True)
AT_MOST = Target(name="Latency", what="ms p50", bound=5.0, at_least=False)


def test_a_summary_has_median_and_extremes():
    summary = summarise([4.0, 1.0, 2.0])
    assert (summary.median, summary.low, summary.high, summary.spread) == (2.0, 1.0, 4.0, 1.5)


def test_the_spread_of_nothing_is_none():
    assert summarise([0.0, 0.0]).spread == 0.0


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100)])
def test_a_percentile_is_a_value_that_so_many_are_not_above(share, expected):
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_percentile_of_one_value_is_that_value():
    assert percentile([7.0], 0.99) == 7.0


def test_two_steps_in_a_row_take_the_time_of_both():
    assert serial_rate(20_000, 20_000) == pytest.approx(10_000)
    assert serial_rate(30_000, 20_000) == pytest.approx(12_000)


def test_ratios_are_taken_round_by_round():
    assert ratios([10, 30], [20, 40]) == [0.5, 0.75]


def test_a_round_that_one_side_lacks_or_has_as_zero_is_left_out():
    assert ratios([10, 30, 50], [20, 0]) == [0.5]


@pytest.mark.parametrize(
    ("target", "figure", "met"),
    [(AT_LEAST, 0.5, True), (AT_LEAST, 0.49, False), (AT_MOST, 5.0, True), (AT_MOST, 5.01, False)],
)
def test_a_target_is_met_at_its_bound_and_on_the_right_side_of_it(target, figure, met):
    assert target.met(figure) is met


def test_a_verdict_says_what_was_measured_against_what():
    verdict = AT_LEAST.verdict(summarise([0.4, 0.61, 0.7]))
    assert verdict == "PASS  PutItem: 0.61 of the floor (target ≥ 0.5; rounds 0.4 to 0.7)"
    assert AT_MOST.verdict(summarise([6.0])).startswith("FAIL  Latency: 6 ms p50 (target ≤ 5;")
