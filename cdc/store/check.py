"""The invariants that hold in every database file, and the check that finds what breaks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

import orjson
from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError

from cdc.model.catalog import MAX_HASH
from cdc.model.mappings import RESET
from cdc.model.outbox import FAILED, PENDING, SENT, Entry
from cdc.store import schema
from cdc.store.catalog import load_catalog
from cdc.store.check_copies import check_copies
from cdc.store.check_indexes import check_entries
from cdc.store.outbox import DamagedError, load_payload
from cdc.store.replay import check_items, check_records, check_vanished
from cdc.store.sqlite import dbapi2
from cdc.store.statements import prepare
from cdc.store.violations import Snapshot, Violation, broken, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from cdc.model import catalog as model
    from cdc.store.database import Database

__all__ = ["Violation", "check"]

_UNREADABLE = (dbapi2.Error, SQLAlchemyError, TypeError, ValueError)


def check(database: Database) -> Iterator[Violation]:
    """Yield every violation of the invariants in `database`, in one snapshot.

    Memory stays constant: the replay of the streams goes to a temporary SQLite table of some 50 bytes and a key for
    each key that has records. A writer beside it is not disturbed, but its WAL grows until the check has finished.
    Damage makes more violations than there are causes; the first one is the closest to the cause.
    """
    with database.reader_engine.connect() as connection:  # its end rolls back: a damaged file may refuse a commit
        yield from _guarded("file", _sqlite(connection))
        try:
            file = _look(connection)
        except (*_UNREADABLE, LookupError) as error:
            yield broken("catalogue", "tables, streams, shards and segments", "readable rows", error)
            return
        yield from _guarded("segments", _segments(file))
        yield from _guarded("shards", _shards(file))
        yield from _guarded("records", check_records(file))
        yield from _guarded("items", check_items(file))
        yield from _guarded("items", check_vanished(file))
        yield from _guarded("indexes", check_entries(file))
        yield from _guarded("copies", check_copies(file))
        yield from _guarded("checkpoints", _checkpoints(file))
        yield from _guarded("outcomes", _outcomes(file))
        yield from _guarded("dead letters", _dead_letters(file))
        yield from _guarded("outbox", _outbox(file))


def _guarded(where: str, violations: Iterator[Violation]) -> Iterator[Violation]:
    """Turn what can't be read, by SQLite or because a column has another type, into one more violation."""
    try:
        yield from violations
    except _UNREADABLE as error:
        yield broken("unreadable", where, "rows that can be read", getattr(error, "orig", None) or error)


def _sqlite(connection: Connection) -> Iterator[Violation]:
    for (found,) in connection.execute(text("PRAGMA integrity_check")):
        if found != "ok":
            yield broken("SQLite integrity", "file", "ok", found)
    for table, row, parent, _ in connection.execute(text("PRAGMA foreign_key_check")):
        yield broken("foreign key", f"{table} row {row}", f"a row of {parent}", "none")


def _look(connection: Connection) -> Snapshot:
    state = connection.execute(select(schema.state)).one()
    catalog = load_catalog(connection, state.catalog_epoch)
    existing = _records_tables(connection)
    return Snapshot(
        connection=connection,
        driver=connection.connection.dbapi_connection,
        catalog=catalog,
        next_sequence=state.next_sequence,
        last_created_ms=state.last_created_ms,
        backfilled_keys={
            row.id: row.backfilled_key
            for row in connection.execute(select(schema.indexes))
            if row.backfilled_key is not None
        },
        segments=sorted(
            (segment for segment in catalog.segments if f"records_{segment.id}" in existing),
            key=lambda segment: (segment.first_sequence, segment.id),
        ),
    )


def _records_tables(connection: Connection) -> set[str]:
    names = connection.execute(text("SELECT name FROM sqlite_schema WHERE type = 'table'")).scalars()
    return {name for name in names if name.startswith("records_")}


def _segments(file: Snapshot) -> Iterator[Violation]:
    tables = _records_tables(file.connection)
    opened: set[int] = set()
    for segment in file.catalog.segments:
        where = f"segment {segment.id}"
        if f"records_{segment.id}" not in tables:
            yield broken("segment table", where, f"a table records_{segment.id}", "none")
        tables.discard(f"records_{segment.id}")
        if segment.last_sequence is None:
            if segment.retention_seconds in opened:
                yield broken("open segments", where, f"one for {segment.retention_seconds} s", "another")
            opened.add(segment.retention_seconds)
        if (segment.last_sequence is None) != (segment.closed_ms is None):
            yield broken("segment end", where, "an end in time and sequence, or neither", segment)
        if segment.last_sequence is not None and segment.last_sequence >= file.next_sequence:
            yield broken("segment end", where, f"a sequence below {file.next_sequence}", segment.last_sequence)
    for name in sorted(tables):
        yield broken("stray records table", name, "a row in segments", "none")


def _shards(file: Snapshot) -> Iterator[Violation]:
    tables = {table.id for table in file.catalog.tables.values()}
    for stream in file.catalog.streams:
        where = f"stream {stream.table_name}/{stream.label}"
        if stream.disabled_ms is None and stream.table_id not in tables:
            yield broken("stream without a table", where, f"table {stream.table_id}", "none")
        yield from _lineage(file, stream)
        yield from _coverage(stream, where)


def _lineage(file: Snapshot, stream: model.Stream) -> Iterator[Violation]:
    by_name = {shard.shard_id: shard for shard in stream.shards}
    for shard in stream.shards:
        where, start, end = f"shard {shard.shard_id}", shard.start_sequence, shard.end_sequence
        if start > file.next_sequence:
            yield broken("shard range", where, f"a start up to {file.next_sequence}", start)
        if end is not None and not start <= end < file.next_sequence:
            yield broken("shard range", where, f"an end in [{start}, {file.next_sequence - 1}]", end)
        parent = by_name.get(shard.parent_shard_id or "")
        if parent is not None and (parent.end_sequence is None or start <= parent.end_sequence):
            expected = f"a start after the parent's end, {parent.end_sequence}"
            yield broken("shard lineage", where, expected, start)


def _coverage(stream: model.Stream, where: str) -> Iterator[Violation]:
    """Every hash lies in exactly one open shard of an enabled stream, and in none of a disabled one."""
    ranges = sorted((shard.hash_low, shard.hash_high) for shard in stream.shards if shard.open)
    if stream.disabled_ms is not None:
        if ranges:
            yield broken("hash coverage", where, "no open shard, as it is disabled", ranges)
        return
    for (_, high), (low, _) in pairwise([(0, -1), *ranges, (MAX_HASH + 1, 0)]):
        if low != high + 1:
            yield broken("hash coverage", where, f"an open shard that starts at hash {high + 1}", low)


def _checkpoints(file: Snapshot) -> Iterator[Violation]:
    lanes: dict[tuple[int, int], set[tuple[int, int]]] = {}
    for row in file.connection.execute(select(schema.checkpoints)):
        known = file.catalog.shards.get(row.shard)
        if known is None:
            continue  # a foreign key, reported before
        lanes.setdefault((row.mapping_id, row.shard), set()).add((row.lane, row.lane_count))
        end = known[1].end_sequence
        newest = file.next_sequence - 1 if end is None else end
        if not row.start_sequence <= row.sequence <= newest:
            where = f"checkpoint of mapping {row.mapping_id} in shard {known[1].shard_id}"
            yield broken("checkpoint", where, f"a sequence in [{row.start_sequence}, {newest}]", row.sequence)
    for (mapping_id, shard), found in lanes.items():
        count = len(found)
        if found != {(lane, count) for lane in range(count)}:
            where = f"checkpoints of mapping {mapping_id} in shard {file.catalog.shards[shard][1].shard_id}"
            yield broken("lanes", where, "one checkpoint for each lane", sorted(found))


@dataclass(slots=True)
class _Chain:
    """How far the outcomes of a shard lead, since the mapping has had this number of lanes in it."""

    lane_count: int
    start: int | None = None  # where all lanes began, when that is known
    reached: dict[int, int] = field(default_factory=dict)  # by lane


def _outcomes(file: Snapshot) -> Iterator[Violation]:
    """Follow the outcomes of each lane: a chain that ends at the checkpoint; a purge may take its oldest."""
    table, column = schema.checkpoints, schema.outcomes.c
    checkpoints = {(row.mapping_id, row.shard, row.lane): row for row in file.connection.execute(select(table))}
    in_order = select(
        *(column.mapping_id, column.shard, column.lane, column.lane_count),
        *(column.kind, column.after_sequence, column.through_sequence),
    ).order_by(column.mapping_id, column.shard, column.id)
    chains: dict[tuple[int, int], _Chain] = {}
    for mapping_id, shard, lane, lane_count, kind, after, through in fetch(file.driver, prepare(in_order)):
        where = f"outcome ({after}, {through}] of mapping {mapping_id} in shard {shard}, lane {lane}"
        checkpoint = checkpoints.get((mapping_id, shard, 0))
        if checkpoint is None:
            yield broken("outcome without a checkpoint", where, "a checkpoint", "none")
            continue
        start = checkpoint.start_sequence
        if kind != RESET and (after > through or after < start):
            yield broken("outcome range", where, f"a range after {start}", f"({after}, {through}]")
        chain = chains.setdefault((mapping_id, shard), _Chain(lane_count))
        if chain.lane_count != lane_count:
            if len(set(chain.reached.values())) > 1:
                yield broken("outcome chain", where, "all lanes at one place, as their number changed", chain.reached)
            chain = chains[mapping_id, shard] = _Chain(lane_count, max(chain.reached.values()))
        expected = chain.reached.get(lane, chain.start)
        if expected is not None and expected != after:
            yield broken("outcome chain", where, f"a start at {expected}", after)
        chain.reached[lane] = through
    for (mapping_id, shard), chain in chains.items():
        for lane, through in chain.reached.items():
            divided = checkpoints[mapping_id, shard, 0].lane_count != chain.lane_count  # and nothing has happened since
            checkpoint = checkpoints.get((mapping_id, shard, 0 if divided else lane))
            if checkpoint is not None and checkpoint.sequence != through:
                where = f"checkpoint of mapping {mapping_id} in shard {shard}, lane {lane}"
                yield broken("outcome chain", where, f"{through}, the end of its outcomes", checkpoint.sequence)


def _dead_letters(file: Snapshot) -> Iterator[Violation]:
    column = schema.dead_letters.c
    every = select(column.id, column.record_count, column.crc, column.event).order_by(column.id)
    for letter_id, record_count, crc, event in fetch(file.driver, prepare(every)):
        where = f"dead letter {letter_id}"
        if crc32(event) != crc:
            yield broken("dead letter CRC", where, "the stored CRC", "another")
            continue
        found = len(orjson.loads(event)["Records"])
        if found != record_count:
            yield broken("dead letter", where, f"{record_count} records", found)


def _outbox(file: Snapshot) -> Iterator[Violation]:
    """Find messages without the payload that was written, and states that do not fit their times."""
    kept = set(file.connection.execute(select(schema.outbox_payloads.c.outbox_id)).scalars())
    for row in file.connection.execute(select(schema.outbox)):
        entry = Entry(**row._mapping)
        where = f"message {entry.message_id}"
        if entry.state not in {PENDING, SENT, FAILED} or (entry.settled_ms is None) != (entry.state == PENDING):
            yield broken(
                "message state",
                where,
                "pending, or sent or failed at some time",
                f"{entry.state} at {entry.settled_ms}",
            )
        if entry.state == SENT:
            if entry.id in kept:
                yield broken("message payload", where, "none, as it was sent", "one")
            continue
        try:
            load_payload(file.driver, entry)
        except DamagedError:
            yield broken(
                "message payload", where, "the payload that was written", "another" if entry.id in kept else "none"
            )
