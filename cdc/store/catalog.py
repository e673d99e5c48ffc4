"""Rows of tables, indexes, streams, shards and segments: loading a snapshot, and every state transition of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, delete, insert, select, update

from cdc.model.catalog import Catalog, Segment, Shard, Stream, Table, TableDefinition
from cdc.model.indexes import Index, IndexDefinition, build_index
from cdc.model.keys import KeySchema
from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, CursorResult

    from cdc.store.transaction import Transaction

_SIZE = prepare(
    select(schema.tables.c.item_count, schema.tables.c.size_bytes).where(schema.tables.c.id == bindparam("table")),
    "table",
)
_INDEX_SIZES = prepare(
    select(schema.indexes.c.id, schema.indexes.c.item_count, schema.indexes.c.size_bytes).where(
        schema.indexes.c.table_id == bindparam("table")
    ),
    "table",
)


def new_id(result: CursorResult[Any]) -> int:
    """Return the id that an INSERT of one row was given."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def load_catalog(connection: Connection, epoch: int) -> Catalog:
    """Read the whole catalogue in the connection's snapshot."""
    shards: dict[int, list[Shard]] = defaultdict(list)
    for row in connection.execute(select(schema.shards).order_by(schema.shards.c.shard_id)):
        shards[row.stream_id].append(Shard(**row._mapping))
    streams = tuple(
        _stream(row, tuple(shards[row.id]))
        for row in connection.execute(select(schema.streams).order_by(schema.streams.c.id))
    )
    enabled = {stream.table_id: stream for stream in streams if stream.disabled_ms is None}
    indexes: dict[int, list[Any]] = defaultdict(list)
    for row in connection.execute(select(schema.indexes).order_by(schema.indexes.c.name)):
        indexes[row.table_id].append(row)
    copies: dict[int, list[int]] = defaultdict(list)
    in_progress = select(schema.copies.c.table_id, schema.copies.c.id).where(schema.copies.c.after_key.is_not(None))
    for row in connection.execute(in_progress):
        copies[row.table_id].append(row.id)
    return Catalog(
        epoch=epoch,
        tables={
            row.name: _table(row, enabled.get(row.id), indexes[row.id], copies[row.id])
            for row in connection.execute(select(schema.tables).order_by(schema.tables.c.name))
        },
        streams=streams,
        segments=tuple(
            Segment(**row._mapping)
            for row in connection.execute(select(schema.segments).order_by(schema.segments.c.id))
        ),
        shards={shard.id: (stream, shard) for stream in streams for shard in stream.shards},
    )


def _table(row: Any, stream: Stream | None, index_rows: Iterable[Any], copies: Iterable[int]) -> Table:
    definition = decode_definition(row.definition)
    key_schema = _key_schema(definition)
    keys = [name for name, _ in key_schema.attributes()]
    types = dict(definition.attributes)
    indexes = tuple(_index(each, types, key_schema) for each in index_rows)
    return Table(
        id=row.id,
        definition=definition,
        schema=key_schema,
        created_ms=row.created_ms,
        stream=stream,
        indexes=indexes,
        index_keys=frozenset(name for index in indexes for name, _ in index.key_attributes).difference(keys),
        has_local_indexes=any(index.local for index in indexes),
        copies=tuple(copies),
    )


def _index(row: Any, types: dict[str, str], table_key: KeySchema) -> Index:
    definition = decode_index(orjson.loads(row.definition))
    return build_index(row.id, definition, types, table_key, backfilling=row.backfilled_key is not None)


def _stream(row: Any, shards: tuple[Shard, ...]) -> Stream:
    key_schema = tuple((name, kind) for name, kind in orjson.loads(row.key_schema))
    return Stream(**{**row._mapping, "key_schema": key_schema}, shards=shards)


def decode_index(fields: dict[str, Any]) -> IndexDefinition:
    """Build the definition of an index from its fields, as JSON has them."""
    fields["key_schema"] = tuple((name, role) for name, role in fields["key_schema"])
    fields["non_key_attributes"] = tuple(fields["non_key_attributes"])
    return IndexDefinition(**fields)


def encode_definition(definition: TableDefinition) -> bytes:
    """Write a table's definition as it is stored."""
    return orjson.dumps(asdict(definition))


def decode_definition(stored: bytes) -> TableDefinition:
    """Read what `encode_definition` wrote, also before a member was added."""
    fields = orjson.loads(stored)
    for name in ("attributes", "tags", "index_statuses"):
        fields[name] = tuple((first, second) for first, second in fields.get(name, ()))
    if fields.get("shown_units") is not None:
        fields["shown_units"] = tuple(fields["shown_units"])
    return TableDefinition(**fields)


def _key_schema(definition: TableDefinition) -> KeySchema:
    types = dict(definition.attributes)
    range_name = definition.range_name
    return KeySchema(
        hash_name=definition.hash_name,
        hash_type=types[definition.hash_name],
        range_name=range_name,
        range_type=None if range_name is None else types[range_name],
    )


def insert_table(transaction: Transaction, definition: TableDefinition) -> int:
    """Add a table; return its id in the file."""
    result = transaction.connection.execute(
        insert(schema.tables).values(
            name=definition.name,
            definition=encode_definition(definition),
            created_ms=transaction.now_ms,
            item_count=0,
            size_bytes=0,
        )
    )
    transaction.change_catalog()
    return new_id(result)


def replace_definition(transaction: Transaction, table_id: int, definition: TableDefinition) -> None:
    """Store a table's changed definition."""
    table = schema.tables
    stored = encode_definition(definition)
    transaction.connection.execute(update(table).where(table.c.id == table_id).values(definition=stored))
    transaction.change_catalog()


def drop_table(transaction: Transaction, table_id: int) -> None:
    """Remove a table's name and its indexes at once; its items wait in `dropped_tables` for housekeeping."""
    ids = select(schema.indexes.c.id).where(schema.indexes.c.table_id == table_id)
    for index_id in transaction.connection.execute(ids).scalars().all():
        drop_index(transaction, index_id)
    transaction.connection.execute(delete(schema.tables).where(schema.tables.c.id == table_id))
    for unfinished in (schema.expiry_backfills, schema.restores):
        transaction.connection.execute(delete(unfinished).where(unfinished.c.table_id == table_id))
    transaction.connection.execute(insert(schema.dropped_tables).values(id=table_id))
    transaction.table_deltas.pop(table_id, None)
    transaction.change_catalog()


def table_size(connection: Connection, table_id: int) -> tuple[int, int]:
    """Read a table's item count and size in bytes as of the last commit; (0, 0) if it is gone."""
    table = schema.tables
    row = connection.execute(select(table.c.item_count, table.c.size_bytes).where(table.c.id == table_id)).first()
    return (0, 0) if row is None else (row.item_count, row.size_bytes)


def fetch_table_size(reader: Any, table_id: int) -> tuple[int, int]:
    """Read the same on a DBAPI connection or cursor, as DescribeTable does."""
    rows = reader.execute(_SIZE, (table_id,)).fetchall()
    return (0, 0) if not rows else (rows[0][0], rows[0][1])


def insert_index(transaction: Transaction, table_id: int, definition: IndexDefinition, *, backfill: bool) -> int:
    """Add an index; return its id in the file. With `backfill`, the table's items have no entries in it yet."""
    result = transaction.connection.execute(
        insert(schema.indexes).values(
            table_id=table_id,
            name=definition.name,
            definition=orjson.dumps(asdict(definition)),
            item_count=0,
            size_bytes=0,
            backfilled_key=b"" if backfill else None,
        )
    )
    transaction.change_catalog()
    return new_id(result)


def replace_index_definition(transaction: Transaction, index_id: int, definition: IndexDefinition) -> None:
    """Store an index's changed definition."""
    row = schema.indexes
    stored = orjson.dumps(asdict(definition))
    transaction.connection.execute(update(row).where(row.c.id == index_id).values(definition=stored))
    transaction.change_catalog()


def drop_index(transaction: Transaction, index_id: int) -> None:
    """Remove an index's name at once; its entries wait in `dropped_indexes` for housekeeping."""
    transaction.connection.execute(delete(schema.indexes).where(schema.indexes.c.id == index_id))
    transaction.connection.execute(insert(schema.dropped_indexes).values(id=index_id))
    transaction.index_deltas.pop(index_id, None)
    transaction.change_catalog()


def fetch_index_sizes(reader: Any, table_id: int) -> dict[int, tuple[int, int]]:
    """Read entry count and size in bytes of each of a table's indexes, by id, on a DBAPI connection or cursor."""
    rows = reader.execute(_INDEX_SIZES, (table_id,)).fetchall()
    return {index_id: (count, size_bytes) for index_id, count, size_bytes in rows}


def insert_stream(transaction: Transaction, stream: Stream) -> int:
    """Add a stream without shards (its `id` and `shards` are ignored); return its id in the file."""
    result = transaction.connection.execute(
        insert(schema.streams).values(
            table_id=stream.table_id,
            table_name=stream.table_name,
            label=stream.label,
            view_type=stream.view_type,
            key_schema=orjson.dumps(stream.key_schema),
            retention_seconds=stream.retention_seconds,
            created_ms=stream.created_ms,
            disabled_ms=None,
        )
    )
    transaction.change_catalog()
    return new_id(result)


def insert_shard(transaction: Transaction, shard: Shard) -> None:
    """Add a shard; its `id` is ignored."""
    transaction.connection.execute(
        insert(schema.shards).values(
            stream_id=shard.stream_id,
            shard_id=shard.shard_id,
            parent_shard_id=shard.parent_shard_id,
            hash_low=shard.hash_low,
            hash_high=shard.hash_high,
            start_sequence=shard.start_sequence,
            end_sequence=shard.end_sequence,
            trimmed_sequence=shard.trimmed_sequence,
        )
    )
    transaction.change_catalog()


def close_stream(transaction: Transaction, stream: Stream) -> None:
    """Disable a stream: its open shards end at a sequence number of their own; records stay readable."""
    shard, row = schema.shards, schema.streams
    for opened in stream.shards:
        if opened.open:
            end = transaction.allocate_sequence()
            transaction.connection.execute(update(shard).where(shard.c.id == opened.id).values(end_sequence=end))
    # Never before its newest record, even if the clock went back: with this time the last of them has expired, too.
    disabled_ms = max(transaction.now_ms, transaction.counters.last_created_ms)
    transaction.connection.execute(update(row).where(row.c.id == stream.id).values(disabled_ms=disabled_ms))
    transaction.change_catalog()


def set_retention(transaction: Transaction, stream_id: int, retention_seconds: int) -> None:
    """Change how long a stream's records are kept; see `segments.keep_longer` for those already written."""
    row = schema.streams
    changed = update(row).where(row.c.id == stream_id).values(retention_seconds=retention_seconds)
    transaction.connection.execute(changed)
    transaction.change_catalog()


def delete_stream(transaction: Transaction, stream_id: int) -> None:
    """Forget a disabled stream whose records have all expired, with its shards and their checkpoints."""
    transaction.connection.execute(delete(schema.shards).where(schema.shards.c.stream_id == stream_id))
    transaction.connection.execute(delete(schema.streams).where(schema.streams.c.id == stream_id))
    transaction.change_catalog()
