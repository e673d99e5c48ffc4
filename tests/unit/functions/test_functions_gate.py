"""The pause before another start of what can't be started."""

from __future__ import annotations

import pytest

from cdc.clock import ManualClock
from cdc.functions.gate import StartGate


@pytest.fixture
def clock():
    return ManualClock()


def test_a_function_that_starts_is_never_held_up(clock):
    gate = StartGate(clock)
    for _ in range(3):
        assert gate.closed_seconds <= 0
        gate.open()
    assert gate.error == ""


def test_each_failure_doubles_the_pause_up_to_five_seconds(clock):
    gate, pauses = StartGate(clock), []
    for _ in range(9):
        gate.failed("Runtime.ExitError: x")
        pauses.append(gate.closed_seconds)
        clock.advance(10)
    assert pauses == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5])
    assert gate.error == "Runtime.ExitError: x"


def test_the_time_since_the_failure_counts(clock):
    gate = StartGate(clock)
    gate.failed("x")
    clock.advance(0.06)
    assert gate.closed_seconds == pytest.approx(0.04)
    clock.advance(0.05)
    assert gate.closed_seconds < 0


def test_a_start_that_succeeds_begins_anew(clock):
    gate = StartGate(clock)
    for _ in range(5):
        gate.failed("x")
    gate.open()
    assert gate.closed_seconds <= 0
    gate.failed("y")
    assert gate.closed_seconds == pytest.approx(0.1)
    assert gate.error == "y"
