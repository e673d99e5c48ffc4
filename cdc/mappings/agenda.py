"""Whose turn it is: things that are ready, first come first served, and things that become ready at a time."""

from __future__ import annotations

import heapq
from collections import deque
from itertools import count
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


class Agenda(Generic[Thing]):
    """Each thing is in it at most once, either as ready or with its newest time."""

    def __init__(self) -> None:
        self._ready: deque[Thing] = deque()
        self._times: list[tuple[float, int, Thing]] = []
        self._entries: dict[Thing, int | None] = {}  # None: ready; else the number of its time that counts
        self._numbers = count()

    def now(self, thing: Thing) -> None:
        """Make it ready, unless it is."""
        if self._entries.get(thing, -1) is not None:
            self._entries[thing] = None
            self._ready.append(thing)

    def at(self, thing: Thing, when: float) -> None:
        """Make it ready at a time, in place of any earlier plan for it; unless it is ready already."""
        if self._entries.get(thing, -1) is not None:
            number = self._entries[thing] = next(self._numbers)
            heapq.heappush(self._times, (when, number, thing))

    def ring(self, now: float) -> None:
        """Make everything ready whose time has come."""
        while (when := self.next_time) is not None and when <= now:
            self.now(heapq.heappop(self._times)[2])

    def take(self) -> Thing | None:
        """Remove the thing that has been ready for longest; None when nothing is."""
        while self._ready:
            thing = self._ready.popleft()
            if self._entries.get(thing, -1) is None:
                del self._entries[thing]
                return thing
        return None

    def forget(self, thing: Thing) -> None:
        """Remove a thing, if it is there."""
        if self._entries.pop(thing, -1) is None:
            self._ready.remove(thing)

    @property
    def has_ready(self) -> bool:
        """Whether anything is ready."""
        return bool(self._ready)

    @property
    def next_time(self) -> float | None:
        """The time at which the next thing becomes ready; None when none is planned."""
        while self._times and self._entries.get(self._times[0][2], -1) != self._times[0][1]:
            heapq.heappop(self._times)  # overtaken by another plan
        return self._times[0][0] if self._times else None
