"""Runs the invocations that were accepted to be run in the background, tried again as Lambda does."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

from cdc.model.errors import ServiceError
from cdc.model.functions import Invocation, TooManyRequestsError, UnknownFunctionError
from cdc.store import waiting_invocations as store
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.functions.manager import Functions
    from cdc.model.functions import Outcome
    from cdc.model.uploads import WaitingInvocation
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

    Unstored = tuple[WaitingInvocation, Callable[[Transaction], None]]

log = logging.getLogger(__name__)

RETRIES = 2
"""Of an invocation whose function failed, Lambda's default; the second one after twice the time."""
AGE_MAX_MS = 6 * 3_600_000
"""Lambda's default: an invocation that was not run for so long is given up."""
IN_FLIGHT = 10
"""Of a function at once, as many as it may have instances."""
LOOK_SECONDS = 1.0
"""How often the file is looked at for what another process has accepted, and what could not be begun is tried again."""


class Background:
    """Runs waiting invocations on a thread of its own, from `start` to `drain`. Each runs at least once."""

    def __init__(
        self, database: Database, writer: Writer, functions: Functions, *, clock: Clock, retry_seconds: float
    ) -> None:
        """`retry_seconds` pass before the first retry."""
        self._database = database
        self._writer = writer
        self._functions = functions
        self._clock = clock
        self._retry_ms = round(retry_seconds * 1000)
        self._lock = threading.Lock()
        self._in_flight: dict[int, str] = {}  # names of their functions, by the invocations' ids
        self._unstored: list[Unstored] = []  # what became of invocations, whose commit has failed
        self._wake = threading.Event()
        self._stopping = self._hurried = False
        self._thread = threading.Thread(target=self._run, name="cdc-background", daemon=True)

    def start(self) -> None:
        """Begin to run what waits."""
        self._thread.start()

    def poke(self) -> None:
        """Take notice of a new invocation, or of a function that there is by now."""
        self._wake.set()

    def drain(self, seconds: float) -> bool:
        """Begin no more, and wait so long for those in flight; tell whether all have ended.

        The others are run again after the next start.
        """
        deadline = self._clock.monotonic() + seconds
        self._stopping = True
        self._wake.set()
        self._thread.join()
        while self.in_flight and not self._hurried and (left := deadline - self._clock.monotonic()) > 0:
            self._wake.wait(left)
            self._wake.clear()
        return not self.in_flight

    def hurry(self) -> None:
        """Have `drain` wait no longer."""
        self._hurried = True
        self._wake.set()

    @property
    def in_flight(self) -> int:
        """Invocations that run, or whose outcome is not stored yet."""
        with self._lock:
            return len(self._in_flight)

    def step(self) -> float:
        """Begin what is due and fits; return how many seconds may pass before the next step."""
        for waiting, run in self._take_unstored():
            self._store(waiting, run)
        if not store.exist(self._database.reader()):
            return LOOK_SECONDS
        now_ms = self._clock.now_ms()
        with self._database.reading() as connection:
            due = {name: self._due(connection, name, now_ms) for name in store.functions(connection)}
            later_ms = store.next_attempt_ms(connection, now_ms)
        for name, invocations in due.items():
            self._begin_all(name, invocations, now_ms)
        return LOOK_SECONDS if later_ms is None else min(LOOK_SECONDS, (later_ms - now_ms) / 1000)

    def _due(self, connection: Any, name: str, now_ms: int) -> list[WaitingInvocation]:
        with self._lock:
            taken = [each for each, function in self._in_flight.items() if function == name]
        return store.load_due(connection, name, now_ms, taken, IN_FLIGHT - len(taken))

    def _begin_all(self, name: str, due: list[WaitingInvocation], now_ms: int) -> None:
        """Begin invocations of one function, as long as it takes them. What can't be begun is no attempt."""
        there = self._functions.has_function(name)
        for waiting in due:
            with self._lock:
                self._in_flight[waiting.id] = name
            if now_ms - waiting.created_ms > AGE_MAX_MS:
                self._give_up(waiting, "it is older than 6 hours")
            elif not there or not self._begin(waiting):
                there = False
                self._forget(waiting)

    def _begin(self, waiting: WaitingInvocation) -> bool:
        invocation = Invocation(
            function_name=waiting.function_name,
            request_id=waiting.request_id,
            event=waiting.payload,
            client_context=waiting.client_context,
        )
        try:
            self._functions.request(invocation, lambda outcome: self._ended(waiting, outcome))
        except (TooManyRequestsError, UnknownFunctionError):  # busy with other callers' invocations, or deleted
            return False
        return True

    def _run(self) -> None:
        while not self._stopping:
            self._wake.clear()
            try:
                seconds = self.step()
            except Exception:
                log.exception("invocations in the background could not be begun; tried again in a second")
                seconds = LOOK_SECONDS
            if not self._stopping:
                self._wake.wait(seconds)

    def _ended(self, waiting: WaitingInvocation, outcome: Outcome) -> None:
        attempts = waiting.attempts + 1
        if outcome.ok:
            self._store(waiting, lambda transaction: store.settle(transaction, waiting.id))
        elif not outcome.reached:  # it is begun again, by the next process if this one stops
            self._forget(waiting)
        elif attempts > RETRIES:
            self._give_up(waiting, f"attempt {attempts} failed: {outcome.error_type}: {outcome.error_message}")
        else:
            log.warning(
                "function %s failed at an invocation in the background, attempt %d, request %s: %s: %s",
                *(waiting.function_name, attempts, waiting.request_id, outcome.error_type, outcome.error_message),
            )
            self._postpone(waiting, attempts, self._retry_ms * attempts)

    def _postpone(self, waiting: WaitingInvocation, attempts: int, ms: int) -> None:
        next_ms = self._clock.now_ms() + ms
        self._store(waiting, lambda transaction: store.postpone(transaction, waiting.id, attempts, next_ms))

    def _give_up(self, waiting: WaitingInvocation, why: str) -> None:
        log.error(
            "an invocation of function %s in the background is given up, request %s: %s",
            *(waiting.function_name, waiting.request_id, why),
        )
        self._store(waiting, lambda transaction: store.settle(transaction, waiting.id))

    def _store(self, waiting: WaitingInvocation, run: Callable[[Transaction], None]) -> None:
        """Commit what became of an invocation; until then it counts as in flight, so that it is not begun again."""
        job = Job(run, lambda jobs: self._stored(waiting, jobs[0]))
        try:
            self._writer.submit(job)
        except ServiceError as error:
            job.error = error
            self._stored(waiting, job)

    def _stored(self, waiting: WaitingInvocation, job: Job[None]) -> None:
        if job.error is None:
            self._forget(waiting)
            self._wake.set()
            return
        log.warning(
            "what became of an invocation of function %s could not be stored, and is tried again, request %s: %s",
            *(waiting.function_name, waiting.request_id, job.error),
        )
        with self._lock:
            self._unstored.append((waiting, job.run))

    def _take_unstored(self) -> list[Unstored]:
        with self._lock:
            taken, self._unstored = self._unstored, []
        return taken

    def _forget(self, waiting: WaitingInvocation) -> None:
        with self._lock:
            self._in_flight.pop(waiting.id, None)
