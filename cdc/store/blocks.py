"""Blocks of stream records: what one commit wrote to one shard, as one row.

A row costs SQLite as much as the record in it, and its entry in an index half as much again; a group of 64 writes to
four shards makes four of each instead of 64. The body is the heads of all records, 13 bytes each, then their changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_BYTES = 64 << 10
"""Bytes of changes from which on a block takes no more: to read one record, its whole block is read and checked."""

_HEAD = Struct(">IBII")  # sequence less the block's base, kind, SizeBytes, length of the change
_IDENTITY = Struct(">QIQQI").pack
pack_head = _HEAD.pack


class Record(NamedTuple):
    """A stream record."""

    sequence: int
    shard: int  # the shard's id in the file
    created_ms: int
    kind: int  # index into model.catalog.EVENT_NAMES
    size_bytes: int
    change: bytes  # JSON object: Keys, NewImage, OldImage


class Block(NamedTuple):
    """A row of a records table."""

    last_sequence: int
    shard: int
    base_sequence: int  # of the first record of all shards that was written together with these
    created_ms: int
    record_count: int
    crc: int
    body: bytes

    @property
    def intact(self) -> bool:
        """Whether the body, and what identifies it, is what was written."""
        last, shard, base, created_ms, record_count, crc, body = self
        return block_crc(last, shard, base, created_ms, record_count, body) == crc

    def records(self) -> Iterator[Record]:
        """Take the block apart; the caller has seen that it is intact."""
        base, shard, created_ms, body = self.base_sequence, self.shard, self.created_ms, self.body
        start = self.record_count * _HEAD.size
        for offset, kind, size_bytes, length in _HEAD.iter_unpack(memoryview(body)[:start]):
            end = start + length
            yield Record(base + offset, shard, created_ms, kind, size_bytes, body[start:end])
            start = end


def block_crc(
    last_sequence: int, shard: int, base_sequence: int, created_ms: int, record_count: int, body: bytes
) -> int:
    """CRC-32 of a block's body and of what identifies it."""
    return crc32(body, crc32(_IDENTITY(last_sequence, shard, base_sequence, created_ms, record_count)))


@dataclass(slots=True, eq=False)
class NewBlock:
    """A block that still takes records."""

    heads: list[bytes] = field(default_factory=list)
    changes: list[bytes] = field(default_factory=list)
    last_sequence: int = 0
    size_bytes: int = 0  # of the changes


@dataclass(slots=True, eq=False)
class NewRecords:
    """Records for one segment that are not written yet; all get one creation time."""

    segment: int  # its id
    insert: str  # the statement
    base_sequence: int = 0
    open: dict[int, NewBlock] = field(default_factory=dict)  # by shard
    full: list[tuple[int, NewBlock]] = field(default_factory=list)  # (shard, block)

    def add(self, sequence: int, shard: int, kind: int, size_bytes: int, change: bytes) -> None:
        """Take a record; sequences grow."""
        block = self.open.get(shard)
        if block is None:
            if not self.open and not self.full:
                self.base_sequence = sequence
            block = self.open[shard] = NewBlock()
        block.heads.append(pack_head(sequence - self.base_sequence, kind, size_bytes, len(change)))
        block.changes.append(change)
        block.last_sequence = sequence
        block.size_bytes += len(change)
        if block.size_bytes >= BLOCK_BYTES:
            self.full.append((shard, self.open.pop(shard)))

    def take(self, created_ms: int) -> list[Block]:
        """Build the blocks, in the order of their last sequences, and be empty."""
        base = self.base_sequence
        blocks = []
        for shard, new in (*self.full, *self.open.items()):
            body = b"".join(new.heads) + b"".join(new.changes)
            identity = (new.last_sequence, shard, base, created_ms, len(new.heads))
            blocks.append(Block(*identity, block_crc(*identity, body), body))
        self.full.clear()
        self.open.clear()
        blocks.sort()
        return blocks
