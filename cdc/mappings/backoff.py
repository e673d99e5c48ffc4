"""How long to wait before a batch, or the write of its checkpoint, is tried again."""

from __future__ import annotations

FIRST_SECONDS = 0.25
"""Before the first retry: short, as many failures are over at once."""
MAX_SECONDS = 60.0
"""Before any retry: Lambda was seen to end at about a minute."""


def delay_seconds(failures: int, chance: float) -> float:
    """Wait after so many failures in a row (at least 1): doubles each time up to a minute.

    `chance`, from 0 to 1, takes up to half of it away, so that batches that failed together don't return together.
    """
    doublings = min(failures - 1, 16)  # the bound is reached after 8
    whole = min(FIRST_SECONDS * (1 << doublings), MAX_SECONDS)
    return whole * (1 - chance / 2)
