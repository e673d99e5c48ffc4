"""The replay of every stream record, key by key, and the comparison of every item with it."""

from __future__ import annotations

from hashlib import blake2b
from heapq import heappop, heappush, heapreplace
from itertools import groupby
from operator import attrgetter
from struct import error as StructError  # noqa: N812  # it is a class
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import orjson
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
)
from sqlalchemy.schema import CreateTable

from cdc.model.catalog import EVENT_NAMES, EXPIRE, INSERT, MODIFY, REMOVE
from cdc.model.errors import ServiceError
from cdc.model.expiry import expires_ms
from cdc.model.keys import KeySchema, check_item_keys, check_key, encode_key, key_of
from cdc.model.values import Item, canonical_bytes, parse_item
from cdc.store import schema
from cdc.store.blocks import Block, Record
from cdc.store.check_indexes import check_presence
from cdc.store.statements import prepare
from cdc.store.violations import Snapshot, Violation, broken, fetch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model import catalog as model

_REMOVALS = (REMOVE, EXPIRE)

# What the records say of each key, newest first. A temporary table, because a big file has more keys than memory.
_replayed = Table(
    "replayed",
    MetaData(),
    Column("stream", Integer, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("present", Integer, nullable=False),
    Column("image", LargeBinary),  # digest of the new image; null when absent or not captured
    PrimaryKeyConstraint("stream", "key"),
    prefixes=["TEMPORARY"],
    sqlite_with_rowid=False,
)
_of_key = (_replayed.c.stream == bindparam("of_stream"), _replayed.c.key == bindparam("of_key"))
_LAST = prepare(select(_replayed.c.present, _replayed.c.image).where(*_of_key), "of_stream", "of_key")
_NOTE = prepare(
    insert(_replayed)
    .prefix_with("OR REPLACE")
    .values({column.name: bindparam(column.name) for column in _replayed.columns}),
    *_replayed.columns.keys(),
)
_item = schema.items.c
_ITEMS = prepare(
    select(_item.table_id, _item.key, _item.size, _item.crc, _item.item, _item.expires_ms).order_by(_item.id)
)
_VANISHED = prepare(
    select(_replayed.c.key, _replayed.c.sequence)
    .where(
        _replayed.c.stream == bindparam("of_stream"),
        _replayed.c.present == literal_column("1"),
        ~exists().where(_item.table_id == bindparam("of_table"), _item.key == _replayed.c.key),
    )
    .order_by(_replayed.c.sequence),
    "of_stream",
    "of_table",
)


def _in_commit_order(file: Snapshot, damaged: list[Violation]) -> Iterator[tuple[model.Segment, Record]]:
    """Merge the segments by sequence; one is opened when the merge has come to its start."""
    merge: list[Any] = []
    for segment in file.segments:
        yield from _drain(merge, segment.first_sequence)
        records = _records(file, segment, damaged)
        first = next(records, None)
        if first is not None:
            heappush(merge, (first.sequence, segment.id, first, segment, records))
    yield from _drain(merge, file.next_sequence)
    yield from _drain(merge, None)


def _records(file: Snapshot, segment: model.Segment, damaged: list[Violation]) -> Iterator[Record]:
    """Yield a segment's records by sequence; blocks that can't be taken apart are noted as `damaged`."""
    table = schema.records_table(segment.id)
    rows = fetch(file.driver, prepare(select(*table.c).order_by(table.c.last_sequence)))
    for _, together in groupby(map(Block._make, rows), key=attrgetter("base_sequence")):
        records: list[Record] = []
        for block in together:
            try:
                assert block.intact, "another"
                records += block.records()
            except (AssertionError, StructError, TypeError) as error:
                where = f"block {block.last_sequence} in segment {segment.id}"
                damaged.append(broken("record CRC", where, "the stored CRC", error))
        yield from sorted(records)


def _drain(merge: list[Any], below: int | None) -> Iterator[tuple[model.Segment, Record]]:
    while merge and (below is None or merge[0][0] < below):
        _, segment_id, record, segment, records = merge[0]
        yield segment, record
        following = next(records, None)
        if following is None:
            heappop(merge)
        else:
            heapreplace(merge, (following.sequence, segment_id, following, segment, records))


def check_records(file: Snapshot) -> Iterator[Violation]:
    """Check every record, in commit order; leaves what they say of each key in the temporary table for the items."""
    file.connection.execute(CreateTable(_replayed))
    replay = _Replay(file)
    newest = newest_ms = 0
    newest_segment: dict[int, int] = {}  # shard → first sequence of the segment of its newest record
    damaged: list[Violation] = []
    for segment, row in _in_commit_order(file, damaged):
        where = f"record {row.sequence} in segment {segment.id}"
        if row.sequence <= newest:
            yield broken("record order", where, f"a sequence above {newest}", row.sequence)
        if segment.first_sequence < newest_segment.get(row.shard, 0):
            yield broken("record order", where, "the records of a shard in the order of their segments", segment)
        if not newest_ms <= row.created_ms <= file.last_created_ms:
            expected = f"a creation time in [{newest_ms}, {file.last_created_ms}]"
            yield broken("record time", where, expected, row.created_ms)
        last = file.next_sequence - 1 if segment.last_sequence is None else segment.last_sequence
        if not segment.first_sequence <= row.sequence <= last:
            expected = f"a sequence in [{segment.first_sequence}, {last}]"
            yield broken("record outside its segment", where, expected, row.sequence)
        newest, newest_ms = max(newest, row.sequence), max(newest_ms, row.created_ms)
        newest_segment[row.shard] = segment.first_sequence
        if row.shard not in file.catalog.shards:
            yield broken("record without a shard", where, f"shard {row.shard}", "none")
        else:
            yield from replay.record(row, *file.catalog.shards[row.shard], where)
    yield from damaged


class _Change(NamedTuple):
    """The parsed change of a record."""

    key: bytes
    size_bytes: int
    new: bytes | None  # digests of the images
    old: bytes | None


def _digest(canonical: bytes) -> bytes:
    return blake2b(canonical, digest_size=16).digest()


class _Replay:
    """Follows each key through the records of its stream."""

    def __init__(self, file: Snapshot) -> None:
        self._cursor = file.driver.cursor()
        self._tables = {table.id: table for table in file.catalog.tables.values()}
        self._complete = complete_streams(file.catalog)

    def record(self, row: Record, stream: model.Stream, shard: model.Shard, where: str) -> Iterator[Violation]:
        """Check one record against its shard and against the record of its key before it."""
        end = row.sequence if shard.end_sequence is None else shard.end_sequence
        if not shard.start_sequence <= row.sequence <= end:
            expected = f"a sequence in [{shard.start_sequence}, {end}]"
            yield broken("record outside its shard", where, expected, row.sequence)
        try:
            change = self._parse(row, stream)
        except (ServiceError, AssertionError, LookupError, TypeError, ValueError) as error:
            yield broken("record content", where, f"a change of a {stream.view_type} stream", error)
            return
        if row.size_bytes != change.size_bytes:
            yield broken("record size", where, f"{change.size_bytes} bytes", row.size_bytes)
        key_hash = int.from_bytes(change.key[:4], "big")
        if not shard.hash_low <= key_hash <= shard.hash_high:
            expected = f"a key's hash in [{shard.hash_low}, {shard.hash_high}]"
            yield broken("record outside its hash range", where, expected, key_hash)
        yield from self._follow(row, stream, change, where)

    def _parse(self, row: Record, stream: model.Stream) -> _Change:
        parsed = {name: parse_item(raw) for name, raw in orjson.loads(row.change).items()}
        members = {name: item for name, (item, _) in parsed.items()}
        expected = {"Keys"}
        if stream.view_type in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"} and row.kind not in _REMOVALS:
            expected.add("NewImage")
        if stream.view_type in {"OLD_IMAGE", "NEW_AND_OLD_IMAGES"} and row.kind != INSERT:
            expected.add("OldImage")
        assert row.kind in {INSERT, MODIFY, *_REMOVALS}, f"kind {row.kind}"
        assert members.keys() == expected, f"{sorted(members)} for {EVENT_NAMES[row.kind]}"
        key_schema = self._schema(stream, members["Keys"])
        check_key(key_schema, members["Keys"])
        digests: dict[str, bytes] = {}
        for name in expected - {"Keys"}:
            check_item_keys(key_schema, members[name])
            assert key_of(key_schema, members[name]) == members["Keys"], f"another key in {name}"
            digests[name] = _digest(canonical_bytes(members[name]))
        return _Change(
            key=encode_key(key_schema, members["Keys"]),
            size_bytes=sum(size_bytes for _, size_bytes in parsed.values()),
            new=digests.get("NewImage"),
            old=digests.get("OldImage"),
        )

    def _schema(self, stream: model.Stream, keys: Item) -> KeySchema:
        """Take the table's key schema; of a table that is gone only the names are known, and the record has the types."""
        table = self._tables.get(stream.table_id)
        if table is not None:
            return table.schema
        fields: dict[str, str] = {}
        for name, role in stream.key_schema:
            [kind] = keys[name]
            fields |= {f"{role.lower()}_name": name, f"{role.lower()}_type": kind}
        return KeySchema(**fields)

    def _follow(self, row: Record, stream: model.Stream, change: _Change, where: str) -> Iterator[Violation]:
        rows = self._cursor.execute(_LAST, (stream.id, change.key)).fetchall()
        present, image = rows[0] if rows else (0 if stream.id in self._complete else None, None)
        if present is not None and bool(present) != (row.kind != INSERT):
            state = "present" if present else "absent"
            yield broken("event name", where, f"one for a key that is {state}", EVENT_NAMES[row.kind])
        elif image is not None and change.old is not None and image != change.old:
            yield broken("old image", where, "the new image of the record before", "another")
        if row.kind == MODIFY and change.new is not None and change.new == change.old:
            yield broken("empty change", where, "images that differ", "the same")
        self._cursor.execute(_NOTE, (stream.id, change.key, row.sequence, int(row.kind not in _REMOVALS), change.new))


def complete_streams(catalog: model.Catalog) -> set[int]:
    """Find the streams, by id, that hold every change since their table was created: as old as it, and untrimmed."""
    created = {table.id: table.created_ms for table in catalog.tables.values()}
    complete: set[int] = set()
    seen: set[int] = set()
    for stream in catalog.streams:
        names = {shard.shard_id for shard in stream.shards}
        untrimmed = all(
            shard.trimmed_sequence == 0 and (shard.parent_shard_id is None or shard.parent_shard_id in names)
            for shard in stream.shards
        )
        if untrimmed and stream.table_id not in seen and created.get(stream.table_id) == stream.created_ms:
            complete.add(stream.id)
        seen.add(stream.table_id)
    return complete


def check_items(file: Snapshot) -> Iterator[Violation]:
    """Check every item by itself and against the newest record of its key, and the tables' counters."""
    tables = {table.id: table for table in file.catalog.tables.values()}
    complete = complete_streams(file.catalog)
    dropped = set(file.connection.execute(select(schema.dropped_tables.c.id)).scalars())
    totals = {table_id: [0, 0] for table_id in tables}
    strays: dict[int, int] = {}
    cursor = file.driver.cursor()
    backfilling = set(file.connection.execute(select(schema.expiry_backfills.c.table_id)).scalars())
    for table_id, key, size, crc, stored, expires in fetch(file.driver, _ITEMS):
        table = tables.get(table_id)
        where = f"item {bytes(key).hex()} of table {table.name if table else table_id}"
        if crc32(stored, crc32(key)) != crc:
            yield broken("item CRC", where, "the stored CRC", "another")
        elif table is not None:
            yield from _item_content(file, table, key, size, stored, where)
            attribute = table.definition.ttl_attribute
            if attribute is not None and table_id not in backfilling:
                yield from _item_expiry(attribute, stored, expires, where)
            if table.stream is not None:
                last = cursor.execute(_LAST, (table.stream.id, key)).fetchall()
                yield from _against_replay(last, stored, complete=table.stream.id in complete, where=where)
        if table is not None:
            totals[table_id][0] += 1
            totals[table_id][1] += size
        elif table_id not in dropped:
            strays[table_id] = strays.get(table_id, 0) + 1
    for table_id, count in strays.items():
        yield broken("items without a table", f"table {table_id}", "a table, or a dropped one", f"{count} items")
    yield from _table_counters(file, totals)


def _item_content(
    file: Snapshot, table: model.Table, key: bytes, size: int, stored: bytes, where: str
) -> Iterator[Violation]:
    key_schema = table.schema
    try:
        item, item_bytes = parse_item(orjson.loads(stored))
        check_item_keys(key_schema, item)
    except (ServiceError, ValueError) as error:
        yield broken("item content", where, "an item with the table's key", error)
        return
    if canonical_bytes(item) != stored:
        yield broken("item content", where, "canonical JSON", "another text")
    encoded = encode_key(key_schema, item)
    if encoded != key:
        yield broken("item key", where, encoded.hex(), key.hex())
    if item_bytes != size:
        yield broken("item size", where, f"{item_bytes} bytes", size)
    yield from check_presence(file, table, key, size, item)


def _item_expiry(attribute: str, stored: bytes, found: object, where: str) -> Iterator[Violation]:
    try:
        expected = expires_ms(orjson.loads(stored), attribute)
    except (AttributeError, ArithmeticError, ValueError):
        return  # no item, as said before
    if found != expected:
        yield broken("item expiry", where, f"{expected} ms", found)


def _against_replay(last: list[Any], stored: bytes, *, complete: bool, where: str) -> Iterator[Violation]:
    if not last:
        if complete:
            yield broken("replay", where, "no such item, as its stream has no record of it", "an item")
        return
    present, image = last[0]
    if not present:
        yield broken("replay", where, "no such item, as its newest record removed it", "an item")
    elif image is not None and image != _digest(stored):
        yield broken("replay", where, "the new image of its newest record", "another item")


def check_vanished(file: Snapshot) -> Iterator[Violation]:
    """Find the items that records wrote and no record removed, but that are not there."""
    for table in file.catalog.tables.values():
        if table.stream is not None:
            for key, sequence in fetch(file.driver, _VANISHED, (table.stream.id, table.id)):
                where = f"item {key.hex()} of table {table.name}"
                yield broken("replay", where, f"an item, as record {sequence} wrote it", "none")


def _table_counters(file: Snapshot, totals: dict[int, list[int]]) -> Iterator[Violation]:
    for row in file.connection.execute(select(schema.tables)):
        count, size_bytes = totals[row.id]
        if row.item_count != count:
            yield broken("table counters", f"table {row.name}", f"{count} items", row.item_count)
        if row.size_bytes != size_bytes:
            yield broken("table counters", f"table {row.name}", f"{size_bytes} bytes", row.size_bytes)
