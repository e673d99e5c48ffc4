"""An open write transaction and the file-wide counters that it moves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select, update

from cdc.store.catalog import load_catalog
from cdc.store.entry_changes import EntryChanges
from cdc.store.schema import indexes, state, tables
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from cdc.model.catalog import Catalog
    from cdc.store.blocks import NewRecords

_LOAD = prepare(
    select(state.c.catalog_epoch, state.c.next_sequence, state.c.last_created_ms, state.c.file_id, state.c.secret)
)
_SAVE = prepare(
    update(state).values(
        catalog_epoch=bindparam("epoch"),
        next_sequence=bindparam("next_sequence"),
        last_created_ms=bindparam("created_ms"),
    ),
    "epoch",
    "next_sequence",
    "created_ms",
)
_COUNT = prepare(
    update(tables)
    .where(tables.c.id == bindparam("table"))
    .values(item_count=tables.c.item_count + bindparam("items"), size_bytes=tables.c.size_bytes + bindparam("bytes")),
    "items",
    "bytes",
    "table",
)
_COUNT_ENTRIES = prepare(
    update(indexes)
    .where(indexes.c.id == bindparam("index"))
    .values(item_count=indexes.c.item_count + bindparam("items"), size_bytes=indexes.c.size_bytes + bindparam("bytes")),
    "items",
    "bytes",
    "index",
)


@dataclass(slots=True)
class Counters:
    """The moving part of the `state` row."""

    epoch: int
    next_sequence: int
    last_created_ms: int


@dataclass(slots=True)
class Transaction:
    """An open write transaction. State transitions take it; only the writer begins and commits it."""

    core: Connection  # see `connection`
    cursor: Any  # DBAPI cursor for prepared statements; every execute must be fetched to its end
    now_ms: int
    counters: Counters
    file_id: str
    secret: bytes
    table_deltas: dict[int, list[int]] = field(default_factory=dict)  # table id → [items, bytes] to add
    index_deltas: dict[int, list[int]] = field(default_factory=dict)  # index id → [entries, bytes] to add
    entries: EntryChanges = field(default_factory=EntryChanges)  # of indexes, not written yet
    appended_shards: set[int] = field(default_factory=set)  # shards that got records
    has_posted: bool = False  # whether messages were put into the outbox
    new_records: dict[int, NewRecords] = field(default_factory=dict)  # by retention
    segment_bytes: dict[int, int] = field(
        default_factory=dict
    )  # in open segments, by their ids; outlives it, may be low
    loaded_catalog: Catalog | None = None  # may be of another epoch
    after_commit: list[Callable[[], None]] = field(default_factory=list)  # what happens outside the database
    _loaded: Counters | None = None

    @property
    def connection(self) -> Connection:
        """The connection for control-plane statements in Core, which see all that was written before."""
        self._write_gathered()
        return self.core

    @property
    def catalog(self) -> Catalog:
        """Tables, streams and segments, as this transaction sees them."""
        catalog = self.loaded_catalog
        if catalog is None or catalog.epoch != self.counters.epoch:
            catalog = self.loaded_catalog = load_catalog(self.connection, self.counters.epoch)
        return catalog

    def allocate_sequence(self) -> int:
        """Take the next sequence number; it is used up even if no record is written under it."""
        sequence = self.counters.next_sequence
        self.counters.next_sequence = sequence + 1
        return sequence

    def record_time_ms(self) -> int:
        """Creation time for a record: now, but never before the newest record."""
        self.counters.last_created_ms = max(self.counters.last_created_ms, self.now_ms)
        return self.counters.last_created_ms

    def change_catalog(self) -> None:
        """Make every cache of tables, streams and segments reload, in every process."""
        self.counters.epoch += 1

    def count_items(self, table_id: int, items: int, size_bytes: int) -> None:
        """Note that a table gained `items` (may be negative) of together `size_bytes`."""
        delta = self.table_deltas.setdefault(table_id, [0, 0])
        delta[0] += items
        delta[1] += size_bytes

    def count_entries(self, index_id: int, entries: int, size_bytes: int) -> None:
        """Note that an index gained `entries` (may be negative) of together `size_bytes`."""
        delta = self.index_deltas.setdefault(index_id, [0, 0])
        delta[0] += entries
        delta[1] += size_bytes

    def finish(self) -> None:
        """Write back what was gathered on the way; the writer calls it before the commit."""
        self._write_gathered()
        for table_id, (items, size_bytes) in self.table_deltas.items():
            if items or size_bytes:
                self.cursor.execute(_COUNT, (items, size_bytes, table_id))
        for index_id, (entries, size_bytes) in self.index_deltas.items():
            if entries or size_bytes:
                self.cursor.execute(_COUNT_ENTRIES, (entries, size_bytes, index_id))
        if self.counters != self._loaded:
            moved = self.counters
            self.cursor.execute(_SAVE, (moved.epoch, moved.next_sequence, moved.last_created_ms))

    def _write_gathered(self) -> None:
        self.entries.write(self.cursor)
        self._write_records()

    def _write_records(self) -> None:
        """Insert the gathered records: together, as that costs half of one by one."""
        for new in self.new_records.values():
            blocks = new.take(self.counters.last_created_ms)
            if blocks:
                self.cursor.executemany(new.insert, blocks)
                self.segment_bytes[new.segment] += sum(len(block.body) for block in blocks)
                self.appended_shards.update(block.shard for block in blocks)


def begin(
    connection: Connection, cursor: Any, now_ms: int, catalog: Catalog | None, segment_bytes: dict[int, int]
) -> Transaction:
    """Read the counters in a write transaction that the writer has just begun; the rest is from the one before."""
    epoch, sequence, created_ms, file_id, secret = cursor.execute(_LOAD).fetchall()[0]
    return Transaction(
        core=connection,
        cursor=cursor,
        now_ms=now_ms,
        counters=Counters(epoch, sequence, created_ms),
        file_id=file_id,
        secret=secret,
        segment_bytes=segment_bytes,
        loaded_catalog=catalog,
        _loaded=Counters(epoch, sequence, created_ms),
    )
