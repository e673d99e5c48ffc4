"""The writer: groups share a transaction, a write fails alone, and everybody is told once."""

from __future__ import annotations

import logging
import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cdc.model.errors import (
    ConditionalCheckFailedException,
    InternalServerError,
    ServiceUnavailable,
    ValidationException,
)
from cdc.model.outbox import Message
from cdc.store import outbox
from cdc.store import writer as writer_module
from cdc.store.catalog import table_size
from cdc.store.records import next_sequence
from cdc.store.transaction import begin
from cdc.store.writer import Job, Writer
from tests.unit.store.files import create_table, item_of, opened, put, stored_records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.store.transaction import Transaction


class Gate:
    """Holds the writer inside a write, so that what is queued meanwhile makes one group."""

    def __init__(self, writer: Writer) -> None:
        self._entered, self._open = threading.Event(), threading.Event()
        writer.submit(Job(self._run, lambda _jobs: None))
        assert self._entered.wait(10)

    def _run(self, _transaction: Transaction) -> None:
        self._entered.set()
        assert self._open.wait(10)

    def open(self) -> None:
        self._open.set()


@pytest.fixture
def commits(writer) -> Iterator[list[int]]:
    """Count the writes of each group."""
    groups: list[int] = []
    attempt = writer._attempt

    def counted(group):
        result = attempt(group)
        groups.append(len(result[0]))
        return result

    writer._attempt = counted
    yield groups
    del writer._attempt


def run_together(writer: Writer, *runs: Callable[[Transaction], Any], size_bytes: int = 0) -> list[Job[Any]]:
    """Run writes that are queued at the same moment; return their jobs when all are done."""
    jobs: list[Job[Any]] = []
    done = threading.Semaphore(0)
    gate = Gate(writer)
    for run in runs:
        job = Job(run, lambda finished: done.release(len(finished)), size_bytes)
        jobs.append(job)
        writer.submit(job)
    gate.open()
    for _ in runs:
        assert done.acquire(timeout=10)
    return jobs


def put_one(pk: str) -> Callable[[Transaction], None]:
    return partial(put, name="t", item=item_of(pk))


def refuse(_transaction: Transaction) -> None:
    raise ConditionalCheckFailedException


def put_and_fail(error: Exception) -> Callable[[Transaction], None]:
    def run(transaction: Transaction) -> None:
        put(transaction, "t", item_of("broken"))
        raise error

    return run


def keys(database) -> list[str]:
    rows = database.reader().execute("SELECT json_extract(item, '$.pk.S') FROM items ORDER BY id").fetchall()
    return [key for (key,) in rows]


def recorded(database) -> list[str]:
    return [orjson.loads(record.change)["Keys"]["pk"]["S"] for record in stored_records(database)]


def test_what_is_queued_together_is_one_transaction(writer, database, commits):
    writer.call(create_table)
    versions = [database.reader().execute("PRAGMA data_version").fetchone()]
    run_together(writer, *(put_one(f"k{number}") for number in range(50)))
    versions.append(database.reader().execute("PRAGMA data_version").fetchone())
    assert commits == [1, 1, 50]  # the table, the gate, and all
    assert len(keys(database)) == 50
    assert versions[0] != versions[1]


def test_writes_run_in_the_order_they_were_queued_and_see_those_before(writer, database):
    writer.call(create_table)
    seen = run_together(
        writer, *(lambda transaction: (transaction.allocate_sequence(), transaction.allocate_sequence()) for _ in "abc")
    )
    numbers = [number for job in seen for number in job.result or ()]
    assert numbers == list(range(numbers[0], numbers[0] + 6))
    run_together(writer, *map(put_one, "cab"))
    assert recorded(database) == ["c", "a", "b"]


def test_a_write_returns_its_result(writer):
    assert writer.call(lambda _transaction: "result") == "result"


def test_a_refused_write_fails_alone(writer, database, commits):
    table_id = writer.call(create_table)
    jobs = run_together(writer, put_one("a"), refuse, put_one("b"))
    assert [type(job.error) for job in jobs] == [type(None), ConditionalCheckFailedException, type(None)]
    assert keys(database) == recorded(database) == ["a", "b"]
    assert commits[-1] == 3
    with database.reading() as connection:
        assert table_size(connection, table_id) == (2, 6)


@pytest.mark.parametrize(
    ("error", "told"),
    [(ZeroDivisionError(), InternalServerError), (ValidationException("late"), ValidationException)],
    ids=["a fault", "a refusal after a change"],
)
def test_a_write_that_breaks_after_a_change_is_undone_alone(error, told, writer, database):
    table_id = writer.call(create_table)
    jobs = run_together(writer, put_one("a"), put_and_fail(error), put_one("b"))
    assert [type(job.error) for job in jobs] == [type(None), told, type(None)]
    assert keys(database) == recorded(database) == ["a", "b"]
    with database.reading() as connection:
        assert table_size(connection, table_id) == (2, 6)


def test_a_write_that_breaks_leaves_the_catalogue_and_the_counters_as_they_were(writer, database):
    def create_and_break(transaction):
        create_table(transaction, "broken")
        raise ZeroDivisionError

    before = next_sequence(database.reader())
    jobs = run_together(writer, partial(create_table, name="a"), create_and_break, partial(create_table, name="b"))
    assert [type(job.error) for job in jobs] == [type(None), InternalServerError, type(None)]
    catalog = writer.call(lambda transaction: transaction.catalog)
    assert set(catalog.tables) == {"a", "b"}
    assert len(catalog.streams) == 2
    assert next_sequence(database.reader()) == before + 4  # two tables of two shards


def test_a_statement_that_breaks_fails_its_write_alone(writer, database):
    writer.call(create_table)
    wrong = partial(lambda transaction: transaction.cursor.execute("INSERT INTO state SELECT * FROM state"))
    jobs = run_together(writer, put_one("a"), wrong, put_one("b"))
    assert [type(job.error) for job in jobs] == [type(None), InternalServerError, type(None)]
    assert keys(database) == ["a", "b"]


def test_a_group_is_bounded_in_writes(writer, commits, monkeypatch):
    monkeypatch.setattr(writer_module, "GROUP_JOBS", 4)
    run_together(writer, *(lambda _transaction: None for _ in range(10)))
    assert commits == [1, 4, 4, 2]


def test_a_group_is_bounded_in_bytes(writer, commits, monkeypatch):
    monkeypatch.setattr(writer_module, "GROUP_BYTES", 1000)
    run_together(writer, *(lambda _transaction: None for _ in range(7)), size_bytes=400)
    assert commits == [1, 3, 3, 1]


def test_a_group_is_bounded_in_time(writer, commits, clock, monkeypatch):
    monkeypatch.setattr(writer_module, "GROUP_SECONDS", 1.5)
    run_together(writer, *(lambda _transaction: clock.advance(1) for _ in range(5)))
    assert commits == [1, 2, 2, 1]


def test_each_target_is_told_once_a_group_with_its_own_jobs_in_order(writer):
    told: list[tuple[str, list[int]]] = []
    done = threading.Event()

    def target(name: str) -> Callable[[list[Job[Any]]], None]:
        def notify(jobs: list[Job[Any]]) -> None:
            told.append((name, [job.tag for job in jobs]))
            if name == "last":
                done.set()

        return notify

    one, two, last = target("one"), target("two"), target("last")
    gate = Gate(writer)
    for tag, notify in enumerate((one, two, one, one, two, last)):
        writer.submit(Job(lambda _transaction: None, notify, tag=tag))
    gate.open()
    assert done.wait(10)
    assert told == [("one", [0, 2, 3]), ("two", [1, 4]), ("last", [5])]


def test_nobody_is_told_before_the_commit(writer, path):
    from cdc.store.sqlite import dbapi2  # noqa: PLC0415

    writer.call(create_table)
    seen: list[int] = []
    done = threading.Event()

    def notify(_jobs):
        other = dbapi2.connect(str(path))
        seen.append(other.execute("SELECT count(*) FROM items").fetchone()[0])
        other.close()
        done.set()

    writer.submit(Job(put_one("a"), notify))
    assert done.wait(10)
    assert seen == [1]


def test_listeners_get_the_shards_that_got_records_once_a_group(writer):
    heard: list[frozenset[int]] = []
    writer.call(partial(create_table, shards=4))
    writer.listen(heard.append)
    run_together(writer, *(put_one(f"k{number}") for number in range(40)))
    writer.call(lambda _transaction: None)
    shards = writer.call(lambda transaction: transaction.catalog.tables["t"].stream.shards)
    assert heard == [frozenset(shard.id for shard in shards)]


def test_listeners_hear_nothing_of_a_write_that_broke(writer):
    heard: list[frozenset[int]] = []
    writer.call(create_table)
    writer.listen(heard.append)
    with pytest.raises(InternalServerError):
        writer.call(put_and_fail(ZeroDivisionError()))
    assert heard == []


def post(number: int):
    message = Message(message_id=str(number), destination="file:/x", payload=b"{}", mapping_name="m", records=1)
    return partial(outbox.add, message=message)


def test_listeners_for_posts_hear_once_a_group_that_the_outbox_has_messages(writer, database):
    heard: list[int] = []

    def count() -> None:
        with database.reading() as connection:
            heard.append(len(outbox.load_entries(connection)))

    writer.listen_for_posts(count)
    run_together(writer, *(post(number) for number in range(3)))
    writer.call(partial(outbox.give_up, entry_id=1, error="x"))
    writer.call(lambda _transaction: None)  # listeners hear of a group before the next begins
    assert heard == [3]
    writer.call(outbox.retry)
    writer.call(outbox.retry)
    writer.call(lambda _transaction: None)
    assert heard == [3, 3]


def test_a_listener_for_posts_hears_of_those_whose_group_had_to_run_again(writer, caplog):
    heard: list[bool] = []
    writer.listen_for_posts(lambda: heard.append(True))
    writer.listen_for_posts(lambda: 1 // 0)
    gate = Gate(writer)
    jobs = [Job(run, lambda _jobs: None) for run in (post(1), post(1), lambda _transaction: None)]
    writer.submit(*jobs)
    gate.open()
    writer.call(lambda _transaction: None)
    writer.call(lambda _transaction: None)
    assert [job.error is None for job in jobs] == [True, False, True]
    assert heard == [True]
    assert "telling of new messages in the outbox failed" in caplog.text


def test_a_listener_or_a_target_that_fails_does_not_stop_the_writer(writer, database, caplog):
    def fail(_anything):
        raise ZeroDivisionError

    writer.call(create_table)
    writer.listen(fail)
    with caplog.at_level(logging.ERROR):
        writer.submit(Job(put_one("a"), fail))
        writer.call(put_one("b"))
        writer.call(put_one("c"))
    assert keys(database) == ["a", "b", "c"]
    assert "telling the outcome of a write failed" in caplog.text
    assert "telling of new stream records failed" in caplog.text


def test_a_fault_of_the_transaction_itself_fails_the_group_and_the_next_works(writer, database, monkeypatch, caplog):
    def broken(*_arguments):
        raise ZeroDivisionError

    writer.call(create_table)
    with monkeypatch.context() as patch:
        patch.setattr(writer_module, "begin", broken)
        with pytest.raises(InternalServerError):
            writer.call(put_one("a"))
    writer.call(put_one("b"))
    assert keys(database) == ["b"]
    assert "ZeroDivisionError" in caplog.text


def test_a_fault_of_the_transaction_while_a_group_runs_one_by_one_fails_that_write_alone(writer, database, monkeypatch):
    calls: list[None] = []

    def broken_once(*arguments):
        calls.append(None)
        if len(calls) == 3:  # the group, then its first write, then the one that breaks
            raise ZeroDivisionError
        return begin(*arguments)

    writer.call(create_table)
    gate = Gate(writer)
    monkeypatch.setattr(writer_module, "begin", broken_once)
    done = threading.Semaphore(0)
    runs = (put_one("a"), put_and_fail(ValueError()), put_one("b"))
    jobs: list[Job[Any]] = [Job(run, lambda finished: done.release(len(finished))) for run in runs]
    for job in jobs:
        writer.submit(job)
    gate.open()
    for _ in jobs:
        assert done.acquire(timeout=10)
    assert [type(job.error) for job in jobs] == [type(None), InternalServerError, type(None)]
    assert keys(database) == ["a", "b"]


def test_closing_finishes_what_is_queued(path, clock):
    with opened(path, clock) as (database, writer):
        writer.call(create_table)
        gate = Gate(writer)
        told: list[Job[Any]] = []
        for number in range(20):
            writer.submit(Job(put_one(f"k{number:02}"), told.extend))
        closing = threading.Thread(target=writer.close)
        closing.start()
        gate.open()
        closing.join(10)
        assert not closing.is_alive()
        assert len(told) == 20
        assert not any(job.error for job in told)
        assert len(keys(database)) == 20


def test_a_closed_writer_refuses_and_can_be_closed_again(path, clock):
    with opened(path, clock) as (_, writer):
        writer.close()
        writer.close()
        with pytest.raises(ServiceUnavailable, match="closed"):
            writer.call(lambda _transaction: None)


def test_a_write_that_is_queued_while_the_writer_closes_is_done_or_refused(path, clock):
    with opened(path, clock) as (_, writer):
        anything: Any = writer
        entered, go = threading.Event(), threading.Event()
        put_in_queue = writer._queue.put

        class Queue:
            """Hold a write on its way into the queue until the writer has had the time to close."""

            get, get_nowait = writer._queue.get, writer._queue.get_nowait

            @staticmethod
            def put(job):
                if job is not None:
                    entered.set()
                    go.wait(0.2)
                put_in_queue(job)
                go.set()

        anything._queue = Queue()
        done = threading.Event()
        late = threading.Thread(
            target=lambda: writer.submit(Job(lambda _transaction: None, lambda _jobs: done.set())), daemon=True
        )
        late.start()
        assert entered.wait(10)
        writer.close()
        late.join(10)
        assert done.wait(10)


# Writes for which nobody waits


@pytest.fixture
def quiet(writer) -> Callable[[], threading.Event]:
    """Submit a write for which nobody waits; the event tells that it is committed."""

    def submit() -> threading.Event:
        told = threading.Event()
        writer.submit(Job(lambda _transaction: None, lambda _jobs: told.set(), is_urgent=False))
        return told

    return submit


def test_a_write_for_which_nobody_waits_shares_the_next_commit(writer, commits, quiet, monkeypatch):
    monkeypatch.setattr(writer_module, "LINGER_SECONDS", 60)
    told = quiet()
    writer.call(lambda _transaction: None)
    assert told.is_set()
    assert commits == [2]


def test_it_is_committed_alone_when_nothing_else_comes(commits, quiet, monkeypatch):
    monkeypatch.setattr(writer_module, "LINGER_SECONDS", 0.01)
    assert quiet().wait(10)
    assert commits == [1]


def test_the_end_of_the_writer_does_not_wait_for_it(writer, quiet, monkeypatch):
    monkeypatch.setattr(writer_module, "LINGER_SECONDS", 60)
    told = quiet()
    writer.close()
    assert told.is_set()
