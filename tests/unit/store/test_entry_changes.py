"""Changes of entries that are gathered, and what they make of the file."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
from pysqlite3 import dbapi2

from cdc.model.errors import InternalServerError
from cdc.store import entry_changes
from cdc.store.entry_changes import EntryChanges
from cdc.store.schema import index_items
from tests.unit.store.files import create_table, item_of, put

FIRST, SECOND = 1, 2
"""Indexes."""


class Entry(NamedTuple):
    key: bytes
    row: int = 1
    size: int = 10
    crc: int = 20
    included: bytes | None = None


A, B, C = Entry(b"a"), Entry(b"b"), Entry(b"c", included=b"{}")


@pytest.fixture
def cursor():
    connection = dbapi2.connect(":memory:", isolation_level=None)
    columns = ", ".join(column.name for column in index_items.columns)
    connection.execute(f"CREATE TABLE index_items ({columns}, PRIMARY KEY (index_id, key)) WITHOUT ROWID")
    yield connection.cursor()
    connection.close()


def stored(cursor):
    return cursor.execute("SELECT * FROM index_items").fetchall()


def write(cursor, *changes):
    """Gather changes of one item, each from the entry before it to the next, then write them."""
    gathered = EntryChanges()
    for old, new in pairwise(changes):
        gathered.add(cursor, FIRST, b"item", old and old.key, new)
    before = cursor.connection.total_changes
    gathered.write(cursor)
    return cursor.connection.total_changes - before


@pytest.mark.parametrize(
    ("changes", "writes"),
    [
        ((None, A), 1),
        ((None, A, B, C), 1),
        ((None, A, None), 0),
        ((A, B), 1),
        ((A, B, C), 1),
        ((A, B, A._replace(size=11)), 1),
        ((A, A._replace(size=11)), 1),
        ((A, None), 1),
        ((A, B, None), 1),
        ((A, None, B._replace(row=2)), 1),
        ((A, None, A._replace(row=2)), 1),
    ],
)
def test_the_last_of_several_changes_is_written_and_only_it(cursor, changes, writes):
    if changes[0] is not None:
        write(cursor, None, changes[0])
    assert write(cursor, *changes) == writes
    assert stored(cursor) == ([] if changes[-1] is None else [(FIRST, *changes[-1])])


def test_items_and_indexes_are_told_apart(cursor):
    gathered = EntryChanges()
    for index in (FIRST, SECOND):
        for item, entry in ((b"1", A), (b"2", B)):
            gathered.add(cursor, index, item, None, entry)
    gathered.add(cursor, SECOND, b"1", A.key, None)
    assert stored(cursor) == []
    gathered.write(cursor)
    assert stored(cursor) == [(FIRST, *A), (FIRST, *B), (SECOND, *B)]
    gathered.write(cursor)
    assert len(stored(cursor)) == 3


def test_no_more_than_a_bound_is_gathered(cursor, monkeypatch):
    monkeypatch.setattr(entry_changes, "GATHERED", 2)
    gathered = EntryChanges()
    gathered.add(cursor, FIRST, b"1", None, A)
    assert stored(cursor) == []
    gathered.add(cursor, FIRST, b"2", None, B)
    assert stored(cursor) == [(FIRST, *A), (FIRST, *B)]
    gathered.add(cursor, FIRST, b"1", A.key, C)
    gathered.write(cursor)
    assert stored(cursor) == [(FIRST, *B), (FIRST, *C)]


def test_an_entry_that_is_missing_comes_back_with_the_next_change_of_its_item(cursor):
    gathered = EntryChanges()
    gathered.add(cursor, FIRST, b"1", None, A)
    gathered.write(cursor)
    gathered.add(cursor, FIRST, b"1", A.key, B)
    gathered.add(cursor, FIRST, b"2", b"lost", C)
    gathered.write(cursor)
    assert stored(cursor) == [(FIRST, *B), (FIRST, *C)]


def test_only_the_write_whose_entry_can_not_be_stored_fails(writer, database):
    writer.call(create_table)

    def broken(transaction):
        put(transaction, "t", item_of("broken"))
        transaction.entries.add(transaction.cursor, FIRST, b"broken", None, A)

    def good(transaction):
        put(transaction, "t", item_of("good"))
        transaction.entries.add(transaction.cursor, FIRST, b"good", None, B)

    writer.call(lambda transaction: transaction.entries.add(transaction.cursor, FIRST, b"first", None, A))
    with pytest.raises(InternalServerError):
        writer.call(broken)
    writer.call(good)
    cursor = database.reader().cursor()
    assert [row[1] for row in stored(cursor)] == [A.key, B.key]
    assert cursor.execute("SELECT item FROM items").fetchall() == [(b'{"pk":{"S":"good"}}',)]
