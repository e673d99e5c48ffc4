"""What the outbox has done for one mapping since the process began."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class OutboxCounters:
    """Sends of messages about a mapping's discarded batches."""

    delivered: int = 0  # records, in messages that were sent
    failures: int = 0  # attempts that failed
    dropped: int = 0  # records, in messages that were given up
