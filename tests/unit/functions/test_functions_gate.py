"""The pause before another start of what can't be started."""

from __future__ import annotations

import threading

import pytest

from cdc.clock import ManualClock
from cdc.functions.gate import StartGate


class Stop(threading.Event):
    """Stands in for the event that a runner is stopped by; notes how long it would be waited for."""

    def __init__(self):
        super().__init__()
        self.waits: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.waits.append(timeout)
        return False


@pytest.fixture
def clock():
    return ManualClock()


def test_a_function_that_starts_is_never_held_up(clock):
    gate, stop = StartGate(clock), Stop()
    for _ in range(3):
        gate.wait(stop)
        gate.open()
    assert stop.waits == []
    assert gate.error == ""


def test_each_failure_doubles_the_pause_up_to_five_seconds(clock):
    gate, stop = StartGate(clock), Stop()
    for _ in range(9):
        gate.failed("Runtime.ExitError: x")
        gate.wait(stop)
        clock.advance(10)
    assert stop.waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5, 5, 5])
    assert gate.error == "Runtime.ExitError: x"


def test_the_time_since_the_failure_counts(clock):
    gate, stop = StartGate(clock), Stop()
    gate.failed("x")
    clock.advance(0.06)
    gate.wait(stop)
    clock.advance(0.04)
    gate.wait(stop)
    assert stop.waits == pytest.approx([0.04])


def test_a_start_that_succeeds_begins_anew(clock):
    gate, stop = StartGate(clock), Stop()
    for _ in range(5):
        gate.failed("x")
    gate.open()
    gate.wait(stop)
    gate.failed("y")
    gate.wait(stop)
    assert stop.waits == pytest.approx([0.1])
    assert gate.error == "y"
