"""The only place that asks the system for the time; everything else is handed a clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_text(ms: int, form: str) -> str:
    """Write a time, in milliseconds since 1970, in a form of `strftime`, in UTC."""
    return f"{_EPOCH + timedelta(milliseconds=ms):{form}}"


class Clock(Protocol):
    """A source of time. Wall time may jump; monotonic time never goes backwards."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, for intervals and deadlines."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds from an arbitrary start."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Let the thread wait; for programs that have nothing else to wait for."""
        time.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is told to move, for tests and simulations."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic = 0.0

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return self._now_ms

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._now_ms += round(seconds * 1000)
        self._monotonic += seconds

    def set_wall_ms(self, now_ms: int) -> None:
        """Set the wall clock alone, as an administrator or NTP does; it may go backwards."""
        self._now_ms = now_ms
