"""The writer: one thread that owns the process's write connection and commits what is queued in groups.

A group shares one transaction and one fsync. A refused write (condition, validation) fails alone, before it changed a
row. A write that breaks in the middle is rolled back with its group, and the group runs again one by one.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, cast

from sqlalchemy.exc import DBAPIError

from cdc.model.errors import InternalServerError, ServiceError, ServiceUnavailable
from cdc.store.database import MANUAL_BEGIN
from cdc.store.sqlite import BUSY_TIMEOUT_MS, StoreError, dbapi2, is_environment
from cdc.store.transaction import Transaction, begin

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.model.catalog import Catalog
    from cdc.store.database import Database

log = logging.getLogger(__name__)
Result = TypeVar("Result")

GROUP_JOBS = 256
"""Writes a group holds at most: past 64 the fsync is already a small part of the cost."""
GROUP_BYTES = 4 << 20
"""Bytes of items a group holds at most, so that one commit stays in the tens of milliseconds."""
LINGER_SECONDS = 0.002
"""How long a group waits for more when nobody waits for it: a commit of its own costs as much as that of a whole group."""
GROUP_SECONDS = 0.02
"""How long a group runs before it commits what it has: the bound on how long one write waits for others."""
CHECKPOINT_PAGES = 2048
"""WAL pages (16 MiB) after which the writer checkpoints, when it has answered, and once more after each as many."""
RESTART_PAGES = 2 * CHECKPOINT_PAGES
"""WAL pages from which a checkpoint waits for readers, as the file would grow for as long as their reads overlap."""
RESTART_WAIT_MS = 50
"""How long it waits: many times a page's read; a backup or a check takes longer and must not hold the writes up."""
LOOK_EVERY_GROUPS = 16
LOOK_EVERY_BYTES = 1 << 20
"""How often the WAL's length is looked at, in groups or in bytes of items; the look costs 10 µs."""

INTERNAL = "Internal server error"
"""What a caller is told of a fault that the log explains."""


@dataclass(slots=True, eq=False)
class Job(Generic[Result]):
    """One write in the queue. `run` gets the open transaction; `notify` gets the group's finished jobs in one call."""

    run: Callable[[Transaction], Result]
    notify: Callable[[list[Job[Any]]], None]
    size_bytes: int = 0
    tag: Any = None  # the caller's own, untouched
    is_urgent: bool = True  # whether somebody waits for it; one that isn't may wait a little for others
    result: Result | None = None
    error: Exception | None = None


@dataclass(slots=True, eq=False)
class _Waiter:
    """Lets a thread wait for its job."""

    done: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _jobs: list[Job[Any]]) -> None:
        self.done.set()


class Writer:
    """Runs jobs in order, in groups, on a thread of its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._queue: SimpleQueue[Job[Any] | None] = SimpleQueue()
        self._listeners: list[Callable[[frozenset[int]], None]] = []
        self._post_listeners: list[Callable[[], None]] = []
        self._catalog_listeners: list[Callable[[], None]] = []
        self._groups = self._bytes = 0  # since the WAL's length was last looked at
        self._tried = self._copied = 0  # its pages at the last checkpoint, and those that were in the database then
        self._closed = False
        self._closing = threading.Lock()  # no job is queued behind the end
        self._catalog: Catalog | None = None  # as last committed by, or read in, this writer
        self._segment_bytes: dict[int, int] = {}
        self._connect()
        self._thread = threading.Thread(target=self._serve, name="cdc-writer", daemon=True)
        self._thread.start()

    def submit(self, *jobs: Job[Any]) -> None:
        """Queue jobs and return at once; their `notify` is called on the writer's thread after the commit."""
        self._database.check_usable()
        with self._closing:
            if self._closed:
                raise ServiceUnavailable("The database is closed")
            for job in jobs:
                self._queue.put(job)

    def call(self, run: Callable[[Transaction], Result], size_bytes: int = 0) -> Result:
        """Run one write and wait for its commit.

        Raises: what `run` raised; ServiceUnavailable when the disk or a lock refused the commit.
        """
        assert threading.current_thread() is not self._thread, "a write that waits for another would wait for ever"
        waiter = _Waiter()
        job: Job[Result] = Job(run, waiter, size_bytes)
        self.submit(job)
        waiter.done.wait()
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]  # None only where Result is None

    def listen(self, listener: Callable[[frozenset[int]], None]) -> None:
        """Have `listener` called after each commit that appended stream records, with the ids of their shards."""
        self._listeners.append(listener)

    def listen_for_posts(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each commit that put messages into the outbox."""
        self._post_listeners.append(listener)

    def listen_for_changes(self, listener: Callable[[], None]) -> None:
        """Have `listener` called after each commit that changed the catalogue."""
        self._catalog_listeners.append(listener)

    def close(self) -> None:
        """Finish what is queued, then stop the thread and close the connection."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
            self._queue.put(None)
        self._thread.join()
        self._disconnect()

    def _connect(self) -> None:
        # The driver's cursor begins and commits: SQLAlchemy's own way costs a single write 100 µs more.
        self._connection = self._database.writer_engine.connect().execution_options(**{MANUAL_BEGIN: True})
        self._dbapi = cast("Any", self._connection.connection.dbapi_connection)
        self._cursor = self._dbapi.cursor()

    def _disconnect(self) -> None:
        if self._connection.closed:
            return
        try:
            self._cursor.close()
            self._connection.close()
        except Exception:
            log.exception("closing the write connection failed")

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            group, stop = self._gather(job)
            self._groups += 1
            self._bytes += sum(each.size_bytes for each in group)
            while group:
                group = self._commit(group)
            looks = self._groups >= LOOK_EVERY_GROUPS or self._bytes >= LOOK_EVERY_BYTES
            if looks and not self._connection.closed:
                self._checkpoint_if_long()
            if stop:
                return

    def _gather(self, first: Job[Any]) -> tuple[list[Job[Any]], bool]:
        group, size_bytes, is_urgent = [first], first.size_bytes, first.is_urgent
        until = self._clock.monotonic() + LINGER_SECONDS
        while len(group) < GROUP_JOBS and size_bytes < GROUP_BYTES:
            try:
                job = self._queue.get_nowait() if is_urgent else self._await_until(until)
            except Empty:
                break
            if job is None:
                return group, True
            group.append(job)
            size_bytes += job.size_bytes
            is_urgent |= job.is_urgent
        return group, False

    def _await_until(self, until: float) -> Job[Any] | None:
        """Take what is queued next. Raises: Empty when nothing comes up to then."""
        return self._queue.get(timeout=max(0.0, until - self._clock.monotonic()))

    def _commit(self, group: list[Job[Any]]) -> list[Job[Any]]:
        """Run and commit the group; return the jobs that did not fit into its time."""
        try:
            done, rest, news = self._attempt(group)
        except _BrokenJobError as broken:
            log.warning("a write broke and was rolled back; its group runs again one by one", exc_info=broken.__cause__)
            done, rest, news = self._one_by_one(group)
        except Exception as error:  # noqa: BLE001  # whatever it is, whoever waits is told, and the thread lives
            self._fail(group, error)
            done, rest, news = group, [], _News()
        self._tell(done, news)
        return rest

    def _attempt(self, group: list[Job[Any]]) -> tuple[list[Job[Any]], list[Job[Any]], _News]:
        try:
            if self._connection.closed:  # since a failure
                self._connect()
            self._cursor.execute("BEGIN IMMEDIATE")
            transaction = begin(
                self._connection, self._cursor, self._clock.now_ms(), self._catalog, self._segment_bytes
            )
            epoch = transaction.counters.epoch
            deadline = self._clock.monotonic() + GROUP_SECONDS
            done = 0
            for job in group:
                self._run(job, transaction)
                done += 1
                if self._clock.monotonic() > deadline:
                    break
            _finish(transaction)
            self._cursor.execute("COMMIT")
            self._catalog = transaction.loaded_catalog
            has_changed_catalog = transaction.counters.epoch != epoch
        except BaseException:
            self._rollback()
            raise
        acts = tuple(transaction.after_commit)
        news = _News(frozenset(transaction.appended_shards), transaction.has_posted, has_changed_catalog, acts)
        return group[:done], group[done:], news

    def _run(self, job: Job[Any], transaction: Transaction) -> None:
        job.error = job.result = None
        changes = self._dbapi.total_changes
        sequence = transaction.counters.next_sequence
        try:
            job.result = job.run(transaction)
        except ServiceError as error:
            if self._dbapi.total_changes != changes or transaction.counters.next_sequence != sequence:
                raise _BrokenJobError from error
            job.error = error
        except Exception as error:
            if is_environment(error):
                raise  # disk full, I/O error, lock: the group's fate
            raise _BrokenJobError from error

    def _one_by_one(self, group: list[Job[Any]]) -> tuple[list[Job[Any]], list[Job[Any]], _News]:
        news = _News()
        for job in group:
            try:
                news |= self._attempt([job])[2]
            except _BrokenJobError as broken:
                cause = broken.__cause__
                job.result = None
                job.error = cause if isinstance(cause, ServiceError) else InternalServerError(INTERNAL)
            except Exception as error:  # noqa: BLE001  # as above
                self._fail([job], error)
        return group, [], news

    def _rollback(self) -> None:
        try:
            if not self._connection.closed and self._dbapi.in_transaction:
                self._cursor.execute("ROLLBACK")
        except dbapi2.Error:
            log.exception("rolling back failed; the next write opens another connection")
            self._disconnect()

    def _fail(self, group: list[Job[Any]], error: Exception) -> None:
        """Fail the whole group: its commit or the disk did, so nothing of it may count as written.

        The connection is closed, because its state is in doubt; the next write opens another.
        """
        environment = isinstance(error, dbapi2.Error | DBAPIError | StoreError)
        log.warning("%d writes failed and were rolled back: %s", len(group), error, exc_info=not environment)
        for job in group:
            job.result = None
            job.error = ServiceUnavailable(_explain(error)) if environment else InternalServerError(INTERNAL)
        self._disconnect()

    def _tell(self, done: list[Job[Any]], news: _News) -> None:
        by_target: dict[Callable[[list[Job[Any]]], None], list[Job[Any]]] = {}
        for job in done:
            by_target.setdefault(job.notify, []).append(job)
        for act in news.acts:
            _safely("what follows a commit", act)
        for notify, jobs in by_target.items():
            _safely("telling the outcome of a write", notify, jobs)
        for listener in self._listeners if news.shards else ():
            _safely("telling of new stream records", listener, news.shards)
        for post_listener in self._post_listeners if news.has_posted else ():
            _safely("telling of new messages in the outbox", post_listener)
        for catalog_listener in self._catalog_listeners if news.has_changed_catalog else ():
            _safely("telling of a change of the catalogue", catalog_listener)

    def _checkpoint_if_long(self) -> None:
        self._groups = self._bytes = 0
        try:
            _, pages, copied = self._pragma("wal_checkpoint(NOOP)")
            if copied < self._copied:  # the WAL has begun anew
                self._tried = self._copied = 0
            # A reader that stays in the WAL lets no checkpoint past its own place: no use in trying at each look.
            if pages - max(copied, self._tried) >= CHECKPOINT_PAGES:
                _, self._tried, self._copied = self._checkpoint(wait=pages >= RESTART_PAGES)
        except dbapi2.Error as error:
            log.warning("checkpointing the WAL failed: %s", error)

    def _checkpoint(self, *, wait: bool) -> tuple[int, ...]:
        """Copy the WAL into the database. The next write then begins the WAL anew, unless a reader is still in it."""
        if not wait:
            return self._pragma("wal_checkpoint(PASSIVE)")
        self._pragma(f"busy_timeout={RESTART_WAIT_MS}")
        try:
            return self._pragma("wal_checkpoint(RESTART)")
        finally:
            self._pragma(f"busy_timeout={BUSY_TIMEOUT_MS}")

    def _pragma(self, text: str) -> tuple[int, ...]:
        return cast("tuple[int, ...]", self._cursor.execute(f"PRAGMA {text}").fetchall()[0])


class _News(NamedTuple):
    """What a commit brought that others want to hear of."""

    shards: frozenset[int] = frozenset()  # that got records
    has_posted: bool = False  # messages are in the outbox
    has_changed_catalog: bool = False
    acts: tuple[Callable[[], None], ...] = ()  # what happens outside the database

    def __or__(self, other: _News) -> _News:
        return _News(
            self.shards | other.shards,
            self.has_posted or other.has_posted,
            self.has_changed_catalog or other.has_changed_catalog,
            self.acts + other.acts,
        )


class _BrokenJobError(Exception):
    """A job failed in its middle, or what it left to be written did; the cause is the exception."""


def _finish(transaction: Transaction) -> None:
    """Write what the jobs left to be written together; one of them is to blame if that can't be done."""
    try:
        transaction.finish()
    except Exception as error:
        if is_environment(error):
            raise
        raise _BrokenJobError from error


def _safely(what: str, act: Callable[..., object], *arguments: object) -> None:
    """Do something that the writer must survive."""
    try:
        act(*arguments)
    except Exception:
        log.exception("%s failed", what)


def _explain(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error)
    if "locked" in text or "busy" in text:
        return "The database file is locked by another process; try again"
    if "full" in text:
        return "The disk is full: nothing was written; free some space, then try again"
    return f"The database file can't be written ({text}); nothing was written"
