"""Rows of checkpoints and outcomes, with every state transition of them.

A transition names the checkpoint that it saw, and changes nothing when the stored one has another token by now.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import bindparam, delete, func, insert, select, update

from cdc.model.mappings import DEAD, DELIVERED, FAILED, FILTERED, OK, RESET, SKIPPED, TRIMMED, Checkpoint
from cdc.store import history, schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from cdc.model.history import Attempt
    from cdc.store.transaction import Transaction

_checkpoints, _outcomes = schema.checkpoints.c, schema.outcomes.c

_RESULTS = {
    DELIVERED: OK,
    FILTERED: OK,
    DEAD: FAILED,
    SKIPPED: "PROBLEM: a batch was skipped by an operator",
    TRIMMED: "PROBLEM: records were trimmed before they were delivered",
    RESET: "PROBLEM: an operator has put the checkpoint elsewhere",
}
_TOO_OLD = "PROBLEM: records were older than MaximumRecordAgeInSeconds"


@dataclass(frozen=True, kw_only=True, slots=True)
class Passed:
    """What became of the records that a checkpoint passes."""

    kind: str  # DELIVERED | FILTERED | DEAD | SKIPPED | TRIMMED
    records: int = 0  # of that kind
    filtered: int = 0  # records among them that the filters passed over
    attempts: int = 0  # invocations that it took
    request_id: str | None = None
    first_sequence: int | None = None  # first record of that kind, where it is known
    last_sequence: int | None = None
    started_ms: int | None = None  # of the last invocation


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """A tumbling window as it is after a batch; both None: none is open."""

    start_ms: int | None = None
    state: bytes | None = None


# -- reading --


def _checkpoint(row: Any) -> Checkpoint:
    return Checkpoint(**{**row._mapping, "splits": tuple(orjson.loads(row.splits))})


def load_checkpoints(connection: Connection) -> list[Checkpoint]:
    """Read all checkpoints."""
    return [_checkpoint(row) for row in connection.execute(select(schema.checkpoints))]


def checkpoints_of(connection: Connection, mapping_id: int) -> list[Checkpoint]:
    """Read a mapping's checkpoints, by shard and lane."""
    of_mapping = select(schema.checkpoints).where(_checkpoints.mapping_id == mapping_id)
    return [_checkpoint(row) for row in connection.execute(of_mapping.order_by(_checkpoints.shard, _checkpoints.lane))]


def load_checkpoint(connection: Connection, mapping_id: int, shard: int, lane: int) -> Checkpoint | None:
    """Read one checkpoint."""
    of_lane = (_checkpoints.mapping_id == mapping_id, _checkpoints.shard == shard, _checkpoints.lane == lane)
    row = connection.execute(select(schema.checkpoints).where(*of_lane)).first()
    return None if row is None else _checkpoint(row)


def lanes_of(connection: Connection, mapping_id: int, shard: int) -> list[Checkpoint]:
    """Read a mapping's checkpoints in a shard, by lane."""
    of_shard = (_checkpoints.mapping_id == mapping_id, _checkpoints.shard == shard)
    rows = connection.execute(select(schema.checkpoints).where(*of_shard).order_by(_checkpoints.lane))
    return [_checkpoint(row) for row in rows]


# -- transitions --


def begin(transaction: Transaction, mapping_id: int, shard: int, lane_count: int, sequence: int) -> list[Checkpoint]:
    """Begin a shard: nothing up to `sequence` is for this mapping. Returns what is there if it was begun before."""
    existing = lanes_of(transaction.connection, mapping_id, shard)
    if existing:
        return existing
    first = Checkpoint(
        mapping_id=mapping_id, shard=shard, lane_count=lane_count, start_sequence=sequence, sequence=sequence
    )
    return [_add(transaction, replace(first, lane=lane)) for lane in range(lane_count)]


def _add(transaction: Transaction, checkpoint: Checkpoint) -> Checkpoint:
    checkpoint = replace(checkpoint, updated_ms=transaction.now_ms)
    transaction.connection.execute(insert(schema.checkpoints).values(_values(checkpoint)))
    return checkpoint


def divide(transaction: Transaction, old: list[Checkpoint], lane_count: int) -> list[Checkpoint] | None:
    """Give a shard another number of lanes, all of which begin where all of the old ones are. None if these have moved."""
    first = old[0]
    current = lanes_of(transaction.connection, first.mapping_id, first.shard)
    if [each.token for each in current] != [each.token for each in old] or len({each.sequence for each in old}) != 1:
        return None
    of_shard = (_checkpoints.mapping_id == first.mapping_id, _checkpoints.shard == first.shard)
    transaction.connection.execute(delete(schema.checkpoints).where(*of_shard))
    new = Checkpoint(
        mapping_id=first.mapping_id,
        shard=first.shard,
        lane_count=lane_count,
        token=1 + max(each.token for each in old),  # no write that saw an old lane may hit a new one
        start_sequence=min(each.start_sequence for each in old),
        sequence=first.sequence,
    )
    return [_add(transaction, replace(new, lane=lane)) for lane in range(lane_count)]


def settle(
    transaction: Transaction,
    checkpoint: Checkpoint,
    through: int,
    passed: Passed,
    *,
    rest_through: int | None = None,
    window: Window | None = None,
) -> Checkpoint | None:
    """Move a checkpoint to `through`, with the outcome of what it passes.

    `rest_through`: a batch's last sequence, when a part of it is left and to be tried again. What a bisected batch has
    left follows. Attempts begin anew, but for a rest whose head was trimmed or grew too old. `window`: the tumbling
    window afterwards; None: as before.
    """
    left = _ends_after(checkpoint, through, rest_through)
    nothing_lost = passed.kind == TRIMMED and not passed.records  # filtered, or another lane's
    same = bool(left) and left[0] == checkpoint.retry_through and passed.kind in {TRIMMED, DEAD}
    if window is None:
        window = Window(start_ms=checkpoint.window_start_ms, state=checkpoint.window_state)
    written = _write(
        transaction,
        checkpoint,
        sequence=through,
        retry_through=left[0] if left else None,
        splits=left[1:],
        attempts=checkpoint.attempts if same else 0,
        window_start_ms=window.start_ms,
        window_state=window.state,
        last_result=checkpoint.last_result if nothing_lost else _result_of(passed),
        last_error=checkpoint.last_error if passed.kind == DEAD else None,
    )
    if written is not None:
        _add_outcome(transaction, checkpoint, written, passed)
    return written


def _result_of(passed: Passed) -> str:
    return _TOO_OLD if passed.kind == DEAD and passed.request_id is None else _RESULTS[passed.kind]


def _ends_after(checkpoint: Checkpoint, through: int, rest_through: int | None = None) -> tuple[int, ...]:
    """List the last sequences of the batches that are to be tried again after `through`."""
    if rest_through is None and checkpoint.retry_through is None and not checkpoint.splits:
        return ()
    ends = {checkpoint.retry_through, *checkpoint.splits, rest_through}
    return tuple(sorted(end for end in ends if end is not None and end > through))


def fail(
    transaction: Transaction, checkpoint: Checkpoint, through: int, error: str, attempt: Attempt, *, counts: bool
) -> Checkpoint | None:
    """Note a failed attempt at the batch up to `through`, which is to be tried again.

    One that did not reach the function does not count.
    """
    written = _write(
        transaction,
        checkpoint,
        retry_through=through,
        splits=_ends_after(checkpoint, through),
        attempts=checkpoint.attempts + counts,
        last_result=FAILED,
        last_error=error,
    )
    return _with_attempt(transaction, checkpoint, written, through, attempt, error)


def split(
    transaction: Transaction, checkpoint: Checkpoint, left_through: int, through: int, error: str, attempt: Attempt
) -> Checkpoint | None:
    """Have the batch up to `through` tried again as two, of which the first ends with `left_through`."""
    written = _write(
        transaction,
        checkpoint,
        retry_through=left_through,
        splits=(through, *_ends_after(checkpoint, through)),
        last_result=FAILED,
        last_error=error,
    )
    return _with_attempt(transaction, checkpoint, written, through, attempt, error)


def _with_attempt(
    transaction: Transaction, before: Checkpoint, written: Checkpoint | None, through: int, attempt: Attempt, error: str
) -> Checkpoint | None:
    if written is not None:
        history.add_failed_attempt(transaction, before, written, through, attempt, error)
    return written


def close_window(transaction: Transaction, checkpoint: Checkpoint, kind: str = DELIVERED) -> Checkpoint | None:
    """End the open tumbling window; its state is forgotten. What a batch has left is tried again afterwards.

    `kind`: what became of its last invocation, as in an outcome.
    """
    left = _ends_after(checkpoint, checkpoint.sequence)
    return _write(
        transaction,
        checkpoint,
        window_start_ms=None,
        window_state=None,
        retry_through=left[0] if left else None,
        splits=left[1:],
        attempts=0,
        last_result=_RESULTS[kind],
        last_error=checkpoint.last_error if kind == DEAD else None,
    )


def reset(transaction: Transaction, checkpoint: Checkpoint, sequence: int) -> Checkpoint | None:
    """Put a checkpoint elsewhere; what it was at is forgotten."""
    written = _write(
        transaction,
        checkpoint,
        start_sequence=min(checkpoint.start_sequence, sequence),
        sequence=sequence,
        retry_through=None,
        splits=(),
        attempts=0,
        window_start_ms=None,
        window_state=None,
        last_result=_RESULTS[RESET],
        last_error=None,
    )
    if written is not None:
        _add_outcome(transaction, checkpoint, written, Passed(kind=RESET))
    return written


def skip(transaction: Transaction, checkpoint: Checkpoint, passed: Passed) -> Checkpoint | None:
    """Pass the batch that is tried again, or end the tumbling window whose last invocation is."""
    if checkpoint.retry_through is None:
        return None
    if checkpoint.retry_through == checkpoint.sequence:
        return close_window(transaction, checkpoint, SKIPPED)
    return settle(transaction, checkpoint, checkpoint.retry_through, passed)


_COLUMNS = tuple(column.name for column in schema.checkpoints.columns)
_KEY = ("mapping_id", "shard", "lane")
_MOVED = tuple(name for name in _COLUMNS if name not in {*_KEY, "lane_count"})
_WRITE = prepare(
    update(schema.checkpoints)
    .where(
        _checkpoints.mapping_id == bindparam("of_mapping"),
        _checkpoints.shard == bindparam("of_shard"),
        _checkpoints.lane == bindparam("of_lane"),
        _checkpoints.token == bindparam("of_token"),
    )
    .values({name: bindparam(name) for name in _MOVED}),
    *_MOVED,
    *("of_mapping", "of_shard", "of_lane", "of_token"),
)
_OUTCOME = tuple(column.name for column in _outcomes if column.name != "id")
_ADD_OUTCOME = prepare(insert(schema.outcomes).values({name: bindparam(name) for name in _OUTCOME}), *_OUTCOME)
_of = attrgetter(*_COLUMNS)
_moved_of = attrgetter(*_MOVED)
_SPLITS = _MOVED.index("splits")


def _values(checkpoint: Checkpoint) -> dict[str, Any]:
    return {**dict(zip(_COLUMNS, _of(checkpoint), strict=True)), "splits": orjson.dumps(checkpoint.splits)}


def _write(transaction: Transaction, old: Checkpoint, **changes: Any) -> Checkpoint | None:
    # A clock that goes back must not mix up the order of outcomes.
    new = replace(old, token=old.token + 1, updated_ms=max(transaction.now_ms, old.updated_ms), **changes)
    row = list(_moved_of(new))
    row[_SPLITS] = orjson.dumps(new.splits)
    found = transaction.cursor.execute(_WRITE, (*row, old.mapping_id, old.shard, old.lane, old.token))
    return new if found.rowcount == 1 else None


def _add_outcome(transaction: Transaction, before: Checkpoint, after: Checkpoint, passed: Passed) -> None:
    lane = (before.mapping_id, before.shard, before.lane, before.lane_count, before.sequence, after.sequence)
    what = (passed.kind, passed.records, passed.filtered, passed.attempts, passed.request_id, after.updated_ms)
    which = (passed.first_sequence, passed.last_sequence, passed.started_ms)
    transaction.cursor.execute(_ADD_OUTCOME, (*lane, *what, *which))


# -- retention --


def lagging(transaction: Transaction, newest: dict[int, int]) -> list[Checkpoint]:
    """List the checkpoints that have not reached the sequence that `newest` gives for their shard."""
    behind = select(schema.checkpoints).where(_checkpoints.sequence < max(newest.values(), default=0))
    return [
        _checkpoint(row) for row in transaction.connection.execute(behind) if row.sequence < newest.get(row.shard, 0)
    ]


def has_outcomes(transaction: Transaction, stream_id: int) -> bool:
    """Whether outcomes of a stream's shards are kept."""
    # By way of the checkpoints, which are few and lead to an index.
    found = (
        select(_outcomes.id)
        .join(
            schema.checkpoints,
            (_checkpoints.mapping_id == _outcomes.mapping_id) & (_checkpoints.shard == _outcomes.shard),
        )
        .join(schema.shards, schema.shards.c.id == _checkpoints.shard)
        .where(schema.shards.c.stream_id == stream_id)
        .limit(1)
    )
    return transaction.connection.execute(found).first() is not None


def counts(connection: Connection, kind: str) -> dict[int, int]:
    """Count, per mapping, the records whose outcome is of a kind, as far as outcomes are kept."""
    some = select(_outcomes.mapping_id, func.sum(_outcomes.records)).where(_outcomes.kind == kind)
    return {mapping: int(records) for mapping, records in connection.execute(some.group_by(_outcomes.mapping_id))}


def purge_outcomes(transaction: Transaction, before_ms: int, rows: int) -> int:
    """Delete at most `rows` outcomes settled before `before_ms`; return how many went."""
    old = select(_outcomes.id).where(_outcomes.settled_ms < before_ms).limit(rows)
    return transaction.connection.execute(delete(schema.outcomes).where(_outcomes.id.in_(old))).rowcount
