"""The state of delivery is published for other processes while it is true, and removed afterwards."""

from __future__ import annotations

import os
import threading

import orjson
import pytest

from cdc.functions.requests import RequestCounts
from cdc.mappings import published
from cdc.mappings.outbox.counters import OutboxCounters
from cdc.mappings.published import Publisher, dump_state, load_state, read_state
from cdc.store import roles

LIMIT_SECONDS = 20


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(published, "PUBLISH_SECONDS", 0.01)


@pytest.fixture
def role(mapped):
    role = roles.try_take(mapped.path, roles.POLL)
    assert role is not None
    yield role
    role.release()


class Watched:
    """A state that says when it was asked for."""

    def __init__(self, state):
        self.value = state
        self.moves = 0
        self.asked = 0
        self.looked = threading.Semaphore(0)

    def state(self):
        self.asked += 1
        return self.value

    def moved(self):
        self.looked.release()
        return self.moves

    def wait_for_looks(self, count):
        for _ in range(count):
            assert self.looked.acquire(timeout=LIMIT_SECONDS)


def test_what_is_published_is_the_state_of_the_mappings(mapped, role):
    mapped.put("a")
    mapped.run()
    text = dump_state(mapped.poller.status(), {"m": OutboxCounters(delivered=3)}, {"f": RequestCounts(errors=2)}, 7)
    watched = Watched(text)
    publisher = Publisher(mapped.path, watched.state, watched.moved)
    publisher.start()
    watched.wait_for_looks(2)
    state = load_state(text)
    assert read_state(mapped.path) == state
    publisher.stop()
    assert read_state(mapped.path) is None
    mapping = state["mappings"]["m"]
    assert (state["pid"], state["at_ms"]) == (os.getpid(), 7)
    assert (mapping["function_name"], mapping["counters"]["delivered"], mapping["outbox"]["delivered"]) == ("f", 1, 3)
    assert state["requests"]["f"]["errors"] == 2
    assert [lane["phase"] for lane in mapping["lanes"]] == ["waiting for records"]
    assert role.path


def test_nothing_is_written_while_nothing_has_moved(mapped):
    watched = Watched(b"{}")
    publisher = Publisher(mapped.path, watched.state, watched.moved)
    publisher.start()
    watched.wait_for_looks(4)
    assert watched.asked == 1
    watched.moves += 1
    watched.wait_for_looks(3)
    publisher.stop()
    assert watched.asked == 2


def test_what_a_killed_process_left_is_not_read(mapped):
    path = mapped.path.with_name(f"{mapped.path.name}.poll.state")
    path.write_bytes(orjson.dumps({"pid": 1, "mappings": {}, "outbox": {}}))
    assert read_state(mapped.path) is None  # nobody delivers
    role = roles.try_take(mapped.path, roles.POLL)
    assert role is not None
    try:
        assert read_state(mapped.path) is None  # another process does
        path.write_bytes(b"{")
        assert read_state(mapped.path) is None
    finally:
        role.release()


def test_a_file_that_can_not_be_written_is_told_once(mapped, caplog):
    mapped.path.with_name(f"{mapped.path.name}.poll.state.new").mkdir()
    watched = Watched(b"{}")
    publisher = Publisher(mapped.path, watched.state, watched.moved)
    publisher.start()
    watched.wait_for_looks(4)
    publisher.stop()
    assert sum("can't be written" in each.getMessage() for each in caplog.records) == 1
