"""The thread that drives the dispatcher: it steps when something happened, or when a time has come."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cdc.mappings.outbox.couriers import Couriers
from cdc.mappings.outbox.dispatcher import Dispatcher, Surroundings

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.mappings.destinations.sending import Parcel
    from cdc.mappings.outbox.counters import OutboxCounters
    from cdc.store.database import Database
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)

FAULT_SECONDS = 1.0
"""Pause after a fault of this thread's own work."""


class OutboxThread:
    """Sends the messages of a file, on a thread of its own, from `start` to `drain`."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        send: Callable[[str, Parcel], None],
        *,
        clock: Clock,
        jitter: Callable[[], float],
        retry_seconds: float,
    ) -> None:
        """`send` takes a destination and a message, and raises SendError; `jitter` gives numbers from 0 to 1, evenly."""
        surroundings = Surroundings(
            database=database, submit=writer.submit, start=Couriers(send).start, clock=clock, jitter=jitter
        )
        self._dispatcher = Dispatcher(surroundings, retry_seconds)
        self._writer = writer
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="cdc-outbox", daemon=True)
        self._end_at: float | None = None

    def start(self) -> None:
        """Begin to send."""
        self._writer.listen_for_posts(self._dispatcher.posted)
        self._thread.start()

    def give_up_after(self, retry_seconds: float) -> None:
        """Give a message up that could not be sent for so long."""
        self._dispatcher.retry_seconds = retry_seconds

    def counters(self) -> dict[str, OutboxCounters]:
        """Tell what was done since the process began, by the name of the mapping."""
        return self._dispatcher.counters()

    def drain(self, seconds: float) -> bool:
        """Start no more attempts, and end when those under way are settled, or after so long.

        Return whether all were settled; the others are sent again after the next start.
        """
        self._end_at = self._clock.monotonic() + seconds
        self._dispatcher.drain()
        self._thread.join()
        return self._dispatcher.busy == 0

    def hurry(self) -> None:
        """Have `drain` wait no longer."""
        self._end_at = self._clock.monotonic()
        self._dispatcher.posted()

    def _run(self) -> None:
        while not self._is_over():
            now = self._clock.monotonic()
            try:
                wake_at = self._dispatcher.step(now)
            except Exception:
                log.exception("the outbox failed, and goes on in a second")
                wake_at = now + FAULT_SECONDS
            if not self._is_over():
                ends = [when for when in (wake_at, self._end_at) if when is not None]
                self._dispatcher.inbox.wait(min(ends) - now if ends else None)
        self._dispatcher.inbox.close()

    def _is_over(self) -> bool:
        if self._end_at is None:
            return False
        return self._dispatcher.busy == 0 or self._clock.monotonic() >= self._end_at
