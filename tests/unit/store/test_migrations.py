"""A migrated file has the schema that the code describes."""

from __future__ import annotations

import re

from sqlalchemy import create_engine, text
from sqlalchemy.pool import StaticPool

from cdc.store import schema
from cdc.store.migrations import head_revision, known_revisions
from cdc.store.sqlite import dbapi2


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
