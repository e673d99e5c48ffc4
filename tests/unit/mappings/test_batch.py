"""A batch is cut by records, by bytes, by the turn, by expiry and by the end of the batch that failed."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings import batch as batches
from cdc.mappings.batch import EVENT_BYTES, TURN_EXAMINED, TURN_RECORDS, Batch, End, Filling, Limits, fill
from cdc.mappings.event import build_event
from cdc.mappings.selection import Selection
from cdc.store.blocks import Record

NEVER = -1


def record(sequence, created_ms=1000, size=10):
    return Record(sequence, 1, created_ms, 0, size, b"{}")


def encode(record):
    return orjson.dumps("x" * (record.size_bytes - 2))


def filled(batch, found, horizon_ms=NEVER, matches=None, **limits):
    return fill(batch, iter(found), Selection(encode, 0, 1, matches), Limits(horizon_ms, **limits))


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
    assert filled(Batch(max_records=10_000), map(record, range(1, 5000))) == Filling(End.TURN, 9)  # a comma each


def test_the_event_is_never_longer_than_its_limit_and_as_long_as_it_can_be():
    batch = Batch(max_records=10_000)
    size = 300_000
    end = End.TURN
    while end is End.TURN:
        end = filled(batch, (record(each, size=size) for each in range(batch.through + 1, 100))).end
    assert end is End.FULL
    announced = batch.size_bytes
    event = build_event(batch.records)
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
    assert filled(batch, found, horizon_ms=20) == Filling(End.EXPIRED, 2, 2, 2)
    assert batch.count == 0
    assert filled(batch, found[2:], horizon_ms=20) == Filling(End.NO_MORE, 1)


def test_expired_records_are_counted_in_bounded_steps():
    found = (record(each, 10) for each in range(1, 99_999))
    filling = filled(Batch(max_records=1), found, horizon_ms=20)
    assert filling == Filling(End.EXPIRED, TURN_EXAMINED, TURN_EXAMINED, TURN_EXAMINED)


def test_a_batch_that_failed_ends_where_it_ended():
    batch = Batch(max_records=None, last=3)
    assert filled(batch, map(record, (1, 3, 5)), last=3) == Filling(End.FULL, 2)
    assert batch.through == 3


def test_nothing_is_left_of_a_batch_that_failed():
    batch = Batch(max_records=None, last=3)
    assert filled(batch, [record(5)], last=3) == Filling(End.FULL, 0)


def test_times_of_the_first_and_the_last_record_are_kept():
    batch = Batch(max_records=10)
    filled(batch, [record(1, 100), record(2, 150), record(3, 200)])
    assert (batch.first_created_ms, batch.last_created_ms) == (100, 200)


def test_filtered_records_are_counted_and_passed():
    batch = Batch(max_records=2)
    even = lambda encoded: len(encoded) % 2 == 0  # noqa: E731
    found = [record(each, size=each) for each in range(10, 20)]
    assert filled(batch, found, matches=even).end is End.FULL
    assert (batch.sequences, batch.filtered, batch.through) == ([10, 12], 1, 12)


def test_what_follows_the_last_record_of_a_batch_and_is_filtered_belongs_to_it():
    batch = Batch(max_records=5)
    assert filled(batch, map(record, (1, 2, 3)), matches=lambda _: False) == Filling(End.NO_MORE, 3)
    assert (batch.count, batch.filtered, batch.through) == (0, 3, 3)


def test_expired_records_that_the_filters_pass_over_are_no_loss():
    found = [record(1, 10), record(2, 10)]
    assert filled(Batch(max_records=1), found, horizon_ms=20, matches=lambda _: False) == Filling(End.EXPIRED, 2, 0, 2)


def test_records_that_are_too_old_make_a_batch_of_their_own():
    batch = Batch(max_records=10)
    found = [record(1, 100), record(2, 110), record(3, 111)]
    assert filled(batch, found, age_horizon_ms=110).end is End.FULL
    assert (batch.aged, batch.sequences) == (True, [1, 2])
    fresh = Batch(max_records=10)
    assert filled(fresh, found[2:], age_horizon_ms=110).end is End.NO_MORE
    assert (fresh.aged, fresh.sequences) == (False, [3])


def test_records_of_two_tumbling_windows_share_no_batch():
    batch = Batch(max_records=10)
    found = [record(1, 1999), record(2, 2000)]
    assert filled(batch, found, window_ms=1000).end is End.FULL
    assert (batch.window_start_ms, batch.sequences) == (1000, [1])


def test_a_record_of_a_later_window_waits_for_the_open_one_to_close():
    batch = Batch(max_records=10)
    assert filled(batch, [record(2, 2000)], window_ms=1000, open_window_ms=1000) == Filling(End.WINDOW, 0)
    assert batch.count == 0
