"""Rows of request tokens: which transactions were made in the last minutes, so that none is made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import bindparam, delete, insert, select, tuple_

from cdc.store.schema import request_tokens
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from cdc.store.transaction import Transaction

LIFE_MS = 600_000
"""How long a token counts from the completion of its request: ten minutes, as in AWS."""

_column = request_tokens.c
_FIND = prepare(
    select(_column.digest, _column.sizes).where(
        _column.operation == bindparam("of_operation"),
        _column.token == bindparam("of_token"),
        _column.completed_ms > bindparam("after"),
    ),
    "of_operation",
    "of_token",
    "after",
)
_STORE = prepare(
    insert(request_tokens)
    .prefix_with("OR REPLACE")
    .values({column.name: bindparam(column.name) for column in request_tokens.columns}),
    *request_tokens.columns.keys(),
)


class Completed(NamedTuple):
    """A request that was carried out under a token."""

    digest: bytes  # of its parameters
    sizes: list[tuple[str, int]]  # the larger image of each action's item, with the table's name


def find_token(transaction: Transaction, operation: str, token: str) -> Completed | None:
    """Look a token up; None when it was not used, or so long ago that it no longer counts."""
    rows = transaction.cursor.execute(_FIND, (operation, token, transaction.now_ms - LIFE_MS)).fetchall()
    return None if not rows else Completed(rows[0][0], [(name, size) for name, size in orjson.loads(rows[0][1])])


def store_token(transaction: Transaction, operation: str, token: str, completed: Completed) -> None:
    """Note what was carried out under a token; one that no longer counts is taken over."""
    values = (operation, token, completed.digest, transaction.now_ms, orjson.dumps(completed.sizes))
    transaction.cursor.execute(_STORE, values)


def purge_tokens(transaction: Transaction, rows: int) -> int:
    """Remove tokens that no longer count, at most `rows` of them; return how many."""
    old = (
        select(_column.operation, _column.token)
        .where(_column.completed_ms <= transaction.now_ms - LIFE_MS)
        .order_by(_column.completed_ms)
        .limit(rows)
    )
    return transaction.connection.execute(
        delete(request_tokens).where(tuple_(_column.operation, _column.token).in_(old))
    ).rowcount
