"""Stream records, in segments: one SQLite table per stretch of time and retention, dropped as a whole when it expires."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from cdc.model.errors import InternalServerError
from cdc.store import schema
from cdc.store.catalog import new_id
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model.catalog import Catalog, Segment, Shard
    from cdc.store.transaction import Transaction

SEGMENT_RECORDS = 250_000
"""Sequence numbers a segment spans at most, so that dropping it takes tens of milliseconds."""
SEGMENTS_PER_RETENTION = 24
"""Segments that a retention is cut into: what has expired stays on disk for at most one of them longer."""
MIN_SEGMENT_SECONDS = 60
MAX_SEGMENT_SECONDS = 3600
READ_ROWS = 256
"""Rows fetched from the driver at a time."""


class Record(NamedTuple):
    """A stream record as it is stored."""

    sequence: int
    shard: int  # the shard's id in the file
    created_ms: int
    kind: int  # index into model.catalog.EVENT_NAMES
    size_bytes: int
    change: bytes  # JSON object: Keys, NewImage, OldImage


def segment_seconds(retention_seconds: int) -> int:
    """How long a segment of this retention is written to."""
    return min(max(retention_seconds // SEGMENTS_PER_RETENTION, MIN_SEGMENT_SECONDS), MAX_SEGMENT_SECONDS)


def record_crc(sequence: int, shard: int, created_ms: int, kind: int, change: bytes) -> int:
    """CRC-32 of a record's change and of what identifies it."""
    return crc32(change, crc32(b"%d %d %d %d" % (sequence, shard, created_ms, kind)))


class _Statements(NamedTuple):
    insert: str
    read: str  # one shard after a sequence, in order
    first_at: str  # oldest record of any shard at or after a sequence
    newest: str


@lru_cache(maxsize=4096)
def _statements(segment_id: int) -> _Statements:
    records = schema.records_table(segment_id)
    column = records.c
    columns = [c.name for c in column]
    return _Statements(
        insert=prepare(insert(records).values({name: bindparam(name) for name in columns}), *columns),
        read=prepare(
            select(*column)
            .where(column.shard == bindparam("in_shard"), column.sequence > bindparam("after"))
            .order_by(column.sequence),
            "in_shard",
            "after",
        ),
        first_at=prepare(
            select(func.min(column.sequence), column.created_ms).where(column.sequence >= bindparam("low")), "low"
        ),
        newest=prepare(select(func.max(column.sequence)).where(column.shard == bindparam("in_shard")), "in_shard"),
    )


def append(
    transaction: Transaction, shard: int, retention_seconds: int, kind: int, size_bytes: int, change: bytes
) -> int:
    """Write a record under the next sequence number, which is returned."""
    created_ms = transaction.record_time_ms()
    segment_id = _segment_for(transaction, retention_seconds, created_ms)
    sequence = transaction.allocate_sequence()
    crc = record_crc(sequence, shard, created_ms, kind, change)
    row = (sequence, shard, created_ms, kind, size_bytes, crc, change)
    transaction.cursor.execute(_statements(segment_id).insert, row)
    transaction.appended_shards.add(shard)
    return sequence


def _segment_for(transaction: Transaction, retention_seconds: int, created_ms: int) -> int:
    segment = transaction.catalog.open_segments.get(retention_seconds)
    if segment is not None:
        age_ms = created_ms - segment.opened_ms
        records = transaction.counters.next_sequence - segment.first_sequence
        if age_ms <= segment_seconds(retention_seconds) * 1000 and records < SEGMENT_RECORDS:
            return segment.id
        close_segment(transaction, segment)
    return _open_segment(transaction, retention_seconds, created_ms)


def _open_segment(transaction: Transaction, retention_seconds: int, created_ms: int) -> int:
    result = transaction.connection.execute(
        insert(schema.segments).values(
            retention_seconds=retention_seconds,
            opened_ms=created_ms,
            closed_ms=None,
            first_sequence=transaction.counters.next_sequence,
            last_sequence=None,
        )
    )
    segment_id = new_id(result)
    records = schema.records_table(segment_id)
    transaction.connection.execute(CreateTable(records))
    for index in records.indexes:
        transaction.connection.execute(CreateIndex(index))
    transaction.change_catalog()
    return segment_id


def close_segment(transaction: Transaction, segment: Segment) -> None:
    """Add no more records to a segment. The next write of its retention opens another."""
    row = schema.segments
    transaction.connection.execute(
        update(row)
        .where(row.c.id == segment.id)
        .values(
            closed_ms=max(transaction.counters.last_created_ms, segment.opened_ms),
            last_sequence=transaction.counters.next_sequence - 1,
        )
    )
    transaction.change_catalog()


def keep_longer(transaction: Transaction, old_seconds: int, new_seconds: int) -> None:
    """Prepare for a stream's change of retention.

    Both retentions' open segments are closed, so that the stream's records stay in the order of their segments; and
    the segments that hold its records are kept for the longer of the two.
    """
    for segment in transaction.catalog.segments:
        if segment.closed_ms is None and segment.retention_seconds in {old_seconds, new_seconds}:
            close_segment(transaction, segment)
    row = schema.segments
    if new_seconds > old_seconds:
        closed = row.c.closed_ms.is_not(None)
        longer = update(row).where(row.c.retention_seconds < new_seconds, closed).values(retention_seconds=new_seconds)
        transaction.connection.execute(longer)
    transaction.change_catalog()


def drop_segment(transaction: Transaction, segment: Segment) -> None:
    """Remove a segment and all its records; see `cdc.streams.retention` for what must happen first."""
    transaction.connection.execute(delete(schema.segments).where(schema.segments.c.id == segment.id))
    transaction.connection.execute(DropTable(schema.records_table(segment.id)))
    transaction.change_catalog()


def read(connection: Any, catalog: Catalog, shard: Shard, after: int) -> Iterator[Record]:
    """Yield the records of a shard that are newer than the sequence `after`, in order, expired ones included.

    Close the iterator when you stop early. Raises: InternalServerError when a CRC is wrong.
    """
    cursor = connection.cursor()
    try:
        for segment in segments_between(catalog, max(after + 1, shard.start_sequence), shard.end_sequence):
            cursor.execute(_statements(segment.id).read, (shard.id, after))
            while rows := cursor.fetchmany(READ_ROWS):
                for sequence, owner, created_ms, kind, size_bytes, crc, change in rows:
                    if record_crc(sequence, owner, created_ms, kind, change) != crc:
                        raise InternalServerError(
                            f"The stream record {sequence} is damaged (CRC mismatch); run cdc check"
                        )
                    yield Record(sequence, owner, created_ms, kind, size_bytes, change)
    finally:
        cursor.close()


def segments_between(catalog: Catalog, low: int, high: int | None) -> list[Segment]:
    """List the segments that can hold sequences in [low, high], in the order in which one stream's records lie in them."""
    return sorted(
        (
            segment
            for segment in catalog.segments
            if (segment.last_sequence is None or segment.last_sequence >= low)
            and (high is None or segment.first_sequence <= high)
        ),
        key=lambda segment: (segment.first_sequence, segment.id),
    )


def newest_by_shard(connection: Any, segment: Segment) -> dict[int, int]:
    """Find the newest sequence of each shard in a segment."""
    records = schema.records_table(segment.id)
    found = prepare(select(records.c.shard, func.max(records.c.sequence)).group_by(records.c.shard))
    return dict(connection.execute(found).fetchall())


def count_after(transaction: Transaction, segment: Segment, shard: int, after: int) -> int:
    """Count a shard's records in a segment that are newer than `after`."""
    records = schema.records_table(segment.id)
    newer = select(func.count()).where(records.c.shard == shard, records.c.sequence > after)
    return int(transaction.connection.execute(newer).scalar_one())


def set_trimmed(transaction: Transaction, shard: int, sequence: int) -> None:
    """Remember the newest record of a shard that a purge removed."""
    row = schema.shards
    transaction.connection.execute(update(row).where(row.c.id == shard).values(trimmed_sequence=sequence))
    transaction.change_catalog()


def first_created_at(connection: Any, catalog: Catalog, created_ms: int) -> int:
    """Find a sequence S such that no record older than S was created at or after `created_ms`, by binary search.

    Creation times never fall with the sequence, so the records from S on are those from that time on.
    """
    answer: int | None = None
    for segment in catalog.segments:
        low = segment.first_sequence
        high = segment.last_sequence if segment.last_sequence is not None else next_sequence(connection)
        if segment.closed_ms is not None and segment.closed_ms < created_ms:
            continue
        first_at = _statements(segment.id).first_at
        while low < high:
            middle = (low + high) // 2
            sequence, created = connection.execute(first_at, (middle,)).fetchall()[0]
            if sequence is None or created >= created_ms:
                high = middle
            else:
                low = sequence + 1
        answer = low if answer is None else min(answer, low)
    return next_sequence(connection) if answer is None else answer


def next_sequence(connection: Any) -> int:
    """Read the sequence number that the next record will get."""
    return int(connection.execute(_NEXT_SEQUENCE).fetchall()[0][0])


_NEXT_SEQUENCE = prepare(select(schema.state.c.next_sequence))
