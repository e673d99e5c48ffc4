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
        self._deadline: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

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
        """Forget all descriptors, and the timer."""
        for fd in list(self._callbacks):
            self.remove(fd)
        if self._timer is not None and self._waiter is None:
            self._timer.cancel()
            self._timer = None

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
        self._deadline = deadline
        if deadline is not None and (self._timer is None or deadline < self._rings_at):
            self._ring_at(deadline)
        try:
            return await waiter
        finally:
            self._waiter, self._finished, self._deadline = None, _never, None

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

    def _ring_at(self, deadline: float) -> None:
        """Set the timer, which is left as it is by waits that end earlier: most do, and setting one takes longest of all."""
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - self._clock.monotonic()), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._waiter is None or self._waiter.done() or self._deadline is None:
            return
        if self._rings_at >= self._deadline:
            self._waiter.set_result(False)
        else:
            self._ring_at(self._deadline)


def _never() -> bool:
    return False
