"""Mappings: declared, paused, removed and forgotten; their checkpoints move by comparing first."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cdc.model.mappings import DELIVERED, LATEST, TRIM_HORIZON, TRIMMED, Checkpoint, Declaration, Mapping
from cdc.store import mappings, schema
from tests.unit.store.files import create_table, item_of, put, stored_records

if TYPE_CHECKING:
    from cdc.store.database import Database

M = Declaration(
    name="m",
    table_name="t",
    function_name="f",
    starting_position=TRIM_HORIZON,
    batch_size=100,
    window_seconds=0,
    enabled=True,
)


def declare(writer, declaration: Declaration = M) -> None:
    writer.call(partial(mappings.declare, declaration=declaration))


def load(database: Database, name: str = "m") -> Mapping:
    with database.reading() as connection:
        return next(each for each in mappings.load_mappings(connection) if each.name == name)


def checkpoints(database: Database) -> list[Checkpoint]:
    with database.reading() as connection:
        return mappings.load_checkpoints(connection)


def outcomes(database: Database) -> list[tuple[int, int, str, int, int]]:
    column = schema.outcomes.c
    statement = schema.outcomes.select().order_by(column.id)
    with database.reading() as connection:
        return [
            (row.after_sequence, row.through_sequence, row.kind, row.records, row.attempts)
            for row in connection.execute(statement)
        ]


@pytest.fixture
def table(writer):
    return writer.call(create_table)


@pytest.fixture
def begun(table, writer, database) -> Checkpoint:
    """Declare a mapping and begin its first shard."""
    del table
    declare(writer)
    mapping = load(database)
    checkpoint: Checkpoint = writer.call(
        lambda transaction: mappings.start_checkpoint(transaction, mapping.id, shard=1, sequence=5)
    )
    return checkpoint


def settle(writer, checkpoint: Checkpoint, through: int, kind: str = DELIVERED, records: int = 1) -> bool:
    moved: bool = writer.call(
        lambda transaction: mappings.settle(transaction, checkpoint, through, kind=kind, records=records)
    )
    return moved


def test_a_mapping_declared_twice_is_one_with_the_newer_settings(writer, database):
    declare(writer)
    first = load(database)
    declare(writer, replace(M, batch_size=7, function_name="g", enabled=False))
    second = load(database)
    assert second == replace(first, batch_size=7, function_name="g", enabled=False)
    assert first.active
    assert not second.active


@pytest.mark.usefixtures("table")
def test_the_trim_horizon_starts_before_every_sequence_number(writer, database):
    writer.call(partial(put, name="t", item=item_of("a")))
    declare(writer)
    assert load(database).start_sequence == 0
    assert load(database).first_stream == 1


@pytest.mark.usefixtures("table")
def test_latest_is_exactly_between_what_was_and_what_will_be_written(writer, database):
    writer.call(partial(put, name="t", item=item_of("before")))
    declare(writer, replace(M, starting_position=LATEST))
    writer.call(partial(put, name="t", item=item_of("after")))
    before, after = (record.sequence for record in stored_records(database))
    assert before <= load(database).start_sequence < after


@pytest.mark.usefixtures("table")
def test_latest_does_not_move_when_it_is_declared_again(writer, database):
    declare(writer, replace(M, starting_position=LATEST))
    start = load(database).start_sequence
    writer.call(partial(put, name="t", item=item_of("a")))
    declare(writer, replace(M, starting_position=LATEST, batch_size=3))
    assert load(database).start_sequence == start


def test_a_mapping_of_a_table_without_a_stream_begins_with_the_first_one(writer, database):
    declare(writer)
    assert load(database).first_stream == 0


@pytest.mark.usefixtures("table")
def test_a_mapping_that_names_another_table_starts_anew(writer, database):
    declare(writer, replace(M, starting_position=LATEST))
    start = load(database).start_sequence
    writer.call(partial(create_table, name="u"))
    declare(writer, replace(M, starting_position=LATEST, table_name="u"))
    assert load(database).start_sequence > start
    assert load(database).first_stream == 2


def test_a_pause_outlives_a_declaration(writer, database):
    declare(writer)
    for paused in (True, False):
        writer.call(lambda transaction, to=paused: mappings.set_paused(transaction, load(database).id, paused=to))
        declare(writer)
        assert load(database).paused is paused
        assert load(database).active is not paused


def test_a_mapping_that_goes_and_comes_back_keeps_its_checkpoint(begun, writer, database):
    settle(writer, begun, 9)
    before = load(database)
    declare(writer, replace(M, name="other"))
    writer.call(partial(mappings.remove_others, declared=["other"]))
    assert load(database).removed
    assert not load(database).active
    assert load(database, "other").active
    declare(writer)
    assert load(database) == before
    assert [each.sequence for each in checkpoints(database)] == [9]


def test_removing_all_but_none_removes_all(writer, database):
    declare(writer)
    writer.call(partial(mappings.remove_others, declared=[]))
    assert load(database).removed


def test_a_forgotten_mapping_is_gone_with_its_checkpoints_and_outcomes(begun, writer, database):
    settle(writer, begun, 9)
    writer.call(partial(mappings.forget, mapping_id=begun.mapping_id))
    assert checkpoints(database) == []
    assert outcomes(database) == []
    declare(writer)
    assert load(database).id > begun.mapping_id


def test_a_shard_that_was_begun_is_not_begun_again(begun, writer, database):
    settle(writer, begun, 9)
    again = writer.call(lambda transaction: mappings.start_checkpoint(transaction, begun.mapping_id, 1, 0))
    assert [again] == checkpoints(database)
    assert (again.start_sequence, again.sequence) == (5, 9)


def test_a_checkpoint_moves_with_its_outcome(begun, writer, database):
    assert settle(writer, begun, 9, records=3)
    [moved] = checkpoints(database)
    assert (moved.sequence, moved.attempts, moved.last_result) == (9, 0, "OK")
    assert settle(writer, moved, 12, TRIMMED, 2)
    assert checkpoints(database)[0].last_result.startswith("PROBLEM: records were trimmed")
    assert outcomes(database) == [(5, 9, DELIVERED, 3, 1), (9, 12, TRIMMED, 2, 0)]


def test_a_checkpoint_that_has_moved_is_not_moved_from_where_it_was(begun, writer, database):
    assert settle(writer, begun, 9)
    assert not settle(writer, begun, 20)
    assert [each.sequence for each in checkpoints(database)] == [9]
    assert outcomes(database) == [(5, 9, DELIVERED, 1, 1)]


def test_failed_attempts_are_counted_until_one_succeeds(begun, writer, database):
    checkpoint = begun
    for attempt in (1, 2):
        assert writer.call(partial(mappings.note_failure, checkpoint=checkpoint, error="broke"))
        [checkpoint] = checkpoints(database)
        assert (checkpoint.attempts, checkpoint.last_error, checkpoint.sequence) == (attempt, "broke", 5)
    assert settle(writer, checkpoint, 9)
    assert outcomes(database) == [(5, 9, DELIVERED, 1, 3)]
    assert checkpoints(database)[0].last_error is None


def test_a_failure_of_a_batch_that_was_settled_meanwhile_is_not_counted(begun, writer, database):
    settle(writer, begun, 9)
    assert not writer.call(partial(mappings.note_failure, checkpoint=begun, error="late"))
    assert checkpoints(database)[0].attempts == 0


def test_checkpoints_that_lag_behind_are_listed(begun, writer):
    def lagging(sequence):
        return [each.shard for each in writer.call(partial(mappings.lagging, newest={begun.shard: sequence, 2: 99}))]

    assert lagging(begun.sequence + 1) == [begun.shard]
    assert lagging(begun.sequence) == []


def test_records_lost_to_retention_are_counted_by_mapping(begun, writer, database):
    settle(writer, begun, 9, TRIMMED, 4)
    settle(writer, replace(begun, sequence=9), 12, DELIVERED, 100)
    settle(writer, replace(begun, sequence=12), 15, TRIMMED, 3)
    with database.reading() as connection:
        assert mappings.trimmed_counts(connection) == {begun.mapping_id: 7}


def test_old_outcomes_are_purged_a_few_at_a_time(begun, writer, database, clock):
    checkpoint = begun
    for through in range(6, 16):
        assert settle(writer, checkpoint, through)
        checkpoint = replace(checkpoint, sequence=through)
        clock.advance(1)
    purge = partial(mappings.purge_outcomes, before_ms=clock.now_ms() - 3000, rows=4)
    assert [writer.call(purge) for _ in range(3)] == [4, 3, 0]
    assert [through for _, through, *_ in outcomes(database)] == [13, 14, 15]


def test_outcomes_stay_in_order_when_the_clock_goes_back(begun, writer, database, clock):
    assert settle(writer, begun, 7)
    clock.set_wall_ms(clock.now_ms() - 3_600_000)
    [first] = checkpoints(database)
    assert settle(writer, first, 8)
    [second] = checkpoints(database)
    assert second.updated_ms == first.updated_ms


def test_a_mapping_that_returns_to_its_first_table_starts_anew_there(begun, writer, database):
    assert settle(writer, begun, 9)
    writer.call(partial(create_table, name="u"))
    declare(writer, replace(M, table_name="u"))
    assert checkpoints(database) == []
    assert outcomes(database) == []
