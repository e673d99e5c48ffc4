"""Invocations from outside are counted as CloudWatch does."""

from __future__ import annotations

from cdc.functions.requests import RequestCounters, RequestCounts
from cdc.model.functions import Outcome


def test_each_function_has_its_own_counts():
    counters = RequestCounters()
    for outcome in (
        Outcome(ok=True, duration_ms=2.5),
        Outcome(ok=False, duration_ms=1.5, error_type="ValueError"),
        Outcome(ok=False, duration_ms=0.0, error_type="Sandbox.Closed", reached=False),  # no fault of the function
    ):
        counters.taken("f")
        counters.ended("f", outcome)
    counters.taken("f")
    counters.refused("g")
    assert counters.counts() == {
        "f": RequestCounts(invocations=4, errors=1, finished=3, duration_ms=4.0),
        "g": RequestCounts(throttles=1),
    }


def test_counts_that_were_told_stay_as_they_were():
    counters = RequestCounters()
    counters.taken("f")
    before = counters.counts()
    counters.taken("f")
    assert before["f"].invocations == 1
