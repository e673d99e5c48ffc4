"""The check of copies, backups and restores: every item intact, every copy counted, nothing that points nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from sqlalchemy import select

from cdc.store import schema
from cdc.store.statements import prepare
from cdc.store.violations import Snapshot, Violation, broken, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

_item = schema.copy_items.c
_ITEMS = prepare(select(_item.copy_id, _item.key, _item.size, _item.crc, _item.item).order_by(_item.id))


def check_copies(file: Snapshot) -> Iterator[Violation]:
    """Check every item of every copy, and what refers to copies."""
    copies = {row.id: row for row in file.connection.execute(select(schema.copies))}
    dropped = set(file.connection.execute(select(schema.dropped_copies.c.id)).scalars())
    totals = {copy_id: [0, 0] for copy_id in copies}
    strays: dict[int, int] = {}
    for copy_id, key, size, crc, item in fetch(file.driver, _ITEMS):
        where = f"item {bytes(key).hex()} of copy {copy_id}"
        if crc32(item or b"", crc32(key)) != crc:
            yield broken("copy CRC", where, "the stored CRC", "another")
        if copy_id in totals:
            if item is not None:
                totals[copy_id][0] += 1
                totals[copy_id][1] += size
        elif copy_id not in dropped:
            strays[copy_id] = strays.get(copy_id, 0) + 1
    for copy_id, count in strays.items():
        yield broken("items without a copy", f"copy {copy_id}", "a copy, or a dropped one", f"{count} items")
    for copy_id, (count, size_bytes) in totals.items():
        row = copies[copy_id]
        if row.after_key is None and (row.item_count, row.size_bytes) != (count, size_bytes):
            found = f"{row.item_count} items of {row.size_bytes} bytes"
            yield broken("copy counters", f"copy {copy_id}", f"{count} items of {size_bytes} bytes", found)
    yield from _references(file, set(copies))


def _references(file: Snapshot, copies: set[int]) -> Iterator[Violation]:
    for name in ("backups", "restores", "transfers"):
        table = schema.metadata.tables[name]
        for copy_id in file.connection.execute(select(table.c.copy_id).where(table.c.copy_id.is_not(None))).scalars():
            if copy_id not in copies:
                yield broken("copy that is gone", f"a row of {name}", f"copy {copy_id}", "none")
    tables = {table.id for table in file.catalog.tables.values()}
    for table_id in file.connection.execute(select(schema.restores.c.table_id)).scalars():
        if table_id not in tables:
            yield broken("restore without a table", f"restore of table {table_id}", "a table", "none")
