"""Housekeeping: removing what has expired, a small write at a time, so that a crash between any two does no harm.

What has expired can't be read any more, purged or not (`cdc.streams.positions`): here its space is given back.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cdc.model.mappings import TRIMMED
from cdc.store import catalog as catalogs
from cdc.store import checkpoints, copies, history, index_items, items, records, tokens
from cdc.streams.lifecycle import is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.catalog import Segment, Stream
    from cdc.model.mappings import Checkpoint
    from cdc.store.reading import Reader, View
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)

SEGMENT_DROPS = 32
"""Segments that a step drops at most, each in a write of some 5 ms."""
OUTCOME_ROWS = 1000
"""Outcomes that go in one write, which takes some milliseconds."""
OUTCOME_WRITES = 50
"""Writes for outcomes in a step at most: at a step a minute, it keeps up with 800 batches a second."""
SWEEP_WRITES = 20
"""Writes in a step at most that remove items of deleted tables; and as many for entries of deleted indexes, and for
items of deleted backups."""
TOKEN_ROWS = 1000
"""Request tokens that go in one write."""
TOKEN_WRITES = 100
"""Writes for them in a step at most: at a step a minute, it keeps up with 1,600 transactions a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PurgeResult:
    """What a step did."""

    segments_closed: int
    segments_dropped: int
    records_undelivered: int  # lost to mappings that had not reached them, each counted once per mapping
    outcomes_deleted: int  # and failed attempts
    streams_deleted: int
    sweeps: int  # writes that removed items of deleted tables and backups, or entries of deleted indexes
    tokens_deleted: int
    more: bool  # a bound ended the step before its work: another may follow at once


class Loss(NamedTuple):
    """Records that retention took before a mapping delivered them."""

    mapping_id: int
    shard_id: str
    records: int


def purge_step(writer: Writer, reader: Reader, now_ms: int, rest: Callable[[], None] = lambda: None) -> PurgeResult:
    """Remove what has expired at `now_ms`. Sequence numbers and everything that can still be read stay as they are.

    For one housekeeper per file, on a thread of its own: it waits for each of its writes, and calls `rest` after those
    that take a millisecond or more, for others to have their turn.
    """
    closed = writer.call(partial(_close_old_segments, now_ms=now_ms)) if _old_segments(reader.view(), now_ms) else 0
    dropped, undelivered = _drop_expired_segments(writer, reader, now_ms, rest)
    outcomes, outcome_writes = _purge_outcomes(writer, reader, now_ms)
    deleted = _delete_gone_streams(writer, reader, now_ms)
    sweeps = [
        _repeat(SWEEP_WRITES, partial(_sweep, writer, sweep, rest))
        for sweep in (items.sweep_dropped, index_items.sweep_dropped, copies.sweep_dropped_copies)
    ]
    purge_tokens = partial(tokens.purge_tokens, rows=TOKEN_ROWS)
    tokens_deleted, token_writes = _delete_in_parts(TOKEN_WRITES, lambda: writer.call(purge_tokens))
    return PurgeResult(
        segments_closed=closed,
        segments_dropped=dropped,
        records_undelivered=undelivered,
        outcomes_deleted=outcomes,
        streams_deleted=deleted,
        sweeps=sum(sweeps),
        tokens_deleted=tokens_deleted,
        more=(
            dropped == SEGMENT_DROPS
            or outcome_writes == OUTCOME_WRITES
            or SWEEP_WRITES in sweeps
            or token_writes == TOKEN_WRITES
        ),
    )


def _repeat(most: int, write: Callable[[], bool]) -> int:
    """Count how often `write` had something to do, until it has not."""
    return next((count for count in range(most) if not write()), most)


def _delete_in_parts(most: int, write: Callable[[], int]) -> tuple[int, int]:
    """Let `write` delete rows until there are none, at most so often; return how many rows, in how many writes."""
    deleted = 0

    def some() -> bool:
        nonlocal deleted
        rows = write()
        deleted += rows
        return rows > 0

    writes = _repeat(most, some)
    return deleted, writes


def _sweep(writer: Writer, sweep: Callable[[Transaction], bool], rest: Callable[[], None]) -> bool:
    """Remove some rows of what was deleted; return whether there was something to remove."""
    worked = writer.call(sweep)
    if worked:
        rest()
    return worked


def _old_segments(view: View | Transaction, now_ms: int) -> list[Segment]:
    """List the open segments that have reached their age: an idle stream does not close them by itself."""
    return [
        segment
        for segment in view.catalog.open_segments.values()
        if now_ms - segment.opened_ms > records.segment_seconds(segment.retention_seconds) * 1000
    ]


def _close_old_segments(transaction: Transaction, now_ms: int) -> int:
    old = _old_segments(transaction, now_ms)
    for segment in old:
        records.close_segment(transaction, segment)
    return len(old)


def _has_expired(segment: Segment, now_ms: int) -> bool:
    return segment.closed_ms is not None and segment.closed_ms <= now_ms - segment.retention_seconds * 1000


def _order(segment: Segment) -> tuple[int, int]:
    """Return what the records of any one shard are sorted by."""
    return segment.first_sequence, segment.id


def _drop_expired_segments(writer: Writer, reader: Reader, now_ms: int, rest: Callable[[], None]) -> tuple[int, int]:
    """Drop segments, the oldest first; return how many, and how many records no mapping will get."""
    view = reader.view()
    expired = sorted((each for each in view.catalog.segments if _has_expired(each, now_ms)), key=_order)
    dropped = undelivered = 0
    for segment in expired[:SEGMENT_DROPS]:
        _touch(writer, segment, rest)
        # Looked at outside the write: a closed segment does not change.
        newest = records.newest_by_shard(view.connection, view.catalog, segment)
        losses = writer.call(partial(_drop_segment, segment=segment, newest=newest, now_ms=now_ms))
        if losses is None:
            continue
        rest()
        dropped += 1
        for loss in losses:
            undelivered += loss.records
            log.warning(
                "retention took %d records before they were delivered: mapping %d, shard %s",
                loss.records,
                loss.mapping_id,
                loss.shard_id,
            )
    return dropped, undelivered


def _touch(writer: Writer, segment: Segment, rest: Callable[[], None]) -> None:
    """Read a segment into the writer's cache, in parts, so that the one write that drops it is short."""
    assert segment.last_sequence is not None, "an expired segment is closed"
    for low in range(segment.first_sequence, segment.last_sequence + 1, records.TOUCH_SEQUENCES):
        writer.call(partial(records.touch, segment=segment, low=low))
        rest()


def _drop_segment(transaction: Transaction, segment: Segment, newest: dict[int, int], now_ms: int) -> list[Loss] | None:
    """Drop a segment; checkpoints that lag behind its records pass them, with the loss as their outcome.

    Returns None, and changes nothing, when a longer retention has come into force since the caller looked.
    """
    catalog = transaction.catalog
    current = next((each for each in catalog.segments if each.id == segment.id), None)
    if current is None or not _has_expired(current, now_ms):
        return None
    losses = []
    for checkpoint in checkpoints.lagging(transaction, newest):
        through = newest[checkpoint.shard]
        count = _count_lost(transaction, checkpoint, current)
        checkpoints.settle(transaction, checkpoint, through, checkpoints.Passed(kind=TRIMMED, records=count))
        losses.append(Loss(checkpoint.mapping_id, catalog.shards[checkpoint.shard][1].shard_id, count))
    for shard, sequence in newest.items():
        records.set_trimmed(transaction, shard, sequence)
    records.drop_segment(transaction, current)
    return losses


def _count_lost(transaction: Transaction, checkpoint: Checkpoint, segment: Segment) -> int:
    """Count what a checkpoint has not reached up to the end of a segment.

    Older segments count, too: they are still there when the stream's retention was longer while they were written.
    """
    through = transaction.catalog.segments_between(checkpoint.sequence + 1, segment.last_sequence)
    return sum(
        records.count_after(transaction, each, checkpoint) for each in through if _order(each) <= _order(segment)
    )


def _purge_outcomes(writer: Writer, reader: Reader, now_ms: int) -> tuple[int, int]:
    """Delete outcomes and failed attempts older than any record can be; return how many, in how many writes."""
    longest_seconds = max((stream.retention_seconds for stream in reader.view().catalog.streams), default=0)
    before_ms = now_ms - longest_seconds * 1000

    def purge(transaction: Transaction) -> int:
        rows = checkpoints.purge_outcomes(transaction, before_ms, OUTCOME_ROWS)
        return rows or history.purge_failed_attempts(transaction, before_ms, OUTCOME_ROWS)

    return _delete_in_parts(OUTCOME_WRITES, lambda: writer.call(purge))


def _delete_gone_streams(writer: Writer, reader: Reader, now_ms: int) -> int:
    view = reader.view()
    gone = [stream for stream in view.catalog.streams if is_gone(stream, now_ms) and not _has_records(view, stream)]
    return sum(writer.call(partial(_delete_stream, stream=stream)) for stream in gone)


def _has_records(view: View, stream: Stream) -> bool:
    """Whether records are on disk, in a segment that they share with younger ones of other streams."""
    return any(
        records.first_after(view.connection, view.catalog, shard, shard.start_sequence - 1) is not None
        for shard in stream.shards
    )


def _delete_stream(transaction: Transaction, stream: Stream) -> bool:
    """Delete a stream, unless its outcomes still tell of records that were trimmed or delivered not long ago."""
    if checkpoints.has_outcomes(transaction, stream.id):
        return False
    catalogs.delete_stream(transaction, stream.id)
    return True
