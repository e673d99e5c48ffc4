"""How mappings are doing at one moment, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cdc.model.mappings import NO_RECORDS

if TYPE_CHECKING:
    from cdc.mappings.lane import Lane
    from cdc.mappings.run import Counters, Loop, MappingRun


@dataclass(frozen=True, kw_only=True, slots=True)
class LaneState:
    """One lane of a mapping in a shard. Times are ms since 1970."""

    shard_id: str
    lane: int
    phase: str  # "waiting for records", "invoking", …
    checkpoint: int | None  # sequence up to which everything is settled; None before the beginning
    attempts: int  # failed attempts at the batch that follows
    in_flight_since_ms: int | None
    retry_at_ms: int | None
    last_result: str
    last_error: str | None  # of the function
    trouble: str | None  # why reading or writing the file fails at the moment
    iterator_age_ms: int | None  # age of the last batch's last record when it had finished


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingState:
    """A mapping."""

    name: str
    uuid: str
    function_name: str
    event_counts: bool  # MetricsConfig: EventCount
    active: bool
    waiting_for: str | None  # "table flights does not exist"
    lanes: tuple[LaneState, ...]  # of the shards that are being read, by shard id
    counters: Counters
    loop: Loop | None  # that it was seen in last


def mapping_state(run: MappingRun) -> MappingState:
    """Describe a mapping at work."""
    lanes = sorted(run.lanes.values(), key=lambda lane: (lane.shard.shard_id, lane.number))
    return MappingState(
        name=run.mapping.name,
        uuid=run.mapping.uuid,
        function_name=run.mapping.function_name,
        event_counts=run.mapping.settings.event_count_metrics,
        active=run.mapping.active,
        waiting_for=run.waiting_for,
        lanes=tuple(_lane_state(lane) for lane in lanes),
        counters=replace(run.counters),
        loop=run.loop,
    )


def _lane_state(lane: Lane) -> LaneState:
    checkpoint = lane.checkpoint
    return LaneState(
        shard_id=lane.shard.shard_id,
        lane=lane.number,
        phase=lane.phase.value,
        checkpoint=None if checkpoint is None else checkpoint.sequence,
        attempts=0 if checkpoint is None else checkpoint.attempts,
        in_flight_since_ms=lane.since_ms,
        retry_at_ms=lane.retry_at_ms,
        last_result=NO_RECORDS if checkpoint is None else checkpoint.last_result,
        last_error=None if checkpoint is None else checkpoint.last_error,
        trouble=lane.trouble,
        iterator_age_ms=lane.iterator_age_ms,
    )
