"""Counts the invocations that come from outside, by function, since the process began; mappings count their own."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cdc.model.functions import Outcome


@dataclass(slots=True)
class RequestCounts:
    """What those of one function have come to."""

    invocations: int = 0  # that were taken
    errors: int = 0  # invocations that failed
    throttles: int = 0  # that were refused, as the function had no instance left for them
    finished: int = 0  # invocations that ended
    duration_ms: float = 0.0  # of these


class RequestCounters:
    """The counts of all functions. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, RequestCounts] = {}

    def taken(self, name: str) -> None:
        """Count an invocation that is to be run."""
        with self._lock:
            self._of(name).invocations += 1

    def refused(self, name: str) -> None:
        """Count one for which the function has no instance left."""
        with self._lock:
            self._of(name).throttles += 1

    def ended(self, name: str, outcome: Outcome) -> None:
        """Count what a taken one has come to."""
        with self._lock:
            counts = self._of(name)
            counts.finished += 1
            counts.errors += not outcome.ok and outcome.reached
            counts.duration_ms += outcome.duration_ms

    def counts(self) -> dict[str, RequestCounts]:
        """Return a copy of the counts, by function."""
        with self._lock:
            return {name: replace(counts) for name, counts in self._counts.items()}

    def _of(self, name: str) -> RequestCounts:
        return self._counts.setdefault(name, RequestCounts())
