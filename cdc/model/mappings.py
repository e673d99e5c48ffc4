"""Event source mappings and their checkpoints, as they are stored."""

from __future__ import annotations

from dataclasses import dataclass

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
DELIVERED = "delivered"
TRIMMED = "trimmed"
NO_RECORDS = "No records processed"
"""`LastProcessingResult` before the first batch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Declaration:
    """A mapping as the configuration declares it."""

    name: str
    table_name: str
    function_name: str
    starting_position: str  # TRIM_HORIZON | LATEST
    batch_size: int  # 1..10000
    window_seconds: int  # MaximumBatchingWindowInSeconds, 0..300
    enabled: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapping:
    """A mapping: whose records go to which function, from where."""

    id: int  # in the file
    name: str
    table_name: str
    function_name: str
    starting_position: str
    batch_size: int
    window_seconds: int
    enabled: bool  # as the configuration says
    paused: bool  # by an operator; outlives a restart
    removed: bool  # gone from the configuration; its checkpoints are kept for when it comes back
    created_ms: int
    start_sequence: int  # records newer than this are delivered
    first_stream: int  # id of the stream to begin with

    @property
    def active(self) -> bool:
        """Whether records are to be delivered now."""
        return self.enabled and not self.paused and not self.removed


@dataclass(frozen=True, kw_only=True, slots=True)
class Checkpoint:
    """How far a mapping has come in one shard."""

    mapping_id: int
    shard: int  # the shard's id in the file
    start_sequence: int  # where the mapping began, exclusive
    sequence: int  # everything up to here is settled
    attempts: int  # failed attempts at the batch that follows
    last_result: str  # as LastProcessingResult: "No records processed", "OK", "PROBLEM: ..."
    last_error: str | None
    updated_ms: int
