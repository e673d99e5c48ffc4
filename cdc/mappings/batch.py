"""Cutting a batch: which of a shard's next records go into one event."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

from cdc.mappings.event import ENVELOPE_BYTES, build_event

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cdc.store.blocks import Record

EVENT_BYTES = 6 << 20
"""Largest event: Lambda's limit for the payload of a synchronous invocation."""
TURN_RECORDS = 1000
"""Records read in one go at most: about 10 ms of work, after which other lanes have their turn."""
TURN_BYTES = 1 << 20
"""Bytes of records read in one go at most, for the same reason."""
TURN_EXPIRED = 5000
"""Expired records counted in one go at most: they are looked at, not encoded."""


class End(Enum):
    """Why the filling of a batch stopped."""

    FULL = "the batch takes no more records"
    TURN = "enough for one go; there may be more"
    NO_MORE = "no more records"
    EXPIRED = "the next records have expired"


@dataclass(slots=True, eq=False)
class Batch:
    """Records of one shard that follow each other and are delivered together."""

    max_records: int | None  # None: no limit but `last_wanted`
    last_wanted: int | None = None  # of a batch that is tried again: its last sequence, so that it stays the same
    count: int = 0
    records: list[bytes] = field(default_factory=list)  # JSON of each, until the event is built
    size_bytes: int = ENVELOPE_BYTES  # of the event
    through: int = 0  # sequence of the last record
    first_created_ms: int = 0
    last_created_ms: int = 0

    def takes(self, sequence: int) -> bool:
        """Tell whether a record of this sequence may be added, whatever its size."""
        if self.last_wanted is not None and sequence > self.last_wanted:
            return False
        return self.max_records is None or self.count < self.max_records

    def fits(self, record: bytes) -> bool:
        """Tell whether the event stays small enough with this record. A first record always fits."""
        return not self.count or self.size_bytes + 1 + len(record) <= EVENT_BYTES

    def add(self, sequence: int, created_ms: int, record: bytes) -> None:
        """Take one more record."""
        if not self.count:
            self.first_created_ms = created_ms
        self.size_bytes += len(record) + bool(self.count)
        self.count += 1
        self.records.append(record)
        self.through = sequence
        self.last_created_ms = created_ms

    def take_event(self) -> bytes:
        """Build the event, and let go of the records: what waits for an answer need not wait twice in memory."""
        event = build_event(self.records)
        self.records = []
        return event

    @property
    def complete(self) -> bool:
        """Whether no later record can be added."""
        return not self.takes(self.through + 1)


@dataclass(frozen=True, slots=True)
class Filling:
    """How a filling of a batch went."""

    end: End
    records: int = 0  # added
    expired: int = 0  # counted, all before the batch
    expired_through: int = 0  # sequence of the last expired one


def fill(batch: Batch, records: Iterable[Record], encode: Callable[[Record], bytes], horizon_ms: int) -> Filling:
    """Add records to a batch for one turn. Records created up to `horizon_ms` have expired, and end it.

    Creation times never fall, so that an expired record can't follow a live one; they are looked for only while the
    batch is empty.
    """
    added = added_bytes = expired = expired_through = 0
    for record in records:
        if not batch.count and record.created_ms <= horizon_ms:
            expired, expired_through = expired + 1, record.sequence
            if expired == TURN_EXPIRED:
                break
            continue
        if expired:
            break
        if not batch.takes(record.sequence):
            return Filling(End.FULL, added)
        encoded = encode(record)
        if not batch.fits(encoded):
            return Filling(End.FULL, added)
        batch.add(record.sequence, record.created_ms, encoded)
        added += 1
        added_bytes += len(encoded)
        if batch.complete:
            return Filling(End.FULL, added)
        if added == TURN_RECORDS or added_bytes >= TURN_BYTES:
            return Filling(End.TURN, added)
    if expired:
        return Filling(End.EXPIRED, expired=expired, expired_through=expired_through)
    return Filling(End.NO_MORE, added)
