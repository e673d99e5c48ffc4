"""Waiting for what a daemon does by itself: polling with a deadline."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cdc.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.02


def eventually(look: Callable[[], Found]) -> Found:
    """Look until there is something, and return it; fail when there is nothing for too long."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        if clock.monotonic() > deadline:
            raise AssertionError(f"nothing after {PATIENCE_SECONDS:.0f} s: {found!r}")
        clock.sleep(PAUSE_SECONDS)
    return found
