"""Rows of backups, and of restores that fill a table from one."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, insert, select, update

from cdc.store import schema
from cdc.store.catalog import decode_definition, decode_index, encode_definition
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from cdc.model.catalog import Table, TableDefinition
    from cdc.model.indexes import IndexDefinition
    from cdc.store.transaction import Transaction

_row = schema.backups.c
_LIST = prepare(
    select(
        _row.backup_id,
        _row.name,
        _row.copy_id,
        _row.definition,
        _row.indexes,
        _row.view_type,
        _row.table_created_ms,
        _row.created_ms,
    ).order_by(_row.backup_id)
)
_RESTORES = prepare(
    select(schema.restores.c.table_id, schema.restores.c.copy_id, schema.restores.c.after_key).order_by(
        schema.restores.c.table_id
    )
)
_REACH = prepare(
    update(schema.restores)
    .where(schema.restores.c.table_id == bindparam("table"))
    .values(after_key=bindparam("after")),
    "after",
    "table",
)


class Backup(NamedTuple):
    """A backup of a table; its items are those of the copy."""

    backup_id: str  # the last part of its ARN; in the order of their creation
    name: str
    copy_id: int
    definition: TableDefinition  # of the table at that moment
    indexes: tuple[IndexDefinition, ...]  # its indexes at that moment
    view_type: str | None  # of its stream at that moment
    table_created_ms: int
    created_ms: int


class Restore(NamedTuple):
    """A table that is being filled from a copy."""

    table_id: int
    copy_id: int
    after_key: bytes  # items up to this one are in the table


def insert_backup(transaction: Transaction, backup_id: str, name: str, table: Table, copy_id: int) -> None:
    """Add a backup of a table, whose items are, or will be, in the copy."""
    transaction.connection.execute(
        insert(schema.backups).values(
            backup_id=backup_id,
            name=name,
            table_name=table.name,
            copy_id=copy_id,
            definition=encode_definition(table.definition),
            indexes=orjson.dumps([asdict(index.definition) for index in table.indexes]),
            view_type=None if table.stream is None else table.stream.view_type,
            table_created_ms=table.created_ms,
            created_ms=transaction.now_ms,
        )
    )


def delete_backup(transaction: Transaction, backup_id: str) -> None:
    """Forget a backup; its copy is the caller's to drop."""
    transaction.connection.execute(delete(schema.backups).where(schema.backups.c.backup_id == backup_id))


def list_backups(connection: Any) -> list[Backup]:
    """List all backups on a DBAPI connection or cursor, the oldest first."""
    return [_backup(row) for row in connection.execute(_LIST).fetchall()]


def _backup(row: Any) -> Backup:
    indexes = tuple(map(decode_index, orjson.loads(row[4])))
    return Backup(row[0], row[1], row[2], decode_definition(row[3]), indexes, *row[5:])


def find_backup(connection: Any, backup_id: str | None) -> Backup | None:
    """Look a backup up by the last part of its ARN."""
    return next((backup for backup in list_backups(connection) if backup.backup_id == backup_id), None)


def begin_restore(transaction: Transaction, table_id: int, copy_id: int) -> None:
    """Note that a new table is to be filled from a copy."""
    row = insert(schema.restores).values(table_id=table_id, copy_id=copy_id, after_key=b"")
    transaction.connection.execute(row)


def reach_restore(transaction: Transaction, table_id: int, after_key: bytes) -> None:
    """Note how far a table is filled."""
    transaction.cursor.execute(_REACH, (after_key, table_id))


def end_restore(transaction: Transaction, table_id: int) -> None:
    """Note that a table is filled."""
    transaction.connection.execute(delete(schema.restores).where(schema.restores.c.table_id == table_id))


def restores(connection: Any) -> list[Restore]:
    """List the tables that are being filled, on a DBAPI connection or cursor."""
    return [Restore(*row) for row in connection.execute(_RESTORES).fetchall()]
