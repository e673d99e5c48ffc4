"""Copies of tables: what a table held at one moment, gathered while it is written to.

A copy is made of two halves that meet. A copier goes through the table's items in the order of their keys, a bounded
write at a time. A write that changes an item first keeps the item as it was, or that there was none. Of a key the first
that comes is kept: it is from the moment at which the copy began, since nothing has changed the item in between.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update

from cdc.store.catalog import new_id
from cdc.store.items import damaged
from cdc.store.schema import copies, copy_items, dropped_copies, items
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.store.items import StoredItem
    from cdc.store.transaction import Transaction

COPY_ROWS = 500
COPY_BYTES = 1 << 20
"""What one write of a copier copies, at most: some 5 ms."""
DROP_ROWS = 500
"""Items of a deleted copy that housekeeping removes in one write."""
READ_ROWS = 64
"""Rows fetched from the driver at a time."""

_row = (copy_items.c.copy_id, copy_items.c.key, copy_items.c.size, copy_items.c.crc, copy_items.c.item)
_range = (items.c.table_id == bindparam("table"), items.c.key > bindparam("low"), items.c.key <= bindparam("high"))
_KEEP = prepare(
    insert(copy_items).prefix_with("OR IGNORE").values({column.name: bindparam(column.name) for column in _row}),
    *(column.name for column in _row),
)
_AHEAD = prepare(
    select(items.c.key, items.c.size)
    .where(items.c.table_id == bindparam("table"), items.c.key > bindparam("low"))
    .order_by(items.c.key)
    .limit(bindparam("rows"))
    .offset(literal_column("0")),
    "table",
    "low",
    "rows",
)
_COPY = prepare(
    insert(copy_items)
    .prefix_with("OR IGNORE")
    .from_select(
        [column.name for column in _row],
        select(bindparam("copy"), items.c.key, items.c.size, items.c.crc, items.c.item).where(*_range),
    ),
    "copy",
    "table",
    "low",
    "high",
)
_COUNT = prepare(
    select(func.count(), func.coalesce(func.sum(copy_items.c.size), literal_column("0"))).where(
        copy_items.c.copy_id == bindparam("copy"),
        copy_items.c.key > bindparam("low"),
        copy_items.c.key <= bindparam("high"),
        copy_items.c.item.is_not(None),
    ),
    "copy",
    "low",
    "high",
)
_REACH = prepare(
    update(copies)
    .where(copies.c.id == bindparam("copy"))
    .values(
        after_key=bindparam("after"),
        item_count=copies.c.item_count + bindparam("items"),
        size_bytes=copies.c.size_bytes + bindparam("bytes"),
    ),
    "after",
    "items",
    "bytes",
    "copy",
)
_IN_PROGRESS = prepare(
    select(copies.c.id, copies.c.table_id, copies.c.after_key, copies.c.item_count, copies.c.size_bytes)
    .where(copies.c.after_key.is_not(None))
    .order_by(copies.c.id)
)
_FIND = prepare(
    select(copies.c.id, copies.c.table_id, copies.c.after_key, copies.c.item_count, copies.c.size_bytes).where(
        copies.c.id == bindparam("copy")
    ),
    "copy",
)
_READ = prepare(
    select(copy_items.c.key, copy_items.c.size, copy_items.c.crc, copy_items.c.item)
    .where(
        copy_items.c.copy_id == bindparam("copy"),
        copy_items.c.key > bindparam("low"),
        copy_items.c.item.is_not(None),
    )
    .order_by(copy_items.c.key),
    "copy",
    "low",
)
_BEYOND = b"\xff" * 5
"""Greater than every key; see `cdc.store.items.HIGHEST_KEY`."""


class Copy(NamedTuple):
    """A copy of a table."""

    id: int
    table_id: int
    after_key: bytes | None  # items up to this one are copied; None when all are
    item_count: int  # of those that are copied
    size_bytes: int

    @property
    def complete(self) -> bool:
        """Whether every item is copied."""
        return self.after_key is None


def begin_copy(transaction: Transaction, table_id: int) -> int:
    """Begin a copy of a table as it is now; return its id. From now on writes keep what they change."""
    row = insert(copies).values(table_id=table_id, after_key=b"", item_count=0, size_bytes=0)
    copy_id = new_id(transaction.connection.execute(row))
    transaction.change_catalog()
    return copy_id


def keep(transaction: Transaction, copy_ids: tuple[int, ...], key: bytes, old: StoredItem | None) -> None:
    """Keep an item as it is before it is changed, or that there is none, for the copies in progress."""
    item, size = (None, 0) if old is None else (old.item, old.size)
    crc = crc32(item or b"", crc32(key))
    for copy_id in copy_ids:
        transaction.cursor.execute(_KEEP, (copy_id, key, size, crc, item))


def copy_some(transaction: Transaction, copy_id: int) -> bool:
    """Copy some more items; tell whether the copy is complete now."""
    copy = find_copy(transaction.cursor, copy_id)
    if copy is None or copy.after_key is None:
        return True
    cursor, low, room = transaction.cursor, copy.after_key, COPY_BYTES
    ahead = cursor.execute(_AHEAD, (copy.table_id, low, COPY_ROWS)).fetchall()
    high = _BEYOND
    for number, (key, size) in enumerate(ahead, start=1):
        room -= size
        if room < 0 or number == COPY_ROWS:
            high = key
            break
    cursor.execute(_COPY, (copy_id, copy.table_id, low, high))
    [(count, size_bytes)] = cursor.execute(_COUNT, (copy_id, low, high)).fetchall()
    complete = high == _BEYOND
    cursor.execute(_REACH, (None if complete else high, count, size_bytes, copy_id))
    if complete:
        transaction.change_catalog()  # writes need keep nothing any more
    return complete


def find_copy(connection: Any, copy_id: int) -> Copy | None:
    """Look a copy up on a DBAPI connection or cursor."""
    rows = connection.execute(_FIND, (copy_id,)).fetchall()
    return Copy(*rows[0]) if rows else None


def copies_in_progress(connection: Any) -> list[Copy]:
    """List the copies that are not complete, the oldest first."""
    return [Copy(*row) for row in connection.execute(_IN_PROGRESS).fetchall()]


def read_copy(connection: Any, copy_id: int, after: bytes = b"") -> Generator[tuple[bytes, int, bytes], None, None]:
    """Yield (key, size, item) of a complete copy, in key order. Close it when you stop early.

    Raises: InternalServerError when a CRC is wrong.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(_READ, (copy_id, after))
        while rows := cursor.fetchmany(READ_ROWS):
            for key, size, crc, item in rows:
                if crc32(item, crc32(key)) != crc:
                    raise damaged(key)
                yield key, size, item
    finally:
        cursor.close()


def drop_copy(transaction: Transaction, copy_id: int) -> None:
    """Remove a copy at once; its items wait in `dropped_copies` for housekeeping."""
    transaction.connection.execute(delete(copies).where(copies.c.id == copy_id))
    transaction.connection.execute(insert(dropped_copies).values(id=copy_id))
    transaction.change_catalog()


def sweep_dropped_copies(transaction: Transaction) -> bool:
    """Remove some items of deleted copies; return whether there is more to do."""
    connection = transaction.connection
    copy_id = connection.execute(select(dropped_copies.c.id).limit(1)).scalar()
    if copy_id is None:
        return False
    some = select(copy_items.c.id).where(copy_items.c.copy_id == copy_id).limit(DROP_ROWS)
    if connection.execute(delete(copy_items).where(copy_items.c.id.in_(some))).rowcount == 0:
        connection.execute(delete(dropped_copies).where(dropped_copies.c.id == copy_id))
    return True
