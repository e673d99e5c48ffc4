"""A dispatcher on a real file, stepped by hand: a clock that stands still, destinations that do what the test says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdc.clock import ManualClock
from cdc.mappings.outbox.dispatcher import Dispatcher, Surroundings
from cdc.model.outbox import Message
from cdc.store import outbox
from cdc.store.database import open_database
from cdc.store.writer import Job, Writer
from tests.unit.mappings.stepping import Stepped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cdc.mappings.destinations.sending import Parcel, SendError
    from cdc.model.errors import ServiceError
    from cdc.model.outbox import Entry

A, B = "file:/a", "file:/b"
HOUR = 3600.0
RETRY_SECONDS = 2 * HOUR  # an hour beyond the dispatcher's patience after a start


@dataclass
class Sending:
    """An attempt that the test ends, or that was ended."""

    destination: str
    parcel: Parcel
    done: Callable[[SendError | None], None]
    at: float

    @property
    def id(self) -> str:
        return self.parcel.message_id


class Desk(Stepped):
    """Everything around a dispatcher. `restart` leaves the file as it is, as a crash does."""

    def __init__(self, path: Path, jitter: float = 0.0) -> None:
        self.path = path
        self.clock = ManualClock()
        self.jitter = jitter
        self.answer: Callable[[Sending], SendError | str | None] = lambda _: None  # a text leaves the attempt open
        self.attempts: list[Sending] = []
        self.store_error: ServiceError | None = None  # of every outcome's write while it is set
        self.hold_writes = False
        self.start()

    def start(self) -> None:
        self.database = open_database(self.path)
        self.writer = Writer(self.database, self.clock)
        self.queue: list[Job[Any]] = []
        self.machine = self.dispatcher = Dispatcher(
            Surroundings(
                database=self.database,
                submit=self.queue.append,
                start=self.send,
                clock=self.clock,
                jitter=lambda: self.jitter,
            ),
            RETRY_SECONDS,
        )
        self.writer.listen_for_posts(self.dispatcher.posted)
        self.wake_at: float | None = 0.0

    def stop(self) -> None:
        self.writer.close()
        self.database.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def add(self, message_id: str, destination: str = A, payload: bytes = b"{}", **more: Any) -> None:
        """Put a message into the outbox, as the transaction of a discarded batch does."""
        message = Message(
            message_id=message_id, destination=destination, payload=payload, mapping_name="m", records=1, **more
        )
        self.writer.call(lambda transaction: outbox.add(transaction, message))
        self.writer.call(lambda _: None)  # listeners hear of a commit before the next begins

    def send(self, destination: str, parcel: Parcel, done: Callable[[SendError | None], None]) -> None:
        attempt = Sending(destination, parcel, done, self.clock.monotonic())
        self.attempts.append(attempt)
        answer = self.answer(attempt)
        if not isinstance(answer, str):
            done(answer)

    def entry(self, message_id: str) -> Entry:
        with self.database.reading() as connection:
            found = outbox.load_entry(connection, message_id)
        assert found is not None
        return found

    def states(self) -> dict[str, str]:
        with self.database.reading() as connection:
            return {each.message_id: each.state for each in outbox.load_entries(connection)}

    @property
    def ids(self) -> list[str]:
        """The ids of all attempts."""
        return [attempt.id for attempt in self.attempts]
