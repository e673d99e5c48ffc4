"""Tumbling windows: when one is over, and what its events have besides records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.event import WindowEvent, build_event
from cdc.model.arns import stream_arn

if TYPE_CHECKING:
    from cdc.mappings.batch import Batch
    from cdc.mappings.lane import Lane
    from cdc.model.options import Options

STATE_BYTES = 1 << 20
"""A state above this ends its window early. Lambda's bound for a shard."""
GRACE_MS = 1000
"""How long after a window's end records of it may become visible: their time is that of their commit's beginning."""
_EMPTY = b"{}"


def is_too_large(state: bytes | None) -> bool:
    """Tell whether a state ends its window early."""
    return state is not None and len(state) > STATE_BYTES


def event_of(lane: Lane, batch: Batch, options: Options) -> bytes:
    """Build the event of a batch, with what belongs to its tumbling window if it has one."""
    checkpoint, seconds = lane.checkpoint, lane.settings.tumbling_window_in_seconds
    assert checkpoint is not None
    start_ms = checkpoint.window_start_ms if batch.final else batch.window_start_ms
    if start_ms is None or not seconds:
        return build_event(batch.records)
    stream = lane.stream
    return build_event(
        batch.records,
        WindowEvent(
            start_ms=start_ms,
            end_ms=start_ms + seconds * 1000,
            state=checkpoint.window_state or _EMPTY,
            shard_id=lane.shard.shard_id,
            source_arn=stream_arn(options, stream.table_name, stream.label),
            final=batch.final,
            early=batch.final and is_too_large(checkpoint.window_state),
        ),
    )
