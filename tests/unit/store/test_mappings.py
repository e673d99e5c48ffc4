"""Mappings: declared, created, paused, removed and forgotten."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cdc.model.mappings import API, DELIVERED, LATEST, TRIM_HORIZON, Checkpoint, Declaration, Mapping, MappingSettings
from cdc.store import checkpoints, mappings
from cdc.store.checkpoints import Passed
from tests.unit.store.files import create_table, item_of, put, stored_records

if TYPE_CHECKING:
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction

SETTINGS = MappingSettings(function_name="f", starting_position=TRIM_HORIZON)
M = Declaration(name="m", table_name="t", settings=SETTINGS)


def changed(**changes: Any) -> Declaration:
    """Declare `m` with other settings."""
    return replace(M, settings=replace(SETTINGS, **changes))


def declare(writer, declaration: Declaration = M) -> None:
    writer.call(partial(mappings.declare, declaration=declaration, uuid=f"uuid-{declaration.name}"))


def load(database: Database, name: str = "m") -> Mapping:
    with database.reading() as connection:
        return next(each for each in mappings.load_mappings(connection) if each.name == name)


def checkpoints_of(database: Database) -> list[Checkpoint]:
    with database.reading() as connection:
        return checkpoints.load_checkpoints(connection)


@pytest.fixture
def table(writer):
    return writer.call(create_table)


@pytest.fixture
def begun(table, writer, database) -> Checkpoint:
    """Declare a mapping, begin its first shard, and settle a batch."""
    del table
    declare(writer)
    mapping = load(database)

    def run(transaction: Transaction) -> Checkpoint | None:
        [checkpoint] = checkpoints.begin(transaction, mapping.id, 1, 1, 5)
        return checkpoints.settle(transaction, checkpoint, 9, Passed(kind=DELIVERED, records=1))

    checkpoint: Checkpoint | None = writer.call(run)
    assert checkpoint is not None
    return checkpoint


def outcome_count(database: Database) -> int:
    return int(database.reader().execute("SELECT count(*) FROM outcomes").fetchall()[0][0])


def test_a_mapping_declared_twice_is_one_with_the_newer_settings(writer, database, clock):
    declare(writer)
    first = load(database)
    assert first.settings == SETTINGS
    clock.advance(1)
    declaration = changed(batch_size=7, function_name="g", enabled=False, filters=('{"a": [1]}',), on_failure="file:x")
    declare(writer, declaration)
    second = load(database)
    assert second == replace(first, settings=declaration.settings, revision=2, modified_ms=clock.now_ms())
    assert first.active
    assert not second.active


def test_a_mapping_declared_again_as_it_is_has_not_changed(writer, database, clock):
    declare(writer)
    first = load(database)
    clock.advance(1)
    declare(writer)
    assert load(database) == first


@pytest.mark.usefixtures("table")
def test_the_trim_horizon_starts_before_every_sequence_number(writer, database):
    writer.call(partial(put, name="t", item=item_of("a")))
    declare(writer)
    assert load(database).start_sequence == 0
    assert load(database).first_stream == 1


@pytest.mark.usefixtures("table")
def test_latest_is_exactly_between_what_was_and_what_will_be_written(writer, database):
    writer.call(partial(put, name="t", item=item_of("before")))
    declare(writer, changed(starting_position=LATEST))
    writer.call(partial(put, name="t", item=item_of("after")))
    before, after = (record.sequence for record in stored_records(database))
    assert before <= load(database).start_sequence < after


@pytest.mark.usefixtures("table")
def test_latest_does_not_move_when_it_is_declared_again(writer, database):
    declare(writer, changed(starting_position=LATEST))
    start = load(database).start_sequence
    writer.call(partial(put, name="t", item=item_of("a")))
    declare(writer, changed(starting_position=LATEST, batch_size=3))
    assert load(database).start_sequence == start


def test_a_mapping_of_a_table_without_a_stream_begins_with_the_first_one(writer, database):
    declare(writer)
    assert load(database).first_stream == 0


@pytest.mark.usefixtures("table")
def test_a_mapping_that_names_another_table_starts_anew(writer, database):
    declare(writer, changed(starting_position=LATEST))
    start = load(database).start_sequence
    writer.call(partial(create_table, name="u"))
    declare(writer, replace(changed(starting_position=LATEST), table_name="u"))
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
    before = load(database)
    declare(writer, replace(M, name="other"))
    for _ in range(2):
        writer.call(partial(mappings.remove_others, declared=["other"]))
    assert load(database).removed
    assert not load(database).active
    assert load(database, "other").active
    declare(writer)
    assert load(database) == replace(before, revision=before.revision + 2)
    assert checkpoints_of(database) == [begun]


@pytest.mark.usefixtures("table")
def test_a_mapping_of_the_api_is_not_the_configurations_to_remove(writer, database):
    def run(transaction: Transaction) -> Mapping:
        stream = transaction.catalog.tables["t"].stream
        assert stream is not None
        return mappings.create(transaction, "some-uuid", API, stream, SETTINGS)

    created = writer.call(run)
    writer.call(partial(mappings.remove_others, declared=[]))
    assert load(database, "some-uuid") == created
    assert (created.origin, created.table_name, created.stream_id, created.removed) == (API, "t", 1, False)


def test_an_operators_act_is_a_revision(writer, database):
    declare(writer)
    writer.call(lambda transaction: mappings.touch(transaction, load(database).id))
    assert load(database).revision == 2


def test_removing_all_but_none_removes_all(writer, database):
    declare(writer)
    writer.call(partial(mappings.remove_others, declared=[]))
    assert load(database).removed


def test_a_forgotten_mapping_is_gone_with_its_checkpoints_and_outcomes(begun, writer, database):
    writer.call(partial(mappings.forget, mapping_id=begun.mapping_id))
    assert checkpoints_of(database) == []
    assert outcome_count(database) == 0
    declare(writer)
    assert load(database).id > begun.mapping_id


@pytest.mark.usefixtures("begun")
def test_a_mapping_that_returns_to_its_first_table_starts_anew_there(writer, database):
    writer.call(partial(create_table, name="u"))
    declare(writer, replace(M, table_name="u"))
    assert checkpoints_of(database) == []
    assert outcome_count(database) == 0
