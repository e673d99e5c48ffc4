"""What became of a mapping's batches, as it is kept: outcomes, failed attempts, and what an invocation was about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

KEY_RECORDS = 20
"""Records of a key that are explained, the newest ones, unless more are asked for."""


class Attempt(NamedTuple):
    """An invocation of a function with a batch."""

    records: int  # in the batch
    request_id: str
    started_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class FailedAttempt:
    """An invocation that failed, or whose records were reported as failed; its batch was to be tried again."""

    lane: int
    lane_count: int
    after_sequence: int  # the checkpoint, which did not move
    through_sequence: int  # end of the batch
    records: int  # in the batch
    attempts: int  # failed ones that count so far, with this one
    request_id: str
    error: str
    started_ms: int
    failed_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of the records in a lane that a checkpoint passed, or that it was put elsewhere."""

    lane: int
    lane_count: int
    after_sequence: int  # the checkpoint before
    through_sequence: int  # and after
    kind: str  # of `cdc.model.mappings`
    records: int  # of that kind
    filtered: int  # records among them that the filters passed over
    attempts: int
    request_id: str | None  # of the last invocation
    settled_ms: int
    first_sequence: int | None  # first record of that kind; None: unknown, or there is none
    last_sequence: int | None
    started_ms: int | None  # of the last invocation
