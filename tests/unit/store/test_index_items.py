"""Entries: added, moved, rewritten, removed, read in order, filled in afterwards, swept with their index, and counted."""

from __future__ import annotations

from functools import partial

import pytest
from sqlalchemy import func, select, text

from cdc.model.errors import InternalServerError
from cdc.model.indexes import Entry, entry_of
from cdc.model.values import load_item
from cdc.store import catalog, index_items, schema
from cdc.store.index_items import backfill_some, change_entry, scan_entries, sweep_dropped
from cdc.store.items import HIGHEST_KEY
from tests.unit.store.files import add_index, create_table, item_of, put, remove

PROJECTIONS = {"all": ("ALL", ()), "keys": ("KEYS_ONLY", ()), "some": ("INCLUDE", ("v",))}


@pytest.fixture
def table(writer):
    writer.call(partial(create_table, view_type=None))
    return "t"


@pytest.fixture
def indexed(table, writer):
    for name, (projection, included) in PROJECTIONS.items():
        writer.call(partial(add_index, table=table, name=name, attribute="x", projection=projection, included=included))


def index_of(transaction, name):
    index = transaction.catalog.tables["t"].index(name)
    assert index is not None
    return index


def held(database, writer, name, **how):
    """List what an index holds, as (bytes, item) in its order."""
    index = writer.call(partial(index_of, name=name))
    rows = scan_entries(database.reader(), index, b"", HIGHEST_KEY, **how)
    return [(size, load_item(content), fetched) for _, size, content, fetched in rows]


def counters(database):
    with database.reading() as connection:
        rows = connection.execute(
            select(schema.indexes.c.name, schema.indexes.c.item_count, schema.indexes.c.size_bytes)
        )
        return {name: (count, size) for name, count, size in rows}


def write_three(writer):
    for pk, x in (("a", "2"), ("b", "1"), ("c", "3")):
        writer.call(partial(put, name="t", item=item_of(pk, x=x, v="vv", w="w")))


@pytest.mark.usefixtures("indexed")
def test_an_index_gives_what_it_holds_forwards_and_backwards(writer, database):
    write_three(writer)
    for name, attributes in (("all", "pk x v w"), ("keys", "pk x"), ("some", "pk x v")):
        kept = attributes.split()
        items = [item_of(pk, x=x, v="vv", w="w") for pk, x in (("a", "2"), ("b", "1"), ("c", "3"))]
        found = {item["pk"]["S"]: item for _, item, _ in held(database, writer, name)}
        assert found == {item["pk"]["S"]: {key: item[key] for key in kept} for item in items}
        assert held(database, writer, name, forward=False) == held(database, writer, name)[::-1]
        assert held(database, writer, name, at_once=1) == held(database, writer, name)


@pytest.mark.usefixtures("indexed")
def test_whole_items_are_fetched_with_entries_of_some_attributes(writer, database):
    writer.call(partial(put, name="t", item=item_of("a", x="2", v="vv", w="w")))
    whole = item_of("a", x="2", v="vv", w="w")
    assert held(database, writer, "keys", whole=True) == [(5, whole, 10)]
    assert held(database, writer, "keys") == [(5, item_of("a", x="2"), 0)]
    assert held(database, writer, "all") == [(10, whole, 0)]


@pytest.mark.usefixtures("indexed")
def test_counters_follow_entries(writer, database):
    write_three(writer)
    assert counters(database) == {"all": (3, 30), "keys": (3, 15), "some": (3, 24)}
    writer.call(partial(put, name="t", item=item_of("a", x="222", v="v")))
    writer.call(partial(put, name="t", item=item_of("b", v="v")))
    writer.call(partial(remove, name="t", pk="c"))
    assert counters(database) == {"all": (1, 9), "keys": (1, 7), "some": (1, 9)}


def entry(transaction, name, item):
    index = index_of(transaction, name)
    found = entry_of(index, item, 10, b"\0\0\0\0\0\1" + item["pk"]["S"].encode())
    assert found is not None
    return index, found


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(("name", "size", "included"), [("all", 0, None), ("some", 99, b'{"v":{"S":"wide"}}')])
def test_an_entry_is_moved_and_changed(writer, database, name, size, included):
    """The size of a whole item is that of its row, and is not stored again."""

    def work(transaction):
        index, old = entry(transaction, name, item_of("a", x="1", v="v"))
        _, moved = entry(transaction, name, item_of("a", x="2", v="w"))
        _, other = entry(transaction, name, item_of("a", x="2", v="wide"))
        changed = Entry(other.key, 99, other.included)
        for before, after in ((None, old), (old, moved), (moved, changed)):
            change_entry(transaction, index, b"a", 7, before and before[:2], after)
        return moved.key

    key = writer.call(work)
    with database.reading() as connection:
        [row] = connection.execute(schema.index_items.select())
    assert (row.key, row.item_id, row.size, row.included) == (key, 7, size, included)
    assert row.crc == index_items.entry_crc(7, key, included)
    assert counters(database)[name] == (1, 99)


@pytest.mark.usefixtures("indexed")
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("UPDATE index_items SET crc = crc + 1", "entry .* of the index .* is damaged; run cdc check"),
        ("DELETE FROM items", "entry .* of the index .* is damaged; run cdc check"),
        ("UPDATE items SET crc = crc + 1", "stored item .* is damaged"),
    ],
)
def test_a_damaged_entry_or_item_is_never_returned(writer, database, damage, message):
    writer.call(partial(put, name="t", item=item_of("a", x="2")))
    writer.call(lambda transaction: transaction.connection.execute(text(damage)) and None)
    with pytest.raises(InternalServerError, match=message):
        held(database, writer, "all")


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(index_items, "BACKFILL_ITEMS", 2)


def fill(transaction):
    backfill_some(transaction, transaction.catalog.tables["t"], index_of(transaction, "late"))


def backfilling(writer):
    return writer.call(lambda transaction: index_of(transaction, "late").backfilling)


@pytest.mark.usefixtures("few")
def test_an_index_is_filled_some_items_at_a_time_and_finished_by_a_part_that_is_not_full(table, writer, database):
    for number in range(5):
        writer.call(partial(put, name="t", item=item_of(f"k{number}", **({"x": number} if number != 3 else {}))))
    writer.call(partial(add_index, table=table, name="late", attribute="x"))
    seen = [counters(database)["late"][0]]
    while backfilling(writer):
        writer.call(fill)
        seen.append(counters(database)["late"][0])
    assert len(seen) == 3
    assert seen == sorted(seen)
    assert seen[-1] == 4


def test_a_part_ends_with_its_bytes(table, writer, monkeypatch):
    monkeypatch.setattr(index_items, "BACKFILL_BYTES", 1)
    for number in range(2):
        writer.call(partial(put, name="t", item=item_of(f"k{number}", x=number)))
    writer.call(partial(add_index, table=table, name="late", attribute="x"))
    assert backfilling(writer)
    writer.call(fill)
    writer.call(fill)
    assert not backfilling(writer)


@pytest.mark.usefixtures("few")
def test_what_is_written_while_an_index_is_filled_is_in_it_once(table, writer, database):
    for number in range(6):
        writer.call(partial(put, name="t", item=item_of(f"k{number}", x=number)))
    writer.call(partial(add_index, table=table, name="late", attribute="x"))
    for number in range(6):  # some of them have their entries, some not
        if number % 3 == 0:
            writer.call(partial(remove, name="t", pk=f"k{number}"))
        else:
            writer.call(partial(put, name="t", item=item_of(f"k{number}", x=number * (number % 2), v="new")))
    while backfilling(writer):
        writer.call(fill)
    shown = sorted((item["pk"]["S"], item["x"]["S"]) for _, item, _ in held(database, writer, "late"))
    assert shown == [("k1", "1"), ("k2", "0"), ("k4", "0"), ("k5", "5")]
    assert counters(database)["late"] == (4, sum(size for size, _, _ in held(database, writer, "late")))


@pytest.mark.usefixtures("few")
def test_a_damaged_item_stops_the_filling_where_it_is(table, writer, database):
    for number in range(4):
        writer.call(partial(put, name="t", item=item_of(f"k{number}", x=number)))
    writer.call(partial(add_index, table=table, name="late", attribute="x"))
    writer.call(lambda transaction: transaction.connection.execute(text("UPDATE items SET crc = crc + 1")) and None)
    with pytest.raises(InternalServerError, match="damaged"):
        writer.call(fill)
    assert backfilling(writer)
    assert counters(database)["late"][0] == 2


@pytest.mark.usefixtures("indexed")
def test_entries_of_a_deleted_index_go_in_parts_and_those_of_others_stay(writer, database, monkeypatch):
    monkeypatch.setattr(index_items, "DROP_ROWS", 2)
    write_three(writer)
    writer.call(lambda transaction: catalog.drop_index(transaction, index_of(transaction, "keys").id))
    worked = [writer.call(sweep_dropped) for _ in range(3)]
    assert worked == [True, True, False]
    with database.reading() as connection:
        assert connection.execute(select(func.count()).select_from(schema.index_items)).scalar() == 6
        assert connection.execute(select(func.count()).select_from(schema.dropped_indexes)).scalar() == 0


STEPS = 10
"""Instructions of SQLite's machine between two counts."""


def cost_of_a_page(database, writer, name, **how):
    """Count, in units of STEPS, what SQLite does for ten entries."""
    index = writer.call(partial(index_of, name=name))
    connection, counts = database.reader(), [0]

    def count():
        counts[0] += 1
        return 0

    connection.set_progress_handler(count, STEPS)
    rows = scan_entries(connection, index, b"", HIGHEST_KEY, at_once=10, **how)
    assert len([next(rows) for _ in range(10)]) == 10
    rows.close()
    connection.set_progress_handler(None, STEPS)
    return counts[0]


@pytest.mark.usefixtures("indexed")
def test_a_page_costs_what_it_returns_not_what_the_table_holds(writer, database):
    def fill(transaction, count):
        for number in range(count):
            put(transaction, "t", item_of(f"k{number}", x=number, v="v"))

    costs = []
    for count in (20, 2000):
        writer.call(partial(fill, count=count))
        costs.append(
            [
                cost_of_a_page(database, writer, name, forward=forward, whole=whole)
                for name in sorted(PROJECTIONS)
                for forward in (True, False)
                for whole in (True, False)
            ]
        )
    # Counting begins anywhere within a unit.
    assert all(abs(small - large) <= 1 for small, large in zip(*costs, strict=True)), costs
    assert min(costs[0]) > 5
