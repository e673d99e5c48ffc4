"""Keeps the threads that take turns at the interpreter on one processor, for as long as they are busy.

Only one of them runs at a time, whatever the machine has. Spread over several processors, each turn wakes another one
up, which on a virtual machine takes longer than the turn: ten mappings at 500 writes a second get 1.5 times as much done
when they aren't. The other threads, and functions in processes of their own, are left alone. Linux only.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.clock import Clock

log = logging.getLogger(__name__)

TURN_TAKERS = frozenset({"MainThread", "cdc-writer", "cdc-poller", "cdc-functions"})
"""The threads that have nearly all turns between them."""
GATHER_FROM = 0.7
"""Share of a processor that they use together from which on they are gathered: less, and they seldom wait for another."""
LOOSEN_BELOW = 0.35
CROWDED = 0.25
"""Share of their processor that others use from which on they move, if there is a better one."""


class Load(NamedTuple):
    """What was used since the machine started, in seconds of processor time."""

    threads: float  # by the threads that take turns
    processors: dict[int, float]  # by everybody, of each processor that this process may use


class Machine(Protocol):
    """What is asked of the system."""

    allowed: frozenset[int]
    """The processors that this process may use."""

    def load(self) -> Load:
        """Tell what was used so far."""

    def place(self, processors: Iterable[int]) -> None:
        """Have the threads that take turns run on these processors, and all others on any."""


class Gathering:
    """Decides, at each look, whether and where the threads are gathered."""

    def __init__(self, machine: Machine, clock: Clock) -> None:
        self._machine = machine
        self._clock = clock
        self._last: tuple[float, Load] | None = None
        self.home: int | None = None
        """The processor that they are gathered on; None while they run anywhere."""

    def look(self) -> None:
        """Look at the load since the last look, and act on it; to be called every second or so."""
        now, load = self._clock.monotonic(), self._machine.load()
        last, self._last = self._last, (now, load)
        if last is None or now <= last[0]:
            return
        seconds, before = now - last[0], last[1]
        share = (load.threads - before.threads) / seconds
        used = {
            number: (busy - before.processors.get(number, busy)) / seconds for number, busy in load.processors.items()
        }
        home = self._choose(share, used)
        if home != self.home:
            self.home = home
            self._machine.place(self._machine.allowed if home is None else {home})
        elif home is not None:
            self._machine.place({home})  # threads that began meanwhile are where their makers are

    def _choose(self, share: float, used: dict[int, float]) -> int | None:
        if self.home is None:
            is_busy = share >= GATHER_FROM and used  # a container may not tell of its processors
            return min(used, key=lambda number: used[number]) if is_busy else None
        if share < LOOSEN_BELOW or self.home not in used:
            return None
        crowd = used[self.home] - share
        better = min(used, key=lambda number: crowd if number == self.home else used[number])
        return better if crowd >= CROWDED and used[better] < crowd - CROWDED / 2 else self.home

    def end(self) -> None:
        """Let the threads run anywhere."""
        if self.home is not None:
            self.home = None
            self._machine.place(self._machine.allowed)


class Linux:
    """The machine, by way of /proc."""

    def __init__(self) -> None:
        self.allowed = frozenset(os.sched_getaffinity(0))
        self._tick = 1 / os.sysconf("SC_CLK_TCK")

    def load(self) -> Load:
        """Tell what was used so far."""
        takers = [thread.native_id for thread in threading.enumerate() if thread.name in TURN_TAKERS]
        return Load(sum(self._of_thread(each) for each in takers if each is not None), dict(self._of_processors()))

    def place(self, processors: Iterable[int]) -> None:
        """Have the threads that take turns run on these processors, and all others on any."""
        wanted = set(processors)
        for thread in threading.enumerate():
            if thread.native_id is not None:
                with contextlib.suppress(OSError):  # it has ended
                    os.sched_setaffinity(thread.native_id, wanted if thread.name in TURN_TAKERS else self.allowed)

    def _of_thread(self, thread: int) -> float:
        try:
            text = Path(f"/proc/self/task/{thread}/stat").read_text()
        except OSError:
            return 0.0
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) * self._tick

    def _of_processors(self) -> Iterable[tuple[int, float]]:
        for line in Path("/proc/stat").read_text().splitlines():
            name, *numbers = line.split()
            if name.startswith("cpu") and name != "cpu" and int(name[3:]) in self.allowed:
                user, nice, system, _, _, *interrupts = map(int, numbers[:7])
                yield int(name[3:]), (user + nice + system + sum(interrupts)) * self._tick


def gathering(clock: Clock) -> Gathering | None:
    """Make what gathers this process's threads; None where the system can't, or has one processor for it."""
    if not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2:  # it takes two
        return None
    return Gathering(Linux(), clock)
