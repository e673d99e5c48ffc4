"""Which records of a shard are for a lane: its own, and not passed over by the mapping's filters."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Literal, TypeAlias

from cdc.model.lanes import lane_of
from cdc.streams.wire import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.filtering import Filters
    from cdc.mappings.tail import Tail
    from cdc.model.catalog import Stream
    from cdc.model.options import Options
    from cdc.store.blocks import Record


class _Left(Enum):
    FOREIGN = "another lane's"
    FILTERED = "passed over by the filters"


FOREIGN: Literal[_Left.FOREIGN] = _Left.FOREIGN
FILTERED: Literal[_Left.FILTERED] = _Left.FILTERED
Selected: TypeAlias = "bytes | Literal[_Left.FOREIGN, _Left.FILTERED]"
"""A record as it stands in an event, or why it does not."""


class Selection:
    """Decides about records; `matches` is told each record as it stands in an event."""

    def __init__(
        self, encode: Callable[[Record], bytes], lane: int, lane_count: int, matches: Callable[[bytes], bool] | None
    ) -> None:
        self.encode = encode
        self._lane = lane
        self._lane_count = lane_count
        self._matches = matches
        self.takes_all = lane_count == 1 and matches is None

    def __call__(self, record: Record) -> Selected:
        """Decide about a record, and encode it if it is for the lane."""
        if self._lane_count > 1 and lane_of(record.change, self._lane_count) != self._lane:
            return FOREIGN
        encoded = self.encode(record)
        if self._matches is not None and not self._matches(encoded):
            return FILTERED
        return encoded

    def wants(self, record: Record) -> bool:
        """Tell whether a record is for the lane; it may be too late to deliver it."""
        return self.takes_all or isinstance(self(record), bytes)


def selection_of(
    stream: Stream,
    options: Options,
    file_id: str,
    filters: Filters,
    lane: int = 0,
    lane_count: int = 1,
    tail: Tail | None = None,
) -> Selection:
    """Build the selection of one lane of a mapping with these filters; `tail`: what it shares with other lanes."""
    encode = RecordWriter(stream, options, file_id).event_record
    matches = filters.matches_encoded if filters.patterns else None
    return Selection(encode if tail is None else tail.encoding(encode), lane, lane_count, matches)
