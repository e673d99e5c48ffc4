"""What one instance waits for: its descriptors on the loop of all functions, a deadline, and a condition."""

from __future__ import annotations

import logging
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from cdc.clock import Clock


class Pump:
    """Calls a function for each descriptor that is ready, and tells who waits when the condition holds.

    For the loop's thread alone, but for the constructor.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Clock) -> None:
        self._loop = loop
        self._clock = clock
        self._poll = select.poll()
        self._callbacks: dict[int, Callable[[], object]] = {}
        self._writing: set[int] = set()
        self._finished: Callable[[], bool] = _never
        self._waiter: asyncio.Future[bool] | None = None

    def add(self, fd: int, callback: Callable[[], object], *, writing: bool = False) -> None:
        """Call `callback` whenever the descriptor is readable, or, while `writing`, writable; again: change that."""
        known = fd in self._callbacks
        self._callbacks[fd] = callback
        if known and writing == (fd in self._writing):
            return
        self._poll.register(fd, select.POLLIN | (select.POLLOUT if writing else 0))
        if not known:
            self._loop.add_reader(fd, self._call, fd)
        if writing:
            self._writing.add(fd)
            self._loop.add_writer(fd, self._call, fd)
        elif fd in self._writing:
            self._writing.remove(fd)
            self._loop.remove_writer(fd)

    def remove(self, fd: int) -> None:
        """Forget a descriptor, before it is closed; one that isn't known is fine."""
        if self._callbacks.pop(fd, None) is not None:
            self._poll.unregister(fd)
            self._loop.remove_reader(fd)
            if fd in self._writing:
                self._writing.remove(fd)
                self._loop.remove_writer(fd)

    def clear(self) -> None:
        """Forget all descriptors."""
        for fd in list(self._callbacks):
            self.remove(fd)

    def later(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call `callback` once, after so long."""
        self._loop.call_later(seconds, self._run, callback)

    async def run_until(self, finished: Callable[[], bool], deadline: float | None = None) -> bool:
        """Return True once `finished`, False when the monotonic clock reaches the deadline before.

        `finished` is asked after each callback and each `look`. Raises what a callback raises.
        """
        if finished():
            return True
        assert self._waiter is None, "an instance waits for one thing at a time"
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiter = waiter
        self._finished = finished
        timer = None
        if deadline is not None:
            timer = self._loop.call_later(max(0.0, deadline - self._clock.monotonic()), self._late)
        try:
            return await waiter
        finally:
            self._waiter, self._finished = None, _never
            if timer is not None:
                timer.cancel()

    def look(self) -> None:
        """Ask whether what is waited for has come: something else than a descriptor has changed."""
        waiter = self._waiter
        if waiter is not None and not waiter.done() and self._finished():
            waiter.set_result(True)

    def once(self) -> None:
        """Call what is ready at this moment, without waiting for the loop's turn."""
        for fd, _ in self._poll.poll(0):
            self._call(fd)

    def _call(self, fd: int) -> None:
        callback = self._callbacks.get(fd)
        if callback is not None:
            self._run(callback)

    def _run(self, callback: Callable[[], object]) -> None:
        try:
            callback()
        except Exception as error:
            if self._waiter is None or self._waiter.done():
                logging.getLogger(__name__).exception("an idle instance of a function failed")
            else:
                self._waiter.set_exception(error)
        else:
            self.look()

    def _late(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(False)


def _never() -> bool:
    return False
