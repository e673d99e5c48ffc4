"""Rows of dead letters: batches that were given up, with their records, and every state transition of them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any
from zlib import crc32

from sqlalchemy import delete, func, insert, select, update

from cdc.model.dead_letters import DEAD, REDRIVEN, REDRIVING, DeadLetter
from cdc.model.errors import InternalServerError
from cdc.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

_letters = schema.dead_letters.c
_LISTED = tuple(each.name for each in fields(DeadLetter))


def add(transaction: Transaction, letter: DeadLetter, event: bytes) -> int:
    """Keep a batch that is given up, in the transaction that moves the checkpoint past it; return its id."""
    row = asdict(letter) | {"id": None, "crc": crc32(event), "event": event, "forced": int(letter.forced)}
    result = transaction.connection.execute(insert(schema.dead_letters).values(row))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def find(
    connection: Connection,
    *,
    mapping_name: str | None = None,
    state: str | None = None,
    ids: Iterable[int] | None = None,
) -> list[DeadLetter]:
    """List dead letters without their events, oldest first: of a mapping, in a state, or of these ids."""
    some = select(*(_letters[name] for name in _LISTED)).order_by(_letters.id)
    if mapping_name is not None:
        some = some.where(_letters.mapping_name == mapping_name)
    if state is not None:
        some = some.where(_letters.state == state)
    if ids is not None:
        some = some.where(_letters.id.in_(list(ids)))
    return [_letter(row._mapping) for row in connection.execute(some)]


def _letter(row: Any) -> DeadLetter:
    return DeadLetter(**{**row, "forced": bool(row["forced"])})


def load_event(connection: Connection, letter_id: int) -> bytes | None:
    """Read the event of a dead letter; None when it is gone.

    Raises: InternalServerError when its CRC is wrong.
    """
    row = connection.execute(select(_letters.event, _letters.crc).where(_letters.id == letter_id)).first()
    if row is None:
        return None
    if crc32(row.event) != row.crc:
        raise InternalServerError(f"The dead letter {letter_id} is damaged (CRC mismatch); run cdc check")
    return bytes(row.event)


def count(connection: Connection) -> dict[int, int]:
    """Count the dead letters of each mapping that wait for somebody."""
    dead = select(_letters.mapping_id, func.count()).where(_letters.state != REDRIVEN).group_by(_letters.mapping_id)
    return {mapping: int(number) for mapping, number in connection.execute(dead)}


def ask_redrive(transaction: Transaction, letter_id: int, *, forced: bool) -> bool:
    """Have the poller deliver a dead letter again; False when it is not dead."""
    return _change(transaction, letter_id, DEAD, state=REDRIVING, forced=int(forced), redrive_error=None)


def redriven(transaction: Transaction, letter_id: int, request_id: str) -> bool:
    """Note that the function has taken a dead letter."""
    now_ms = transaction.now_ms
    return _change(transaction, letter_id, REDRIVING, state=REDRIVEN, redriven_ms=now_ms, request_id=request_id)


def refuse_redrive(transaction: Transaction, letter_id: int, error: str) -> bool:
    """Note why a dead letter was not delivered again."""
    return _change(transaction, letter_id, REDRIVING, state=DEAD, redrive_error=error)


def refuse_redrives(transaction: Transaction, mapping_id: int, error: str) -> None:
    """Note why no dead letter of a mapping is to be delivered again any more."""
    of_mapping = (_letters.mapping_id == mapping_id, _letters.state == REDRIVING)
    values = {"state": DEAD, "redrive_error": error}
    transaction.connection.execute(update(schema.dead_letters).where(*of_mapping).values(**values))


def redrive_failed(transaction: Transaction, letter_id: int, error_type: str, message: str, request_id: str) -> bool:
    """Note that the function has failed at a dead letter again."""
    return _change(
        transaction,
        letter_id,
        REDRIVING,
        state=DEAD,
        redrive_error=f"{error_type}: {message}",
        error_type=error_type,
        error_message=message,
        request_id=request_id,
        attempts=_letters.attempts + 1,
    )


def _change(transaction: Transaction, letter_id: int, state_before: str, **values: Any) -> bool:
    found = update(schema.dead_letters).where(_letters.id == letter_id, _letters.state == state_before).values(**values)
    return bool(transaction.connection.execute(found).rowcount)


def remove(transaction: Transaction, ids: Iterable[int]) -> int:
    """Delete dead letters that are not being delivered; return how many."""
    some = delete(schema.dead_letters).where(_letters.id.in_(list(ids)), _letters.state != REDRIVING)
    return transaction.connection.execute(some).rowcount


def has_older(connection: Connection, before_ms: int) -> bool:
    """Tell whether there are dead letters given up before `before_ms`."""
    old = select(_letters.id).where(_letters.created_ms < before_ms, _letters.state != REDRIVING).limit(1)
    return connection.execute(old).first() is not None


def purge(transaction: Transaction, before_ms: int, rows: int) -> int:
    """Delete at most `rows` dead letters given up before `before_ms`; return how many went."""
    old = select(_letters.id).where(_letters.created_ms < before_ms, _letters.state != REDRIVING).limit(rows)
    return transaction.connection.execute(delete(schema.dead_letters).where(_letters.id.in_(old))).rowcount
