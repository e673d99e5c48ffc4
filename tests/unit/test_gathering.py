"""When threads are gathered on one processor, where, and that nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from cdc.clock import ManualClock
from cdc.functions import keeper
from cdc.gathering import Gathering, Linux, Load


class Machine:
    """A machine whose load the test says, in shares of a processor over the last second."""

    allowed = frozenset({0, 1, 2})

    def __init__(self):
        self.threads = 0.0
        self.processors = dict.fromkeys(self.allowed, 0.0)
        self.placed = None

    def load(self):
        return Load(self.threads, dict(self.processors))

    def place(self, processors):
        self.placed = frozenset(processors)


class Watched:
    """A gathering that looks once a second."""

    def __init__(self):
        self.machine, self.clock = Machine(), ManualClock()
        self.gathering = Gathering(self.machine, self.clock)
        self.gathering.look()

    def second(self, threads, *processors):
        """Let a second pass with this load, and look; return where the threads are gathered."""
        self.clock.advance(1)
        self.machine.threads += threads
        for number, used in enumerate(processors):
            self.machine.processors[number] += used
        self.gathering.look()
        return self.gathering.home


@pytest.fixture
def watched():
    return Watched()


def test_threads_that_are_not_busy_are_left_alone(watched):
    for _ in range(3):
        assert watched.second(0.5, 0.9, 0.1, 0.2) is None
    assert watched.machine.placed is None


def test_busy_ones_are_gathered_where_least_is_done_and_loosened_when_they_rest(watched):
    assert watched.second(0.9, 0.9, 0.3, 0.8) == 1
    assert watched.machine.placed == {1}
    assert watched.second(0.5, 0.5, 0.6, 0.5) == 1
    assert watched.second(0.1, 0.1, 0.1, 0.1) is None
    assert watched.machine.placed == {0, 1, 2}


def test_they_leave_a_processor_that_others_use_for_a_better_one(watched):
    assert watched.second(0.9, 0.2, 0.5, 0.5) == 0
    assert watched.second(0.8, 1.0, 0.9, 0.9) == 0  # none is better
    assert watched.second(0.6, 1.0, 0.9, 0.1) == 2


def test_where_nothing_is_told_of_processors_nothing_is_gathered(watched):
    watched.machine.processors = {}
    assert watched.second(0.9) is None


def test_at_the_end_they_run_anywhere(watched):
    watched.second(0.9, 0.2, 0.5, 0.5)
    watched.gathering.end()
    assert watched.machine.placed == {0, 1, 2}
    watched.machine.placed = None
    watched.gathering.end()
    assert watched.machine.placed is None


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="the system has no affinity")
def test_only_threads_that_take_turns_are_placed_and_their_children_are_not():
    machine, end = Linux(), threading.Event()
    begun = {name: threading.Thread(target=end.wait, name=name) for name in ("cdc-writer", "other")}
    for thread in begun.values():
        thread.start()
    try:
        one = {min(machine.allowed)}
        machine.place(one)
        places = {name: os.sched_getaffinity(thread.native_id or 0) for name, thread in begun.items()}
        assert places == {"cdc-writer": one, "other": machine.allowed}
        program = f"import os, runpy; k = runpy.run_path({keeper.__file__!r}); k['use_all_processors']()"
        program += "; print(sorted(os.sched_getaffinity(0)))"
        found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
        assert found.strip() == str(sorted(machine.allowed))
        assert machine.load().threads > 0
        assert set(machine.load().processors) == machine.allowed
    finally:
        machine.place(machine.allowed)
        end.set()
