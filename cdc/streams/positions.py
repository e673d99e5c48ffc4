"""Positions in a shard: the sequence number after which reading goes on, and the trim horizon that none may lie before.

A record expires at the very millisecond that its stream's retention says, whether or not a purge has taken it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.model.errors import TrimmedDataAccessException
from cdc.store import records

if TYPE_CHECKING:
    from cdc.model.catalog import Shard, Stream
    from cdc.store.reading import View


def latest(view: View) -> int:
    """Return the position after the newest committed record of the file, and so of any shard."""
    return records.next_sequence(view.connection) - 1


def trim_horizon(view: View, stream: Stream, shard: Shard) -> int:
    """Return the position before a shard's oldest record that has not expired."""
    return at_time(view, stream, shard, 0)


def at_time(view: View, stream: Stream, shard: Shard, created_ms: int) -> int:
    """Return the position before a shard's first record created at or after `created_ms`, which is not in the future.

    It is never before the trim horizon.
    """
    since_ms = max(created_ms, stream.horizon_ms(view.now_ms) + 1)
    lowest = start_of(shard)
    oldest = records.first_after(view.connection, view.catalog, shard, lowest)
    if oldest is None or oldest[1] >= since_ms:
        return lowest
    return max(lowest, records.first_created_at(view.connection, view.catalog, since_ms) - 1)


def start_of(shard: Shard) -> int:
    """Return the lowest position that a shard has left: before its first record, or after the last that was purged."""
    return max(shard.start_sequence - 1, shard.trimmed_sequence)


def check_untrimmed(view: View, stream: Stream, shard: Shard, after: int) -> None:
    """Refuse a position after which an expired record would be the next, or one that a purge has taken.

    Raises: TrimmedDataAccessException.
    """
    if after < shard.trimmed_sequence:
        raise TrimmedDataAccessException
    following = records.first_after(view.connection, view.catalog, shard, after)
    if following is not None and following[1] <= stream.horizon_ms(view.now_ms):
        raise TrimmedDataAccessException
