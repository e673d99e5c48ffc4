"""Rows of items: one key each, read by key or by key range, with a CRC over key and payload."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias
from zlib import crc32

from sqlalchemy import bindparam, delete, insert, select, update

from cdc.model.errors import InternalServerError
from cdc.model.values import load_item
from cdc.store.schema import copies, dropped_tables, items
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.model.values import Item
    from cdc.store.transaction import Transaction

HIGHEST_KEY = b"\xff" * 5
"""Greater than every key: the bytes after the hash are a length of at most 2,048."""
RANGE_ROWS = 128
"""Rows fetched from the driver at a time, at most: a page is cut by bytes, so more would be read in vain."""
DROP_ROWS = 500
"""Items of a deleted table that housekeeping removes in one write."""

_of_key = (items.c.table_id == bindparam("table"), items.c.key == bindparam("key"))
_in_range = (
    items.c.table_id == bindparam("table"),
    items.c.key >= bindparam("low"),
    items.c.key < bindparam("high"),
)
_row = (items.c.key, items.c.size, items.c.crc, items.c.item)

_FETCH = prepare(select(items.c.id, items.c.size, items.c.crc, items.c.item).where(*_of_key), "table", "key")
_INSERT = prepare(
    insert(items).values(
        table_id=bindparam("table"),
        key=bindparam("key"),
        size=bindparam("size"),
        crc=bindparam("crc"),
        item=bindparam("item"),
    ),
    "table",
    "key",
    "size",
    "crc",
    "item",
)
_UPDATE = prepare(
    update(items)
    .where(items.c.id == bindparam("row"))
    .values(size=bindparam("size"), crc=bindparam("crc"), item=bindparam("item")),
    "size",
    "crc",
    "item",
    "row",
)
_INSERT_EXPIRING = prepare(
    insert(items).values(
        table_id=bindparam("table"),
        key=bindparam("key"),
        size=bindparam("size"),
        crc=bindparam("crc"),
        item=bindparam("item"),
        expires_ms=bindparam("expires"),
    ),
    "table",
    "key",
    "size",
    "crc",
    "item",
    "expires",
)
_UPDATE_EXPIRING = prepare(
    update(items)
    .where(items.c.id == bindparam("row"))
    .values(size=bindparam("size"), crc=bindparam("crc"), item=bindparam("item"), expires_ms=bindparam("expires")),
    "size",
    "crc",
    "item",
    "expires",
    "row",
)
_DELETE = prepare(delete(items).where(items.c.id == bindparam("row")), "row")
_FORWARD = prepare(select(*_row).where(*_in_range).order_by(items.c.key), "table", "low", "high")
_BACKWARD = prepare(select(*_row).where(*_in_range).order_by(items.c.key.desc()), "table", "low", "high")


Row: TypeAlias = tuple[bytes, int, bytes, int]
"""What a page reads: encoded key, bytes that count as read, canonical JSON, bytes fetched from the table besides."""


@dataclass(slots=True)
class StoredItem:
    """A row of an item."""

    row: int  # rowid
    size: int  # bytes, DynamoDB's arithmetic
    item: bytes  # canonical DynamoDB JSON
    _content: Item | None = field(default=None, compare=False, repr=False)

    @property
    def content(self) -> Item:
        """The item as values; decoded once, and by those alone that look inside."""
        if self._content is None:
            self._content = load_item(self.item)
        return self._content


def fetch(cursor: Any, table_id: int, key: bytes) -> StoredItem | None:
    """Read one item by its key.

    Raises: InternalServerError when its CRC is wrong.
    """
    rows = cursor.execute(_FETCH, (table_id, key)).fetchall()
    if not rows:
        return None
    row, size, crc, item = rows[0]
    if crc32(item, crc32(key)) != crc:
        raise damaged(key)
    return StoredItem(row, size, item)


def damaged(key: bytes) -> InternalServerError:
    """Build the error for a payload whose CRC is wrong."""
    return InternalServerError(f"The stored item with key {key.hex()} is damaged (CRC mismatch); run cdc check")


def put(transaction: Transaction, table_id: int, key: bytes, item: bytes, size: int, old: StoredItem | None) -> int:
    """Write an item over `old`, the row that `fetch` found in this transaction; return its rowid."""
    crc = crc32(item, crc32(key))
    cursor = transaction.cursor
    if old is None:
        cursor.execute(_INSERT, (table_id, key, size, crc, item))
        transaction.count_items(table_id, 1, size)
        return cursor.lastrowid  # type: ignore[no-any-return]
    cursor.execute(_UPDATE, (size, crc, item, old.row))
    transaction.count_items(table_id, 0, size - old.size)
    return old.row


def put_expiring(
    transaction: Transaction,
    table_id: int,
    key: bytes,
    item: bytes,
    size: int,
    old: StoredItem | None,
    expires_ms: int | None,
) -> int:
    """Write an item as `put` does, of a table that has TTL; naming the column costs 1 µs, which others are spared."""
    crc = crc32(item, crc32(key))
    cursor = transaction.cursor
    if old is None:
        cursor.execute(_INSERT_EXPIRING, (table_id, key, size, crc, item, expires_ms))
        transaction.count_items(table_id, 1, size)
        return cursor.lastrowid  # type: ignore[no-any-return]
    cursor.execute(_UPDATE_EXPIRING, (size, crc, item, expires_ms, old.row))
    transaction.count_items(table_id, 0, size - old.size)
    return old.row


def remove(transaction: Transaction, table_id: int, old: StoredItem) -> None:
    """Delete the row that `fetch` found in this transaction."""
    transaction.cursor.execute(_DELETE, (old.row,))
    transaction.count_items(table_id, -1, -old.size)


def scan_range(
    connection: Any, table_id: int, low: bytes, high: bytes, *, forward: bool = True, at_once: int = RANGE_ROWS
) -> Generator[Row, None, None]:
    """Yield the items with keys in [low, high), in key order or backwards. Close it when you stop early.

    `at_once` rows are fetched at a time.
    Raises: InternalServerError when a CRC is wrong.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(_FORWARD if forward else _BACKWARD, (table_id, low, high))
        while rows := cursor.fetchmany(at_once):
            for key, size, crc, item in rows:
                if crc32(item, crc32(key)) != crc:
                    raise damaged(key)
                yield key, size, item, 0
    finally:
        cursor.close()


def sweep_dropped(transaction: Transaction) -> bool:
    """Remove some items of deleted tables; return whether there is more to do."""
    connection = transaction.connection
    being_copied = select(copies.c.table_id).where(copies.c.after_key.is_not(None))
    unneeded = select(dropped_tables.c.id).where(dropped_tables.c.id.not_in(being_copied))
    table_id = connection.execute(unneeded.limit(1)).scalar()
    if table_id is None:
        return False
    some = select(items.c.id).where(items.c.table_id == table_id).limit(DROP_ROWS)
    if connection.execute(delete(items).where(items.c.id.in_(some))).rowcount == 0:
        connection.execute(delete(dropped_tables).where(dropped_tables.c.id == table_id))
    return True
