"""The newest records of a shard, read once for all the lanes that follow it."""

from __future__ import annotations

from bisect import bisect_right
from contextlib import closing
from typing import TYPE_CHECKING

from cdc.store import records as store

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cdc.mappings.surroundings import Sight
    from cdc.model.catalog import Shard
    from cdc.store.blocks import Record

TAIL_RECORDS = 1000
"""Kept of a shard at most."""
TAIL_BYTES = 1 << 20
"""The same, of their changes."""


class Tail:
    """What lanes have read of one shard last, and how it stands in an event; for the poller's thread.

    Reading and encoding make up a third of what a delivery of few records costs; with ten mappings on a table, nine of
    ten find both here.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._sequences: list[int] = []
        self._encoded: dict[int, bytes] = {}  # by sequence
        self._size_bytes = 0
        self._after = 0  # all of the shard's records from here, exclusive, ...
        self._through = 0  # ... to here are kept

    def ends_at(self, after: int, newest: int) -> bool:
        """Tell whether it is known that the shard has no record after the sequence `after` up to `newest`."""
        return (
            self._through >= newest and self._after <= after and (not self._sequences or self._sequences[-1] <= after)
        )

    def read(self, sight: Sight, shard: Shard, after: int, blocks_at_once: int) -> Generator[Record, None, None]:
        """Yield the records newer than the sequence `after`, as `cdc.store.records.read` does."""
        if after < self._after:  # a lane that is behind the others
            yield from self._stored(sight, shard, after, blocks_at_once)
            return
        if after > self._through:
            self._begin(after)
        yield from self._records[bisect_right(self._sequences, after) :]
        if self._through >= sight.newest:
            return
        with closing(self._stored(sight, shard, self._through, blocks_at_once)) as found:
            for record in found:
                self._add(record)
                yield record
        self._through = max(self._through, sight.newest)

    def encoding(self, encode: Callable[[Record], bytes]) -> Callable[[Record], bytes]:
        """Have each of the kept records encoded once, by whichever lane comes first; `encode` is the same for all."""
        known = self._encoded

        def encode_once(record: Record) -> bytes:
            encoded = known.get(record.sequence)
            if encoded is None:
                encoded = encode(record)
                if record.sequence > self._after:
                    known[record.sequence] = encoded
            return encoded

        return encode_once

    def _stored(self, sight: Sight, shard: Shard, after: int, blocks_at_once: int) -> Generator[Record, None, None]:
        return store.read(sight.view.connection, sight.view.catalog, shard, after, blocks_at_once)

    def _begin(self, after: int) -> None:
        self._records.clear()
        self._sequences.clear()
        self._encoded.clear()
        self._size_bytes = 0
        self._after = self._through = after

    def _add(self, record: Record) -> None:
        if len(self._records) == TAIL_RECORDS or self._size_bytes > TAIL_BYTES:
            self._drop(max(1, len(self._records) // 2))
        self._records.append(record)
        self._sequences.append(record.sequence)
        self._size_bytes += len(record.change)
        self._through = record.sequence

    def _drop(self, count: int) -> None:
        """Forget the oldest."""
        for record in self._records[:count]:
            self._size_bytes -= len(record.change)
            self._encoded.pop(record.sequence, None)
        self._after = self._sequences[count - 1]
        del self._records[:count], self._sequences[:count]
