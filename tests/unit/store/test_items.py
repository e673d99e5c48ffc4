"""Items: written, read and removed by key, read by range, counted, and swept with their table."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import InternalServerError
from cdc.store import catalog, items
from cdc.store.catalog import table_size
from cdc.store.items import StoredItem, scan_range
from tests.unit.store.files import create_table, item_of, opened, put

KEYS = [b"a", b"b", b"b\x00", b"c", b"\xfe\xff"]


def write(transaction, key: bytes, item: bytes, table_id: int = 1) -> int:
    return items.put(transaction, table_id, key, item, len(item), items.fetch(transaction.cursor, table_id, key))


def erase(transaction, key: bytes, table_id: int = 1) -> None:
    old = items.fetch(transaction.cursor, table_id, key)
    assert old is not None
    items.remove(transaction, table_id, old)


@pytest.fixture
def table(writer):
    return writer.call(partial(create_table, view_type=None))


def test_an_item_is_read_as_it_was_written_last(table, writer, database):
    writer.call(partial(write, key=b"k", item=b"one"))
    writer.call(partial(write, key=b"k", item=b"longer"))
    found = items.fetch(database.reader().cursor(), table, b"k")
    assert found is not None
    assert found == StoredItem(row=found.row, size=6, item=b"longer")


def test_an_items_content_is_decoded_once():
    stored = StoredItem(1, 3, b'{"pk":{"S":"a"}}')
    assert stored.content == {"pk": {"S": "a"}}
    assert stored.content is stored.content


def test_a_put_gives_the_row_that_it_wrote(table, writer, database):
    rows = {writer.call(partial(write, key=key, item=b"one")) for key in (b"k", b"l", b"k")}
    found = [items.fetch(database.reader().cursor(), table, key) for key in (b"k", b"l")]
    assert rows == {item.row for item in found if item is not None}


def test_a_key_that_is_not_there_is_none(table, writer, database):
    writer.call(partial(write, key=b"k", item=b"one"))
    cursor = database.reader().cursor()
    assert items.fetch(cursor, table, b"other") is None
    assert items.fetch(cursor, table + 1, b"k") is None


def test_a_removed_item_is_gone(table, writer, database):
    writer.call(partial(write, key=b"k", item=b"one"))
    writer.call(partial(erase, key=b"k"))
    assert items.fetch(database.reader().cursor(), table, b"k") is None


@pytest.mark.parametrize("column", ["item = x'00'", "crc = crc + 1", "key = x'6a'"])
def test_a_damaged_item_is_noticed_by_fetch_and_scan(column, table, writer, database):
    writer.call(partial(write, key=b"k", item=b"one"))
    writer.call(lambda transaction: transaction.cursor.execute(f"UPDATE items SET {column}"))
    key = b"j" if column.startswith("key") else b"k"
    with pytest.raises(InternalServerError, match=f"key {key.hex()} is damaged"):
        items.fetch(database.reader().cursor(), table, key)
    with pytest.raises(InternalServerError, match="is damaged"):
        list(scan_range(database.reader(), table, b"", items.HIGHEST_KEY))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (b"", items.HIGHEST_KEY, KEYS),
        (b"b", b"c", [b"b", b"b\x00"]),
        (b"b\x00", b"b\x00", []),
        (b"c\x00", items.HIGHEST_KEY, [b"\xfe\xff"]),
    ],
)
def test_a_range_has_its_low_end_and_not_its_high_one(low, high, expected, table, writer, database):
    for key in KEYS[::-1]:
        writer.call(partial(write, key=key, item=b"i" + key))
        writer.call(partial(write, key=key, item=b"of another table", table_id=table + 1))
    rows = [(key, 1 + len(key), b"i" + key, 0) for key in expected]
    assert list(scan_range(database.reader(), table, low, high)) == rows
    assert list(scan_range(database.reader(), table, low, high, forward=False)) == rows[::-1]


@pytest.mark.parametrize("at_once", [1, 2, 3, 128])
def test_it_does_not_matter_how_many_rows_are_fetched_at_once(at_once, table, writer, database):
    for key in KEYS:
        writer.call(partial(write, key=key, item=b"x"))
    rows = scan_range(database.reader(), table, b"", items.HIGHEST_KEY, at_once=at_once)
    assert [row[0] for row in rows] == KEYS


def test_a_scan_that_stops_early_leaves_no_statement_open(table, writer, database):
    for number in range(items.RANGE_ROWS * 2):
        writer.call(partial(write, key=b"%05d" % number, item=b"x"))
    connection = database.reader()
    scan = scan_range(connection, table, b"", items.HIGHEST_KEY)
    next(scan)
    scan.close()
    busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0  # an open read would have kept the WAL


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(KEYS), st.one_of(st.none(), st.binary(max_size=9))), max_size=12))
def test_a_tables_counters_are_those_of_its_items(tmp_path_factory, steps):
    with opened(tmp_path_factory.mktemp("counters") / "cdc.db", ManualClock()) as (database, writer):
        table_id = writer.call(partial(create_table, view_type=None))
        model: dict[bytes, bytes] = {}
        for key, item in steps:
            if item is not None:
                model[key] = item
                writer.call(partial(write, key=key, item=item))
            elif model.pop(key, None) is not None:
                writer.call(partial(erase, key=key))
        with database.reading() as connection:
            assert table_size(connection, table_id) == (len(model), sum(map(len, model.values())))
        rows = scan_range(database.reader(), table_id, b"", items.HIGHEST_KEY)
        assert {key: item for key, _, item, _ in rows} == model


def test_a_dropped_tables_items_are_swept_in_steps_and_no_others(writer, database, monkeypatch):
    monkeypatch.setattr(items, "DROP_ROWS", 4)
    for name in ("kept", "gone"):
        writer.call(partial(create_table, name=name))
        for number in range(9):
            writer.call(partial(put, name=name, item=item_of(f"k{number}")))
    writer.call(lambda transaction: catalog.drop_table(transaction, transaction.catalog.tables["gone"].id))
    counts = []
    while writer.call(items.sweep_dropped):
        counts.append(database.reader().execute("SELECT count(*) FROM items").fetchall()[0][0])
    assert counts == [14, 10, 9, 9]
    assert database.reader().execute("SELECT * FROM dropped_tables").fetchall() == []
    assert writer.call(items.sweep_dropped) is False


def test_the_id_of_a_dropped_table_is_not_given_again(writer):
    first = writer.call(create_table)
    writer.call(lambda transaction: catalog.drop_table(transaction, first))
    assert writer.call(create_table) > first
