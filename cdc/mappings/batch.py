"""Cutting a batch: which of a lane's next records go into one event."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from cdc.mappings.event import ENVELOPE_BYTES
from cdc.mappings.selection import FILTERED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from cdc.mappings.selection import Selection
    from cdc.store.blocks import Record

EVENT_BYTES = 6 << 20
"""Largest event: Lambda's limit for the payload of a synchronous invocation."""
TURN_RECORDS = 1000
"""Records taken in one go at most: about 10 ms of work, after which other lanes have their turn."""
TURN_BYTES = 1 << 20
"""Bytes of records taken in one go at most, for the same reason."""
TURN_EXAMINED = 5000
"""Records looked at in one go at most: those that are expired, filtered or another lane's are not encoded."""


class End(Enum):
    """Why the filling of a batch stopped."""

    FULL = "the batch takes no more records"
    TURN = "enough for one go; there may be more"
    NO_MORE = "no more records"
    EXPIRED = "the next records have expired"
    WINDOW = "the next record belongs to a later tumbling window"


class Limits(NamedTuple):
    """What ends a batch, besides its size."""

    horizon_ms: int  # records created up to here have expired
    age_horizon_ms: int | None = None  # those created up to here are too old for the mapping
    last: int | None = None  # no record after this sequence is wanted
    window_ms: int = 0  # length of tumbling windows
    open_window_ms: int | None = None  # start of the one that is open


@dataclass(slots=True, eq=False)
class Batch:
    """Records of one lane that follow each other and are delivered together."""

    max_records: int | None  # None: no limit but `last`, for a batch that is tried again and stays the same
    last: int | None = None
    records: list[bytes] = field(default_factory=list)  # JSON of each, until the event is built
    sequences: list[int] = field(default_factory=list)
    filtered: int = 0  # records among them that the filters passed over
    filtered_before: list[int] = field(default_factory=list)  # how many of those come before each record
    through: int = 0  # sequence of the last record that was looked at
    is_newest: bool = False  # no record followed it when it was cut
    aged: bool = False  # its records are too old, and not to be delivered
    size_bytes: int = ENVELOPE_BYTES  # of the event
    first_created_ms: int = 0
    last_created_ms: int = 0
    window_start_ms: int | None = None
    final: bool = False  # the last invocation of a tumbling window
    event: bytes = b""  # as it was built
    request_id: str = ""  # of its invocation
    started_ms: int | None = None  # when that began

    @property
    def count(self) -> int:
        """How many records there are."""
        return len(self.sequences)

    def takes(self, record: Record, encoded: bytes, limits: Limits) -> bool:
        """Tell whether a record may be added. A first one always fits."""
        if not self.records:
            return True
        if self.max_records is not None and len(self.records) >= self.max_records:
            return False
        if self.aged != _is_aged(record, limits) or self.window_start_ms != window_start(record.created_ms, limits):
            return False
        return self.size_bytes + 1 + len(encoded) <= EVENT_BYTES

    def add(self, record: Record, encoded: bytes, limits: Limits) -> None:
        """Take one more record."""
        if not self.records:
            self.first_created_ms = record.created_ms
            self.aged = _is_aged(record, limits)
            self.window_start_ms = window_start(record.created_ms, limits)
        self.size_bytes += len(encoded) + bool(self.records)
        self.records.append(encoded)
        self.sequences.append(record.sequence)
        self.filtered_before.append(self.filtered)
        self.through = record.sequence
        self.last_created_ms = record.created_ms

    @property
    def complete(self) -> bool:
        """Whether it holds all that it may."""
        if self.last is not None and self.through >= self.last:
            return True
        return self.max_records is not None and len(self.records) >= self.max_records


@dataclass(frozen=True, slots=True)
class Filling:
    """How a filling of a batch went."""

    end: End
    examined: int = 0
    expired: int = 0  # counted, all before the batch
    expired_through: int = 0  # sequence of the last expired one


def _is_aged(record: Record, limits: Limits) -> bool:
    return limits.age_horizon_ms is not None and record.created_ms <= limits.age_horizon_ms


def window_start(created_ms: int, limits: Limits) -> int | None:
    """Find the tumbling window of a creation time; None without windows."""
    return created_ms - created_ms % limits.window_ms if limits.window_ms else None


def fill(batch: Batch, records: Iterable[Record], select: Selection, limits: Limits) -> Filling:
    """Add records to a batch for one turn.

    Creation times never fall, so that expired, or too old, records can't follow others; expired ones are looked for
    only while the batch is empty.
    """
    examined = expired = expired_through = 0
    end = End.NO_MORE
    enough_bytes, enough_records = batch.size_bytes + TURN_BYTES, batch.count + TURN_RECORDS
    records = iter(records)
    takes_all = select.takes_all and not limits.window_ms and limits.age_horizon_ms is None
    for record in records:
        if limits.last is not None and record.sequence > limits.last:
            end = End.FULL
            break
        if not batch.records and record.created_ms <= limits.horizon_ms:
            expired, expired_through = expired + select.wants(record), record.sequence
        elif expired_through:
            break
        elif (refused := _offer(batch, record, select, limits)) is not None:
            end = refused
            break
        examined += 1
        if batch.complete:
            break
        if examined == TURN_EXAMINED or batch.count == enough_records or batch.size_bytes >= enough_bytes:
            end = End.TURN
            break
        if takes_all and batch.records:
            before = batch.count
            end = _take_all(batch, records, select.encode, limits, (enough_records, enough_bytes))
            examined += batch.count - before
            break
    if expired_through:
        return Filling(End.EXPIRED, examined, expired, expired_through)
    return Filling(End.FULL if batch.complete else end, examined)


def _take_all(
    batch: Batch, records: Iterator[Record], encode: Callable[[Record], bytes], limits: Limits, enough: tuple[int, int]
) -> End:
    """Go on as `fill` does, at half its cost, where each record is for the lane and only number and size end a batch.

    `enough`: records and bytes with which the turn ends.
    """
    taken, sequences, filtered_before = batch.records, batch.sequences, batch.filtered_before
    filtered, size_bytes, last = batch.filtered, batch.size_bytes, limits.last
    most = enough[0] if batch.max_records is None else min(enough[0], batch.max_records)
    end = End.NO_MORE
    record = None
    for following in records:
        if last is not None and following.sequence > last:
            end = End.FULL
            break
        encoded = encode(following)
        larger = size_bytes + 1 + len(encoded)
        if larger > EVENT_BYTES:
            batch.last = None  # as in `_offer`
            end = End.FULL
            break
        record, size_bytes = following, larger
        taken.append(encoded)
        sequences.append(record.sequence)
        filtered_before.append(filtered)
        if len(taken) >= most or size_bytes >= enough[1]:
            end = End.TURN
            break
    if record is not None:
        batch.size_bytes, batch.through, batch.last_created_ms = size_bytes, record.sequence, record.created_ms
    return end


def _offer(batch: Batch, record: Record, select: Selection, limits: Limits) -> End | None:
    """Add a record, or pass over it; say why not when it is to wait."""
    selected = select(record)
    if isinstance(selected, bytes):
        window = window_start(record.created_ms, limits)
        if not batch.records and limits.open_window_ms is not None and window != limits.open_window_ms:
            return End.WINDOW
        if not batch.takes(record, selected, limits):
            batch.last = None  # one that is tried again was cut: what is left of it is a batch of its own
            return End.FULL
        batch.add(record, selected, limits)
        return None
    batch.filtered += selected is FILTERED
    batch.through = record.sequence
    return None
