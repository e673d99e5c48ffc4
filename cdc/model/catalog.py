"""Tables, streams, shards and segments as the rest of the program sees them: one immutable snapshot per catalogue epoch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.model.indexes import Index
    from cdc.model.keys import KeySchema

MAX_HASH = (1 << 32) - 1
"""The largest hash of a partition key."""
SEQUENCE_OFFSET = 10**20
"""Added to the counter on the wire: 21 digits, no leading zero, so that text order is numeric order."""

INSERT, MODIFY, REMOVE, EXPIRE = range(4)
"""Stored kinds of records. EXPIRE is the REMOVE of an item that TTL deleted."""
EVENT_NAMES = ("INSERT", "MODIFY", "REMOVE", "REMOVE")
"""`eventName` of a record, by its stored kind."""

CREATING, ACTIVE, UPDATING, DELETING = "CREATING", "ACTIVE", "UPDATING", "DELETING"
"""`TableStatus` of a table."""
SERVED = frozenset({ACTIVE, UPDATING})
"""In these, a table's items can be read and written."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TableDefinition:
    """What CreateTable and UpdateTable said of a table; stored as JSON."""

    name: str
    table_id: str  # UUID of this life of the table
    attributes: tuple[tuple[str, str], ...]  # AttributeDefinitions: (name, type S|N|B)
    hash_name: str
    range_name: str | None
    billing_mode: str  # PROVISIONED | PAY_PER_REQUEST
    billing_summary: bool = False  # whether BillingModeSummary is shown: not for tables that were always provisioned
    on_demand_since_ms: int | None = None
    read_units: int = 0
    write_units: int = 0
    last_increase_ms: int | None = None
    last_decrease_ms: int | None = None
    decreases_today: int = 0
    table_class: str | None = None
    deletion_protection: bool = False
    status: str = ACTIVE
    status_until_ms: int | None = None  # when another status than ACTIVE ends; None: when the work behind it has ended
    shown_units: tuple[int, int] | None = None  # read and write units from before an update, until it has ended
    index_statuses: tuple[tuple[str, str], ...] = ()  # of indexes that an update made or changed, until it has ended
    changes_stream: bool = False  # whether the stream is enabled or disabled meanwhile
    ttl_attribute: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    max_read_units: int | None = None  # OnDemandThroughput
    max_write_units: int | None = None
    warm_read_units: int | None = None  # WarmThroughput, where it was asked for
    warm_write_units: int | None = None
    kms_key_arn: str | None = None  # of SSEDescription; None: not shown
    recovery_since_ms: int | None = None  # since when point-in-time recovery is said to be enabled
    recovery_days: int = 35
    insights_since_ms: int | None = None  # when contributor insights were last enabled or disabled
    insights_enabled: bool = False
    insights_mode: str | None = None  # ContributorInsightsMode, where it was asked for
    restored_from: str | None = None  # ARN of the backup that the table was made from
    restored_table: str | None = None  # ARN of the table that was backed up
    restored_ms: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shard:
    """A range of partition-key hashes of one stream, over a range of sequence numbers."""

    id: int  # in the file
    stream_id: int
    shard_id: str  # on the wire
    parent_shard_id: str | None
    hash_low: int
    hash_high: int
    start_sequence: int
    end_sequence: int | None  # None while open
    trimmed_sequence: int  # newest record that a purge removed

    @property
    def open(self) -> bool:
        """Whether records are still added."""
        return self.end_sequence is None


@dataclass(frozen=True, kw_only=True)
class Stream:
    """The stream of a table, from its enabling to its disabling."""

    id: int
    table_id: int
    table_name: str
    label: str
    view_type: str
    key_schema: tuple[tuple[str, str], ...]  # (attribute name, HASH|RANGE)
    retention_seconds: int
    created_ms: int
    disabled_ms: int | None
    shards: tuple[Shard, ...]  # in order of shard id

    @cached_property
    def shows_new(self) -> bool:
        """Whether records have the new image."""
        return self.view_type in {"NEW_IMAGE", "NEW_AND_OLD_IMAGES"}

    @cached_property
    def shows_old(self) -> bool:
        """Whether records have the old image."""
        return self.view_type in {"OLD_IMAGE", "NEW_AND_OLD_IMAGES"}

    @cached_property
    def _open(self) -> tuple[list[bytes], list[Shard]]:
        shards = sorted((shard for shard in self.shards if shard.open), key=lambda shard: shard.hash_low)
        return [shard.hash_low.to_bytes(4, "big") for shard in shards], shards

    def shard_of(self, key: bytes) -> Shard:
        """Find the open shard that an encoded key, which begins with the 4 bytes of its hash, falls into."""
        lows, shards = self._open
        return shards[bisect_right(lows, key) - 1]

    def horizon_ms(self, now_ms: int) -> int:
        """Newest creation time that has expired at `now_ms`: a record is kept for exactly the retention."""
        return now_ms - self.retention_seconds * 1000


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A stretch of time whose records lie in one SQLite table and are dropped together."""

    id: int
    retention_seconds: int
    opened_ms: int
    closed_ms: int | None  # None while records are added
    first_sequence: int
    last_sequence: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """A table as operations use it."""

    id: int  # in the file, never given twice
    definition: TableDefinition
    schema: KeySchema
    created_ms: int
    stream: Stream | None  # the enabled one
    indexes: tuple[Index, ...] = ()  # by name
    index_keys: frozenset[str] = frozenset()  # attributes of index keys that are not of the table's key
    has_local_indexes: bool = False
    copies: tuple[int, ...] = ()  # ids of copies in progress, which are told of each item before it changes

    @property
    def name(self) -> str:
        """The table's name."""
        return self.definition.name

    def index(self, name: str) -> Index | None:
        """Look an index up by its name."""
        return next((index for index in self.indexes if index.name == name), None)

    def is_filling(self, index: Index) -> bool:
        """Tell whether an index is being filled, or has to be taken for one that is while its making is delayed."""
        return index.backfilling or (index.name, CREATING) in self.definition.index_statuses


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All tables, streams and segments of a file at one epoch."""

    epoch: int
    tables: Mapping[str, Table]
    streams: tuple[Stream, ...]  # oldest first
    segments: tuple[Segment, ...]  # by id
    shards: Mapping[int, tuple[Stream, Shard]] = field(repr=False)  # by the shard's id in the file

    def streams_of(self, table_name: str) -> list[Stream]:
        """List the streams of a table's name, oldest first."""
        return [stream for stream in self.streams if stream.table_name == table_name]

    def stream_status(self, stream: Stream, now_ms: int) -> str:
        """Give a stream's `StreamStatus`: it is being changed for as long as its table is, if that is for its sake."""
        table, enabled = self.tables.get(stream.table_name), stream.disabled_ms is None
        if table is not None and table.id == stream.table_id and self.streams_of(table.name)[-1] is stream:
            definition = table.definition
            if definition.changes_stream and (definition.status_until_ms or 0) > now_ms:
                return "ENABLING" if enabled else "DISABLING"
        return "ENABLED" if enabled else "DISABLED"

    def segments_between(self, low: int, high: int | None) -> list[Segment]:
        """List the segments that can hold sequences in [low, high], in the order in which one stream's records lie in them."""
        ordered, starts, ends = self._segments_in_order
        after = len(ordered) if high is None else bisect_right(starts, high)
        some = ordered[bisect_left(ends, low) : after]
        return [segment for segment in some if segment.last_sequence is None or segment.last_sequence >= low]

    @cached_property
    def _segments_in_order(self) -> tuple[list[Segment], list[int], list[float]]:
        """The segments by their first sequence; with them, that sequence, and the last one of any segment so far."""
        ordered = sorted(self.segments, key=lambda segment: (segment.first_sequence, segment.id))
        ends = (inf if segment.last_sequence is None else segment.last_sequence for segment in ordered)
        return ordered, [segment.first_sequence for segment in ordered], list(accumulate(ends, max))

    @cached_property
    def open_segments(self) -> dict[int, Segment]:
        """The segments that records are written to, by their retention in seconds."""
        return {segment.retention_seconds: segment for segment in self.segments if segment.closed_ms is None}


def sequence_text(sequence: int) -> str:
    """Write a sequence number as it is on the wire: 21 decimal digits."""
    return str(SEQUENCE_OFFSET + sequence)


def sequence_value(text: str) -> int:
    """Read a sequence number of the wire; the caller has checked that it is 21 to 40 digits. May be negative."""
    return int(text) - SEQUENCE_OFFSET
