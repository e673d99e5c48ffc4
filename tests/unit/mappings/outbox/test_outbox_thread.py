"""The outbox on its thread: with real time, real senders' threads and the real writer."""

from __future__ import annotations

import queue
import shutil
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from cdc.clock import SystemClock
from cdc.mappings.destinations.sending import Parcel, SendError
from cdc.mappings.outbox.thread import OutboxThread
from cdc.model.outbox import FAILED, PENDING, SENT, Message
from cdc.store import outbox
from tests.unit.store.files import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cdc.store.writer import Writer

PATIENCE_SECONDS = 10.0


@dataclass
class House:
    """A thread at work; `answers` are what its sends do, the last one again and again."""

    path: Path
    writer: Writer
    answers: list[Callable[[], None]] = field(default_factory=lambda: [lambda: None])
    arrived: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)

    def send(self, _destination: str, parcel: Parcel) -> None:
        self.arrived.put(parcel.message_id)
        (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()

    def add(self, message_id: str, writer: Writer | None = None) -> None:
        message = Message(message_id=message_id, destination="file:/a", payload=b"{}", mapping_name="m", records=1)
        (writer or self.writer).call(lambda transaction: outbox.add(transaction, message))

    def next(self) -> str:
        return self.arrived.get(timeout=PATIENCE_SECONDS)

    def state(self, message_id: str) -> str:
        with opened(self.path, SystemClock()) as (database, _), database.reading() as connection:
            found = outbox.load_entry(connection, message_id)
            assert found is not None
            return found.state


@pytest.fixture
def house(tmp_path, empty_file) -> Iterator[tuple[House, OutboxThread]]:
    path = shutil.copy(empty_file, tmp_path / "a.db")
    with opened(path, SystemClock()) as (database, writer):
        made = House(path, writer)
        thread = OutboxThread(database, writer, made.send, clock=SystemClock(), jitter=lambda: 1.0, retry_seconds=3600)
        thread.start()
        yield made, thread
        thread.drain(0)


def wait_for(condition: Callable[[], bool]) -> None:
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert clock.monotonic() < end
        clock.sleep(0.01)


def fail() -> None:
    raise SendError("is down")


def test_a_message_is_sent_when_its_transaction_has_committed(house):
    house, thread = house
    house.add("1")
    assert house.next() == "1"
    wait_for(lambda: house.state("1") == SENT)
    assert thread.drain(PATIENCE_SECONDS)


def test_a_message_of_another_process_is_sent(house):
    house, _ = house
    with opened(house.path, SystemClock()) as (_, writer):
        house.add("1", writer)
    assert house.next() == "1"


def test_a_failed_message_is_sent_again(house):
    house, _ = house
    house.answers = [fail, fail, lambda: None]
    house.add("1")
    assert [house.next() for _ in range(3)] == ["1", "1", "1"]
    wait_for(lambda: house.state("1") == SENT)


def test_another_age_to_give_up_at_holds_from_now_on(house):
    house, thread = house
    thread.give_up_after(0)
    house.answers = [fail]
    house.add("1")
    wait_for(lambda: house.state("1") == FAILED)


def test_draining_waits_for_what_is_under_way(house):
    house, thread = house
    release = threading.Event()
    house.answers = [lambda: release.wait(PATIENCE_SECONDS) and None]
    house.add("1")
    house.next()
    drained: list[bool] = []
    drainer = threading.Thread(target=lambda: drained.append(thread.drain(PATIENCE_SECONDS)))
    drainer.start()
    wait_for(lambda: thread._dispatcher._draining)
    house.add("2")
    assert drainer.is_alive()
    release.set()
    drainer.join(PATIENCE_SECONDS)
    assert drained == [True]
    assert (house.state("1"), house.state("2")) == (SENT, PENDING)
    assert house.arrived.empty()


def test_a_drain_that_is_hurried_waits_no_longer(house):
    house, thread = house
    release = threading.Event()
    house.answers = [lambda: release.wait(PATIENCE_SECONDS) and None]
    house.add("1")
    house.next()
    drained: list[bool] = []
    drainer = threading.Thread(target=lambda: drained.append(thread.drain(PATIENCE_SECONDS)))
    drainer.start()
    wait_for(lambda: thread._dispatcher._draining)
    thread.hurry()
    drainer.join(PATIENCE_SECONDS / 2)
    assert drained == [False]
    release.set()
    assert house.state("1") == PENDING


def test_draining_gives_up_at_its_end_and_what_comes_late_is_dropped(house):
    house, thread = house
    release, ended = threading.Event(), threading.Event()

    def wait() -> None:
        release.wait(PATIENCE_SECONDS)
        ended.set()

    house.answers = [wait]
    house.add("1")
    house.next()
    assert not thread.drain(0.01)
    release.set()
    assert ended.wait(PATIENCE_SECONDS)
    assert house.state("1") == PENDING


def test_a_fault_of_the_dispatcher_does_not_end_the_thread(house, monkeypatch, caplog):
    house, thread = house
    dispatcher = thread._dispatcher
    original, failed = dispatcher.step, threading.Event()

    def step(_):
        monkeypatch.setattr(dispatcher, "step", original)
        failed.set()
        raise RuntimeError("oops")

    monkeypatch.setattr(dispatcher, "step", step)
    house.add("1")
    assert house.next() == "1"
    assert failed.wait(PATIENCE_SECONDS)  # perhaps only now: a step may have been under way
    house.add("2")
    assert house.next() == "2"
    assert "oops" in caplog.text
