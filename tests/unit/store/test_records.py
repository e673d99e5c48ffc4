"""Stream records: appended to segments, read by shard across them, found by time, kept and dropped."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import InternalServerError
from cdc.model.lanes import lane_of
from cdc.model.mappings import Checkpoint
from cdc.store import catalog, records
from cdc.store.blocks import Record
from cdc.store.catalog import load_catalog
from tests.unit.store.files import DAY, create_table, opened

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Shard
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction

HOUR = 3600
SPAN = records.segment_seconds(HOUR)


def append(transaction: Transaction, shard: int = 1, retention: int = HOUR, change: bytes = b"{}") -> int:
    return records.append(transaction, shard, retention, 0, len(change), change)


def current(database: Database) -> Catalog:
    with database.reading() as connection:
        return load_catalog(connection, 0)


def shard_of(found: Catalog, shard: int = 1) -> Shard:
    return found.shards[shard][1]


def sequences(database: Database, shard: int = 1, after: int = 0) -> list[int]:
    found = current(database)
    return [each.sequence for each in records.read(database.reader(), found, shard_of(found, shard), after)]


@pytest.fixture
def table(writer):
    return writer.call(partial(create_table, retention=HOUR))


@pytest.mark.usefixtures("table")
def test_a_shards_records_are_read_in_order_across_segments(writer, database, clock):
    written: dict[int, list[int]] = {1: [], 2: []}
    for number in range(30):
        shard = 1 + number % 2
        written[shard].append(writer.call(partial(append, shard=shard)))
        clock.advance(SPAN / 8)
    assert len(current(database).segments) > 3
    assert sequences(database, 1) == written[1]
    assert sequences(database, 2) == written[2]
    for place, sequence in enumerate(written[1]):
        assert sequences(database, 1, after=sequence) == written[1][place + 1 :]


@pytest.mark.usefixtures("table")
def test_a_record_is_read_as_it_was_written(writer, database, clock):
    sequence = writer.call(lambda transaction: records.append(transaction, 2, HOUR, 2, 77, b'{"Keys":{}}'))
    found = current(database)
    assert list(records.read(database.reader(), found, shard_of(found, 2), 0)) == [
        Record(sequence, 2, clock.now_ms(), 2, 77, b'{"Keys":{}}')
    ]


@pytest.mark.usefixtures("table")
def test_a_segment_ends_by_age(writer, database, clock):
    writer.call(append)
    clock.advance(SPAN)
    writer.call(append)
    assert len(current(database).segments) == 1
    clock.advance(1)
    writer.call(append)
    first, second = current(database).segments
    assert first.closed_ms is not None
    assert second.closed_ms is None
    assert first.last_sequence is not None
    assert first.last_sequence < second.first_sequence


@pytest.mark.usefixtures("table")
def test_a_segment_ends_by_its_span_of_sequence_numbers(writer, database, monkeypatch):
    monkeypatch.setattr(records, "SEGMENT_RECORDS", 10)
    written = [writer.call(append) for _ in range(35)]
    assert len(current(database).segments) == 4
    assert sequences(database) == written


@pytest.mark.usefixtures("table")
def test_a_segment_ends_by_its_bytes_counted_across_writes_and_reopenings(writer, database, path, clock, monkeypatch):
    monkeypatch.setattr(records, "SEGMENT_BYTES", 1000)
    large = partial(append, change=b"x" * 300)
    for _ in range(3):
        writer.call(large)
    assert len(current(database).segments) == 1
    with opened(path, clock) as (_, other):
        other.call(large)
        assert len(current(database).segments) == 1  # the bound was not reached yet
        other.call(large)
        assert len(current(database).segments) == 2
    for _ in range(7):
        writer.call(large)
    assert len(current(database).segments) == 3


@pytest.mark.usefixtures("table")
def test_a_touched_segment_is_read_whatever_its_records_hold(writer, database):
    for size_bytes in (2, 100_000):
        writer.call(partial(append, change=b"x" * size_bytes))
    [segment] = current(database).segments
    for low in (segment.first_sequence, segment.first_sequence + 1, 10**9):
        writer.call(partial(records.touch, segment=segment, low=low))
    assert len(sequences(database)) == 2


@pytest.mark.usefixtures("table")
def test_each_retention_has_a_segment_of_its_own(writer, database):
    for shard, retention in ((1, HOUR), (2, DAY), (1, HOUR), (2, DAY)):
        writer.call(partial(append, shard=shard, retention=retention))
    assert set(current(database).open_segments) == {HOUR, DAY}
    assert len(sequences(database, 1)) == len(sequences(database, 2)) == 2


@pytest.mark.usefixtures("table")
def test_a_write_that_broke_leaves_no_segment(writer, database):
    def broken(transaction):
        append(transaction)
        raise ZeroDivisionError

    with pytest.raises(InternalServerError):
        writer.call(broken)
    assert current(database).segments == ()
    writer.call(append)
    assert len(sequences(database)) == 1


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize(
    "damage",
    [
        "body = CAST(replace(CAST(body AS TEXT), '}', '~') AS BLOB)",
        "crc = crc + 1",
        "created_ms = created_ms + 1",
        "record_count = 2",
        "base_sequence = base_sequence - 1",
        "last_sequence = last_sequence + 1",
    ],
)
def test_a_damaged_record_is_noticed(damage, writer, database):
    writer.call(append)
    writer.call(lambda transaction: transaction.cursor.execute(f"UPDATE records_1 SET {damage}"))
    with pytest.raises(InternalServerError, match=r"stream record \d+ is damaged \(CRC mismatch\)"):
        sequences(database)


@pytest.mark.usefixtures("table")
def test_a_read_that_stops_early_leaves_no_statement_open(writer, database):
    for _ in range(records.READ_BLOCKS * 2):
        writer.call(append)
    found = current(database)
    reader = database.reader()
    rows = records.read(reader, found, shard_of(found), 0)
    next(rows)
    rows.close()
    busy, *_ = reader.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    assert busy == 0  # an open read would have kept the WAL


moves = st.one_of(st.integers(0, 3), st.integers(-200_000, 400_000))


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.tuples(moves, st.sampled_from([(1, HOUR), (2, DAY)])), min_size=1, max_size=25),
    offsets=st.lists(st.integers(-300_000, 300_000), min_size=1, max_size=5),
)
def test_the_first_record_of_a_time_is_the_one_that_a_look_at_all_finds(tmp_path_factory, steps, offsets):
    clock = ManualClock()
    with opened(tmp_path_factory.mktemp("time") / "cdc.db", clock) as (database, writer):
        writer.call(create_table)
        written: list[tuple[int, int]] = []  # sequence, creation time
        for move_ms, (shard, retention) in steps:
            clock.set_wall_ms(clock.now_ms() + move_ms)
            sequence = writer.call(partial(append, shard=shard, retention=retention))
            written.append((sequence, max([clock.now_ms(), *(each for _, each in written)])))
        found = current(database)
        stored = [
            (each.sequence, each.created_ms)
            for shard in (1, 2)
            for each in records.read(database.reader(), found, shard_of(found, shard), 0)
        ]
        assert sorted(stored) == written
        clock.set_wall_ms(max(clock.now_ms(), written[-1][1]))
        times = {created + offset for _, created in written for offset in (*offsets, -1, 0, 1)}
        for time in (each for each in times if each <= clock.now_ms()):
            answer = records.first_created_at(database.reader(), found, time)
            assert [s for s, created in written if created >= time] == [s for s, _ in written if s >= answer], time


def test_without_records_any_time_is_before_the_first(database):
    assert records.first_created_at(database.reader(), current(database), 0) <= 1


def change_retention(transaction: Transaction, new: int) -> None:
    stream = transaction.catalog.tables["t"].stream
    assert stream is not None
    catalog.set_retention(transaction, stream.id, new)
    records.keep_longer(transaction, stream.retention_seconds, new)


@pytest.mark.parametrize(("old", "new"), [(HOUR, DAY), (DAY, HOUR)])
def test_a_changed_retention_keeps_the_order_and_what_was_promised(old, new, writer, database, clock):
    writer.call(partial(create_table, retention=old))
    written = []
    for retention in (old, old, new, old, new, new):
        if retention != (stream_retention := writer.call(retention_of)):
            writer.call(partial(change_retention, new=retention))
            assert stream_retention != retention
        written.append(writer.call(partial(append, retention=retention)))
        clock.advance(10)
    assert sequences(database) == written
    closed = [segment for segment in current(database).segments if segment.closed_ms is not None]
    assert {segment.retention_seconds for segment in closed} == {DAY}


def retention_of(transaction: Transaction) -> int:
    stream = transaction.catalog.tables["t"].stream
    assert stream is not None
    return stream.retention_seconds


@pytest.mark.usefixtures("table")
def test_a_dropped_segment_is_gone_with_its_records(writer, database, clock):
    for _ in range(2):
        writer.call(append)
        clock.advance(SPAN + 1)
    kept = writer.call(append)
    first, second, _ = current(database).segments
    for segment in (first, second):
        assert records.newest_by_shard(database.reader(), current(database), segment) == {1: segment.first_sequence}
        writer.call(partial(records.drop_segment, segment=segment))
    assert sequences(database) == [kept]
    tables: list[Any] = (
        database.reader().execute("SELECT name FROM sqlite_schema WHERE name LIKE 'records%'").fetchall()
    )
    assert {name for (name,) in tables} == {"records_3", "records_3_shard"}


@pytest.mark.usefixtures("table")
def test_the_id_of_a_dropped_segment_is_not_given_again(writer, database, clock):
    writer.call(append)
    [segment] = current(database).segments
    writer.call(partial(records.drop_segment, segment=segment))
    clock.advance(SPAN + 1)
    writer.call(append)
    assert [each.id for each in current(database).segments] == [segment.id + 1]


@pytest.mark.usefixtures("table")
def test_lost_records_are_counted_from_a_place_on(writer, database):
    written = [writer.call(append) for _ in range(5)]
    [segment] = current(database).segments

    place = Checkpoint(mapping_id=1, shard=1, start_sequence=0, sequence=written[1])
    assert writer.call(lambda transaction: records.count_after(transaction, segment, place)) == 3
    other = replace(place, shard=2, sequence=0)
    assert writer.call(lambda transaction: records.count_after(transaction, segment, other)) == 0


@pytest.mark.usefixtures("table")
def test_lost_records_are_counted_for_each_lane(writer, database):
    changes = [b'{"Keys":{"pk":{"S":"%d"}}}' % number for number in range(20)]
    writer.call(lambda each: [append(each, change=change) for change in changes])
    [segment] = current(database).segments
    place = Checkpoint(mapping_id=1, shard=1, start_sequence=0, sequence=0, lane_count=3)
    counts = [
        writer.call(lambda each, lane=lane: records.count_after(each, segment, replace(place, lane=lane)))
        for lane in range(3)
    ]
    assert sum(counts) == 20
    assert counts == [sum(lane_of(change, 3) == lane for change in changes) for lane in range(3)]


@pytest.mark.usefixtures("table")
def test_the_trim_mark_of_a_shard_never_goes_back(writer, database):
    for sequence in (5, 9, 7):
        writer.call(partial(records.set_trimmed, shard=1, sequence=sequence))
    assert shard_of(current(database)).trimmed_sequence == 9


@pytest.mark.usefixtures("table")
def test_the_newest_record_of_a_shard_is_found(writer, database, clock):
    assert records.newest(database.reader(), current(database), shard_of(current(database))) is None
    for _ in range(3):
        newest = writer.call(append)
        clock.advance(SPAN + 1)
    writer.call(partial(append, shard=2))
    assert records.newest(database.reader(), current(database), shard_of(current(database))) == newest
