"""Waits double from a quarter of a second to a minute, and chance takes at most half away."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cdc.mappings.backoff import delay_seconds


def test_waits_double_up_to_a_minute():
    waits = [delay_seconds(failures, 0) for failures in range(1, 12)]
    assert waits == [0.25, 0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


@given(failures=st.integers(1, 10**9), chance=st.floats(0, 1))
def test_chance_takes_at_most_half(failures, chance):
    whole = delay_seconds(failures, 0)
    assert whole / 2 <= delay_seconds(failures, chance) <= whole <= 60
