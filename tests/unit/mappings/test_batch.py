"""A batch is cut by records, by bytes, by the turn, by expiry and by the end of the batch that failed."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings import batch as batches
from cdc.mappings.batch import EVENT_BYTES, TURN_EXPIRED, TURN_RECORDS, Batch, End, Filling, fill
from cdc.store.blocks import Record

NEVER = -1


def record(sequence, created_ms=1000, size=10):
    return Record(sequence, 1, created_ms, 0, size, b"{}")


def encode(record):
    return orjson.dumps("x" * (record.size_bytes - 2))


def filled(batch, found, horizon_ms=NEVER):
    return fill(batch, iter(found), encode, horizon_ms)


def test_a_batch_takes_as_many_records_as_it_may():
    batch = Batch(max_records=3)
    assert filled(batch, map(record, range(1, 9))) == Filling(End.FULL, 3)
    assert (batch.count, batch.through) == (3, 3)


def test_a_batch_is_full_with_its_last_record_even_when_no_other_follows():
    assert filled(Batch(max_records=3), map(record, range(1, 4))).end is End.FULL


def test_a_batch_grows_from_turn_to_turn():
    batch = Batch(max_records=5)
    assert filled(batch, map(record, (1, 2))) == Filling(End.NO_MORE, 2)
    assert filled(batch, map(record, (4, 6))) == Filling(End.NO_MORE, 2)
    assert (batch.count, batch.through) == (4, 6)


def test_a_turn_reads_a_bounded_number_of_records():
    batch = Batch(max_records=10_000)
    assert filled(batch, map(record, range(1, 5000))) == Filling(End.TURN, TURN_RECORDS)


def test_a_turn_reads_a_bounded_number_of_bytes(monkeypatch):
    monkeypatch.setattr(batches, "TURN_BYTES", 95)
    assert filled(Batch(max_records=10_000), map(record, range(1, 5000))) == Filling(End.TURN, 10)


def test_the_event_is_never_longer_than_its_limit_and_as_long_as_it_can_be():
    batch = Batch(max_records=10_000)
    size = 300_000
    end = End.TURN
    while end is End.TURN:
        end = filled(batch, (record(each, size=size) for each in range(batch.through + 1, 100))).end
    assert end is End.FULL
    announced = batch.size_bytes
    event = batch.take_event()
    assert len(event) == announced
    assert EVENT_BYTES - size - 1 < len(event) <= EVENT_BYTES
    assert len(orjson.loads(event)["Records"]) == batch.count


@pytest.mark.parametrize(("over", "count"), [(0, 3), (1, 2)])
def test_the_limit_is_exact_to_the_byte(monkeypatch, over, count):
    monkeypatch.setattr(batches, "EVENT_BYTES", len(b'{"Records":[,,]}') + 30 - over)
    batch = Batch(max_records=10)
    filled(batch, map(record, (1, 2, 3)))
    assert batch.count == count


def test_a_record_that_is_too_large_for_any_event_is_delivered_alone(monkeypatch):
    monkeypatch.setattr(batches, "EVENT_BYTES", 50)
    batch = Batch(max_records=10)
    assert filled(batch, [record(1, size=100), record(2)]) == Filling(End.FULL, 1)


def test_an_expired_head_is_counted_and_ends_the_filling():
    batch = Batch(max_records=10)
    found = [record(1, 10), record(2, 20), record(3, 21)]
    assert filled(batch, found, horizon_ms=20) == Filling(End.EXPIRED, expired=2, expired_through=2)
    assert batch.count == 0
    assert filled(batch, found[2:], horizon_ms=20) == Filling(End.NO_MORE, 1)


def test_expired_records_are_counted_in_bounded_steps():
    found = (record(each, 10) for each in range(1, 99_999))
    assert filled(Batch(max_records=1), found, horizon_ms=20) == Filling(
        End.EXPIRED, expired=TURN_EXPIRED, expired_through=TURN_EXPIRED
    )


def test_a_batch_that_failed_ends_where_it_ended():
    batch = Batch(max_records=None, last_wanted=3)
    assert filled(batch, map(record, (1, 3, 5))) == Filling(End.FULL, 2)
    assert batch.through == 3


def test_nothing_is_left_of_a_batch_that_failed():
    batch = Batch(max_records=None, last_wanted=3)
    assert filled(batch, [record(5)]) == Filling(End.FULL, 0)


def test_times_of_the_first_and_the_last_record_are_kept():
    batch = Batch(max_records=10)
    filled(batch, [record(1, 100), record(2, 150), record(3, 200)])
    assert (batch.first_created_ms, batch.last_created_ms) == (100, 200)
