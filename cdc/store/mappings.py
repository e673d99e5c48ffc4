"""Rows of mappings, with every state transition of them. Their checkpoints are in `cdc.store.checkpoints`."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson
from sqlalchemy import delete, insert, select, update

from cdc.model.mappings import CONFIGURATION, LATEST, Mapping, MappingSettings, ShardControl
from cdc.store import dead_letters, schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from cdc.model.catalog import Stream
    from cdc.model.mappings import Declaration
    from cdc.store.transaction import Transaction

_mappings, _controls = schema.mappings.c, schema.shard_controls.c


def load_mappings(connection: Connection) -> list[Mapping]:
    """Read all mappings by name, removed ones included."""
    rows = connection.execute(select(schema.mappings).order_by(_mappings.name))
    return [_mapping(row._mapping) for row in rows]


def load_mapping(connection: Connection, mapping_id: int) -> Mapping | None:
    """Read one mapping."""
    row = connection.execute(select(schema.mappings).where(_mappings.id == mapping_id)).first()
    return None if row is None else _mapping(row._mapping)


def find_mapping(connection: Connection, uuid: str) -> Mapping | None:
    """Read one mapping by its UUID."""
    row = connection.execute(select(schema.mappings).where(_mappings.uuid == uuid)).first()
    return None if row is None else _mapping(row._mapping)


def _mapping(row: Any) -> Mapping:
    fields = dict(row)
    settings = orjson.loads(fields["settings"])
    settings["filters"] = tuple(settings.get("filters", ()))
    fields["settings"] = MappingSettings(**settings)
    for flag in ("paused", "removed"):
        fields[flag] = bool(fields[flag])
    return Mapping(**fields)


def _stored(settings: MappingSettings) -> bytes:
    return orjson.dumps(asdict(settings))


def declare(transaction: Transaction, declaration: Declaration, uuid: str) -> None:
    """Create the mapping, or bring an existing one of this name up to the configuration.

    A new one, which gets the `uuid`, is given its start: for LATEST the newest sequence number of this moment, so that
    nothing written afterwards is missed. One that comes back, or changes, keeps its checkpoints, unless it names
    another table.
    """
    connection = transaction.connection
    existing = connection.execute(select(schema.mappings).where(_mappings.name == declaration.name)).first()
    settings = _stored(declaration.settings)
    if existing is None:
        streams = transaction.catalog.streams_of(declaration.table_name)
        start = _start(transaction, declaration.settings, streams[-1] if streams else None)
        _insert(transaction, uuid, declaration.name, CONFIGURATION, declaration.table_name, None, settings, start)
        return
    changes: dict[str, Any] = {"settings": settings, "removed": 0, "origin": CONFIGURATION, "stream_id": None}
    if existing.table_name != declaration.table_name:  # nothing of the old table may count when it comes back
        streams = transaction.catalog.streams_of(declaration.table_name)
        changes |= _start(transaction, declaration.settings, streams[-1] if streams else None)
        changes["table_name"] = declaration.table_name
        for table in (schema.checkpoints, schema.outcomes, schema.failed_attempts):
            connection.execute(delete(table).where(table.c.mapping_id == existing.id))
    if any(getattr(existing, name) != value for name, value in changes.items()):
        _change(transaction, existing.id, **changes)


def create(transaction: Transaction, uuid: str, origin: str, stream: Stream, settings: MappingSettings) -> Mapping:
    """Create a mapping that reads one stream and is named by its uuid. Lambda: CreateEventSourceMapping."""
    start = _start(transaction, settings, stream)
    mapping_id = _insert(
        transaction,
        uuid,
        uuid,
        origin,
        stream.table_name,
        stream.id,
        _stored(settings),
        start | {"first_stream": stream.id},
    )
    created = load_mapping(transaction.connection, mapping_id)
    assert created is not None
    return created


def _start(transaction: Transaction, settings: MappingSettings, stream: Stream | None) -> dict[str, int]:
    latest = settings.starting_position == LATEST
    return {
        "start_sequence": transaction.counters.next_sequence - 1 if latest else 0,
        "first_stream": 0 if stream is None else stream.id,
    }


def _insert(
    transaction: Transaction,
    uuid: str,
    name: str,
    origin: str,
    table_name: str,
    stream_id: int | None,
    settings: bytes,
    start: dict[str, int],
) -> int:
    now_ms = transaction.now_ms
    row = {
        "uuid": uuid,
        "name": name,
        "origin": origin,
        "table_name": table_name,
        "stream_id": stream_id,
        "settings": settings,
        "paused": 0,
        "removed": 0,
        "revision": 1,
        "created_ms": now_ms,
        "modified_ms": now_ms,
    }
    result = transaction.connection.execute(insert(schema.mappings).values(**row, **start))
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def change_settings(transaction: Transaction, mapping_id: int, settings: MappingSettings) -> None:
    """Give a mapping other settings. Lambda: UpdateEventSourceMapping."""
    _change(transaction, mapping_id, settings=_stored(settings))


def remove_others(transaction: Transaction, declared: Iterable[str]) -> None:
    """Mark every mapping that the configuration made and no longer names as removed; its checkpoints stay."""
    gone = (_mappings.name.not_in(list(declared)), _mappings.origin == CONFIGURATION, _mappings.removed == 0)
    for mapping_id in transaction.connection.execute(select(_mappings.id).where(*gone)).scalars().all():
        _change(transaction, mapping_id, removed=1)


def forget(transaction: Transaction, mapping_id: int) -> None:
    """Delete a mapping with its checkpoints and outcomes; declared again, it starts anew. Its dead letters stay."""
    dead_letters.refuse_redrives(transaction, mapping_id, "its mapping was forgotten")
    transaction.connection.execute(delete(schema.mappings).where(_mappings.id == mapping_id))


def set_paused(transaction: Transaction, mapping_id: int, *, paused: bool) -> None:
    """Pause or resume a mapping."""
    _change(transaction, mapping_id, paused=int(paused))


def load_controls(connection: Connection, mapping_id: int) -> dict[int, ShardControl]:
    """Read what an operator wants of a mapping in single shards, by the shard's id in the file."""
    rows = connection.execute(select(schema.shard_controls).where(_controls.mapping_id == mapping_id))
    return {row.shard: ShardControl(**{**row._mapping, "paused": bool(row.paused)}) for row in rows}


def control(transaction: Transaction, wanted: ShardControl) -> None:
    """Keep what an operator wants of a mapping in a shard, in place of what he wanted before."""
    of_shard = (_controls.mapping_id == wanted.mapping_id, _controls.shard == wanted.shard)
    transaction.connection.execute(delete(schema.shard_controls).where(*of_shard))
    transaction.connection.execute(insert(schema.shard_controls).values(asdict(wanted)))


def restart(transaction: Transaction, mapping_id: int, after: int) -> None:
    """Have a mapping begin the shards that it hasn't begun yet after a sequence."""
    _change(transaction, mapping_id, start_sequence=after)


def touch(transaction: Transaction, mapping_id: int) -> None:
    """Tell the poller that an operator has done something to a mapping."""
    _change(transaction, mapping_id)


def _change(transaction: Transaction, mapping_id: int, **values: Any) -> None:
    changed = {"revision": _mappings.revision + 1, "modified_ms": transaction.now_ms, **values}
    transaction.connection.execute(update(schema.mappings).where(_mappings.id == mapping_id).values(**changed))
