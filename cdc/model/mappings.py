"""Event source mappings and their checkpoints, as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"

CONFIGURATION = "configuration"
API = "api"
"""Origins: who owns a mapping, the configuration or a client of the Lambda API."""

DELIVERED = "delivered"
FILTERED = "filtered"
DEAD = "dead"
SKIPPED = "skipped"
TRIMMED = "trimmed"
RESET = "reset"
"""Kinds of outcomes: what became of the records that a checkpoint passed, or that it was put elsewhere."""

UNLIMITED = -1
"""Of ages and retries: as long as retention keeps the records."""
NO_RECORDS = "No records processed"
"""`LastProcessingResult` before the first batch."""
OK = "OK"
FAILED = "PROBLEM: Function call failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class MappingSettings:
    """What Lambda lets one set of a mapping, with its defaults. Bounds are checked where values come in."""

    function_name: str
    starting_position: str  # TRIM_HORIZON | LATEST
    enabled: bool = True
    batch_size: int = 100  # 1..10000
    maximum_batching_window_in_seconds: int = 0  # 0..300
    parallelization_factor: int = 1  # 1..10
    maximum_record_age_in_seconds: int = UNLIMITED  # -1, or 60..604800
    maximum_retry_attempts: int = UNLIMITED  # -1..10000
    bisect_batch_on_function_error: bool = False
    report_batch_item_failures: bool = False
    tumbling_window_in_seconds: int = 0  # 0..900; 0: none
    filters: tuple[str, ...] = ()  # patterns, JSON
    on_failure: str | None = None  # destination
    event_count_metrics: bool = False  # MetricsConfig: EventCount
    function_qualifier: str | None = None  # as the API's caller gave it, read back in the function's ARN
    event_source_arn: str | None = None  # the same of the stream, which may be gone when it is read back

    @property
    def lanes(self) -> int:
        """How many lanes a shard has."""
        return self.parallelization_factor


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """A mapping as the configuration declares it."""

    name: str
    table_name: str
    settings: MappingSettings


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """A mapping: whose records go to which function, from where."""

    id: int  # in the file
    uuid: str
    name: str
    origin: str  # CONFIGURATION | API
    table_name: str
    stream_id: int | None  # the one stream that it reads; None: it follows the table to the next
    settings: MappingSettings
    paused: bool  # by an operator; outlives a restart
    removed: bool  # gone from the configuration; its checkpoints are kept for when it comes back
    revision: int  # grows with each change of settings and with each act of an operator
    created_ms: int
    modified_ms: int
    start_sequence: int  # records newer than this are delivered
    first_stream: int  # id of the stream to begin with

    @property
    def active(self) -> bool:
        """Whether records are to be delivered now."""
        return self.settings.enabled and not self.paused and not self.removed

    @property
    def function_name(self) -> str:
        """The function that it invokes."""
        return self.settings.function_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How far a mapping has come in one lane of a shard, and what it is at there."""

    mapping_id: int
    shard: int  # the shard's id in the file
    lane: int = 0
    lane_count: int = 1  # of the shard when this one was begun
    token: int = 0  # grows with each change: a write names the one that it saw
    start_sequence: int  # where the mapping began, exclusive
    sequence: int  # everything of this lane up to here is settled
    retry_through: int | None = None  # last sequence of the batch that is tried again; None: the next one is new
    splits: tuple[int, ...] = ()  # last sequences of the batches that a bisected one left to do after it
    attempts: int = 0  # failed attempts at the batch that follows
    window_start_ms: int | None = None  # of the open tumbling window
    window_state: bytes | None = None  # JSON that the function returned last in it
    last_result: str = NO_RECORDS  # as LastProcessingResult
    last_error: str | None = None
    updated_ms: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardControl:
    """What an operator wants of a mapping in one shard. It is apart from checkpoints, so that no batch in flight is lost."""

    mapping_id: int
    shard: int  # the shard's id in the file
    paused: bool = False
    retries: int = 0  # how often a batch that fails was to be tried again at once
