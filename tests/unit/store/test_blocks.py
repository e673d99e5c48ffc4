"""Blocks: the records of one shard that one commit wrote, as one row."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.store import blocks
from cdc.store.blocks import Block, NewRecords, Record

CREATED_MS = 1_700_000_000_000
changes = st.tuples(st.integers(1, 4), st.integers(0, 2), st.integers(0, 1 << 31), st.binary(max_size=50))


def written(new: NewRecords, first: int, entries) -> list[Record]:
    """Add entries (shard, kind, size, change) under sequences from `first` on."""
    made = [
        Record(first + number, shard, CREATED_MS, kind, size, change)
        for number, (shard, kind, size, change) in enumerate(entries)
    ]
    for record in made:
        new.add(record.sequence, record.shard, record.kind, record.size_bytes, record.change)
    return made


@given(first=st.integers(1, 1 << 62), entries=st.lists(changes, max_size=40))
def test_what_is_taken_apart_is_what_was_put_together(first, entries):
    new = NewRecords(7, "insert")
    made = written(new, first, entries)
    taken = new.take(CREATED_MS)
    assert sorted(record for block in taken for record in block.records()) == made
    assert all(block.intact for block in taken)
    assert {block.base_sequence for block in taken} <= {first}
    assert [block.last_sequence for block in taken] == sorted(block.last_sequence for block in taken)
    assert new.take(CREATED_MS) == []


def test_each_shard_has_one_block_until_it_is_large():
    new = NewRecords(7, "insert")
    small = [(shard, 0, 1, b"{}") for shard in (1, 2, 1, 2)]
    written(new, 100, small)
    assert [(block.shard, block.record_count) for block in new.take(CREATED_MS)] == [(1, 2), (2, 2)]
    large = [(1, 0, 1, b"x" * (blocks.BLOCK_BYTES // 2)) for _ in range(5)]
    made = written(new, 200, large)
    taken = new.take(CREATED_MS)
    assert [block.record_count for block in taken] == [2, 2, 1]
    assert [record for block in taken for record in block.records()] == made


@pytest.mark.parametrize(
    "other",
    [
        {"last_sequence": 8},
        {"shard": 2},
        {"base_sequence": 6},
        {"created_ms": CREATED_MS + 1},
        {"record_count": 2},
        {"body": b"another"},
    ],
)
def test_a_block_that_differs_in_anything_is_not_intact(other):
    new = NewRecords(7, "insert")
    new.add(7, 1, 0, 2, b"{}")
    [block] = new.take(CREATED_MS)
    assert block.intact
    assert not Block(**{**block._asdict(), **other}).intact
