"""The thread delivers when this process commits, when another does, and until it is drained."""

from __future__ import annotations

import itertools
import queue
import shutil
import threading
from typing import TYPE_CHECKING

import pytest

from cdc.clock import SystemClock
from cdc.mappings.thread import PollerThread
from cdc.model.mappings import Declaration, MappingSettings
from cdc.model.options import Options
from cdc.store import checkpoints, mappings
from tests.unit.mappings.bench import OK, Invocation
from tests.unit.store.files import create_table, item_of, opened, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cdc.model.functions import Outcome
    from cdc.store.writer import Writer

PATIENCE_SECONDS = 20


class Functions:
    """Puts each invocation into a queue, for the test to answer."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Invocation] = queue.Queue()

    def has_function(self, name: str) -> bool:
        return name == "f"

    def invoke(self, name: str, event: bytes, request_id: str, done: Callable[[Outcome], None]) -> None:
        self.calls.put(Invocation(name, event, request_id, done, 0))

    def next(self) -> Invocation:
        return self.calls.get(timeout=PATIENCE_SECONDS)


class House:
    """A file with a table, a mapping and a running thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.functions = Functions()

    def start(self, writer: Writer, thread: PollerThread) -> None:
        self.writer, self.thread = writer, thread
        writer.call(create_table)
        declaration = Declaration(
            name="m",
            table_name="t",
            settings=MappingSettings(function_name="f", starting_position="TRIM_HORIZON", batch_size=1),
        )
        writer.call(lambda each: mappings.declare(each, declaration, "uuid"))
        thread.start()
        self.put("first")  # opens the segment
        self.answer("first")

    def put(self, key: str) -> None:
        self.writer.call(lambda each: put(each, "t", item_of(key)))

    def answer(self, key: str) -> None:
        call = self.functions.next()
        assert call.keys == [key]
        call.done(OK)

    def checkpoints(self) -> list[int]:
        with opened(self.path, SystemClock()) as (database, _), database.reading() as connection:
            return [each.sequence for each in checkpoints.load_checkpoints(connection)]


@pytest.fixture
def house(tmp_path, empty_file) -> Iterator[House]:
    made = House(shutil.copy(empty_file, tmp_path / "a.db"))
    numbers = itertools.count()
    with opened(made.path, SystemClock()) as (database, writer):
        thread = PollerThread(
            database,
            writer,
            made.functions,
            clock=SystemClock(),
            options=Options(),
            new_request_id=lambda: f"request-{next(numbers)}",
            jitter=lambda: 0.5,
        )
        made.start(writer, thread)
        yield made
        thread.drain(0)


def wait_for(condition: Callable[[], bool]) -> None:
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert clock.monotonic() < end
        clock.sleep(0.01)


def test_a_commit_of_this_process_is_delivered(house):
    house.put("a")
    house.answer("a")


def test_a_commit_of_another_process_is_delivered(house):
    with opened(house.path, SystemClock()) as (_, writer):
        writer.call(lambda each: put(each, "t", item_of("a")))
        house.answer("a")
        writer.call(lambda each: put(each, "t", item_of("b")))
        house.answer("b")


def test_a_pause_by_another_process_is_seen(house):
    with opened(house.path, SystemClock()) as (_, writer):
        writer.call(lambda each: mappings.set_paused(each, 1, paused=True))
        wait_for(lambda: not house.thread.status()[0].active)
        house.put("a")
        writer.call(lambda each: mappings.set_paused(each, 1, paused=False))
        house.answer("a")


def test_draining_waits_for_the_batch_in_flight_and_settles_it(house):
    house.put("a")
    call = house.functions.next()
    drained: list[bool] = []
    drainer = threading.Thread(target=lambda: drained.append(house.thread.drain(PATIENCE_SECONDS)))
    drainer.start()
    wait_for(lambda: house.thread._poller._delivery.draining)
    house.put("b")
    assert drainer.is_alive()
    call.done(OK)
    drainer.join(PATIENCE_SECONDS)
    assert drained == [True]
    assert max(house.checkpoints()) == call.sequences[0]
    assert house.functions.calls.empty()


def test_draining_gives_up_at_its_end(house):
    house.put("a")
    call = house.functions.next()
    assert not house.thread.drain(0.01)
    call.done(OK)  # too late: nobody listens any more
    assert max(house.checkpoints()) < call.sequences[0]


def test_a_fault_of_the_poller_does_not_end_the_thread(house, monkeypatch, caplog):
    poller = house.thread._poller
    original = poller.step

    def step(_):
        monkeypatch.setattr(poller, "step", original)
        raise RuntimeError("oops")

    monkeypatch.setattr(poller, "step", step)
    house.put("a")
    house.answer("a")
    assert "oops" in caplog.text
