"""Invocations that were accepted and are to be run in the background, with every state transition of them.

One is added before its caller is answered, and removed when it has succeeded or is given up: a crash in between runs it
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update

from cdc.model.uploads import WaitingInvocation
from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

_waiting = schema.waiting_invocations.c
_FIRST = prepare(select(func.min(_waiting.id)))


def exist(reader: Any) -> bool:
    """Tell on a DBAPI connection whether there is any, in some microseconds: this is asked every second."""
    return reader.execute(_FIRST).fetchall()[0][0] is not None


def count(connection: Connection, function_name: str) -> int:
    """Count the invocations of a function that wait or run."""
    of_function = select(func.count()).where(_waiting.function_name == function_name)
    return connection.execute(of_function).scalar_one()


def add(transaction: Transaction, request_id: str, function_name: str, payload: bytes, client_context: bytes) -> None:
    """Take an invocation. Lambda: Invoke, InvocationType Event."""
    row = {
        "request_id": request_id,
        "function_name": function_name,
        "payload": payload,
        "client_context": client_context,
        "attempts": 0,
        "next_attempt_ms": transaction.now_ms,
        "created_ms": transaction.now_ms,
    }
    transaction.connection.execute(insert(schema.waiting_invocations).values(row))


def functions(connection: Connection) -> list[str]:
    """Name the functions that have invocations."""
    return list(connection.execute(select(_waiting.function_name).distinct()).scalars())


def load_due(
    connection: Connection, function_name: str, now_ms: int, but: Collection[int], rows: int
) -> list[WaitingInvocation]:
    """Read invocations of a function whose time has come, the first to come first, but for those with these ids."""
    due = (_waiting.function_name == function_name, _waiting.next_attempt_ms <= now_ms, _waiting.id.not_in(list(but)))
    ordered = select(schema.waiting_invocations).where(*due).order_by(_waiting.next_attempt_ms, _waiting.id).limit(rows)
    return [WaitingInvocation(**row._mapping) for row in connection.execute(ordered)]


def next_attempt_ms(connection: Connection, after_ms: int) -> int | None:
    """Find when the next time comes after that; None: never."""
    later = select(func.min(_waiting.next_attempt_ms)).where(_waiting.next_attempt_ms > after_ms)
    found: int | None = connection.execute(later).scalar_one()
    return found


def settle(transaction: Transaction, invocation_id: int) -> None:
    """Forget an invocation that has succeeded, or is given up."""
    transaction.connection.execute(delete(schema.waiting_invocations).where(_waiting.id == invocation_id))


def postpone(transaction: Transaction, invocation_id: int, attempts: int, next_attempt_ms: int) -> None:
    """Plan the next attempt at an invocation that has failed so many times."""
    postponed = update(schema.waiting_invocations).where(_waiting.id == invocation_id)
    transaction.connection.execute(postponed.values(attempts=attempts, next_attempt_ms=next_attempt_ms))
