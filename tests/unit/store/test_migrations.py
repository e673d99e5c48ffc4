"""A migrated file has the schema that the code describes."""

from __future__ import annotations

import json
import re
from functools import partial

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from cdc.model.mappings import MappingSettings
from cdc.model.outbox import Message
from cdc.model.uploads import Code, FunctionSettings, UploadedFunction
from cdc.store import checkpoints, history, lambda_tags, mappings, outbox, schema, uploads, waiting_invocations
from cdc.store.check import check
from cdc.store.migrations import head_revision, known_revisions, upgrade
from cdc.store.sqlite import APPLICATION_ID, PAGE_BYTES, dbapi2
from tests.unit.store.files import DAY, add_index, create_table, item_of, opened, put, stored_records


def objects(connection) -> dict[tuple[str, str], str]:
    """Read every object of the schema, its SQL without the order of the columns' constraints, spaces and quotes."""
    rows = connection.execute(
        text("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE tbl_name != 'alembic_version'")
    )
    return {(kind, name if sql else table): normalised(sql) for kind, name, table, sql in rows}


def normalised(sql: str | None) -> str:
    if sql is None:
        return ""  # an index that SQLite made for a UNIQUE constraint
    return re.sub(r'[\s"]+', " ", sql).replace("( ", "(").replace(" )", ")").strip()


def test_the_migrated_schema_is_the_one_that_the_code_describes(database):
    engine = create_engine("sqlite+pysqlite://", module=dbapi2, poolclass=StaticPool)
    schema.metadata.create_all(engine)
    with engine.connect() as described, database.reading() as migrated:
        expected = objects(described)
        assert objects(migrated) == expected
        assert {("table", name) for name in schema.metadata.tables} <= expected.keys()
    engine.dispose()


def test_the_code_writes_the_newest_revision():
    assert head_revision() == schema.REVISION
    assert schema.REVISION in known_revisions()


def test_a_migrated_file_names_its_revision(database):
    with database.reading() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [schema.REVISION]


def test_every_file_has_its_own_identity(path, tmp_path):
    from cdc.store.database import open_database  # noqa: PLC0415

    identities = set()
    for each in (path, tmp_path / "other.db"):
        database = open_database(each)
        with database.reading() as connection:
            row = connection.execute(schema.state.select()).one()
        database.close()
        identities |= {row.file_id, row.secret}
        assert re.fullmatch("[0-9a-f]{32}", row.file_id)
        assert len(row.secret) == 32
    assert len(identities) == 4


COPIED = ("state", "tables", "items", "streams", "shards", "segments", "dropped_tables")
DEFINITION_OF_0008 = {
    "name", "table_id", "attributes", "hash_name", "range_name", "billing_mode", "billing_summary",
    "on_demand_since_ms", "read_units", "write_units", "last_increase_ms", "last_decrease_ms", "decreases_today",
    "table_class", "deletion_protection",
}  # fmt: skip


def old_file(path, revision, template):
    """Make a file of an old revision, with what it knew of the rows of a file of today."""
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.close()
    engine = create_engine("sqlite+pysqlite://", module=dbapi2, creator=lambda: dbapi2.connect(str(path)))
    with engine.begin() as upgrading:
        upgrade(upgrading, revision)
    engine.dispose()
    connection = dbapi2.connect(str(path), isolation_level=None)
    connection.execute("ATTACH ? AS template", (str(template),))
    for table in COPIED:
        columns = ", ".join(f'"{row[1]}"' for row in connection.execute(f"PRAGMA main.table_info({table})"))
        connection.execute(f"DELETE FROM main.{table}")
        connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM template.{table}")
    for name, stored in connection.execute("SELECT name, definition FROM tables").fetchall():
        old = {member: value for member, value in json.loads(stored).items() if member in DEFINITION_OF_0008}
        connection.execute("UPDATE tables SET definition = ? WHERE name = ?", (json.dumps(old).encode(), name))
    return connection


@pytest.fixture
def template(tmp_path, clock):
    """A file of today with several segments; and its records, by segment."""
    path = tmp_path / "template.db"
    with opened(path, clock) as (database, writer):
        writer.call(create_table)
        for number in range(5):
            for key in ("a", "b"):
                writer.call(partial(put, name="t", item=item_of(key, value=number)))
            clock.advance(DAY / 20)
        return path, {segment: stored_records(database, segment) for segment in range(1, 6)}


def test_files_from_before_table_management_are_kept(path, clock, template):
    """Revision 0008 knew no TTL and no backups."""
    source, kept = template
    connection = old_file(path, "0008", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    before = connection.execute("SELECT * FROM items ORDER BY id").fetchall()
    connection.close()
    assert before
    with opened(path, clock) as (database, writer):
        assert {segment: stored_records(database, segment) for segment in kept} == kept
        found = database.reader().execute("SELECT * FROM items ORDER BY id").fetchall()
        assert found == [(*row, None) for row in before]
        assert [each for each in check(database) if each.what != "segment table"] == []
        writer.call(partial(put, name="t", item=item_of("new")))
        with database.reading() as connection:
            assert {("table", "copies"), ("index", "items_expiry")} <= objects(connection).keys()


BEFORE_BLOCKS = """
CREATE TABLE records_{0} (sequence INTEGER NOT NULL PRIMARY KEY, shard INTEGER NOT NULL, created_ms BIGINT NOT NULL,
    kind INTEGER NOT NULL, size_bytes INTEGER NOT NULL, crc BIGINT NOT NULL, change BLOB NOT NULL);
CREATE INDEX records_{0}_shard ON records_{0} (shard);
"""


def test_records_of_files_from_before_blocks_are_kept(path, clock, template):
    """Revision 0001 had a row for each record."""
    source, kept = template
    connection = old_file(path, "0001", source)
    for segment, found in kept.items():
        connection.executescript(BEFORE_BLOCKS.format(segment))
        rows = [(*record[:5], 0, record.change) for record in found]
        connection.executemany(f"INSERT INTO records_{segment} VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.close()
    with opened(path, clock) as (database, writer):
        assert {segment: stored_records(database, segment) for segment in kept} == kept
        assert list(check(database)) == []
        writer.call(partial(put, name="t", item=item_of("c")))
        described = {("table", "records_1"), ("index", "records_1_shard")}
        with database.reading() as connection:
            assert described <= objects(connection).keys()


def test_mappings_of_files_from_before_lanes_go_on_where_they_were(path, clock, template):
    """Revision 0002 had a checkpoint for each shard, and few settings."""
    source, kept = template
    connection = old_file(path, "0002", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    through = kept[1][-1].sequence
    connection.execute("INSERT INTO mappings VALUES (3, 'm', 't', 'f', 'LATEST', 7, 2, 0, 1, 0, 1000, 1, 1)")
    connection.execute("INSERT INTO checkpoints VALUES (3, 1, 0, ?, 4, 'OK', 'broke', 2000)", (through,))
    connection.execute("INSERT INTO outcomes VALUES (9, 3, 1, 0, ?, 'delivered', 2, 1, 'r', 2000)", (through,))
    connection.close()
    with opened(path, clock) as (database, _):
        with database.reading() as connection:
            [mapping] = mappings.load_mappings(connection)
            [checkpoint] = checkpoints.load_checkpoints(connection)
            [outcome] = connection.execute(schema.outcomes.select())
        found = [each for each in check(database) if each.what != "segment table"]
    settings = MappingSettings(
        function_name="f",
        starting_position="LATEST",
        enabled=False,
        batch_size=7,
        maximum_batching_window_in_seconds=2,
    )
    assert (mapping.id, mapping.name, mapping.origin, mapping.settings) == (3, "m", "configuration", settings)
    assert (mapping.paused, mapping.start_sequence, len(mapping.uuid)) == (True, 1, 36)
    assert (checkpoint.sequence, checkpoint.attempts, checkpoint.lane_count) == (through, 4, 1)
    assert (outcome.id, outcome.through_sequence, outcome.filtered) == (9, through, 0)
    assert found == []


def test_files_from_before_the_outbox_get_one(path, clock, template):
    """Revision 0003 kept dead letters, and sent nothing."""
    source, kept = template
    connection = old_file(path, "0003", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    for table in ("mappings", "checkpoints", "dead_letters"):
        connection.execute(f"INSERT INTO main.{table} SELECT * FROM template.{table}")
    connection.close()
    message = Message(message_id="1", destination="file:/x", payload=b"{}", mapping_name="m", records=1)
    with opened(path, clock) as (database, writer):
        writer.call(partial(outbox.add, message=message))
        with database.reading() as connection:
            [entry] = outbox.load_entries(connection)
        assert outbox.load_payload(database.reader(), entry) == b"{}"
        assert [each for each in check(database) if each.what != "segment table"] == []


def test_files_from_before_the_lambda_api_take_its_functions_invocations_and_tags(path, clock, template):
    """Revision 0005 had mappings of the configuration alone."""
    source, kept = template
    connection = old_file(path, "0005", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    settings = '{"function_name": "f", "starting_position": "LATEST"}'
    columns = "id, uuid, name, origin, table_name, settings, paused, removed, revision, created_ms, modified_ms"
    values = "3, 'u', 'm', 'configuration', 't', ?, 0, 0, 1, 1000, 1000, 1, 1"
    connection.execute(f"INSERT INTO mappings ({columns}, start_sequence, first_stream) VALUES ({values})", (settings,))
    connection.close()
    function = UploadedFunction(
        name="f",
        settings=FunctionSettings(runtime="python3.12", handler="a.b", role="r"),
        code=Code(folder="f/1"),
        revision_id="1",
        modified_ms=1,
    )
    with opened(path, clock) as (database, writer):
        writer.call(partial(uploads.create, function=function))
        writer.call(lambda transaction: waiting_invocations.add(transaction, "r", "f", b"{}", b""))
        writer.call(lambda transaction: lambda_tags.add(transaction, lambda_tags.of_mapping("u"), {"a": "b"}))
        with database.reading() as connection:
            assert mappings.find_mapping(connection, "u") == mappings.load_mapping(connection, 3)
            assert uploads.load_functions(connection) == [function]
            assert waiting_invocations.functions(connection) == ["f"]
            assert lambda_tags.load(connection, lambda_tags.of_mapping("u")) == {"a": "b"}
        assert [each for each in check(database) if each.what != "segment table"] == []


def test_outcomes_of_files_from_before_the_history_are_kept(path, clock, template):
    """Revision 0006 had outcomes without the records that they are about, and no failed attempts."""
    source, kept = template
    connection = old_file(path, "0006", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    settings = b'{"function_name": "f", "starting_position": "LATEST"}'
    mapping = (3, "u", "m", "configuration", "t", None, settings, 0, 0, 1, 1000, 1000, 1, 1)
    connection.execute(f"INSERT INTO mappings VALUES ({', '.join('?' * len(mapping))})", mapping)
    through = kept[1][-1].sequence
    checkpoint = (3, 1, 0, 1, 4, 0, through, None, b"[]", 4, None, None, "OK", "broke", 2000)
    connection.execute(f"INSERT INTO checkpoints VALUES ({', '.join('?' * len(checkpoint))})", checkpoint)
    connection.execute("INSERT INTO outcomes VALUES (9, 3, 1, 0, 1, 0, ?, 'delivered', 2, 1, 1, 'r', 2000)", (through,))
    connection.close()
    with opened(path, clock) as (database, _):
        with database.reading() as connection:
            [outcome] = history.outcomes_about(connection, 3, 1, through)
            assert history.failed_attempts_about(connection, 3, 1, through) == []
        found = [each for each in check(database) if each.what != "segment table"]
    assert (outcome.through_sequence, outcome.request_id, outcome.settled_ms) == (through, "r", 2000)
    assert (outcome.first_sequence, outcome.last_sequence, outcome.started_ms) == (None, None, None)
    assert found == []


def test_files_from_before_indexes_are_kept_and_can_have_them(path, clock, template):
    source, kept = template
    connection = old_file(path, "0007", source)
    for segment in kept:
        connection.execute(f"CREATE TABLE records_{segment} AS SELECT * FROM template.records_{segment}")
    connection.close()
    with opened(path, clock) as (database, writer):
        assert [each for each in check(database) if each.what != "segment table"] == []
        writer.call(partial(add_index, table="t", name="by-value", attribute="value"))
        with database.reading() as connection:
            assert connection.execute(text("SELECT item_count FROM indexes")).scalars().all() == [2]
        assert [each for each in check(database) if each.what != "segment table"] == []
