"""Positions and the trim horizon: exact to the millisecond, exact under interleaved retentions, quick on a backlog."""

from __future__ import annotations

import random

import pytest

from cdc.model.errors import TrimmedDataAccessException
from cdc.model.options import DAY_SECONDS, Options
from cdc.store import records
from cdc.streams import positions


def check(house, stream, after: int) -> None:
    positions.check_untrimmed(house.reader.view(), house.stream(stream), house.shard(stream), after)


def horizon(house, stream, number: int = 0) -> int:
    return positions.trim_horizon(house.reader.view(), house.stream(stream), house.shard(stream, number))


def test_latest_is_after_the_newest_committed_record(house, orders):
    newest = house.append(orders, 3)[-1]
    assert positions.latest(house.reader.view()) == newest


def test_a_record_expires_at_the_very_millisecond_of_its_retention(house, orders):
    [only] = house.append(orders)
    house.clock.advance(DAY_SECONDS - 0.001)
    assert house.readable(orders) == [only]
    check(house, orders, only - 1)
    house.clock.advance(0.001)
    assert house.readable(orders) == []
    with pytest.raises(TrimmedDataAccessException):
        check(house, orders, only - 1)


def test_a_position_after_the_last_expired_record_is_good(house, orders):
    expired = house.append(orders, 3)
    house.clock.advance(DAY_SECONDS)
    kept = house.append(orders, 2)
    check(house, orders, expired[-1])
    with pytest.raises(TrimmedDataAccessException):
        check(house, orders, expired[-2])
    assert horizon(house, orders) == kept[0] - 1


def test_a_position_stays_good_when_all_before_it_has_been_purged(house, orders):
    expired = house.append(orders, 3)
    house.clock.advance(DAY_SECONDS)
    assert house.purge().segments_dropped == 1
    check(house, orders, expired[-1])
    with pytest.raises(TrimmedDataAccessException):
        check(house, orders, expired[-2])
    assert horizon(house, orders) == expired[-1]


def test_the_horizon_of_an_empty_shard_is_its_start(house, orders):
    assert horizon(house, orders) == orders.shards[0].start_sequence - 1


def test_two_shards_of_one_stream_have_horizons_of_their_own(house):
    house.options = Options(shards=2)
    stream = house.create()
    house.append(stream, 2, number=0)
    house.clock.advance(DAY_SECONDS)
    kept = house.append(stream, 2, number=1)
    assert horizon(house, stream, 1) < kept[0]
    assert house.readable(stream, 0) == []
    assert house.readable(stream, 1) == kept


@pytest.mark.parametrize("seed", range(6))
def test_the_first_record_of_a_time_is_found_exactly_among_interleaved_segments(house, seed):
    chance = random.Random(seed)
    long, short = house.create("long"), house.create("short")
    house.retain(short=3600)
    written: list[tuple[int, int]] = []  # sequence, creation time
    for _ in range(60):
        house.clock.advance(chance.choice([0, 0.001, 1, 200, 1000]))
        sequences = house.append(chance.choice([long, short]), chance.choice([1, 1, 5]))
        written += [(sequence, house.clock.now_ms()) for sequence in sequences]
    assert len(house.segments()) > 6
    view = house.reader.view()
    for time in {created_ms + step for _, created_ms in written for step in (-1, 0, 1)}:
        found = records.first_created_at(view.connection, view.catalog, time)
        wanted = next((sequence for sequence, created_ms in written if created_ms >= time), written[-1][0] + 1)
        assert found == wanted


def test_no_record_written_after_the_catalogue_was_loaded_is_passed_over(house, orders):
    stale = house.reader.view()
    [first] = house.append(orders)  # opens a segment that the view does not know
    assert records.first_created_at(stale.connection, stale.catalog, stale.now_ms) <= first
    assert positions.at_time(stale, orders, orders.shards[0], stale.now_ms) < first


def test_the_horizon_of_a_deep_backlog_is_found_in_few_steps(house, orders):
    house.append(orders, 20_000)
    house.clock.advance(60)
    kept = house.append(orders, 20_000)
    house.clock.advance(DAY_SECONDS - 60)
    view = house.reader.view()
    steps = 0

    class Counting:
        """A connection that counts statements."""

        def cursor(self):
            return self

        def execute(self, *arguments):
            nonlocal steps
            steps += 1
            self.rows = view.connection.execute(*arguments).fetchall()
            return self

        def fetchall(self):
            return self.rows

        def close(self) -> None: ...

    found = records.first_created_at(Counting(), view.catalog, orders.horizon_ms(view.now_ms) + 1)
    assert found == kept[0]
    assert steps < 30


def test_a_reader_is_told_when_a_purge_takes_what_it_was_about_to_read(house, orders):
    lost = house.append(orders, 3)
    stale = house.reader.view()
    house.clock.advance(DAY_SECONDS)
    assert house.purge().segments_dropped == 1
    shard = orders.shards[0]
    with pytest.raises(TrimmedDataAccessException):
        next(records.read(stale.connection, stale.catalog, shard, lost[-2]))
    assert list(records.read(stale.connection, stale.catalog, shard, lost[-1])) == []


def test_a_reader_does_not_mind_when_a_purge_takes_records_of_other_streams(house, orders):
    short = house.create("short")
    house.retain(short=3600)
    house.append(short)
    kept = house.append(orders)
    stale = house.reader.view()
    house.clock.advance(3600)
    assert house.purge().segments_dropped == 1
    read = records.read(stale.connection, stale.catalog, house.shard(orders), 0)
    assert [record.sequence for record in read] == kept
    assert records.first_after(stale.connection, stale.catalog, house.shard(short), 0) is None
    assert records.newest(stale.connection, stale.catalog, house.shard(short)) is None
    assert records.first_created_at(stale.connection, stale.catalog, stale.now_ms) == kept[0]
