"""The dispatcher: a state machine that sends the messages of the outbox, one step at a time, at its driver's pace."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.mappings.backoff import MAX_SECONDS, delay_seconds
from cdc.mappings.destinations.sending import Parcel, SendError, UnsendableError
from cdc.mappings.inbox import Inbox
from cdc.mappings.outbox import outcomes
from cdc.mappings.outbox.counters import OutboxCounters
from cdc.mappings.outbox.line import LINE_FLIGHTS, Flight, Line
from cdc.store import outbox as store
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.model.outbox import Entry
    from cdc.store.database import Database

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
"""How often the outbox is looked at for what another process put there; a look costs some 20 µs."""
FLIGHTS = 64
"""Messages under way at most, beside one for each destination: the first to each never waits for another's."""
PATIENCE_SECONDS = 3600.0
"""After a start, nothing is given up for its age: a machine that was off, or has no network yet, says nothing of it."""
FAULT_SECONDS = 1.0
"""Pause after a step that failed as a whole."""


class _Posted(NamedTuple):
    """Messages were put into the outbox, or something else is worth a look."""


class _Landed(NamedTuple):
    """An attempt has ended; without an error, the destination has the message."""

    flight: Flight
    error: SendError | None


class _Written(NamedTuple):
    """Outcomes have been committed, or not; each job's tag is its flight."""

    jobs: list[Job[Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Store, senders, time and chance."""

    database: Database
    submit: Callable[[Job[Any]], None]
    """Queues a write; `Writer.submit`."""
    start: Callable[[str, Parcel, Callable[[SendError | None], None]], None]
    """Starts to send a message to a destination and returns at once; the callable is called once, by any thread."""
    clock: Clock
    jitter: Callable[[], float]
    """Gives numbers from 0 to 1, evenly."""


class Dispatcher:
    """Sends the messages of a file. One thread steps it; the other methods are for any thread.

    A message that fails waits longer each time; so does its destination, to which then one message at a time is tried.
    """

    def __init__(self, surroundings: Surroundings, retry_seconds: float) -> None:
        """`retry_seconds`: a message that could not be sent for so long is given up."""
        self.inbox: Inbox[_Posted | _Landed | _Written] = Inbox()
        self.retry_seconds = retry_seconds
        self._surroundings = surroundings
        self._lines: dict[str, Line] = {}
        self._lock = threading.Lock()
        self._look_at = float("-inf")
        self._began: float | None = None
        self._draining = False
        self._counters: dict[str, OutboxCounters] = defaultdict(OutboxCounters)
        self._notify = self._have_written  # one object, by which the writer groups its answers

    def posted(self) -> None:
        """Take notice of new messages; a listener of the writer."""
        self.inbox.put(_Posted())

    def drain(self) -> None:
        """Start no more attempts; those under way are settled as they end."""
        self._draining = True
        self.posted()

    @property
    def busy(self) -> int:
        """Messages that are being sent, or whose outcome is being written."""
        with self._lock:
            return self._flights

    @property
    def _flights(self) -> int:
        return sum(len(line.flights) for line in self._lines.values())

    def counters(self) -> dict[str, OutboxCounters]:
        """Tell what was done since the process began, by the name of the mapping."""
        with self._lock:
            return {name: replace(counters) for name, counters in self._counters.items()}

    def step(self, now: float) -> float | None:
        """Do what is to be done at `now`, in bounded time; return when to be called next, None when nothing is planned.

        Both are of the monotonic clock. Call it earlier as soon as the inbox has something.
        """
        with self._lock:
            self._began = now if self._began is None else self._began
            self._hear(now)
            self._write_again(now)
            if self._draining:
                return self._next_write()
            try:
                if now >= self._look_at:
                    self._look(now)
                for line in self._lines.values():
                    self._fill(line, now)
            except Exception:
                log.exception("the outbox can't be read, and will be looked at again")
                self._look_at = now + FAULT_SECONDS
            return self._next()

    # What others have said

    def _hear(self, now: float) -> None:
        for message in self.inbox.take():
            match message:
                case _Landed(flight, error):
                    self._settle(flight, error, now)
                case _Written(jobs):
                    for job in jobs:
                        self._written(job.tag, job.error, now)
                case _Posted():
                    self._look_at = now

    def _settle(self, flight: Flight, error: SendError | None, now: float) -> None:
        entry, line = flight.entry, flight.line
        counters = self._counters[entry.mapping_name]
        counters.failures += error is not None
        if error is None:
            counters.delivered += entry.records
            if line.failures:
                log.info("destination %s takes messages again", line.destination)
            line.succeeded()
            flight.write = outcomes.sent(entry)
        elif isinstance(error, UnsendableError):
            self._say_given_up(entry, error)
            flight.write = outcomes.given_up(entry, str(error))
        else:
            line.failed(flight, now, self._surroundings.jitter())
            flight.write = self._after_failure(entry, error, now)
        self._submit(flight, now)

    def _after_failure(self, entry: Entry, error: SendError, now: float) -> Callable[..., object]:
        now_ms = self._surroundings.clock.now_ms()
        old_ms = now_ms - round(self.retry_seconds * 1000)
        if entry.pending_since_ms <= old_ms and self._is_patient_no_longer(now):
            self._say_given_up(entry, error)
            return outcomes.given_up_for_age(entry, str(error), old_ms)
        log.warning("message %s was not sent to %s: %s", entry.message_id, entry.destination, error)
        wait = delay_seconds(entry.attempts + 1, self._surroundings.jitter())
        return outcomes.failed(entry, str(error), now_ms + round(wait * 1000))

    def _is_patient_no_longer(self, now: float) -> bool:
        assert self._began is not None
        return now - self._began >= min(PATIENCE_SECONDS, self.retry_seconds)

    def _say_given_up(self, entry: Entry, error: SendError) -> None:
        self._counters[entry.mapping_name].dropped += entry.records
        log.error(
            "message %s to %s is given up, and kept: %s (`cdc outbox retry` has it tried again)",
            entry.message_id,
            entry.destination,
            error,
        )

    # Outcomes on their way to disk

    def _submit(self, flight: Flight, now: float) -> None:
        assert flight.write is not None
        flight.write_at = None
        try:
            self._surroundings.submit(Job(flight.write, self._notify, tag=flight))
        except Exception as error:  # noqa: BLE001  # the writer is closed
            self._written(flight, error, now)

    def _have_written(self, jobs: list[Job[Any]]) -> None:
        self.inbox.put(_Written(jobs))

    def _written(self, flight: Flight, error: Exception | None, now: float) -> None:
        if error is not None:  # sent or not: until that is on disk, it holds its place, so that no other is sent
            flight.troubles += 1
            flight.write_at = now + delay_seconds(flight.troubles, self._surroundings.jitter())
            log.warning("the outbox can't be written, and will be tried again: %s", error)
            return
        del flight.line.flights[flight.entry.id]
        flight.line.look_at = now

    def _write_again(self, now: float) -> None:
        for line in self._lines.values():
            for flight in line.flights.values():
                if flight.write_at is not None and flight.write_at <= now:
                    self._submit(flight, now)

    # What is to be sent

    def _look(self, now: float) -> None:
        """Find the destinations that have messages waiting."""
        waiting = set(store.pending_destinations(self._surroundings.database.reader()))
        for destination in waiting:
            self._lines.setdefault(destination, Line(destination)).look_at = now
        for line in list(self._lines.values()):
            if line.destination not in waiting and not line.flights:
                del self._lines[line.destination]
        self._look_at = now + LOOK_SECONDS

    def _fill(self, line: Line, now: float) -> None:
        """Start what is due on a line, as far as there is room."""
        if line.look_at is None or now < line.look_at:
            return
        if line.rest_until is not None and now < line.rest_until:
            line.look_at = line.rest_until
            return
        line.look_at = None
        now_ms = self._surroundings.clock.now_ms()
        for entry in self._upcoming(line):
            if line.room <= 0 or (line.flights and self._flights >= FLIGHTS):
                return
            wait = (entry.next_attempt_ms - now_ms) / 1000
            if 0 < wait <= MAX_SECONDS:  # more was never planned: the clock has gone back since
                line.look_at = now + wait
                return
            self._launch(line, entry)

    def _upcoming(self, line: Line) -> list[Entry]:
        connection = self._surroundings.database.reader()
        rows = store.upcoming(connection, line.destination, len(line.flights) + LINE_FLIGHTS + 1)
        return [entry for entry in rows if entry.id not in line.flights]

    def _launch(self, line: Line, entry: Entry) -> None:
        flight = line.flights[entry.id] = Flight(entry, line, line.failures)
        done = partial(self._done, flight)
        try:
            payload = store.load_payload(self._surroundings.database.reader(), entry)
            parcel = Parcel(entry.message_id, payload, entry.object_key)
            self._surroundings.start(entry.destination, parcel, done)
        except store.DamagedError as error:
            done(UnsendableError(str(error)))
        except Exception as error:
            log.exception("sending message %s could not begin", entry.message_id)
            done(SendError(f"{type(error).__name__}: {error}"))

    def _done(self, flight: Flight, error: SendError | None) -> None:
        self.inbox.put(_Landed(flight, error))

    # When to go on

    def _next(self) -> float:
        times = [*(line.look_at for line in self._lines.values()), self._next_write()]
        return min((when for when in times if when is not None), default=self._look_at)

    def _next_write(self) -> float | None:
        flights = (flight for line in self._lines.values() for flight in line.flights.values())
        return min((flight.write_at for flight in flights if flight.write_at is not None), default=None)
