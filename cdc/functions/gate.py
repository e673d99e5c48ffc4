"""The pause before another start of a function whose processes can't be started, so that a broken one does not spin."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdc.clock import Clock

PAUSE_SECONDS = 0.1
"""After the first failure; twice as long after each further one."""
PAUSE_SECONDS_MAX = 5.0
"""Short enough that who mended a function needn't wait for long."""


class StartGate:
    """Shared by the instances of one function: open at once while they start, later and later while they don't."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._open_at = 0.0
        self.error = ""
        """Why the last start failed; empty when it didn't."""

    @property
    def closed_seconds(self) -> float:
        """How long until the next start may be tried; 0 or less: at once."""
        with self._lock:
            return self._open_at - self._clock.monotonic() if self._failures else 0.0

    def failed(self, error: str) -> None:
        """Take notice of a process that ended, or gave up, before it was ready."""
        with self._lock:
            pause = min(PAUSE_SECONDS * 2.0 ** min(self._failures, 16), PAUSE_SECONDS_MAX)
            self._failures += 1
            self._open_at = self._clock.monotonic() + pause
            self.error = error

    def open(self) -> None:
        """Let the next start be tried at once: the last one succeeded, or the code has changed."""
        with self._lock:
            self._failures = 0
            self.error = ""
