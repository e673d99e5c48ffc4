"""Dead letters: batches that were given up."""

from __future__ import annotations

from dataclasses import dataclass

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"
"""Conditions: why a batch was given up, in Lambda's words."""

DEAD = "dead"
REDRIVING = "redriving"
REDRIVEN = "redriven"
"""States: it waits for somebody; the poller is to deliver it again; the function has taken it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeadLetter:
    """A batch that was given up; its event is read apart."""

    id: int | None = None  # in the file; None until it is there
    mapping_id: int
    mapping_name: str
    function_name: str
    table_name: str
    stream_id: int
    shard_id: str  # as on the wire
    first_sequence: int
    last_sequence: int
    record_count: int  # 0: the final invocation of a tumbling window
    condition: str  # RETRIES_EXHAUSTED | AGE_EXCEEDED
    attempts: int  # invocations that failed, redrives included
    error_type: str
    error_message: str
    request_id: str | None  # of the last invocation
    first_created_ms: int  # creation time of the first record
    last_created_ms: int
    created_ms: int  # when the batch was given up
    state: str = DEAD
    forced: bool = False  # redrive even if newer records of a key were delivered
    redriven_ms: int | None = None
    redrive_error: str | None = None  # why the last redrive was refused or failed
