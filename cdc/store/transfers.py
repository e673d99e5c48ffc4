"""Rows of exports and imports: what was asked for, how far it has come, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import bindparam, insert, select, update

from cdc.store import schema
from cdc.store.catalog import new_id
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from cdc.store.transaction import Transaction

EXPORT, IMPORT = "export", "import"
"""Kinds of transfers."""
IN_PROGRESS, COMPLETED, FAILED = "IN_PROGRESS", "COMPLETED", "FAILED"
"""Their statuses."""

_row = schema.transfers.c
_columns = (
    _row.id,
    _row.kind,
    _row.transfer_id,
    _row.table_name,
    _row.table_id,
    _row.token,
    _row.status,
    _row.request,
    _row.progress,
    _row.copy_id,
    _row.created_ms,
    _row.ended_ms,
)
_LIST = prepare(select(*_columns).where(_row.kind == bindparam("of_kind")).order_by(_row.transfer_id), "of_kind")
_UNFINISHED = prepare(
    select(*_columns)
    .where(_row.kind == bindparam("of_kind"), _row.status == bindparam("of_status"))
    .order_by(_row.transfer_id),
    "of_kind",
    "of_status",
)
_FIND = prepare(
    select(*_columns).where(_row.kind == bindparam("of_kind"), _row.transfer_id == bindparam("of_id")),
    "of_kind",
    "of_id",
)
_REACH = prepare(
    update(schema.transfers).where(_row.id == bindparam("row")).values(progress=bindparam("to")), "to", "row"
)


class Transfer(NamedTuple):
    """An export or an import."""

    id: int  # in the file
    kind: str
    transfer_id: str  # the last part of its ARN; in the order of their making
    table_name: str
    table_id: int
    token: str  # ClientToken; empty when there was none
    status: str
    request: dict[str, Any]  # as it came
    progress: dict[str, Any]  # as its kind keeps it
    copy_id: int | None  # of an export
    created_ms: int
    ended_ms: int | None


def insert_transfer(
    transaction: Transaction,
    kind: str,
    transfer_id: str,
    *,
    table_name: str,
    table_id: int,
    request: dict[str, Any],
    progress: dict[str, Any],
    copy_id: int | None = None,
) -> int:
    """Add an export or import that is in progress; return its id in the file."""
    result = transaction.connection.execute(
        insert(schema.transfers).values(
            kind=kind,
            transfer_id=transfer_id,
            table_name=table_name,
            table_id=table_id,
            token=request.get("ClientToken") or "",
            status=IN_PROGRESS,
            request=orjson.dumps(request),
            progress=orjson.dumps(progress),
            copy_id=copy_id,
            created_ms=transaction.now_ms,
            ended_ms=None,
        )
    )
    transaction.change_catalog()  # wakes those who do the work
    return new_id(result)


def reach(transaction: Transaction, row: int, progress: dict[str, Any]) -> None:
    """Note how far a transfer has come."""
    transaction.cursor.execute(_REACH, (orjson.dumps(progress), row))


def end(transaction: Transaction, row: int, status: str, progress: dict[str, Any]) -> None:
    """Note how a transfer ended; it needs its copy no more."""
    transaction.connection.execute(
        update(schema.transfers)
        .where(schema.transfers.c.id == row)
        .values(status=status, progress=orjson.dumps(progress), ended_ms=transaction.now_ms, copy_id=None)
    )


def list_transfers(connection: Any, kind: str) -> list[Transfer]:
    """List the exports, or the imports, on a DBAPI connection or cursor, the oldest first."""
    return [_transfer(row) for row in connection.execute(_LIST, (kind,)).fetchall()]


def unfinished_transfers(connection: Any, kind: str) -> list[Transfer]:
    """List those that are in progress, the oldest first."""
    return [_transfer(row) for row in connection.execute(_UNFINISHED, (kind, IN_PROGRESS)).fetchall()]


def find_transfer(connection: Any, kind: str, transfer_id: str | None) -> Transfer | None:
    """Look one up by the last part of its ARN."""
    rows = connection.execute(_FIND, (kind, transfer_id)).fetchall()
    return _transfer(rows[0]) if rows else None


def _transfer(row: Any) -> Transfer:
    fields = Transfer(*row)
    return fields._replace(request=orjson.loads(row[7]), progress=orjson.loads(row[8]))
