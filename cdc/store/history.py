"""Rows of failed attempts, and reading of what became of a lane's records. Outcomes are added with their checkpoints.

A row is about a range of a lane's sequences: which of them are the lane's, the records' keys tell.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, or_, select

from cdc.model.catalog import SEQUENCE_OFFSET
from cdc.model.dead_letters import DeadLetter
from cdc.model.history import FailedAttempt, Outcome
from cdc.model.mappings import RESET
from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cdc.model.history import Attempt
    from cdc.model.mappings import Checkpoint
    from cdc.store.transaction import Transaction

NEWEST_KEPT = 9
"""Failed attempts kept of one place of a lane, besides the first: a batch that fails for a day fails 1,450 times."""
ERROR_CHARACTERS = 500
"""Of an error that are kept with each failed attempt."""

_outcomes, _attempts, _letters = schema.outcomes.c, schema.failed_attempts.c, schema.dead_letters.c
_NEW = tuple(column.name for column in _attempts if column.name != "id")
_ADD = prepare(insert(schema.failed_attempts).values({name: bindparam(name) for name in _NEW}), *_NEW)
_OF_LANE = (
    _attempts.shard == bindparam("of_shard"),
    _attempts.mapping_id == bindparam("of_mapping"),
    _attempts.lane == bindparam("of_lane"),
    _attempts.after_sequence == bindparam("at_sequence"),
)
_HERE = prepare(
    select(_attempts.id).where(*_OF_LANE).order_by(_attempts.id), *("of_shard", "of_mapping", "of_lane", "at_sequence")
)
_DELETE = prepare(delete(schema.failed_attempts).where(_attempts.id == bindparam("of_id")), "of_id")


def add_failed_attempt(
    transaction: Transaction, before: Checkpoint, after: Checkpoint, through: int, attempt: Attempt, error: str
) -> None:
    """Keep a failed attempt, in the transaction that notes it in the checkpoint.

    Of many at one place of a lane, the first and the newest few stay.
    """
    cursor = transaction.cursor
    place = (before.shard, before.mapping_id, before.lane, before.sequence)
    here = cursor.execute(_HERE, place).fetchall()
    for (row,) in here[1 : max(1, len(here) - NEWEST_KEPT + 1)]:
        cursor.execute(_DELETE, (row,))
    lane = (before.mapping_id, before.shard, before.lane, before.lane_count, before.sequence, through)
    what = (attempt.records, after.attempts, attempt.request_id, error[:ERROR_CHARACTERS])
    cursor.execute(_ADD, (*lane, *what, attempt.started_ms, after.updated_ms))


def outcomes_about(connection: Connection, mapping_id: int, shard: int, sequence: int) -> list[Outcome]:
    """Read what checkpoints passed a sequence with, and what put them elsewhere over it; of all lanes, oldest first."""
    after, through = _outcomes.after_sequence, _outcomes.through_sequence
    back = (_outcomes.kind == RESET) & (through < sequence) & (after >= sequence)
    about = or_((after < sequence) & (through >= sequence), back)
    of_shard = (_outcomes.shard == shard, _outcomes.mapping_id == mapping_id)
    rows = connection.execute(select(schema.outcomes).where(*of_shard, about).order_by(_outcomes.id))
    return [Outcome(**_taken(row, Outcome)) for row in rows]


def failed_attempts_about(connection: Connection, mapping_id: int, shard: int, sequence: int) -> list[FailedAttempt]:
    """Read the failed attempts at batches that a sequence lay in; of all lanes, oldest first."""
    of_shard = (_attempts.shard == shard, _attempts.mapping_id == mapping_id)
    about = (_attempts.after_sequence < sequence, _attempts.through_sequence >= sequence)
    rows = connection.execute(select(schema.failed_attempts).where(*of_shard, *about).order_by(_attempts.id))
    return [FailedAttempt(**_taken(row, FailedAttempt)) for row in rows]


def last_failed_attempt(connection: Connection, checkpoint: Checkpoint) -> FailedAttempt | None:
    """Read the newest failed attempt at the batch that follows a checkpoint."""
    of_lane = (
        _attempts.shard == checkpoint.shard,
        _attempts.mapping_id == checkpoint.mapping_id,
        _attempts.lane == checkpoint.lane,
        _attempts.after_sequence == checkpoint.sequence,
    )
    newest = select(schema.failed_attempts).where(*of_lane).order_by(_attempts.id.desc()).limit(1)
    row = connection.execute(newest).first()
    return None if row is None else FailedAttempt(**_taken(row, FailedAttempt))


def dead_letters_about(connection: Connection, table_name: str, sequence: int) -> list[DeadLetter]:
    """Read the dead letters of all mappings that hold a record of a table, oldest first; their events are read apart."""
    around = (_letters.first_sequence <= sequence, _letters.last_sequence >= sequence)
    rows = connection.execute(
        select(schema.dead_letters).where(_letters.table_name == table_name, *around).order_by(_letters.id)
    )
    name = b'"SequenceNumber":"%d"' % (SEQUENCE_OFFSET + sequence)  # no value of an item can look so
    letters = [DeadLetter(**_taken(row, DeadLetter)) for row in rows if name in row.event]
    return [replace(letter, forced=bool(letter.forced)) for letter in letters]


def _taken(row: Any, kind: type) -> dict[str, Any]:
    return {each.name: getattr(row, each.name) for each in fields(kind)}


def purge_failed_attempts(transaction: Transaction, before_ms: int, rows: int) -> int:
    """Delete at most `rows` failed attempts of before `before_ms`; return how many went."""
    old = select(_attempts.id).where(_attempts.failed_ms < before_ms).limit(rows)
    return transaction.connection.execute(delete(schema.failed_attempts).where(_attempts.id.in_(old))).rowcount
