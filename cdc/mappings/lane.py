"""A lane: where one mapping is in one shard, and how that changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from cdc.mappings.batch import Batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.run import MappingRun
    from cdc.mappings.writes import Write
    from cdc.model.catalog import Shard, Stream
    from cdc.model.mappings import Checkpoint
    from cdc.store.blocks import Record


class Phase(Enum):
    """What a lane is at."""

    BEGINNING = "beginning"  # has no checkpoint yet
    WAITING = "waiting for records"
    READING = "reading"  # a batch is being filled
    WINDOW = "batching window open"
    INVOKING = "invoking"
    SETTLING = "settling"  # the checkpoint's write is not committed yet
    BACKING_OFF = "backing off"


_BUSY = frozenset({Phase.INVOKING, Phase.SETTLING})


@dataclass(slots=True, eq=False)
class Lane:
    """One mapping in one shard. At most one batch is in flight."""

    run: MappingRun
    stream: Stream
    shard: Shard
    encode: Callable[[Record], bytes]
    checkpoint: Checkpoint | None
    phase: Phase = Phase.BEGINNING
    stale: bool = False  # the stored checkpoint has moved
    gone: bool = False  # no longer on the walk: finish what is under way, then go
    looked_through: int = 0  # no record between the checkpoint and this sequence
    batch: Batch | None = None
    window_until: float | None = None
    retry_through: int | None = None  # end of the batch that failed
    request_id: str | None = None  # of the invocation in flight
    write: Write | None = None  # to be committed before anything else happens
    troubles: int = 0  # failures in a row of reading, of starting an invocation or of the store
    since_ms: int | None = None  # of the invocation in flight
    retry_at_ms: int | None = None
    trouble: str | None = None  # the last of them, until it is over
    iterator_age_ms: int | None = None  # of the last batch, when it had finished

    @property
    def position(self) -> int:
        """Sequence after which the next record is looked for."""
        if self.batch is not None and self.batch.count:
            return self.batch.through
        assert self.checkpoint is not None
        return max(self.checkpoint.sequence, self.looked_through)

    @property
    def busy(self) -> bool:
        """Whether something is under way that nobody interrupts."""
        return self.phase in _BUSY

    @property
    def place(self) -> str:
        """How the lane is called in the log."""
        return f"mapping {self.run.mapping.name}, shard {self.shard.shard_id}"

    def open_batch(self, horizon_ms: int) -> Batch:
        """Return the batch that is being filled; a new one when there is none, or when its head has expired."""
        assert self.checkpoint is not None
        batch = self.batch
        if batch is None or (batch.count and batch.first_created_ms <= horizon_ms):
            self.phase, self.retry_at_ms = Phase.READING, None
            batch = self.batch = Batch(
                max_records=self.run.mapping.batch_size if self.retry_through is None else None,
                last_wanted=self.retry_through,
            )
        return batch

    def wait(self) -> None:
        """Go back to waiting for records; what was read is read again."""
        self.phase = Phase.WAITING
        self.batch = self.window_until = self.retry_at_ms = None

    def invoking(self, request_id: str, now_ms: int) -> None:
        """Note that the batch is in flight."""
        self.phase, self.window_until = Phase.INVOKING, None
        self.request_id, self.since_ms = request_id, now_ms

    def invoked(self) -> Batch:
        """Note that the batch in flight has come back; return it."""
        assert self.batch is not None
        batch, self.batch = self.batch, None
        self.request_id = self.since_ms = None
        return batch

    def back_off(self) -> None:
        """Do nothing for a while, whose end is somebody else's."""
        self.phase = Phase.BACKING_OFF
        self.batch = self.window_until = self.request_id = self.since_ms = None

    def settled(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that was written, or found in the file.

        While a batch that failed has records left, the attempts at it count on.
        """
        old = self.checkpoint
        if self.retry_through is not None and checkpoint.sequence >= self.retry_through:
            self.retry_through = None
        if self.retry_through is not None and old is not None:
            checkpoint = replace(checkpoint, attempts=max(old.attempts, checkpoint.attempts))
        if old is None or checkpoint.sequence < old.sequence:
            self.looked_through = 0
        self.checkpoint, self.write, self.stale = checkpoint, None, False
        self.wait()

    def forget_retry(self) -> None:
        """Start with a fresh batch: nothing is left of the one that failed."""
        assert self.checkpoint is not None
        self.retry_through = None
        self.checkpoint = replace(self.checkpoint, attempts=0)
