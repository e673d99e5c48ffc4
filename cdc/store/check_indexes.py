"""The comparison of every index with its table: an entry for each item that has one, and for nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, select

from cdc.model.errors import ServiceError
from cdc.model.indexes import entry_of
from cdc.model.values import parse_item
from cdc.store import schema
from cdc.store.index_items import entry_crc
from cdc.store.statements import prepare
from cdc.store.violations import Snapshot, Violation, broken, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model.catalog import Table
    from cdc.model.indexes import Index
    from cdc.model.values import Item

_entry, _item = schema.index_items.c, schema.items.c
_ENTRIES = prepare(
    select(
        *(_entry.index_id, _entry.key, _entry.item_id, _entry.size, _entry.crc, _entry.included),
        *(_item.table_id, _item.key, _item.size, _item.item),
    )
    .select_from(schema.index_items.outerjoin(schema.items, _item.id == _entry.item_id))
    .order_by(_entry.index_id, _entry.key)
)
_ITEM_OF = prepare(
    select(_entry.item_id).where(_entry.index_id == bindparam("index"), _entry.key == bindparam("at")), "index", "at"
)


def check_entries(file: Snapshot) -> Iterator[Violation]:
    """Check every entry by itself and against its item, and the indexes' counters."""
    tables = {table.id: table for table in file.catalog.tables.values()}
    indexes = {index.id: (table, index) for table in tables.values() for index in table.indexes}
    dropped = set(file.connection.execute(select(schema.dropped_indexes.c.id)).scalars())
    totals = {index_id: [0, 0] for index_id in indexes}
    strays: dict[int, int] = {}
    for index_id, key, item_id, size, crc, included, *item in fetch(file.driver, _ENTRIES):
        if index_id not in indexes:
            if index_id not in dropped:
                strays[index_id] = strays.get(index_id, 0) + 1
            continue
        table, index = indexes[index_id]
        where = f"entry {bytes(key).hex()} of index {index.name} of table {table.name}"
        totals[index_id][0] += 1
        totals[index_id][1] += (item[2] or 0) if index.whole_items else size
        if entry_crc(item_id, key, included) != crc:
            yield broken("index entry CRC", where, "the stored CRC", "another")
        elif item[0] != table.id:
            yield broken("index entry without an item", where, f"row {item_id} of the table", "none")
        else:
            yield from _against_item(index, (key, size, included), item, where)
    for index_id, count in strays.items():
        yield broken("index entries without an index", f"index {index_id}", "an index", f"{count} entries")
    yield from _counters(file, totals)
    yield from _stray_indexes(file, set(tables))


def _against_item(index: Index, stored: tuple[Any, ...], item: list[Any], where: str) -> Iterator[Violation]:
    _, item_key, item_bytes, content = item
    try:
        values, _ = parse_item(orjson.loads(content))
    except (ServiceError, ValueError):
        return  # the item's own fault, which is told with the items
    entry = entry_of(index, values, item_bytes, item_key)
    if entry is None:
        yield broken("index entry", where, "none, as the item has no key in the index", "an entry")
        return
    wanted = (entry.key, 0 if index.whole_items else entry.size, entry.included)
    if stored != wanted:
        yield broken("index entry", where, f"what the item says: {wanted}", stored)


def check_presence(file: Snapshot, table: Table, item_key: bytes, size: int, item: Item) -> Iterator[Violation]:
    """Check that an item has its entry in each index of its table, as far as the index has been filled."""
    for index in table.indexes:
        entry = entry_of(index, item, size, item_key)
        if entry is None or (index.backfilling and item_key > file.backfilled_keys[index.id]):
            continue
        if not file.driver.execute(_ITEM_OF, (index.id, entry.key)).fetchall():
            where = f"item {bytes(item_key).hex()} of table {table.name}"
            yield broken("index entry missing", where, f"an entry in index {index.name}", "none")


def _counters(file: Snapshot, totals: dict[int, list[int]]) -> Iterator[Violation]:
    for row in file.connection.execute(select(schema.indexes)):
        if row.id in totals:
            found, wanted = [row.item_count, row.size_bytes], totals[row.id]
            if found != wanted:
                yield broken("index counters", f"index {row.name}", f"{wanted} entries and bytes", found)


def _stray_indexes(file: Snapshot, tables: set[int]) -> Iterator[Violation]:
    for row in file.connection.execute(select(schema.indexes)):
        if row.table_id not in tables:
            yield broken("index without a table", f"index {row.name}", f"table {row.table_id}", "none")
