"""When items expire: finding those that have, and giving items from before a table had TTL their time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, literal_column, select, update

from cdc.model.values import load_item
from cdc.store.schema import expiry_backfills, items
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.values import Item
    from cdc.store.transaction import Transaction

BACKFILL_ROWS = 500
BACKFILL_BYTES = 1 << 20
"""What one write of a backfill looks at, at most: some 5 ms."""

_EXPIRED = prepare(
    select(items.c.key)
    .where(
        items.c.table_id == bindparam("table"),
        items.c.expires_ms >= bindparam("low"),
        items.c.expires_ms < bindparam("high"),
    )
    .order_by(items.c.expires_ms)
    .limit(bindparam("rows"))
    .offset(literal_column("0")),
    "table",
    "low",
    "high",
    "rows",
)
_AFTER = prepare(
    select(items.c.id, items.c.key, items.c.item, items.c.expires_ms)
    .where(items.c.table_id == bindparam("table"), items.c.key > bindparam("after"))
    .order_by(items.c.key)
    .limit(bindparam("rows"))
    .offset(literal_column("0")),
    "table",
    "after",
    "rows",
)
_SET = prepare(
    update(items).where(items.c.id == bindparam("row")).values(expires_ms=bindparam("expires")), "expires", "row"
)
_BACKFILLS = prepare(select(expiry_backfills.c.table_id, expiry_backfills.c.after_key))
_REACH = prepare(
    update(expiry_backfills)
    .where(expiry_backfills.c.table_id == bindparam("table"))
    .values(after_key=bindparam("after")),
    "after",
    "table",
)


class Backfill(NamedTuple):
    """Items of a table that were there before it had TTL are being given their time."""

    table_id: int
    after_key: bytes  # items up to this one have it


def find_expired(connection: Any, table_id: int, low_ms: int, high_ms: int, rows: int) -> list[bytes]:
    """Find the keys of items that expire in [low, high), the earliest first; costs what it finds.

    What it finds may be out of date: look at the items themselves.
    """
    return [key for (key,) in connection.execute(_EXPIRED, (table_id, low_ms, high_ms, rows)).fetchall()]


def begin_backfill(transaction: Transaction, table_id: int) -> None:
    """Note that the items of a table that has just got TTL are to be given their time."""
    end_backfill(transaction, table_id)
    transaction.connection.execute(insert(expiry_backfills).values(table_id=table_id, after_key=b""))


def end_backfill(transaction: Transaction, table_id: int) -> None:
    """Give no more items their time."""
    transaction.connection.execute(delete(expiry_backfills).where(expiry_backfills.c.table_id == table_id))


def backfills(connection: Any) -> list[Backfill]:
    """List the tables whose items are still to be given their time."""
    return [Backfill(*row) for row in connection.execute(_BACKFILLS).fetchall()]


def backfill(transaction: Transaction, table_id: int, after: bytes, expires_ms: Callable[[Item], int | None]) -> bool:
    """Give some of a table's items after a key their time; tell whether that was the end of them."""
    cursor = transaction.cursor
    rows = cursor.execute(_AFTER, (table_id, after, BACKFILL_ROWS)).fetchall()
    room = BACKFILL_BYTES
    for row, key, item, known in rows:
        expires = expires_ms(load_item(item))
        if expires != known:
            cursor.execute(_SET, (expires, row))
        after, room = key, room - len(item)
        if room < 0:
            break
    ended = room >= 0 and len(rows) < BACKFILL_ROWS
    if ended:
        end_backfill(transaction, table_id)
    else:
        cursor.execute(_REACH, (after, table_id))
    return ended
