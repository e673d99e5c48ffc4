"""Checkpoints move by comparing first, and what they pass has an outcome."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cdc.model.history import Attempt
from cdc.model.mappings import (
    DEAD,
    DELIVERED,
    FILTERED,
    NO_RECORDS,
    RESET,
    TRIM_HORIZON,
    TRIMMED,
    Checkpoint,
    Declaration,
    MappingSettings,
)
from cdc.store import checkpoints, mappings, schema
from cdc.store.checkpoints import Passed, Window
from tests.unit.store.files import create_table

if TYPE_CHECKING:
    from cdc.store.database import Database

START = 5
ATTEMPT = Attempt(records=3, request_id="r", started_ms=1)


def load(database: Database) -> list[Checkpoint]:
    with database.reading() as connection:
        return sorted(checkpoints.load_checkpoints(connection), key=lambda each: each.lane)


def outcomes(database: Database) -> list[tuple[Any, ...]]:
    statement = schema.outcomes.select().order_by(schema.outcomes.c.id)
    with database.reading() as connection:
        return [
            (row.after_sequence, row.through_sequence, row.kind, row.records, row.filtered, row.attempts)
            for row in connection.execute(statement)
        ]


@pytest.fixture
def begin(writer):
    """Declare a mapping and begin its first shard."""
    writer.call(create_table)
    settings = MappingSettings(function_name="f", starting_position=TRIM_HORIZON)
    writer.call(lambda each: mappings.declare(each, Declaration(name="m", table_name="t", settings=settings), "uuid"))
    return lambda lanes=1: writer.call(lambda each: checkpoints.begin(each, 1, 1, lanes, START))


@pytest.fixture
def begun(begin) -> Checkpoint:
    checkpoint: Checkpoint
    [checkpoint] = begin()
    return checkpoint


@pytest.fixture
def settle(writer):
    def settle(checkpoint, through, kind=DELIVERED, records=1, **more):
        counts = {name: more.pop(name, 0) for name in ("attempts", "filtered")}
        passed = Passed(kind=kind, records=records, request_id=more.pop("request_id", None), **counts)
        return writer.call(lambda each: checkpoints.settle(each, checkpoint, through, passed, **more))

    return settle


@pytest.fixture
def fail(writer):
    def fail(checkpoint, through, *, counts=True):
        return writer.call(lambda each: checkpoints.fail(each, checkpoint, through, "broke", ATTEMPT, counts=counts))

    return fail


def test_a_shard_that_was_begun_is_not_begun_again(begun, begin, settle, database):
    moved = settle(begun, 9)
    assert begin(3) == [moved] == load(database)
    assert (moved.start_sequence, moved.sequence) == (START, 9)


def test_a_shard_has_a_checkpoint_for_each_lane(begin, database):
    begun = begin(3)
    assert begun == load(database)
    assert [(each.lane, each.lane_count, each.sequence) for each in begun] == [(0, 3, 5), (1, 3, 5), (2, 3, 5)]


def test_a_checkpoint_moves_with_its_outcome(begun, settle, database):
    moved = settle(begun, 9, records=3, filtered=1, attempts=2)
    assert [moved] == load(database)
    assert (moved.sequence, moved.token, moved.attempts, moved.last_result) == (9, 1, 0, "OK")
    trimmed = settle(moved, 12, TRIMMED, 2)
    assert trimmed.last_result.startswith("PROBLEM: records were trimmed")
    assert outcomes(database) == [(5, 9, DELIVERED, 3, 1, 2), (9, 12, TRIMMED, 2, 0, 0)]


def test_a_checkpoint_that_has_changed_is_not_moved_from_where_it_was(begun, settle, fail, database):
    moved = settle(begun, 9)
    assert settle(begun, 20) is None
    assert fail(begun, 20) is None
    assert load(database) == [moved]
    assert len(outcomes(database)) == 1


def test_failed_attempts_are_counted_until_one_succeeds(begun, settle, fail, database):
    checkpoint = begun
    for attempt in (1, 2):
        checkpoint = fail(checkpoint, 9)
        assert [checkpoint] == load(database)
        assert (checkpoint.attempts, checkpoint.last_error, checkpoint.sequence) == (attempt, "broke", 5)
        assert checkpoint.retry_through == 9
    done = settle(checkpoint, 9)
    assert (done.retry_through, done.attempts, done.last_error) == (None, 0, None)


def test_an_attempt_that_did_not_reach_the_function_does_not_count_but_keeps_the_batch(begun, fail):
    failed = fail(begun, 9, counts=False)
    assert (failed.attempts, failed.retry_through, failed.last_error) == (0, 9, "broke")


def test_what_is_left_of_a_batch_is_a_batch_with_attempts_of_its_own(begun, settle, fail):
    rest = settle(fail(begun, 20), 11, rest_through=20)
    assert (rest.sequence, rest.retry_through, rest.attempts) == (11, 20, 0)


@pytest.mark.parametrize(("kind", "attempts"), [(TRIMMED, 2), (DEAD, 2), (DELIVERED, 0)])
def test_a_batch_whose_head_grew_too_old_keeps_its_attempts(kind, attempts, begun, settle, fail):
    rest = settle(fail(fail(begun, 20), 20), 11, kind)
    assert (rest.retry_through, rest.attempts) == (20, attempts)


def test_a_part_of_a_batch_that_fails_alone_leaves_the_rest_as_it_was(begun, fail, writer):
    whole = fail(begun, 20)
    part = fail(whole, 11)
    assert (part.retry_through, part.splits, part.attempts) == (11, (20,), 2)
    halves = writer.call(lambda each: checkpoints.split(each, part, 7, 11, "broke", ATTEMPT))
    assert (halves.retry_through, halves.splits) == (7, (11, 20))


def test_records_that_were_passed_without_a_loss_are_no_problem(begun, settle):
    passed = settle(begun, 9, TRIMMED, 0)
    assert passed.last_result == NO_RECORDS
    assert settle(passed, 12, TRIMMED, 1).last_result.startswith("PROBLEM: records were trimmed")


def test_halves_of_halves_are_done_from_left_to_right(begun, settle, writer, database):
    def split(checkpoint, left, through):
        return writer.call(lambda each: checkpoints.split(each, checkpoint, left, through, "broke", ATTEMPT))

    halves = split(begun, 12, 20)
    assert (halves.retry_through, halves.splits, halves.attempts) == (12, (20,), 0)
    quarters = split(halves, 8, 12)
    assert [quarters] == load(database)
    assert (quarters.retry_through, quarters.splits) == (8, (12, 20))
    for through, left in ((8, (12, (20,))), (12, (20, ())), (20, (None, ()))):
        quarters = settle(quarters, through)
        assert (quarters.retry_through, quarters.splits) == left


def test_a_window_lives_with_the_checkpoint_until_it_is_closed(begun, settle, fail, writer):
    opened = settle(begun, 9, window=Window(start_ms=1000, state=b"{}"))
    assert (opened.window_start_ms, opened.window_state) == (1000, b"{}")
    kept = settle(opened, 10, FILTERED, 0)
    assert kept.window_state == b"{}"
    closed = writer.call(partial(checkpoints.close_window, checkpoint=fail(kept, kept.sequence)))
    assert (closed.window_start_ms, closed.window_state, closed.retry_through, closed.attempts) == (None, None, None, 0)


def test_what_a_batch_has_left_is_tried_again_after_its_window(begun, settle, fail, writer):
    opened = settle(begun, 9, window=Window(start_ms=1000, state=b"{}"), rest_through=20)
    last = fail(opened, opened.sequence)
    assert (last.retry_through, last.splits) == (9, (20,))
    closed = writer.call(partial(checkpoints.close_window, checkpoint=last, kind=DEAD))
    assert (closed.retry_through, closed.splits) == (20, ())
    assert (closed.last_result, closed.last_error) == ("PROBLEM: Function call failed", "broke")


def test_what_is_given_up_is_told_apart_by_whether_the_function_was_called(begun, settle):
    failed = settle(begun, 9, DEAD, request_id="r")
    assert failed.last_result == "PROBLEM: Function call failed"
    assert settle(failed, 10, DEAD).last_result == "PROBLEM: records were older than MaximumRecordAgeInSeconds"


def test_a_checkpoint_is_put_elsewhere_by_an_outcome_of_its_own(begun, settle, fail, writer, database):
    failed = fail(settle(begun, 9), 20)
    back = writer.call(lambda each: checkpoints.reset(each, failed, 3))
    assert [back] == load(database)
    assert (back.start_sequence, back.sequence, back.retry_through, back.attempts) == (3, 3, None, 0)
    assert outcomes(database)[-1] == (9, 3, RESET, 0, 0, 0)


def test_lanes_are_divided_anew_where_they_are_all_at_one_place(begin, settle, writer, database):
    old = begin(2)
    apart = [settle(old[0], 9), old[1]]
    assert writer.call(lambda each: checkpoints.divide(each, apart, 3)) is None
    old = [apart[0], settle(apart[1], 9)]
    new = writer.call(lambda each: checkpoints.divide(each, old, 3))
    assert new == load(database)
    assert [(each.lane, each.lane_count, each.sequence) for each in new] == [(0, 3, 9), (1, 3, 9), (2, 3, 9)]
    assert {each.start_sequence for each in new} == {START}
    assert settle(old[0], 20) is None, "a write that saw an old lane"


def test_checkpoints_that_lag_behind_are_listed(begun, writer):
    def lagging(sequence):
        newest = {begun.shard: sequence, 2: 99}
        return [each.shard for each in writer.call(partial(checkpoints.lagging, newest=newest))]

    assert lagging(begun.sequence + 1) == [begun.shard]
    assert lagging(begun.sequence) == []


def test_records_are_counted_by_mapping_and_kind(begun, settle, database):
    settle(settle(settle(begun, 9, TRIMMED, 4), 12, DELIVERED, 100), 15, TRIMMED, 3)
    with database.reading() as connection:
        assert checkpoints.counts(connection, TRIMMED) == {begun.mapping_id: 7}


def test_old_outcomes_are_purged_a_few_at_a_time(begun, settle, writer, database, clock):
    checkpoint = begun
    for through in range(6, 16):
        checkpoint = settle(checkpoint, through)
        clock.advance(1)
    purge = partial(checkpoints.purge_outcomes, before_ms=clock.now_ms() - 3000, rows=4)
    assert [writer.call(purge) for _ in range(3)] == [4, 3, 0]
    assert [through for _, through, *_ in outcomes(database)] == [13, 14, 15]


def test_outcomes_stay_in_order_when_the_clock_goes_back(begun, settle, clock):
    first = settle(begun, 7)
    clock.set_wall_ms(clock.now_ms() - 3_600_000)
    assert settle(first, 8).updated_ms == first.updated_ms


def test_what_is_stored_is_what_was_returned(begun, writer, database):
    changes = {
        "retry_through": 7,
        "splits": (9, 12),
        "attempts": 3,
        "window_start_ms": 5,
        "window_state": b"{}",
        "last_result": "x",
        "last_error": "y",
    }
    written = writer.call(lambda each: checkpoints._write(each, begun, **changes))
    assert written == replace(begun, token=1, **changes)
    assert load(database) == [written]
