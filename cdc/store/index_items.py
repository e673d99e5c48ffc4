"""Rows of index entries: which items an index holds, in its order, and what it holds of them.

An entry's key has the attributes of its key, and beside it stands what INCLUDE adds: a page costs what it returns. Only
entries in indexes of whole items have their items read with them, by the row that each entry names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqlalchemy import bindparam, delete, select, update

from cdc.model.errors import InternalServerError
from cdc.model.indexes import entry_content, entry_of
from cdc.model.values import load_item
from cdc.store.entry_changes import DELETE, INSERT_NEW
from cdc.store.items import RANGE_ROWS, damaged
from cdc.store.schema import dropped_indexes, index_items, indexes, items
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.model.catalog import Table
    from cdc.model.indexes import Entry, Index
    from cdc.store.entry_changes import StoredEntry
    from cdc.store.items import Row
    from cdc.store.transaction import Transaction

DROP_ROWS = 1000
"""Entries of a deleted index that housekeeping removes in one write, which takes some milliseconds."""
BACKFILL_ITEMS = 500
"""Items that get their entries in one write at most, which then takes some 5 ms."""
BACKFILL_BYTES = 1 << 20
"""Bytes of items that are decoded for it at most, for the same reason."""
BACKFILL_ROWS = 16
"""Of them fetched from the driver at a time."""

_column = index_items.c
_in_range = (
    _column.index_id == bindparam("index"),
    _column.key >= bindparam("low"),
    _column.key < bindparam("high"),
)
_entries = select(_column.key, _column.item_id, _column.size, _column.crc, _column.included).where(*_in_range)
# An outer join reads the index first, whatever the planner thinks, and shows an entry whose item is gone.
_whole = _entries.add_columns(items.c.key, items.c.size, items.c.crc, items.c.item).select_from(
    index_items.outerjoin(items, items.c.id == _column.item_id)
)
_RANGE = {
    (whole, forward): prepare(
        statement.order_by(_column.key if forward else _column.key.desc()), "index", "low", "high"
    )
    for whole, statement in ((False, _entries), (True, _whole))
    for forward in (False, True)
}
_POSITION = prepare(select(indexes.c.backfilled_key).where(indexes.c.id == bindparam("index")), "index")
_SET_POSITION = prepare(
    update(indexes).where(indexes.c.id == bindparam("index")).values(backfilled_key=bindparam("position")),
    "position",
    "index",
)
_NEXT_ITEMS = prepare(
    select(items.c.id, items.c.key, items.c.size, items.c.crc, items.c.item)
    .where(items.c.table_id == bindparam("table"), items.c.key > bindparam("after"))
    .order_by(items.c.key),
    *("table", "after"),
)


def entry_crc(item_id: int, key: bytes, included: bytes | None) -> int:
    """Compute the CRC of an entry."""
    crc = crc32(key, item_id & 0xFFFFFFFF)
    return crc if included is None else crc32(included, crc)


def change_entry(
    transaction: Transaction,
    index: Index,
    item_key: bytes,
    item_id: int,
    old: tuple[bytes, int] | None,
    new: Entry | None,
) -> None:
    """Bring the entry of an item, under its encoded key and with its row, from `old`, key and size, to `new`.

    None is no entry. While the index is backfilled the old one may not be there.
    """
    if index.backfilling:
        _change_at_once(transaction, index, item_id, old, new)
        return
    if old is None:
        assert new is not None
        transaction.count_entries(index.id, 1, new.size)
    elif new is None:
        transaction.count_entries(index.id, -1, -old[1])
    else:
        if new.size != old[1]:
            transaction.count_entries(index.id, 0, new.size - old[1])
        if index.whole_items and new.key == old[0]:
            return
    stored = None if new is None else _stored(index, item_id, new)
    transaction.entries.add(transaction.cursor, index.id, item_key, None if old is None else old[0], stored)


def _change_at_once(
    transaction: Transaction, index: Index, item_id: int, old: tuple[bytes, int] | None, new: Entry | None
) -> None:
    cursor = transaction.cursor
    if old is not None:
        key, size = old
        cursor.execute(DELETE, (index.id, key))
        if cursor.rowcount:
            transaction.count_entries(index.id, -1, -size)
    if new is not None:
        _insert_new(transaction, index, item_id, new)


def _stored(index: Index, item_id: int, entry: Entry) -> StoredEntry:
    """Give what is stored of an entry. A whole item's size is not: its own row has it, and may be rewritten alone."""
    key, size, included = entry
    return key, item_id, 0 if index.whole_items else size, entry_crc(item_id, key, included), included


def scan_entries(
    connection: Any,
    index: Index,
    low: bytes,
    high: bytes,
    *,
    forward: bool = True,
    whole: bool = False,
    at_once: int = RANGE_ROWS,
) -> Generator[Row, None, None]:
    """Yield the entries with keys in [low, high), in key order or backwards. Close it when you stop early.

    With `whole`, and from an index of whole items, the content is the item's. `at_once` rows are fetched at a time.
    Raises: InternalServerError when a CRC is wrong or the item is gone.
    """
    joined = whole or index.whole_items
    cursor = connection.cursor()
    try:
        cursor.execute(_RANGE[joined, forward], (index.id, low, high))
        while rows := cursor.fetchmany(at_once):
            for key, item_id, size, crc, included, *item in rows:
                if entry_crc(item_id, key, included) != crc:
                    raise _damaged_entry(index, key)
                if not joined:
                    yield key, size, entry_content(index, key, included), 0
                    continue
                item_key, item_bytes, item_crc, content = item
                if content is None:
                    raise _damaged_entry(index, key)
                if crc32(content, crc32(item_key)) != item_crc:
                    raise damaged(item_key)
                yield (key, item_bytes, content, 0) if index.whole_items else (key, size, content, item_bytes)
    finally:
        cursor.close()


def _damaged_entry(index: Index, key: bytes) -> InternalServerError:
    return InternalServerError(f"The entry {key.hex()} of the index {index.name} is damaged; run cdc check")


def backfill_some(transaction: Transaction, table: Table, index: Index) -> None:
    """Give the next items of a table their entries in an index that is being backfilled.

    The catalogue tells when it has finished. Items that have no key in the index are passed over; those that were
    written since it was made have their entries. Raises: InternalServerError when the CRC of an item is wrong.
    """
    [(position,)] = transaction.cursor.execute(_POSITION, (index.id,)).fetchall()
    left, count, finished = BACKFILL_BYTES, 0, True
    rows = _items_after(transaction, table, position)
    try:
        for item_id, key, size, stored in rows:
            entry = entry_of(index, load_item(stored), size, key)
            if entry is not None:
                _insert_new(transaction, index, item_id, entry)
            position, left, count = key, left - size, count + 1
            if left <= 0 or count == BACKFILL_ITEMS:
                finished = False
                break
    finally:
        rows.close()
    transaction.cursor.execute(_SET_POSITION, (None if finished else position, index.id))
    if finished:
        transaction.change_catalog()


def _items_after(
    transaction: Transaction, table: Table, after: bytes
) -> Generator[tuple[int, bytes, int, bytes], None, None]:
    """Yield row, key, size and content of a table's items, a few at a time: each may have 400 KB."""
    cursor = transaction.connection.connection.cursor()
    try:
        cursor.execute(_NEXT_ITEMS, (table.id, after))
        while rows := cursor.fetchmany(BACKFILL_ROWS):
            for item_id, key, size, crc, stored in rows:
                if crc32(stored, crc32(key)) != crc:
                    raise damaged(key)
                yield item_id, key, size, stored
    finally:
        cursor.close()


def _insert_new(transaction: Transaction, index: Index, item_id: int, entry: Entry) -> None:
    cursor = transaction.cursor
    cursor.execute(INSERT_NEW, (index.id, *_stored(index, item_id, entry)))
    if cursor.rowcount:
        transaction.count_entries(index.id, 1, entry.size)


def sweep_dropped(transaction: Transaction) -> bool:
    """Remove some entries of deleted indexes; return whether there is more to do."""
    connection = transaction.connection
    index_id = connection.execute(select(dropped_indexes.c.id).limit(1)).scalar()
    if index_id is None:
        return False
    of_index = _column.index_id == index_id
    last = select(_column.key).where(of_index).order_by(_column.key).limit(1).offset(DROP_ROWS - 1)
    key = connection.execute(last).scalar()
    some = delete(index_items).where(of_index)
    connection.execute(some if key is None else some.where(_column.key <= key))
    if key is None:
        connection.execute(delete(dropped_indexes).where(dropped_indexes.c.id == index_id))
    return True
