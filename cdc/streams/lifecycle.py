"""A stream's life: enabling it with its first shards, disabling it, and following a changed retention."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cdc.model.catalog import MAX_HASH, Shard, Stream
from cdc.store import catalog, records

if TYPE_CHECKING:
    from cdc.model.catalog import Table, TableDefinition
    from cdc.model.options import Options
    from cdc.store.transaction import Transaction

ON_DEMAND_SHARDS = 4
"""Partitions that AWS gives a new on-demand table."""
PARTITION_READ_UNITS = 3000
"""Read capacity units that one partition of a provisioned table serves."""
PARTITION_WRITE_UNITS = 1000
"""Write capacity units that one partition of a provisioned table serves."""
SHARDS_MAX = 256
"""What the setting allows, too: a shard costs every poll a look, and AWS's quotas end at about 50."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def enable_stream(
    transaction: Transaction, options: Options, table: Table, view_type: str, *, later: bool = False
) -> Stream:
    """Give a table that has no enabled stream a new one, with open shards that share the ring of hashes equally.

    A stream that is as old as its table tells all that the table holds; one that is enabled `later` than the table was
    made never looks as old, however fast that was. (DynamoDB: CreateTable and UpdateTable, StreamSpecification.)
    """
    created_ms = _unused_ms(transaction, table.name, table.created_ms + 1 if later else transaction.now_ms)
    stream = Stream(
        id=0,
        table_id=table.id,
        table_name=table.name,
        label=label_of(created_ms),
        view_type=view_type,
        key_schema=_key_schema(table.definition),
        retention_seconds=options.retention_of(table.name),
        created_ms=created_ms,
        disabled_ms=None,
        shards=(),
    )
    stream_id = catalog.insert_stream(transaction, stream)
    count = shard_count(options, table.definition)
    for number in range(count):
        catalog.insert_shard(transaction, _first_shard(transaction, stream_id, created_ms, number, count))
    return next(each for each in transaction.catalog.streams if each.id == stream_id)


def disable_stream(transaction: Transaction, stream: Stream) -> None:
    """End a stream: its shards close, its records stay readable until they expire.

    (DynamoDB: UpdateTable, StreamSpecification; DeleteTable.)
    """
    catalog.close_stream(transaction, stream)


def is_gone(stream: Stream, now_ms: int) -> bool:
    """Whether all records of a disabled stream have expired: it is no longer listed, nor read."""
    return stream.disabled_ms is not None and stream.disabled_ms <= stream.horizon_ms(now_ms)


def set_retentions(transaction: Transaction, options: Options) -> None:
    """Bring the retention of every enabled stream up to the configuration; a disabled one keeps what it had.

    Shortened, it expires records at once. Lengthened, records that have expired but not been purged can be read again.
    """
    for stream in transaction.catalog.streams:
        wanted = options.retention_of(stream.table_name)
        if stream.disabled_ms is None and stream.retention_seconds != wanted:
            catalog.set_retention(transaction, stream.id, wanted)
            records.keep_longer(transaction, stream.retention_seconds, wanted)


def label_of(created_ms: int) -> str:
    """Write a stream's label: UTC with milliseconds and no zone, as `2015-05-11T21:21:33.291`."""
    moment = _EPOCH + timedelta(milliseconds=created_ms)
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def shard_count(options: Options, definition: TableDefinition) -> int:
    """Decide how many shards a new stream has: one for each partition that AWS would give the table."""
    if options.shards is not None:
        return options.shards
    if definition.billing_mode == "PAY_PER_REQUEST":
        return ON_DEMAND_SHARDS
    # One division of whole numbers: the sum of two rounded fractions can end up above the next whole number.
    load = definition.read_units * PARTITION_WRITE_UNITS + definition.write_units * PARTITION_READ_UNITS
    return min(max(1, -(-load // (PARTITION_READ_UNITS * PARTITION_WRITE_UNITS))), SHARDS_MAX)


def _unused_ms(transaction: Transaction, table_name: str, earliest_ms: int) -> int:
    """Find a creation time, from now on, that no stream of this table name has: the label must be its own."""
    used = {stream.created_ms for stream in transaction.catalog.streams_of(table_name)}
    created_ms = max(transaction.now_ms, earliest_ms)
    while created_ms in used:
        created_ms += 1
    return created_ms


def _key_schema(definition: TableDefinition) -> tuple[tuple[str, str], ...]:
    hash_key = (definition.hash_name, "HASH")
    return (hash_key,) if definition.range_name is None else (hash_key, (definition.range_name, "RANGE"))


def _first_shard(transaction: Transaction, stream_id: int, created_ms: int, number: int, count: int) -> Shard:
    start = transaction.allocate_sequence()
    return Shard(
        id=0,
        stream_id=stream_id,
        shard_id=_shard_id(created_ms, start),
        parent_shard_id=None,
        hash_low=number * (MAX_HASH + 1) // count,
        hash_high=(number + 1) * (MAX_HASH + 1) // count - 1,
        start_sequence=start,
        end_sequence=None,
        trimmed_sequence=0,
    )


def _shard_id(created_ms: int, start_sequence: int) -> str:
    """Name a shard; the low bits of its own start make the name unique in the file."""
    return f"shardId-{created_ms:020d}-{start_sequence & 0xFFFFFFFF:08x}"
