"""Request ids of invocations: UUIDs of version 4, as Lambda's are."""

from __future__ import annotations

import os
from collections import deque

BATCH = 256
"""Made at once: asking the system for chance lets other threads run, which a busy poller pays for each time."""
_VARIANTS = "89ab"


class RequestIds:
    """Gives one id after the other; for one thread."""

    def __init__(self) -> None:
        self._made: deque[str] = deque()

    def __call__(self) -> str:
        """Return a new id."""
        if not self._made:
            chance = os.urandom(16 * BATCH).hex()
            self._made.extend(_uuid(chance[start : start + 32]) for start in range(0, len(chance), 32))
        return self._made.popleft()


def _uuid(digits: str) -> str:
    variant = _VARIANTS[int(digits[16], 16) % 4]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
