"""The catalogue: what is written of tables, streams and shards is what is loaded."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest

from cdc.model.catalog import MAX_HASH, Catalog, TableDefinition
from cdc.model.keys import KeySchema
from cdc.store import catalog
from tests.unit.store.files import create_table, item_of, put

if TYPE_CHECKING:
    from cdc.store.database import Database

FULL = TableDefinition(
    name="full",
    table_id="0f0e0d0c-0000-4000-8000-000000000001",
    attributes=(("day", "N"), ("carrier", "S")),
    hash_name="carrier",
    range_name="day",
    billing_mode="PROVISIONED",
    billing_summary=True,
    on_demand_since_ms=5,
    read_units=10,
    write_units=20,
    last_increase_ms=1,
    last_decrease_ms=2,
    decreases_today=3,
    table_class="STANDARD",
    deletion_protection=True,
)


def load(database: Database) -> Catalog:
    with database.reading() as connection:
        return catalog.load_catalog(connection, 7)


def test_a_definition_is_loaded_as_it_was_stored(writer, database, clock):
    table_id = writer.call(partial(catalog.insert_table, definition=FULL))
    table = load(database).tables["full"]
    assert table.definition == FULL
    assert table.id == table_id
    assert table.created_ms == clock.now_ms()
    assert table.schema == KeySchema("carrier", "S", "day", "N")
    assert table.stream is None
    changed = replace(FULL, write_units=99, range_name="day")
    writer.call(partial(catalog.replace_definition, table_id=table_id, definition=changed))
    assert load(database).tables["full"].definition == changed


def test_a_loaded_catalogue_has_the_epoch_it_was_loaded_for(database):
    assert load(database).epoch == 7


def test_a_stream_is_loaded_with_its_shards_and_found_from_its_table(writer, database):
    writer.call(partial(create_table, shards=3))
    loaded = load(database)
    [stream] = loaded.streams
    assert loaded.tables["t"].stream == stream
    assert [(shard.stream_id, shard.open) for shard in stream.shards] == [(stream.id, True)] * 3
    assert {stream.shard_of(key_hash.to_bytes(4, "big")).id for key_hash in (0, MAX_HASH // 2, MAX_HASH)} == {1, 2, 3}
    assert loaded.shards == {shard.id: (stream, shard) for shard in stream.shards}


def test_a_closed_stream_stays_with_ends_that_no_record_has(writer, database, clock):
    writer.call(create_table)
    writer.call(partial(put, name="t", item=item_of("a")))
    stream = load(database).streams[0]
    clock.set_wall_ms(clock.now_ms() - 1000)  # it may go back
    writer.call(partial(catalog.close_stream, stream=stream))
    loaded = load(database)
    assert loaded.tables["t"].stream is None
    [closed] = loaded.streams
    assert closed.disabled_ms is not None
    [[newest, newest_ms]] = database.reader().execute("SELECT last_sequence, created_ms FROM records_1").fetchall()
    assert closed.disabled_ms >= newest_ms
    ends = [shard.end_sequence for shard in closed.shards]
    assert all(end is not None and end > newest for end in ends)
    assert len(set(ends)) == len(ends)


def test_the_retention_of_a_stream_is_changed(writer, database):
    writer.call(create_table)
    writer.call(partial(catalog.set_retention, stream_id=1, retention_seconds=60))
    assert load(database).streams[0].retention_seconds == 60


def test_a_deleted_stream_is_gone_with_its_shards(writer, database):
    for name in ("t", "kept"):
        writer.call(partial(create_table, name=name))
    stream = load(database).tables["t"].stream
    assert stream is not None
    writer.call(partial(catalog.delete_stream, stream_id=stream.id))
    loaded = load(database)
    assert [stream.table_name for stream in loaded.streams] == ["kept"]
    assert {stream.table_name for stream, _ in loaded.shards.values()} == {"kept"}


def test_a_dropped_table_is_gone_and_its_name_is_free(writer, database):
    first = writer.call(partial(create_table, view_type=None))
    writer.call(partial(put, name="t", item=item_of("a")))
    writer.call(partial(catalog.drop_table, table_id=first))
    assert not load(database).tables
    with database.reading() as connection:
        assert catalog.table_size(connection, first) == (0, 0)
    assert catalog.fetch_table_size(database.reader(), first) == (0, 0)
    second = writer.call(partial(create_table, view_type=None))
    assert second > first
    assert catalog.fetch_table_size(database.reader(), second) == (0, 0)


def test_a_write_to_a_table_that_the_same_transaction_drops_counts_nothing(writer, database):
    def put_and_drop(transaction):
        table_id = create_table(transaction)
        put(transaction, "t", item_of("a"))
        catalog.drop_table(transaction, table_id)

    writer.call(put_and_drop)
    assert not load(database).tables


@pytest.mark.parametrize(
    "change",
    [
        partial(create_table, name="another"),
        partial(catalog.set_retention, stream_id=1, retention_seconds=60),
        partial(catalog.drop_table, table_id=1),
        partial(catalog.delete_stream, stream_id=1),
    ],
)
def test_every_change_moves_the_epoch(change, writer, database):
    writer.call(create_table)
    epoch = "SELECT catalog_epoch FROM state"
    before = database.reader().execute(epoch).fetchone()[0]
    writer.call(change)
    assert database.reader().execute(epoch).fetchone()[0] > before
