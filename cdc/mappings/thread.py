"""The thread that drives the poller: it steps when something happened, when a time has come, or when the file changed."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cdc.mappings.poller import Poller
from cdc.mappings.surroundings import Surroundings
from cdc.store.changes import data_version
from cdc.store.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.mappings.lineage import Lineage
    from cdc.mappings.status import MappingState
    from cdc.mappings.surroundings import Invoker
    from cdc.model.options import Options
    from cdc.store.database import Database
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.005
"""How often the file is looked at for other processes' commits, while there are any."""
QUIET_LOOK_SECONDS = 0.02
"""The same when the file has not changed for a while: at every 5 ms, the looking alone takes over 1 % of a processor."""
QUIET_AFTER_SECONDS = 1.0
"""How long that while is."""
IDLE_LOOK_SECONDS = 0.5
"""The same when there is no mapping to deliver for."""
FAULT_SECONDS = 1.0
"""Pause after a fault of this thread's own work."""


class PollerThread:
    """Delivers for all mappings of a file, on a thread of its own, from `start` to `drain`."""

    def __init__(
        self,
        database: Database,
        writer: Writer,
        invoker: Invoker,
        *,
        clock: Clock,
        options: Options,
        new_request_id: Callable[[], str],
        jitter: Callable[[], float],
    ) -> None:
        """`new_request_id` makes UUIDs; `jitter` gives numbers from 0 to 1, evenly."""
        surroundings = Surroundings(
            database=database,
            reader=Reader(database, clock),
            submit=writer.submit,
            invoker=invoker,
            clock=clock,
            options=options,
            new_request_id=new_request_id,
            jitter=jitter,
        )
        self._poller = Poller(surroundings)
        self._database = database
        self._writer = writer
        self._clock = clock
        self._thread = threading.Thread(target=self._run, name="cdc-poller", daemon=True)
        self._end_at: float | None = None
        self._look_at = 0.0
        self._version: int | None = None
        self._quiet_at = 0.0

    def start(self) -> None:
        """Begin to deliver."""
        self._writer.listen(self._poller.committed)
        self._thread.start()

    def poke(self) -> None:
        """Take notice of changed mappings or functions, at once."""
        self._poller.poke()

    @property
    def lineage(self) -> Lineage:
        """The self-trigger guard, which is to be told what functions write."""
        return self._poller.lineage

    @property
    def steps(self) -> int:
        """How often something was done; `status` changes with it alone."""
        return self._poller.steps

    def status(self) -> tuple[MappingState, ...]:
        """Describe each mapping that is not removed, by name."""
        return self._poller.status()

    def drain(self, seconds: float) -> bool:
        """Start no more invocations, and end when those in flight are settled, or after so long.

        Return whether all were settled; the others are delivered again after the next start.
        """
        self._end_at = self._clock.monotonic() + seconds
        self._poller.drain()
        self._thread.join()
        return self._poller.busy == 0

    def hurry(self) -> None:
        """Have `drain` wait no longer."""
        self._end_at = self._clock.monotonic()
        self._poller.poke()

    def _run(self) -> None:
        while not self._is_over():
            try:
                self._rest(self._poller.step(self._clock.monotonic()))
            except Exception:
                log.exception("the poller failed, and goes on in a second")
                self._poller.inbox.wait(FAULT_SECONDS)
        self._poller.inbox.close()

    def _is_over(self) -> bool:
        if self._end_at is None:
            return False
        return self._poller.busy == 0 or self._clock.monotonic() >= self._end_at

    def _rest(self, wake_at: float | None) -> None:
        """Wait for a message, the time `wake_at`, a change of the file, or the end."""
        while True:
            now = self._clock.monotonic()
            if now >= self._look_at and self._has_changed(now):
                self._poller.file_changed()
            ends = [when for when in (wake_at, self._look_at, self._end_at) if when is not None]
            if self._poller.inbox.wait(min(ends) - now):
                return
            now = self._clock.monotonic()
            if any(when is not None and now >= when for when in (wake_at, self._end_at)):
                return

    def _has_changed(self, now: float) -> bool:
        version = data_version(self._database.reader())
        changed, self._version = version != self._version, version
        if changed:
            self._quiet_at = now + QUIET_AFTER_SECONDS
        if not self._poller.active:
            self._look_at = now + IDLE_LOOK_SECONDS
        else:
            self._look_at = now + (LOOK_SECONDS if now < self._quiet_at else QUIET_LOOK_SECONDS)
        return changed
