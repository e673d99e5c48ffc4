"""The state of a file as plain JSON values: tables, streams, shards, mappings and how far each has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.mappings.published import read_state
from cdc.model.arns import stream_arn
from cdc.model.catalog import sequence_text
from cdc.model.lanes import lane_of
from cdc.model.mappings import SKIPPED, TRIMMED
from cdc.store import catalog as stored_catalog
from cdc.store import checkpoints as stored_checkpoints
from cdc.store import dead_letters, outbox, records
from cdc.store import mappings as stored_mappings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.catalog import Catalog, Shard, Stream
    from cdc.model.mappings import Checkpoint, Mapping, ShardControl
    from cdc.model.options import Options
    from cdc.store.blocks import Record
    from cdc.store.database import Database
    from cdc.store.reading import View


def status(database: Database, view: View, options: Options) -> dict[str, Any]:
    """Describe a file: what `cdc status --json` prints. Times are milliseconds since 1970, ages milliseconds."""
    with database.reading() as connection:
        sizes = {table.id: stored_catalog.table_size(connection, table.id) for table in view.catalog.tables.values()}
        mappings = stored_mappings.load_mappings(connection)
        checkpoints = stored_checkpoints.load_checkpoints(connection)
        trimmed = stored_checkpoints.counts(connection, TRIMMED)
        skipped = stored_checkpoints.counts(connection, SKIPPED)
        controls = {mapping.id: stored_mappings.load_controls(connection, mapping.id) for mapping in mappings}
        dead = dead_letters.count(connection)
        traffic = outbox.traffic(connection)
    live = (read_state(database.path) or {}).get("mappings", {})
    return {
        "database": str(database.path),
        "now_ms": view.now_ms,
        "tables": [
            {
                "name": table.name,
                "items": sizes[table.id][0],
                "size_bytes": sizes[table.id][1],
                "stream": None if table.stream is None else table.stream.label,
            }
            for table in view.catalog.tables.values()
        ],
        "streams": [_stream(view, stream, options) for stream in view.catalog.streams],
        "mappings": [
            _mapping(
                view, mapping, [each for each in checkpoints if each.mapping_id == mapping.id], controls[mapping.id]
            )
            | {
                "trimmed_records": trimmed.get(mapping.id, 0),
                "skipped_records": skipped.get(mapping.id, 0),
                "dead_letters": dead.get(mapping.id, 0),
            }
            | _of_process(live.get(mapping.name))
            for mapping in mappings
        ],
        "outbox": [each._asdict() for each in traffic],
    }


def _stream(view: View, stream: Stream, options: Options) -> dict[str, Any]:
    return {
        "arn": stream_arn(options, stream.table_name, stream.label),
        "table": stream.table_name,
        "view_type": stream.view_type,
        "enabled": stream.disabled_ms is None,
        "retention_hours": stream.retention_seconds / 3600,
        "shards": [_shard(view, shard) for shard in stream.shards],
    }


def _shard(view: View, shard: Shard) -> dict[str, Any]:
    head = records.newest(view.connection, view.catalog, shard)
    return {
        "shard_id": shard.shard_id,
        "open": shard.open,
        "start_sequence": sequence_text(shard.start_sequence),
        "head_sequence": None if head is None else sequence_text(head),
    }


def _mapping(
    view: View, mapping: Mapping, checkpoints: Iterable[Checkpoint], controls: dict[int, ShardControl]
) -> dict[str, Any]:
    lanes = [
        _lane(view, each, *view.catalog.shards[each.shard])
        | {"paused": each.shard in controls and controls[each.shard].paused}
        for each in checkpoints
        if each.shard in view.catalog.shards
    ]
    return {
        "name": mapping.name,
        "table": mapping.table_name,
        "function": mapping.function_name,
        "state": mapping_state(mapping, view.catalog),
        "batch_size": mapping.settings.batch_size,
        "on_failure": mapping.settings.on_failure,
        "iterator_age_ms": max((lane["iterator_age_ms"] for lane in lanes), default=0),
        "shards": lanes,
    }


def _of_process(live: dict[str, Any] | None) -> dict[str, Any]:
    """Tell what the process that delivers says of a mapping: nothing when none does."""
    if live is None:
        return {"metrics": None, "loop": None}
    counters, sent = live["counters"], live["outbox"] or {"failures": 0, "delivered": 0, "dropped": 0}
    metrics = {
        "invocations": counters["invocations"],
        "errors": counters["errors"],
        "throttles": counters["throttles"],
        "duration_ms": counters["duration_ms"],
        "concurrent_executions": sum(lane["in_flight_since_ms"] is not None for lane in live["lanes"]),
        "destination_delivery_failures": sent["failures"],
        "polled": counters["polled"],
        "filtered_out": counters["filtered"],
        "invoked": counters["invoked"],
        "failed_invoke": counters["failed"],
        "dropped": counters["dropped"] + sent["dropped"],
        "on_failure_destination_delivered": sent["delivered"],
        "recursive_invocations": counters["recursive"],
    }
    loop = live["loop"]
    return {
        "metrics": metrics,
        "loop": None if loop is None else {"generation": loop["generation"], "seen_ms": loop["seen_ms"]},
    }


def mapping_state(mapping: Mapping, catalog: Catalog) -> str:
    """Say in a word or two what a mapping does, or what it waits for."""
    if mapping.removed:
        return "removed from the configuration"
    if not mapping.settings.enabled:
        return "disabled"
    if mapping.paused:
        return "paused"
    table = catalog.tables.get(mapping.table_name)
    if table is None and not catalog.streams_of(mapping.table_name):
        return "waiting: the table does not exist"
    if table is not None and table.stream is None and not catalog.streams_of(mapping.table_name):
        return "waiting: the table has no stream"
    return "enabled"


def _lane(view: View, checkpoint: Checkpoint, stream: Stream, shard: Shard) -> dict[str, Any]:
    waiting = records.read(view.connection, view.catalog, shard, checkpoint.sequence)
    try:
        horizon_ms = stream.horizon_ms(view.now_ms)
        oldest = next((each for each in waiting if each.created_ms > horizon_ms and _is_of(checkpoint, each)), None)
    finally:
        waiting.close()
    return {
        "shard_id": shard.shard_id,
        "lane": checkpoint.lane,
        "checkpoint": sequence_text(checkpoint.sequence),
        "iterator_age_ms": 0 if oldest is None else max(0, view.now_ms - oldest.created_ms),
        "behind": oldest is not None,
        "failed_attempts": checkpoint.attempts,
        "last_result": checkpoint.last_result,
        "last_error": checkpoint.last_error,
        "updated_ms": checkpoint.updated_ms,
    }


def _is_of(checkpoint: Checkpoint, record: Record) -> bool:
    return lane_of(record.change, checkpoint.lane_count) == checkpoint.lane
