"""Rows of mappings, their checkpoints and outcomes, with every state transition of them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, func, insert, select, update

from cdc.model.mappings import DELIVERED, LATEST, NO_RECORDS, TRIMMED, Checkpoint, Declaration, Mapping
from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from cdc.store.transaction import Transaction

_mappings, _checkpoints, _outcomes = schema.mappings.c, schema.checkpoints.c, schema.outcomes.c


def load_mappings(connection: Connection) -> list[Mapping]:
    """Read all mappings by name, removed ones included."""
    rows = connection.execute(select(schema.mappings).order_by(_mappings.name))
    return [_mapping(row._mapping) for row in rows]


def _mapping(row: Any) -> Mapping:
    fields = dict(row)
    for flag in ("enabled", "paused", "removed"):
        fields[flag] = bool(fields[flag])
    return Mapping(**fields)


def declare(transaction: Transaction, declaration: Declaration) -> None:
    """Create the mapping, or bring an existing one of this name up to the configuration.

    A new one is given its start: for LATEST the newest sequence number of this moment, so that nothing written
    afterwards is missed. One that comes back, or changes, keeps its checkpoints, unless it names another table.
    """
    connection = transaction.connection
    settings: dict[str, Any] = {
        "table_name": declaration.table_name,
        "function_name": declaration.function_name,
        "starting_position": declaration.starting_position,
        "batch_size": declaration.batch_size,
        "window_seconds": declaration.window_seconds,
        "enabled": int(declaration.enabled),
        "removed": 0,
    }
    existing = connection.execute(select(schema.mappings).where(_mappings.name == declaration.name)).first()
    if existing is None or existing.table_name != declaration.table_name:
        settings |= _start(transaction, declaration)
    if existing is None:
        created = {"name": declaration.name, "paused": 0, "created_ms": transaction.now_ms}
        connection.execute(insert(schema.mappings).values(**settings, **created))
        return
    if existing.table_name != declaration.table_name:  # nothing of the old table may count when it comes back
        connection.execute(delete(schema.checkpoints).where(_checkpoints.mapping_id == existing.id))
        connection.execute(delete(schema.outcomes).where(_outcomes.mapping_id == existing.id))
    connection.execute(update(schema.mappings).where(_mappings.id == existing.id).values(**settings))


def _start(transaction: Transaction, declaration: Declaration) -> dict[str, int]:
    streams = transaction.catalog.streams_of(declaration.table_name)
    latest = declaration.starting_position == LATEST
    return {
        "start_sequence": transaction.counters.next_sequence - 1 if latest else 0,
        "first_stream": streams[-1].id if streams else 0,
    }


def remove_others(transaction: Transaction, declared: Iterable[str]) -> None:
    """Mark every mapping that the configuration no longer names as removed; its checkpoints stay."""
    gone = _mappings.name.not_in(list(declared))
    transaction.connection.execute(update(schema.mappings).where(gone).values(removed=1))


def forget(transaction: Transaction, mapping_id: int) -> None:
    """Delete a mapping with its checkpoints and outcomes; declared again, it starts anew."""
    transaction.connection.execute(delete(schema.mappings).where(_mappings.id == mapping_id))


def set_paused(transaction: Transaction, mapping_id: int, *, paused: bool) -> None:
    """Pause or resume a mapping."""
    row = update(schema.mappings).where(_mappings.id == mapping_id)
    transaction.connection.execute(row.values(paused=int(paused)))


def load_checkpoints(connection: Connection) -> list[Checkpoint]:
    """Read all checkpoints."""
    rows = connection.execute(select(schema.checkpoints))
    return [Checkpoint(**row._mapping) for row in rows]


def load_checkpoint(connection: Connection, mapping_id: int, shard: int) -> Checkpoint | None:
    """Read one checkpoint."""
    of_lane = (_checkpoints.mapping_id == mapping_id, _checkpoints.shard == shard)
    row = connection.execute(select(schema.checkpoints).where(*of_lane)).first()
    return None if row is None else Checkpoint(**row._mapping)


def start_checkpoint(transaction: Transaction, mapping_id: int, shard: int, sequence: int) -> Checkpoint:
    """Begin a shard: nothing up to `sequence` is for this mapping. Returns what is there if it was begun before."""
    existing = load_checkpoint(transaction.connection, mapping_id, shard)
    if existing is not None:
        return existing
    checkpoint = Checkpoint(
        mapping_id=mapping_id,
        shard=shard,
        start_sequence=sequence,
        sequence=sequence,
        attempts=0,
        last_result=NO_RECORDS,
        last_error=None,
        updated_ms=transaction.now_ms,
    )
    transaction.connection.execute(insert(schema.checkpoints).values(_values(checkpoint)))
    return checkpoint


def _values(checkpoint: Checkpoint) -> dict[str, Any]:
    return {column.name: getattr(checkpoint, column.name) for column in schema.checkpoints.columns}


def settled(checkpoint: Checkpoint, through: int, kind: str, now_ms: int) -> Checkpoint:
    """Tell what `settle` makes of a checkpoint."""
    delivered = kind == DELIVERED
    return replace(
        checkpoint,
        sequence=through,
        attempts=0,
        last_result="OK" if delivered else "PROBLEM: records were trimmed before they were delivered",
        last_error=None,
        updated_ms=max(now_ms, checkpoint.updated_ms),  # a clock that goes back must not mix up the order of outcomes
    )


def settle(
    transaction: Transaction,
    checkpoint: Checkpoint,
    through: int,
    *,
    kind: str,
    records: int,
    request_id: str | None = None,
) -> bool:
    """Move a checkpoint from where `checkpoint` says it is to `through`, with the outcome of what it passed.

    `kind` is DELIVERED or TRIMMED. Returns False, and changes nothing, if the stored checkpoint is elsewhere by now.
    """
    attempts = checkpoint.attempts + 1 if kind == DELIVERED else checkpoint.attempts
    after = settled(checkpoint, through, kind, transaction.now_ms)
    moved = _compare_and_set(transaction, checkpoint, after)
    if moved:
        lane = (checkpoint.mapping_id, checkpoint.shard, checkpoint.sequence, through)
        transaction.cursor.execute(_ADD_OUTCOME, (*lane, kind, records, attempts, request_id, after.updated_ms))
    return moved


def failed(checkpoint: Checkpoint, error: str, now_ms: int) -> Checkpoint:
    """Tell what `note_failure` makes of a checkpoint."""
    return replace(
        checkpoint,
        attempts=checkpoint.attempts + 1,
        last_result="PROBLEM: Function call failed",
        last_error=error,
        updated_ms=max(now_ms, checkpoint.updated_ms),  # a clock that goes back must not mix up the order of outcomes
    )


def note_failure(transaction: Transaction, checkpoint: Checkpoint, error: str) -> bool:
    """Count a failed attempt at the batch that follows `checkpoint`; False if the stored checkpoint is elsewhere by now."""
    return _compare_and_set(transaction, checkpoint, failed(checkpoint, error, transaction.now_ms))


def _compare_and_set(transaction: Transaction, old: Checkpoint, new: Checkpoint) -> bool:
    values = (new.sequence, new.attempts, new.last_result, new.last_error, new.updated_ms)
    found = transaction.cursor.execute(_MOVE, (*values, old.mapping_id, old.shard, old.sequence))
    return bool(found.rowcount == 1)


_MOVED = ("sequence", "attempts", "last_result", "last_error", "updated_ms")
_MOVE = prepare(
    update(schema.checkpoints)
    .where(
        _checkpoints.mapping_id == bindparam("of_mapping"),
        _checkpoints.shard == bindparam("of_shard"),
        _checkpoints.sequence == bindparam("of_sequence"),
    )
    .values({name: bindparam(name) for name in _MOVED}),
    *_MOVED,
    "of_mapping",
    "of_shard",
    "of_sequence",
)
_OUTCOME = tuple(column.name for column in _outcomes if column.name != "id")
_ADD_OUTCOME = prepare(insert(schema.outcomes).values({name: bindparam(name) for name in _OUTCOME}), *_OUTCOME)


def lagging(transaction: Transaction, newest: dict[int, int]) -> list[Checkpoint]:
    """List the checkpoints that have not reached the sequence that `newest` gives for their shard."""
    behind = select(schema.checkpoints).where(_checkpoints.sequence < max(newest.values(), default=0))
    return [
        Checkpoint(**row._mapping)
        for row in transaction.connection.execute(behind)
        if row.sequence < newest.get(row.shard, 0)
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


def trimmed_counts(connection: Connection) -> dict[int, int]:
    """Count, per mapping, the records that retention took before they were delivered (as far as outcomes are kept)."""
    trimmed = select(_outcomes.mapping_id, func.sum(_outcomes.records)).where(_outcomes.kind == TRIMMED)
    return {mapping: int(records) for mapping, records in connection.execute(trimmed.group_by(_outcomes.mapping_id))}


def purge_outcomes(transaction: Transaction, before_ms: int, rows: int) -> int:
    """Delete at most `rows` outcomes settled before `before_ms`; return how many went."""
    old = select(_outcomes.id).where(_outcomes.settled_ms < before_ms).limit(rows)
    return transaction.connection.execute(delete(schema.outcomes).where(_outcomes.id.in_(old))).rowcount
