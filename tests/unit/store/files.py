"""Database files for tests: tables, streams and items written as the operations write them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cdc.model.catalog import TableDefinition
from cdc.model.indexes import ALL, IndexDefinition, entry_of
from cdc.model.keys import encode_key, key_of
from cdc.model.options import Options
from cdc.model.values import canonical_bytes, item_size
from cdc.store import catalog, items
from cdc.store.blocks import Block
from cdc.store.database import open_database
from cdc.store.index_items import backfill_some, change_entry
from cdc.store.writer import Writer
from cdc.streams.capture import capture
from cdc.streams.lifecycle import enable_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.clock import Clock
    from cdc.model.catalog import Table
    from cdc.model.values import Item
    from cdc.store.blocks import Record
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction

DAY = 86_400
BOTH = "NEW_AND_OLD_IMAGES"


@contextmanager
def opened(path: Path, clock: Clock) -> Iterator[tuple[Database, Writer]]:
    """Open a file with its writer, and close both."""
    database = open_database(path)
    try:
        writer = Writer(database, clock)
        try:
            yield database, writer
        finally:
            writer.close()
    finally:
        database.close()


def create_table(
    transaction: Transaction, name: str = "t", view_type: str | None = BOTH, *, shards: int = 2, retention: int = DAY
) -> int:
    """Add a table with the partition key `pk` (S), and its stream unless `view_type` is None; return its id."""
    definition = TableDefinition(
        name=name,
        table_id=f"00000000-0000-0000-0000-{len(transaction.catalog.tables):012d}",
        attributes=(("pk", "S"),),
        hash_name="pk",
        range_name=None,
        billing_mode="PAY_PER_REQUEST",
    )
    table_id = catalog.insert_table(transaction, definition)
    if view_type is not None:
        options = Options(shards=shards, retention_seconds=retention)
        enable_stream(transaction, options, transaction.catalog.tables[name], view_type)
    return table_id


def item_of(pk: str, **attributes: Any) -> Item:
    """Build an item with the key `pk` and string attributes."""
    return {"pk": {"S": pk}, **{name: {"S": str(value)} for name, value in attributes.items()}}


def add_index(
    transaction: Transaction,
    table: str,
    name: str,
    attribute: str,
    projection: str = ALL,
    included: tuple[str, ...] = (),
) -> int:
    """Add a global index on a string attribute to a table, and begin to fill it; return its id."""
    found = transaction.catalog.tables[table]
    definition = found.definition
    if attribute not in dict(definition.attributes):
        changed = replace(definition, attributes=(*definition.attributes, (attribute, "S")))
        catalog.replace_definition(transaction, found.id, changed)
    index = IndexDefinition(
        name=name,
        local=False,
        key_schema=((attribute, "HASH"),),
        projection=projection,
        non_key_attributes=included,
    )
    index_id = catalog.insert_index(transaction, found.id, index, backfill=True)
    now = transaction.catalog.tables[table]
    stored = now.index(name)
    assert stored is not None
    backfill_some(transaction, now, stored)
    return index_id


def put(transaction: Transaction, name: str, item: Item) -> None:
    """Write an item with its index entries and its record."""
    table = transaction.catalog.tables[name]
    key = encode_key(table.schema, item)
    old = items.fetch(transaction.cursor, table.id, key)
    stored, size = canonical_bytes(item), item_size(item)
    row = items.put(transaction, table.id, key, stored, size, old)
    change_entries(transaction, table, key, row, old, items.StoredItem(row, size, stored))
    if table.stream is not None:
        before = None if old is None else (old.item, old.size)
        capture(transaction, table.stream, key, key_of(table.schema, item), before, (stored, size))


def change_entries(
    transaction: Transaction,
    table: Table,
    key: bytes,
    row: int,
    old: items.StoredItem | None,
    new: items.StoredItem | None,
) -> None:
    """Bring the index entries of an item from `old` to `new`."""
    for index in table.indexes:
        before, after = (None if each is None else entry_of(index, each.content, each.size, key) for each in (old, new))
        if before is not None or after is not None:
            change_entry(transaction, index, key, row, before and before[:2], after)


def remove(transaction: Transaction, name: str, pk: str) -> None:
    """Delete an item with its index entries and its record."""
    table = transaction.catalog.tables[name]
    keys = item_of(pk)
    key = encode_key(table.schema, keys)
    old = items.fetch(transaction.cursor, table.id, key)
    assert old is not None
    items.remove(transaction, table.id, old)
    change_entries(transaction, table, key, old.row, old, None)
    if table.stream is not None:
        capture(transaction, table.stream, key, keys, (old.item, old.size), None)


def stored_records(database: Database, segment: int = 1) -> list[Record]:
    """Read every record of a segment, by sequence."""
    rows = database.reader().execute(f"SELECT * FROM records_{segment}").fetchall()
    return sorted(record for row in rows for record in Block._make(row).records())
