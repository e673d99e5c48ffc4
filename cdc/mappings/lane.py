"""A lane: where one mapping is in one shard, or in a part of it, and how that changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from cdc.mappings.batch import Batch, Limits
from cdc.mappings.event import ENVELOPE_BYTES, WINDOW_BYTES

if TYPE_CHECKING:
    from cdc.mappings.run import MappingRun
    from cdc.mappings.selection import Selection
    from cdc.mappings.tail import Tail
    from cdc.mappings.writes import Write
    from cdc.model.catalog import Shard, Stream
    from cdc.model.mappings import Checkpoint, MappingSettings


class Phase(Enum):
    """What a lane is at."""

    BEGINNING = "beginning"  # has no checkpoint yet
    WAITING = "waiting for records"
    READING = "reading"  # a batch is being filled
    WINDOW = "batching window open"
    INVOKING = "invoking"
    SETTLING = "settling"  # the checkpoint's write is not committed yet
    BACKING_OFF = "backing off"


_BUSY = (Phase.INVOKING, Phase.SETTLING)  # not sets: a member's hash is computed in Python
_READING = (Phase.READING, Phase.WINDOW)
_AT_REST = (Phase.WAITING, *_READING)


@dataclass(slots=True, eq=False)
class Lane:
    """One mapping in one lane of a shard. At most one batch is in flight."""

    run: MappingRun
    stream: Stream
    shard: Shard
    number: int
    count: int  # of lanes that the shard has
    select: Selection
    checkpoint: Checkpoint | None
    tail: Tail | None = None  # of the shard, where other lanes follow it too
    phase: Phase = Phase.BEGINNING
    stale: bool = False  # the stored checkpoint has moved
    gone: bool = False  # no longer on the walk: finish what is under way, then go
    limit: int | None = None  # go no further than this sequence: the shard gets another number of lanes there
    paused: bool = False  # by an operator
    drained: bool = False  # the shard is closed, and nothing is left in this lane
    looked_through: int = 0  # no record for this lane between the checkpoint and this sequence
    filtered: int = 0  # records up to there that the filters passed over
    unsaved: int = 0  # records looked at since the checkpoint was written
    save_at: float | None = None  # when the checkpoint is to pass them, on the monotonic clock
    batch: Batch | None = None
    window_until: float | None = None  # end of the batching window
    request_id: str | None = None  # of the invocation in flight
    write: Write | None = None  # to be committed before anything else happens
    troubles: int = 0  # failures in a row of reading, of starting an invocation or of the store
    postponed: int = 0  # failures in a row that did not reach the function
    since_ms: int | None = None  # of the invocation in flight
    retry_at_ms: int | None = None
    trouble: str | None = None  # the last of them, until it is over
    iterator_age_ms: int | None = None  # of the last batch, when it had finished

    @property
    def settings(self) -> MappingSettings:
        """What is set of the mapping."""
        return self.run.mapping.settings

    @property
    def key(self) -> tuple[int, int]:
        """How the mapping knows it: shard and number."""
        return self.shard.id, self.number

    @property
    def position(self) -> int:
        """Sequence after which the next record is looked for."""
        assert self.checkpoint is not None
        through = 0 if self.batch is None else self.batch.through
        return max(self.checkpoint.sequence, self.looked_through, through)

    @property
    def busy(self) -> bool:
        """Whether something is under way that nobody interrupts."""
        return self.phase in _BUSY

    @property
    def is_reading(self) -> bool:
        """Whether it is at what a purge can disturb."""
        return self.phase in _READING

    @property
    def at_rest(self) -> bool:
        """Whether it waits for records, or for more of them: a turn at any time does no harm."""
        return self.phase in _AT_REST

    @property
    def held(self) -> bool:
        """Whether a redrive wants this lane to take no new batch."""
        redrive = self.run.redrive
        return redrive is not None and redrive.holds(self)

    @property
    def place(self) -> str:
        """How the lane is called in the log."""
        place = f"mapping {self.run.mapping.name}, shard {self.shard.shard_id}"
        return place if self.count == 1 else f"{place}, lane {self.number}"

    @property
    def window_end_ms(self) -> int | None:
        """End of the open tumbling window; None when none is open."""
        assert self.checkpoint is not None
        start, seconds = self.checkpoint.window_start_ms, self.settings.tumbling_window_in_seconds
        return None if start is None or not seconds else start + seconds * 1000

    @property
    def at_limit(self) -> bool:
        """Whether the checkpoint is where the shard gets another number of lanes."""
        return self.limit is not None and self.checkpoint is not None and self.checkpoint.sequence >= self.limit

    @property
    def reach(self) -> int:
        """The sequence up to which this lane is at work: what it has begun it finishes as it is."""
        checkpoint = self.checkpoint
        if checkpoint is None:
            return 0
        in_flight = self.batch.through if self.batch is not None and self.busy else 0
        return max(checkpoint.sequence, checkpoint.retry_through or 0, *checkpoint.splits, in_flight)

    def limits(self, now_ms: int) -> Limits:
        """Tell what ends a batch at this moment."""
        checkpoint, settings = self.checkpoint, self.settings
        assert checkpoint is not None
        age, seconds = settings.maximum_record_age_in_seconds, settings.tumbling_window_in_seconds
        return Limits(
            horizon_ms=self.stream.horizon_ms(now_ms),
            age_horizon_ms=None if age < 0 else now_ms - age * 1000,
            last=checkpoint.retry_through if self.limit is None else checkpoint.retry_through or self.limit,
            window_ms=seconds * 1000,
            open_window_ms=checkpoint.window_start_ms if seconds else None,
        )

    def open_batch(self, limits: Limits) -> Batch:
        """Return the batch that is being filled; a new one when there is none, or when its head is too old by now."""
        checkpoint = self.checkpoint
        assert checkpoint is not None
        batch = self.batch
        horizon_ms = max(limits.horizon_ms, limits.age_horizon_ms or 0)
        if batch is None or (batch.records and not batch.aged and batch.first_created_ms <= horizon_ms):
            again = checkpoint.retry_through is not None
            size_bytes = ENVELOPE_BYTES
            if limits.window_ms:
                size_bytes += WINDOW_BYTES + len(checkpoint.window_state or b"")
            batch = self.batch = Batch(
                max_records=None if again else self.settings.batch_size,
                last=checkpoint.retry_through,
                size_bytes=size_bytes,
            )
            self.phase, self.retry_at_ms = Phase.READING, None
        return batch

    def pass_over(self, batch: Batch, examined: int) -> None:
        """Remember what was looked at and is not for this lane."""
        self.looked_through = max(self.looked_through, batch.through)
        self.filtered += batch.filtered
        self.unsaved += examined
        self.batch = None

    def wait(self) -> None:
        """Go back to waiting for records; what was read into a batch is read again."""
        self.phase = Phase.WAITING
        self.batch = self.window_until = self.retry_at_ms = None

    def invoking(self, request_id: str, now_ms: int) -> None:
        """Note that the batch is in flight."""
        self.phase, self.window_until = Phase.INVOKING, None
        self.request_id, self.since_ms = request_id, now_ms

    def invoked(self) -> Batch:
        """Note that the batch in flight has come back; return it."""
        assert self.batch is not None
        self.request_id = self.since_ms = None
        return self.batch

    def back_off(self) -> None:
        """Do nothing for a while, whose end is somebody else's."""
        self.phase = Phase.BACKING_OFF
        self.batch = self.window_until = self.request_id = self.since_ms = None

    def settled(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint that was written, or found in the file."""
        old = self.checkpoint
        if old is None or checkpoint.sequence != old.sequence or self.stale:
            self.looked_through = self.filtered = self.unsaved = 0
            self.save_at = None
            self.drained = False
        self.checkpoint, self.write, self.stale = checkpoint, None, False
        self.wait()
