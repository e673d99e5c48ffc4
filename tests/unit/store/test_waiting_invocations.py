"""Invocations in the background, as rows."""

from __future__ import annotations

import pytest

from cdc.store import waiting_invocations as store


@pytest.fixture
def add(writer):
    def add(request_id, name="f"):
        writer.call(lambda transaction: store.add(transaction, request_id, name, b"{}", b""))

    return add


def due(database, clock, name="f", but=(), rows=10):
    with database.reading() as connection:
        return [each.request_id for each in store.load_due(connection, name, clock.now_ms(), but, rows)]


def test_they_are_read_by_function_first_come_first(add, database, clock):
    for request_id in ("a", "b", "c"):
        add(request_id)
    add("d", "g")
    assert due(database, clock) == ["a", "b", "c"]
    assert due(database, clock, rows=2) == ["a", "b"]
    assert due(database, clock, but={1}) == ["b", "c"]
    assert due(database, clock, "g") == ["d"]
    with database.reading() as connection:
        assert sorted(store.functions(connection)) == ["f", "g"]
        assert (store.count(connection, "f"), store.count(connection, "h")) == (3, 0)


def test_a_postponed_one_is_due_at_its_time(add, database, writer, clock):
    add("a")
    later = clock.now_ms() + 1000
    writer.call(lambda transaction: store.postpone(transaction, 1, 2, later))
    assert due(database, clock) == []
    with database.reading() as connection:
        assert store.next_attempt_ms(connection, clock.now_ms()) == later
    clock.advance(1)
    with database.reading() as connection:
        [found] = store.load_due(connection, "f", clock.now_ms(), (), 1)
        assert store.next_attempt_ms(connection, clock.now_ms()) is None
    assert (found.attempts, found.created_ms) == (2, later - 1000)


def test_a_settled_one_is_gone(add, database, writer, clock):
    assert not store.exist(database.reader())
    add("a")
    assert store.exist(database.reader())
    writer.call(lambda transaction: store.settle(transaction, 1))
    assert due(database, clock) == []
    assert not store.exist(database.reader())
