"""Housekeeping: what goes, what stays, what is said, and that a crash between any two writes does no harm."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from cdc.model.catalog import sequence_text
from cdc.model.errors import TrimmedDataAccessException
from cdc.model.indexes import Entry
from cdc.model.mappings import DELIVERED
from cdc.model.options import DAY_SECONDS, Options
from cdc.store import catalog, checkpoints, index_items, items, records, tokens
from cdc.store.check import check
from cdc.store.checkpoints import Passed
from cdc.streams import retention
from tests.unit.store.files import add_index

if TYPE_CHECKING:
    from collections.abc import Iterator

HOUR = 3600
LOGGER = "cdc.streams.retention"


MADE_UP = {"event name", "replay", "record outside its hash range", "item CRC", "item content", "item key", "item size"}
"""Violations by the records and items that these tests make up."""


@pytest.fixture(autouse=True)
def sound(house) -> Iterator[None]:
    """Whatever a test does, the file keeps its segments, shards, checkpoints and outcomes in order."""
    yield
    assert violations(house) == []


def violations(house) -> list[str]:
    return [each.text for each in check(house.database) if each.what not in MADE_UP]


def settle(house, mapping_id: int, shard, through: int, count: int) -> None:
    now = house.checkpoint(mapping_id, shard)
    assert house.write(lambda each: checkpoints.settle(each, now, through, Passed(kind=DELIVERED, records=count)))


def next_sequence(house) -> int:
    return records.next_sequence(house.reader.view().connection)


def test_nothing_happens_while_nothing_has_expired(house, orders):
    written = house.append(orders, 3)
    house.clock.advance(HOUR)
    result = house.purge()
    assert (result.segments_closed, result.segments_dropped, result.records_undelivered, result.more) == (
        0,
        0,
        0,
        False,
    )
    assert house.readable(orders) == written


def test_an_idle_streams_segment_is_closed_and_dropped_when_its_records_expire(house, orders):
    house.append(orders, 3)
    house.clock.advance(HOUR + 1)
    assert house.purge().segments_closed == 1
    house.clock.advance(DAY_SECONDS - HOUR - 1 - 0.001)
    assert house.purge().segments_dropped == 0
    house.clock.advance(0.001)
    assert house.purge().segments_dropped == 1
    assert house.segments() == []


def test_a_purge_lets_others_have_their_turn_and_may_be_ended_there(house, orders):
    house.append(orders, 3)
    house.clock.advance(DAY_SECONDS)
    turns = []

    def rest() -> None:
        turns.append(len(house.segments()))
        if len(turns) == 1:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        retention.purge_step(house.writer, house.reader, house.clock.now_ms(), rest)
    assert retention.purge_step(house.writer, house.reader, house.clock.now_ms(), rest).segments_dropped == 1
    assert turns == [1, 1, 0]  # after the look at its records, twice, and after the drop


def test_a_closed_segment_waits_for_its_youngest_record(house, orders):
    house.append(orders)
    house.clock.advance(1800)
    young = house.append(orders)
    house.clock.advance(DAY_SECONDS - 1)
    assert house.purge().segments_dropped == 0
    assert house.readable(orders) == young


def test_the_tables_of_dropped_segments_are_gone(house, orders):
    house.append(orders)
    house.clock.advance(DAY_SECONDS)
    house.purge()
    tables = house.database.reader().execute("SELECT name FROM sqlite_schema WHERE name LIKE 'records%'").fetchall()
    assert tables == []


def test_sequence_numbers_go_on_after_all_was_purged_and_the_file_reopened(house, orders):
    newest = house.append(orders, 5)[-1]
    house.clock.advance(DAY_SECONDS)
    assert house.purge().segments_dropped == 1
    counter = next_sequence(house)
    house.restart()
    assert next_sequence(house) == counter > newest
    assert house.append(orders) == [counter]
    assert house.readable(orders) == [counter]


def test_two_retentions_side_by_side_expire_apart(house, orders):
    short = house.create("short")
    house.retain(short=HOUR)
    for _ in range(3):
        house.append(orders, 2)
        house.append(short, 2)
        house.clock.advance(HOUR / 2)
    assert house.purge().segments_dropped > 0
    assert len(house.readable(short)) == 2
    assert len(house.readable(orders)) == 6
    assert house.shard(orders).trimmed_sequence == 0 < house.shard(short).trimmed_sequence


def test_a_lower_retention_expires_at_once_and_a_higher_one_keeps_what_is_there(house, orders):
    old = house.append(orders, 2)
    house.clock.advance(2 * HOUR)
    young = house.append(orders, 2)
    house.retain(orders=HOUR)
    assert house.readable(orders) == young
    assert house.purge().segments_dropped == 0  # they lie in segments of a day
    newest = house.append(orders, 2)
    house.retain(orders=2 * DAY_SECONDS)
    assert house.readable(orders) == old + young + newest  # expired, but not purged: lengthening takes them back
    house.clock.advance(2 * DAY_SECONDS - 2 * HOUR - 1)
    assert house.purge().segments_dropped == 0
    assert house.readable(orders) == old + young + newest
    house.clock.advance(2 * HOUR + 1)
    house.purge()
    assert house.readable(orders) == []
    assert house.segments() == []


def test_what_was_purged_stays_trimmed_when_the_retention_grows_again(house, orders):
    old = house.append(orders, 2)
    house.retain(orders=HOUR)
    middle = house.append(orders, 2)
    house.clock.advance(2 * HOUR)
    assert house.purge().segments_dropped == 1  # that of an hour; the older one of a day stays
    house.retain(orders=DAY_SECONDS)
    house.clock.advance(1)
    newest = house.append(orders, 2)
    assert house.shard(orders).trimmed_sequence == middle[-1]
    assert house.readable(orders) == newest
    with pytest.raises(TrimmedDataAccessException):
        house.iterator(orders, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence_text(old[0]))
    house.clock.advance(DAY_SECONDS)
    assert house.purge().segments_dropped == 2
    assert house.shard(orders).trimmed_sequence == newest[-1]


def test_a_lagging_checkpoint_passes_what_is_trimmed_with_its_exact_count(house, orders, caplog):
    first, second, third, *_ = house.append(orders, 5)
    mapping = house.declare("totals")
    other = house.declare("audit")
    shard = orders.shards[0]
    house.begin(mapping, shard, 0)
    house.begin(other, shard, 0)
    settle(house, mapping, shard, second, 2)
    settle(house, other, shard, third + 2, 5)
    house.clock.advance(DAY_SECONDS)
    with caplog.at_level(logging.WARNING, LOGGER):
        result = house.purge()
    assert (result.segments_dropped, result.records_undelivered) == (1, 3)
    assert house.checkpoint(mapping, shard).sequence == third + 2
    assert house.checkpoint(mapping, shard).last_result.startswith("PROBLEM: records were trimmed")
    assert house.checkpoint(other, shard).last_result == "OK"
    assert house.trimmed_counts() == {mapping: 3}
    [said] = caplog.messages
    assert said == (f"retention took 3 records before they were delivered: mapping {mapping}, shard {shard.shard_id}")
    assert first < second


def test_segments_go_oldest_first_and_each_loss_is_counted_once(house, orders):
    shard = orders.shards[0]
    mapping = house.declare("totals")
    house.begin(mapping, shard, 0)
    for _ in range(3):
        house.append(orders, 4)
        house.clock.advance(HOUR + 1)
    assert len(house.segments()) == 3
    house.clock.advance(DAY_SECONDS)
    result = house.purge()
    assert (result.segments_dropped, result.records_undelivered) == (3, 12)
    assert house.trimmed_counts() == {mapping: 12}


def test_a_loss_counts_what_lies_in_an_older_segment_that_stays(house, orders):
    shard = orders.shards[0]
    mapping = house.declare("totals")
    house.begin(mapping, shard, 0)
    house.append(orders, 3)  # in a segment of a day
    house.retain(orders=HOUR)
    newest = house.append(orders, 2)[-1]  # in one of an hour
    house.clock.advance(2 * HOUR)
    result = house.purge()
    assert (result.segments_dropped, result.records_undelivered) == (1, 5)
    assert house.checkpoint(mapping, shard).sequence == newest
    house.clock.advance(DAY_SECONDS)
    assert house.purge().records_undelivered == 0
    assert house.segments() == []
    assert house.shard(orders).trimmed_sequence == newest


def test_shards_of_other_streams_in_a_segment_are_counted_apart(house):
    house.options = Options(shards=2)
    one, two = house.create("one_"), house.create("two_")
    mapping_one, mapping_two = house.declare("one", "one_"), house.declare("two", "two_")
    for stream, mapping in ((one, mapping_one), (two, mapping_two)):
        for number in (0, 1):
            house.begin(mapping, stream.shards[number], 0)
            house.append(stream, 1 + number, number)
    newest = house.append(two, 3, 1)[-1]
    settle(house, mapping_two, two.shards[1], newest, 5)
    house.clock.advance(DAY_SECONDS)
    assert house.purge().records_undelivered == 4
    assert house.trimmed_counts() == {mapping_one: 3, mapping_two: 1}
    assert house.checkpoint(mapping_two, two.shards[1]).sequence == newest
    assert house.shard(two, 1).trimmed_sequence == newest


def test_a_retention_that_grows_while_the_purge_looks_keeps_the_segment(house, orders, monkeypatch):
    written = house.append(orders, 2)
    house.clock.advance(DAY_SECONDS)
    look = records.newest_by_shard

    def look_and_grow(*arguments: Any) -> dict[int, int]:
        house.retain(orders=2 * DAY_SECONDS)
        return look(*arguments)

    monkeypatch.setattr(records, "newest_by_shard", look_and_grow)
    assert house.purge().segments_dropped == 0
    assert house.readable(orders) == written


def test_a_disabled_stream_is_deleted_when_its_records_have_expired(house, orders):
    house.append(orders, 2)
    house.disable(orders)
    newer = house.enable()
    house.clock.advance(DAY_SECONDS - 0.001)
    assert house.purge().streams_deleted == 0
    house.clock.advance(0.001)
    assert house.purge().streams_deleted == 1
    assert [stream.id for stream in house.reader.view().catalog.streams] == [newer.id]


def test_a_disabled_stream_stays_while_its_records_share_a_segment_with_younger_ones(house, orders):
    other = house.create("other")
    house.append(orders)
    house.disable(orders)
    house.clock.advance(60)
    young = house.append(other)
    house.clock.advance(DAY_SECONDS - 60)
    result = house.purge()
    assert (result.streams_deleted, result.segments_dropped) == (0, 0)
    assert len(house.ask("ListStreams")["Streams"]) == 1
    assert house.readable(other) == young
    house.clock.advance(60)
    result = house.purge()
    assert (result.streams_deleted, result.segments_dropped) == (1, 1)


def test_a_deleted_streams_losses_are_shown_as_long_as_its_records_were(house, orders):
    house.append(orders, 2)
    mapping = house.declare("totals")
    house.begin(mapping, orders.shards[0], 0)
    house.disable(orders)
    house.clock.advance(DAY_SECONDS)
    result = house.purge()
    assert (result.records_undelivered, result.streams_deleted) == (2, 0)
    assert house.trimmed_counts() == {mapping: 2}
    house.clock.advance(DAY_SECONDS + 0.001)
    result = house.purge()
    assert (result.outcomes_deleted, result.streams_deleted) == (1, 1)


def test_outcomes_are_kept_for_the_longest_retention(house, orders):
    house.create("long")
    house.retain(long=2 * DAY_SECONDS)
    [only] = house.append(orders)
    shard = orders.shards[0]
    mapping = house.declare("totals")
    house.begin(mapping, shard, 0)
    settle(house, mapping, shard, only, 1)
    house.clock.advance(2 * DAY_SECONDS)
    assert house.purge().outcomes_deleted == 0
    house.clock.advance(0.001)
    assert house.purge().outcomes_deleted == 1


def test_outcomes_go_in_bounded_writes_and_a_step_says_when_there_are_more(house, orders, monkeypatch):
    monkeypatch.setattr(retention, "OUTCOME_ROWS", 2)
    monkeypatch.setattr(retention, "OUTCOME_WRITES", 3)
    shard = orders.shards[0]
    mapping = house.declare("totals")
    house.begin(mapping, shard, 0)
    for sequence in house.append(orders, 7):
        settle(house, mapping, shard, sequence, 1)
    house.clock.advance(DAY_SECONDS + 1)
    first, second, third = house.purge(), house.purge(), house.purge()
    assert [each.outcomes_deleted for each in (first, second, third)] == [6, 1, 0]
    assert [each.more for each in (first, second, third)] == [True, False, False]


def test_a_step_drops_a_bounded_number_of_segments(house, orders, monkeypatch):
    monkeypatch.setattr(retention, "SEGMENT_DROPS", 2)
    for _ in range(3):
        house.append(orders)
        house.clock.advance(HOUR + 1)
    house.clock.advance(DAY_SECONDS)
    first, second = house.purge(), house.purge()
    assert (first.segments_dropped, first.more) == (2, True)
    assert (second.segments_dropped, second.more) == (1, False)


def test_items_of_deleted_tables_are_swept_in_bounded_writes(house, orders, monkeypatch):
    monkeypatch.setattr(items, "DROP_ROWS", 2)
    monkeypatch.setattr(retention, "SWEEP_WRITES", 3)
    kept = house.create("kept")

    def fill(transaction) -> None:
        for number in range(5):
            for stream in (orders, kept):
                items.put(transaction, stream.table_id, b"%d" % number, b"{}", 2, None)

    def drop(transaction) -> None:
        catalog.close_stream(transaction, orders)
        catalog.drop_table(transaction, orders.table_id)

    house.write(fill)
    house.write(drop)
    results = [house.purge(), house.purge()]
    assert [(each.sweeps, each.more) for each in results] == [(3, True), (1, False)]
    counts = house.database.reader().execute("SELECT table_id, count(*) FROM items GROUP BY table_id").fetchall()
    assert counts == [(kept.table_id, 5)]


def backlog(house) -> tuple[Any, int]:
    """Leave every kind of work: segments to close and to drop, a lagging checkpoint, a gone stream, outcomes, items."""
    gone, stream = house.create("gone"), house.create("kept")
    shard = stream.shards[0]
    mapping = house.declare("totals", "kept")
    house.begin(mapping, shard, 0)
    house.append(gone, 2)
    settle(house, mapping, shard, house.append(stream, 3)[0], 1)
    house.write(lambda each: items.put(each, gone.table_id, b"k", b"{}", 2, None))
    house.write(lambda each: catalog.close_stream(each, gone))
    house.write(lambda each: catalog.drop_table(each, gone.table_id))
    house.clock.advance(2 * HOUR)
    house.append(stream, 3)
    house.clock.advance(DAY_SECONDS)
    return shard, mapping


class Crash(BaseException):
    """The process ends here."""


def purge_until(house, monkeypatch, writes: int) -> bool:
    """Run a step that crashes when it has made so many writes; return whether it came to its end before."""
    left, call = writes, house.writer.call

    def counted(run: Any) -> Any:
        nonlocal left
        if left == 0:
            raise Crash
        left -= 1
        return call(run)

    with monkeypatch.context() as patch:
        patch.setattr(house.writer, "call", counted)
        try:
            house.purge()
        except Crash:
            return False
    return True


def test_a_crash_after_any_write_of_a_step_is_made_good_by_the_next(new_house, monkeypatch):
    endings: list[Any] = []
    finished = False
    while not finished:
        house = new_house()
        shard, mapping = backlog(house)
        finished = purge_until(house, monkeypatch, len(endings))
        assert violations(house) == []
        house.restart()
        house.purge()
        assert violations(house) == []
        streams = [stream.table_name for stream in house.reader.view().catalog.streams]
        checkpoint = house.checkpoint(mapping, shard).sequence
        endings.append((house.trimmed_counts(), checkpoint, house.segments(), streams, next_sequence(house)))
    assert len(endings) > 6
    assert endings == [endings[-1]] * len(endings)
    assert endings[-1][0] == {mapping: 5}
    assert endings[-1][2:4] == ([], ["kept"])


def test_a_segment_that_a_late_write_closes_expires_with_its_own_records(house, orders):
    house.append(orders, 2)
    house.clock.advance(DAY_SECONDS)  # nobody was there to keep house
    kept = house.append(orders)
    assert house.purge().segments_dropped == 1
    assert house.readable(orders) == kept


def test_entries_of_deleted_indexes_are_swept_in_bounded_writes_with_a_rest_after_each(house, monkeypatch):
    monkeypatch.setattr(index_items, "DROP_ROWS", 2)
    monkeypatch.setattr(retention, "SWEEP_WRITES", 3)
    house.create("kept")

    def fill(transaction) -> None:
        add_index(transaction, "kept", "gone", "x")
        index = transaction.catalog.tables["kept"].index("gone")
        for number in range(5):
            entry = Entry(b"%d" % number, 2, None)
            index_items.change_entry(transaction, index, entry.key, number, None, entry)
        catalog.drop_index(transaction, index.id)

    house.write(fill)
    rests: list[int] = []
    results = [
        retention.purge_step(house.writer, house.reader, house.clock.now_ms(), lambda: rests.append(1))
        for _ in range(2)
    ]
    assert [(each.sweeps, each.more) for each in results] == [(3, True), (0, False)]
    assert len(rests) == 3
    assert house.database.reader().execute("SELECT count(*) FROM index_items").fetchall() == [(0,)]


def test_request_tokens_go_when_they_no_longer_count(house, monkeypatch):
    monkeypatch.setattr(retention, "TOKEN_ROWS", 2)
    monkeypatch.setattr(retention, "TOKEN_WRITES", 2)
    done = tokens.Completed(b"", [])
    for number in range(5):
        house.write(lambda each, number=number: tokens.store_token(each, "Op", f"{number}", done))
    assert (house.purge().tokens_deleted, house.purge().more) == (0, False)
    house.clock.advance(tokens.LIFE_MS / 1000)
    results = [house.purge(), house.purge()]
    assert [(each.tokens_deleted, each.more) for each in results] == [(4, True), (1, False)]
