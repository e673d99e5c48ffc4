"""Stream records, in segments: one SQLite table per stretch of time and retention, dropped as a whole when it expires.

A row of it is a block, which holds one record or more: see `cdc.store.blocks`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, literal_column, select, update
from sqlalchemy.schema import CreateIndex, CreateTable, DropTable

from cdc.model.errors import InternalServerError, TrimmedDataAccessException
from cdc.model.lanes import lane_of
from cdc.store import schema
from cdc.store.blocks import Block, NewRecords
from cdc.store.catalog import new_id
from cdc.store.sqlite import dbapi2
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.model.catalog import Catalog, Segment, Shard
    from cdc.model.mappings import Checkpoint
    from cdc.store.blocks import Record
    from cdc.store.transaction import Transaction

SEGMENT_RECORDS = 50_000
"""Sequence numbers a segment spans at most, so that dropping it, for which writes have to wait, takes some 5 ms."""
SEGMENT_BYTES = 16 << 20
"""Bytes of changes it holds at most, for the same reason; half of the writer's page cache (see `touch`)."""
TOUCH_SEQUENCES = 1000
"""Records read into the cache in one write at most, in less than a millisecond."""
SEGMENTS_PER_RETENTION = 24
"""Segments that a retention is cut into: what has expired stays on disk for at most one of them longer."""
MIN_SEGMENT_SECONDS = 60
MAX_SEGMENT_SECONDS = 3600
READ_BLOCKS = 16
"""Blocks fetched from the driver at a time: some 64 KB each, where there are many records."""


def segment_seconds(retention_seconds: int) -> int:
    """How long a segment of this retention is written to."""
    return min(max(retention_seconds // SEGMENTS_PER_RETENTION, MIN_SEGMENT_SECONDS), MAX_SEGMENT_SECONDS)


class _Statements(NamedTuple):
    insert: str
    read: str  # blocks of one shard that end after a sequence, in order
    first_after: str  # the oldest of them
    first_at: str  # the oldest block of any shard that ends at or after a sequence
    newest: str  # last sequence of one shard
    last: str  # last sequence of any shard
    touch: str  # blocks that end in a range of sequences, to their last byte


@lru_cache(maxsize=4096)
def _statements(segment_id: int) -> _Statements:
    blocks = schema.records_table(segment_id)
    column = blocks.c
    last = column.last_sequence
    of_shard = (column.shard == bindparam("in_shard"), last > bindparam("after"))
    return _Statements(
        insert=prepare(insert(blocks).values({c.name: bindparam(c.name) for c in column}), *(c.name for c in column)),
        read=prepare(select(*column).where(*of_shard).order_by(last), "in_shard", "after"),
        first_after=prepare(
            select(func.min(last), *[c for c in column if c is not last]).where(*of_shard), "in_shard", "after"
        ),
        first_at=prepare(
            select(func.min(last), column.base_sequence, column.created_ms).where(last >= bindparam("low")), "low"
        ),
        newest=prepare(select(func.max(last)).where(column.shard == bindparam("in_shard")), "in_shard"),
        last=prepare(select(func.max(last))),
        touch=prepare(
            select(func.max(func.substr(column.body, literal_column("-1")))).where(
                last >= bindparam("low"), last < bindparam("high")
            ),
            "low",
            "high",
        ),
    )


def append(
    transaction: Transaction, shard: int, retention_seconds: int, kind: int, size_bytes: int, change: bytes
) -> int:
    """Write a record under the next sequence number, which is returned."""
    new = transaction.new_records.get(retention_seconds)
    if new is None:  # before the sequence number is taken: a segment that closes here ends with the record before
        segment = _segment_for(transaction, retention_seconds)
        new = transaction.new_records[retention_seconds] = NewRecords(segment, _statements(segment).insert)
        transaction.record_time_ms()  # of all records of the transaction
    counters = transaction.counters
    sequence = counters.next_sequence
    counters.next_sequence = sequence + 1
    new.add(sequence, shard, kind, size_bytes, change)
    return sequence


def _segment_for(transaction: Transaction, retention_seconds: int) -> int:
    created_ms = max(transaction.now_ms, transaction.counters.last_created_ms)
    segment = transaction.catalog.open_segments.get(retention_seconds)
    if segment is not None:
        age_ms = created_ms - segment.opened_ms
        is_young = age_ms <= segment_seconds(retention_seconds) * 1000
        records = transaction.counters.next_sequence - segment.first_sequence
        if is_young and records < SEGMENT_RECORDS and _size_bytes(transaction, segment.id) < SEGMENT_BYTES:
            return segment.id
        close_segment(transaction, segment)
    return _open_segment(transaction, retention_seconds, created_ms)


def _size_bytes(transaction: Transaction, segment_id: int) -> int:
    """Tell how large a segment's changes are; counted once, by whoever first writes to it after a start."""
    known = transaction.segment_bytes.get(segment_id)
    if known is None:
        length = func.length(schema.records_table(segment_id).c.body)
        found = transaction.connection.execute(select(func.coalesce(func.sum(length), 0))).scalar_one()
        known = transaction.segment_bytes[segment_id] = int(found)
    return known


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
    transaction.segment_bytes[segment_id] = 0
    transaction.change_catalog()
    return segment_id


def close_segment(transaction: Transaction, segment: Segment) -> None:
    """Add no more records to a segment. The next write of its retention opens another."""
    connection = transaction.connection
    transaction.new_records.clear()
    transaction.segment_bytes.pop(segment.id, None)
    row = schema.segments
    connection.execute(
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


def touch(transaction: Transaction, segment: Segment, low: int) -> None:
    """Read the blocks of a closed segment that end in the TOUCH_SEQUENCES sequence numbers from `low` on, to their last byte.

    Dropping a table reads all its pages, which takes 3 ms for 16 MB when the writer has them in its cache, else 20.
    """
    transaction.cursor.execute(_statements(segment.id).touch, (low, low + TOUCH_SEQUENCES)).fetchall()


def drop_segment(transaction: Transaction, segment: Segment) -> None:
    """Remove a segment and all its records; see `cdc.streams.retention` for what must happen first."""
    transaction.connection.execute(delete(schema.segments).where(schema.segments.c.id == segment.id))
    transaction.connection.execute(DropTable(schema.records_table(segment.id)))
    transaction.change_catalog()


def read(
    connection: Any, catalog: Catalog, shard: Shard, after: int, blocks_at_once: int = READ_BLOCKS
) -> Generator[Record, None, None]:
    """Yield the records of a shard that are newer than the sequence `after`, in order, expired ones included.

    Close the iterator when you stop early. Raises: InternalServerError when a CRC is wrong; TrimmedDataAccessException
    when a purge has just taken records that were still to come.
    """
    cursor = connection.cursor()
    try:
        for segment in catalog.segments_between(max(after + 1, shard.start_sequence), shard.end_sequence):
            if not _execute(cursor, segment, _statements(segment.id).read, (shard.id, after)):
                _refuse_trimmed(cursor, shard, after)
            while rows := cursor.fetchmany(blocks_at_once):
                for block in map(Block._make, rows):
                    for record in _intact(block).records():
                        if record.sequence > after:
                            after = record.sequence
                            yield record
    finally:
        cursor.close()


def _intact(block: Block) -> Block:
    if block.intact:
        return block
    raise InternalServerError(f"The stream record {block.last_sequence} is damaged (CRC mismatch); run cdc check")


def _execute(cursor: Any, segment: Segment, statement: str, values: tuple[int, ...]) -> bool:
    """Query a segment; False, with no rows, when a purge has dropped it since the caller's catalogue was loaded."""
    try:
        cursor.execute(statement, values)
    except dbapi2.OperationalError as error:
        if str(error) != f"no such table: records_{segment.id}":
            raise
        return False
    return True


def _refuse_trimmed(cursor: Any, shard: Shard, after: int) -> None:
    """Tell a reader at `after` if the dropped segment held records of its shard that it has not had."""
    rows = cursor.execute(_TRIMMED, (shard.id,)).fetchall()
    if not rows or rows[0][0] > after:
        raise TrimmedDataAccessException


def first_after(connection: Any, catalog: Catalog, shard: Shard, after: int) -> tuple[int, int] | None:
    """Find a shard's first record newer than `after` that is on disk, expired or not: its sequence and creation time."""
    cursor = connection.cursor()
    try:
        for segment in catalog.segments_between(max(after + 1, shard.start_sequence), shard.end_sequence):
            if _execute(cursor, segment, _statements(segment.id).first_after, (shard.id, after)):
                block = Block._make(cursor.fetchall()[0])
                if block.last_sequence is not None:
                    following = (record.sequence for record in _intact(block).records() if record.sequence > after)
                    return next(following), block.created_ms
    finally:
        cursor.close()
    return None


def newest(connection: Any, catalog: Catalog, shard: Shard) -> int | None:
    """Find the sequence of a shard's newest record that is on disk; None when there is none."""
    cursor = connection.cursor()
    try:
        for segment in reversed(catalog.segments_between(shard.start_sequence, shard.end_sequence)):
            if _execute(cursor, segment, _statements(segment.id).newest, (shard.id,)):
                found = cursor.fetchall()[0][0]
                if found is not None:
                    return int(found)
    finally:
        cursor.close()
    return None


def newest_by_shard(connection: Any, catalog: Catalog, segment: Segment) -> dict[int, int]:
    """Find the newest sequence of each shard in a segment."""
    cursor = connection.cursor()
    try:
        statement = _statements(segment.id).newest
        found = {shard: cursor.execute(statement, (shard,)).fetchall()[0][0] for shard in catalog.shards}
    finally:
        cursor.close()
    return {shard: sequence for shard, sequence in found.items() if sequence is not None}


def count_after(transaction: Transaction, segment: Segment, lane: Checkpoint) -> int:
    """Count the records of a checkpoint's lane in a segment that are newer than it."""
    after = lane.sequence
    cursor = transaction.connection.connection.cursor()
    try:
        cursor.execute(_statements(segment.id).read, (lane.shard, after))
        blocks = (Block._make(row) for row in cursor.fetchall())
        return sum(
            block.record_count if block.base_sequence > after and lane.lane_count == 1 else _count(block, lane)
            for block in blocks
        )
    finally:
        cursor.close()


def _count(block: Block, lane: Checkpoint) -> int:
    newer = (record for record in _intact(block).records() if record.sequence > lane.sequence)
    return sum(lane_of(record.change, lane.lane_count) == lane.lane for record in newer)


def set_trimmed(transaction: Transaction, shard: int, sequence: int) -> None:
    """Remember the newest record of a shard that a purge removed; an older one than is known changes nothing."""
    transaction.cursor.execute(_SET_TRIMMED, (sequence, shard, sequence))
    transaction.change_catalog()


def first_created_at(connection: Any, catalog: Catalog, created_ms: int) -> int:
    """Find the sequence of the first record of any shard that was created at or after `created_ms`, no later than now.

    Without one, it is a sequence above all records there are. As creation times never fall with the sequence, every
    record below the answer is older than `created_ms`, and none from it on is.
    """
    cursor = connection.cursor()
    try:
        # A record of a segment that the catalogue does not know yet is newer than all that it knows.
        answer = max((_above(cursor, segment) for segment in catalog.segments), default=0)
        for segment in catalog.segments:
            if segment.first_sequence >= answer:
                break
            if segment.closed_ms is None or segment.closed_ms >= created_ms:
                answer = _first_in_segment(cursor, segment, created_ms, answer)
    finally:
        cursor.close()
    return answer


def _above(cursor: Any, segment: Segment) -> int:
    """Find a sequence above all records in a segment, and not above those that come after."""
    if segment.last_sequence is not None:
        return segment.last_sequence + 1
    if not _execute(cursor, segment, _statements(segment.id).last, ()):
        return segment.first_sequence
    [(newest_sequence,)] = cursor.fetchall()
    return segment.first_sequence if newest_sequence is None else int(newest_sequence) + 1


def _first_in_segment(cursor: Any, segment: Segment, created_ms: int, beyond: int) -> int:
    """Search a segment by bisection; `beyond` is the answer when none of its records below that one will do."""
    low, high, answer = segment.first_sequence, beyond, beyond
    while low < high:
        # Every record of a segment opened later will do: its first one is the answer.
        middle = low if segment.opened_ms >= created_ms else (low + high) // 2
        if not _execute(cursor, segment, _statements(segment.id).first_at, (middle,)):
            break
        last, first, block_ms = cursor.fetchall()[0]
        if last is None or first >= high:
            high = middle
        elif block_ms >= created_ms:
            high, answer = min(middle, first), first
        else:
            low = last + 1
    return answer


def next_sequence(connection: Any) -> int:
    """Read the sequence number that the next record will get."""
    return int(connection.execute(_NEXT_SEQUENCE).fetchall()[0][0])


_NEXT_SEQUENCE = prepare(select(schema.state.c.next_sequence))
_TRIMMED = prepare(
    select(schema.shards.c.trimmed_sequence).where(schema.shards.c.id == bindparam("in_shard")), "in_shard"
)
_SET_TRIMMED = prepare(
    update(schema.shards)
    .where(schema.shards.c.id == bindparam("in_shard"), schema.shards.c.trimmed_sequence < bindparam("below"))
    .values(trimmed_sequence=bindparam("sequence")),
    "sequence",
    "in_shard",
    "below",
)
