"""A line: the way to one destination, with what is under way on it and how it fares."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdc.mappings.backoff import delay_seconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.outbox import Entry
    from cdc.store.transaction import Transaction

LINE_FLIGHTS = 4
"""Messages under way to one destination at most: enough to outrun a function that fails at every batch."""


@dataclass(slots=True, eq=False)
class Line:
    """One destination."""

    destination: str
    flights: dict[int, Flight] = field(default_factory=dict)  # by the message's id in the file
    failures: int = 0  # attempts in a row that failed, those that failed together counted once
    rest_until: float | None = None  # after a failure, monotonic seconds
    look_at: float | None = None  # when to look for messages that are due; None: when something happens

    @property
    def room(self) -> int:
        """How many messages may be sent now, beside those that are: one at a time as long as they fail."""
        return (1 if self.failures else LINE_FLIGHTS) - len(self.flights)

    def succeeded(self) -> None:
        """Note that the destination took a message."""
        self.failures, self.rest_until = 0, None

    def failed(self, flight: Flight, now: float, chance: float) -> None:
        """Note that an attempt failed, and let the destination rest; longer each time, up to a minute."""
        if flight.failures_before == self.failures:
            self.failures += 1
            self.rest_until = now + delay_seconds(self.failures, chance)


@dataclass(slots=True, eq=False)
class Flight:
    """A message that is being sent, or whose outcome is being written."""

    entry: Entry
    line: Line
    failures_before: int  # of the line, when it began
    write: Callable[[Transaction], object] | None = None  # of the outcome, once there is one
    troubles: int = 0  # failures in a row of that write
    write_at: float | None = None  # when to try it again, monotonic seconds
