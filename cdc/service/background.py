"""Work that goes on behind the operations: ending statuses, TTL of older items, backups, exports and imports."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cdc.tables import backups, exports, imports, lifecycle, restore, ttl

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.model.options import Options
    from cdc.store.reading import Reader
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)

REST_SECONDS = 0.005
"""After each step, which writes for some 5 ms: others have half of the writer's time at least."""
LOOK_SECONDS = 1.0
"""How often the file is looked at for work that another process left; its own wakes it at once."""


class Background:
    """The work of one file, in steps: each is a bounded write or a bounded read, and none is lost by a crash."""

    def __init__(self, writer: Writer, reader: Reader, clock: Clock, options: Callable[[], Options]) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        importing = imports.Imports()
        self._steps: dict[str, Callable[[], bool]] = {
            "ending the statuses of tables": self._settle,
            "giving older items their time": lambda: ttl.backfill_step(writer, reader),
            "copying tables": lambda: backups.copy_step(writer, reader),
            "restoring tables": lambda: restore.restore_step(writer, reader),
            "exporting": lambda: exports.export_step(writer, reader, options(), clock.now_ms()),
            "importing": lambda: importing.step(writer, reader, options()),
        }
        self.next_ms: int | None = None  # when a status is to end, as of the last step

    def step(self) -> bool:
        """Do some of what there is to do; tell whether there is more."""
        # Each has its turn in every step: none waits for the end of another, nor for what another stumbles over.
        outcomes = [_stepped(name, step) for name, step in self._steps.items()]
        return any(outcomes)

    def _settle(self) -> bool:
        self.next_ms = lifecycle.settle_step(self._writer, self._reader, self._clock.now_ms())
        return False

    def finish(self) -> None:
        """Do all that there is to do now."""
        while self.step():
            pass


def _stepped(name: str, step: Callable[[], bool]) -> bool:
    try:
        return step()
    except Exception:
        log.exception("%s failed; it is tried again", name)
        return False


class BackgroundThread:
    """Takes the steps on a thread of its own. One process a file does: the one that has the role of the API."""

    def __init__(self, background: Background, writer: Writer, clock: Clock) -> None:
        self._background = background
        self._clock = clock
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cdc-background", daemon=True)
        writer.listen_for_changes(self._wake.set)

    def start(self) -> None:
        """Begin with what is there."""
        self._thread.start()

    def stop(self) -> None:
        """End after the step in progress; the rest goes on after the next start."""
        self._stopped.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._wake.clear()
            if self._background.step():
                self._stopped.wait(REST_SECONDS)
            else:
                self._wake.wait(self._patience())

    def _patience(self) -> float:
        next_ms = self._background.next_ms
        if next_ms is None:
            return LOOK_SECONDS
        return min(max((next_ms - self._clock.now_ms()) / 1000, REST_SECONDS), LOOK_SECONDS)
