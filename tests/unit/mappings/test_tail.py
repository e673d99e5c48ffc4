"""What lanes share of a shard: the same records as the file has, read and encoded once."""

from __future__ import annotations

import random
from itertools import islice

import pytest

from cdc.clock import ManualClock
from cdc.mappings import tail as module
from cdc.mappings.surroundings import Sight
from cdc.mappings.tail import Tail
from cdc.store import records
from cdc.store.reading import Reader
from tests.unit.store.files import create_table, item_of, opened, put


class Shard:
    """The one shard of a table, and how often the store was asked for records."""

    def __init__(self, database, writer, clock, monkeypatch):
        self.database, self.writer = database, writer
        writer.call(lambda each: create_table(each, shards=1))
        self.reader = Reader(database, clock)
        self.tail = Tail()
        self.reads = 0
        self.stored_read = records.read
        monkeypatch.setattr(records, "read", self._read)

    def _read(self, *arguments):
        self.reads += 1
        return self.stored_read(*arguments)

    def put(self, count=1):
        for _ in range(count):
            self.writer.call(lambda each: put(each, "t", item_of(f"k{each.counters.next_sequence}")))

    @property
    def newest(self):
        return records.next_sequence(self.database.reader()) - 1

    def read(self, after, count=None):
        """Read as a lane does whose batch is full after so many."""
        newest, view = self.newest, self.reader.view()
        [(_, shard)] = view.catalog.shards.values()
        found = self.tail.read(Sight(0.0, view, newest), shard, after, 10)
        taken = list(islice(found, count))
        found.close()
        return [record.sequence for record in taken]

    def stored(self, after, count=None):
        view = self.reader.view()
        [(_, shard)] = view.catalog.shards.values()
        return [
            record.sequence for record in islice(self.stored_read(view.connection, view.catalog, shard, after), count)
        ]


@pytest.fixture
def shard(tmp_path, monkeypatch):
    clock = ManualClock()
    with opened(tmp_path / "a.db", clock) as (database, writer):
        yield Shard(database, writer, clock, monkeypatch)


def test_a_second_lane_needs_no_read_of_its_own(shard):
    shard.put(3)
    first = shard.read(0)
    assert (len(first), shard.reads) == (3, 1)
    assert shard.read(0) == first
    assert shard.read(first[0]) == first[1:]
    assert shard.reads == 1
    assert shard.tail.ends_at(first[-1], shard.newest)


def test_what_came_since_is_read(shard):
    shard.put(2)
    first = shard.read(0)
    shard.put(2)
    assert not shard.tail.ends_at(first[-1], shard.newest)
    assert shard.read(first[-1]) == shard.stored(first[-1])
    assert shard.read(first[0]) == shard.stored(first[0])


def test_a_lane_behind_what_is_kept_reads_the_file(shard):
    shard.put(4)
    sequences = shard.stored(0)
    assert shard.read(sequences[2]) == sequences[3:]
    assert shard.read(0) == sequences
    assert not shard.tail.ends_at(0, shard.newest)


@pytest.mark.parametrize("seed", range(6))
def test_any_lanes_read_what_the_file_has(shard, monkeypatch, seed):
    monkeypatch.setattr(module, "TAIL_RECORDS", 5)
    chance = random.Random(seed)
    lanes = [0, 0, 0]
    for _ in range(60):
        shard.put(chance.choice((0, 0, 1, 3)))
        number = chance.randrange(3)
        if chance.random() < 0.05:
            lanes[number] = chance.choice([0, *shard.stored(0)])  # it was put elsewhere
        count = chance.choice((1, 2, None))
        assert shard.read(lanes[number], count) == shard.stored(lanes[number], count)
        if shard.tail.ends_at(lanes[number], shard.newest):
            assert shard.stored(lanes[number]) == []
        found = shard.stored(lanes[number], count)
        lanes[number] = found[-1] if found else max(lanes[number], shard.newest)


def test_a_record_is_encoded_once_as_long_as_it_is_kept(shard, monkeypatch):
    monkeypatch.setattr(module, "TAIL_RECORDS", 2)
    encoded: list[int] = []

    def encode(record):
        encoded.append(record.sequence)
        return b"{}"

    shard.put(3)
    newest, view = shard.newest, shard.reader.view()
    [(_, of)] = view.catalog.shards.values()
    found = list(shard.tail.read(Sight(0.0, view, newest), of, 0, 10))
    encode_once = shard.tail.encoding(encode)
    for record in (*found, *found):
        assert encode_once(record) == b"{}"
    assert encoded == [record.sequence for record in (*found, found[0])]  # the first one is kept no more
