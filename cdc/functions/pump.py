"""Waits for several descriptors and a deadline on the calling thread."""

from __future__ import annotations

import math
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock


class Pump:
    """Calls a function for each descriptor that is ready, until what the caller waits for has come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], object]] = {}

    def add(self, fd: int, callback: Callable[[], object], events: int = select.POLLIN) -> None:
        """Call `callback` whenever the descriptor is ready; again for one already added: change its events."""
        self._poll.register(fd, events)
        self._callbacks[fd] = callback

    def remove(self, fd: int) -> None:
        """Forget a descriptor; one that isn't known is fine."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)

    def run_until(self, finished: Callable[[], bool], deadline: float | None = None) -> bool:
        """Return True once `finished`, False when the monotonic clock reaches the deadline before."""
        timeout_ms = None
        while not finished():
            if deadline is not None:
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    return False
                timeout_ms = math.ceil(left * 1000)
            self._turn(timeout_ms)
        return True

    def once(self) -> None:
        """Call what is ready at this moment."""
        self._turn(0)

    def _turn(self, timeout_ms: int | None) -> None:
        for fd, _ in self._poll.poll(timeout_ms):
            callback = self._callbacks.get(fd)
            if callback is not None:
                callback()
