"""A lane's turn: read a part of a batch, start its invocation, and settle what came of it."""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.mappings import writes
from cdc.mappings.backoff import delay_seconds
from cdc.mappings.batch import Batch, End, fill
from cdc.mappings.lane import Lane, Phase
from cdc.model.catalog import sequence_text
from cdc.model.functions import Outcome
from cdc.store import mappings as store
from cdc.store import records
from cdc.store.writer import Job

if TYPE_CHECKING:
    from cdc.mappings.agenda import Agenda
    from cdc.mappings.inbox import Inbox
    from cdc.mappings.surroundings import Sight, Surroundings

log = logging.getLogger(__name__)

ERROR_CHARACTERS = 1000
"""Of a function's error message that are kept with the checkpoint."""
STOPPED = "Sandbox.Closed"
"""Error type of an invocation that was ended, or never begun, because the functions were closed."""


class Finished(NamedTuple):
    """An invocation has ended."""

    lane: Lane
    request_id: str
    outcome: Outcome


class Written(NamedTuple):
    """Checkpoint writes have been committed, or failed; each job's tag is its lane."""

    jobs: list[Job[Any]]


class Delivery:
    """Moves lanes on. Whatever takes time is started here and comes back through the inbox."""

    def __init__(self, surroundings: Surroundings, agenda: Agenda[Lane], inbox: Inbox[Any]) -> None:
        self._surroundings = surroundings
        self._agenda = agenda
        self._inbox = inbox
        self.draining = False
        self.drained_a_shard = False  # the next shards may be read

    def turn(self, lane: Lane, sight: Sight) -> int:
        """Do the next thing for a lane whose turn it is; return how many records were read."""
        if lane.write is not None:
            self._submit(lane, lane.write, sight.now)
            return 0
        if lane.phase is Phase.INVOKING:
            return 0
        if lane.stale:
            self._reload(lane)
        if lane.checkpoint is None:
            self._submit(lane, writes.begin(lane.run.mapping, lane.shard.id), sight.now)
            return 0
        if self.draining or not lane.run.delivers:
            lane.wait()
            return 0
        return self._read(lane, sight)

    def _reload(self, lane: Lane) -> None:
        with self._surroundings.database.reading() as connection:
            stored = store.load_checkpoint(connection, lane.run.mapping.id, lane.shard.id)
        if stored is None:
            lane.wait()
            lane.checkpoint, lane.stale, lane.phase = None, False, Phase.BEGINNING
        else:
            lane.settled(stored)

    def _read(self, lane: Lane, sight: Sight) -> int:
        view = sight.view
        horizon_ms = lane.stream.horizon_ms(view.now_ms)
        batch = lane.open_batch(horizon_ms)
        blocks = records.READ_BLOCKS if batch.max_records is None else min(records.READ_BLOCKS, batch.max_records)
        with closing(records.read(view.connection, view.catalog, lane.shard, lane.position, blocks)) as found:
            filling = fill(batch, found, lane.encode, horizon_ms)
        lane.troubles, lane.trouble = 0, None
        if filling.end is End.EXPIRED:
            self._trim(lane, filling.expired_through, filling.expired, sight.now)
        elif filling.end is End.TURN:
            self._agenda.now(lane)
        elif not batch.count:
            self._nothing(lane, filling.end, sight)
        elif filling.end is End.FULL or self._window_is_over(lane, sight.now):
            self._invoke(lane, batch)
        return filling.records + filling.expired

    def _nothing(self, lane: Lane, end: End, sight: Sight) -> None:
        if lane.retry_through is not None:
            lane.forget_retry()
        lane.wait()
        if end is End.FULL:  # what follows is not of the batch that was to be tried again
            self._agenda.now(lane)
            return
        lane.looked_through = max(lane.looked_through, sight.newest)
        if not lane.shard.open:
            lane.run.drained.add(lane.shard.id)
            self.drained_a_shard = True

    def _window_is_over(self, lane: Lane, now: float) -> bool:
        """Tell whether to deliver a batch that isn't full; if not, see to it that it is looked at again in time."""
        seconds = lane.run.mapping.window_seconds
        assert lane.checkpoint is not None
        if seconds == 0 or lane.checkpoint.attempts or not lane.shard.open:
            return True
        if lane.window_until is None:
            lane.window_until = now + seconds
        if now >= lane.window_until:
            return True
        lane.phase = Phase.WINDOW
        self._agenda.at(lane, lane.window_until)
        return False

    def _trim(self, lane: Lane, through: int, count: int, now: float) -> None:
        assert lane.checkpoint is not None
        log.warning(
            "%s: %d records expired before they were delivered, through sequence %s",
            lane.place,
            count,
            sequence_text(through),
        )
        self._submit(lane, writes.trim(lane.checkpoint, through, count), now)

    def _invoke(self, lane: Lane, batch: Batch) -> None:
        request_id = self._surroundings.new_request_id()
        lane.invoking(request_id, self._surroundings.clock.now_ms())
        lane.run.invocations += 1
        done = partial(self._done, lane, request_id)
        try:
            self._surroundings.invoker.invoke(lane.run.mapping.function_name, batch.take_event(), request_id, done)
        except Exception as error:
            log.exception("%s: invoking function %s failed", lane.place, lane.run.mapping.function_name)
            done(Outcome(ok=False, duration_ms=0.0, error_type=type(error).__name__, error_message=str(error)))

    def _done(self, lane: Lane, request_id: str, outcome: Outcome) -> None:
        self._inbox.put(Finished(lane, request_id, outcome))

    def finished(self, message: Finished, now: float) -> None:
        """Settle the batch that an invocation took, or plan its retry."""
        lane, request_id, outcome = message
        if lane.request_id != request_id:
            return
        batch = lane.invoked()
        assert lane.checkpoint is not None
        lane.iterator_age_ms = max(0, self._surroundings.clock.now_ms() - batch.last_created_ms)
        if outcome.ok:
            self._submit(lane, writes.deliver(lane.checkpoint, batch.through, batch.count, request_id), now)
            return
        lane.retry_through = batch.through
        if self.draining and outcome.error_type == STOPPED:
            lane.wait()
            return
        lane.run.errors += 1
        error = f"{outcome.error_type}: {outcome.error_message}"[:ERROR_CHARACTERS]
        log.warning(
            "%s: function %s failed, attempt %d at %d records through sequence %s: %s",
            lane.place,
            lane.run.mapping.function_name,
            lane.checkpoint.attempts + 1,
            batch.count,
            sequence_text(batch.through),
            error,
        )
        self._submit(lane, writes.fail(lane.checkpoint, error), now)

    def _submit(self, lane: Lane, write: writes.Write, now: float) -> None:
        lane.batch, lane.write = None, write
        if write.purpose is not writes.Purpose.BEGIN:
            lane.phase = Phase.SETTLING
        job = Job(write.run, self._written, tag=lane)
        try:
            self._surroundings.submit(job)
        except Exception as error:  # noqa: BLE001  # as if the commit had failed
            job.error = error
            self.written(job, now)

    def _written(self, jobs: list[Job[Any]]) -> None:
        self._inbox.put(Written(jobs))

    def written(self, job: Job[Any], now: float) -> None:
        """Go on after the write of a checkpoint; one that failed is repeated, without invoking again."""
        lane: Lane = job.tag
        write = lane.write
        assert write is not None
        if job.error is not None:
            self.trouble(lane, job.error, now)
            return
        lane.troubles, lane.trouble, lane.write = 0, None, None
        if job.result is None:
            log.info("%s: the checkpoint was moved by somebody else; going on from there", lane.place)
            lane.stale = True
            lane.wait()
        elif write.purpose is writes.Purpose.FAILED:
            lane.checkpoint = job.result
            self._back_off(lane, lane.checkpoint.attempts, now)
            return
        else:
            window_until = lane.window_until
            lane.settled(job.result)
            if write.purpose is writes.Purpose.BEGIN:
                self._say_what_is_lost(lane)
            if write.purpose is writes.Purpose.TRIMMED:  # what follows the expired records waits no longer for that
                lane.window_until = window_until
            self._count(lane, write)
        self._agenda.now(lane)

    def _say_what_is_lost(self, lane: Lane) -> None:
        """Warn when a lane begins so late that retention has taken records that were written for it."""
        mapping, shard = lane.run.mapping, lane.shard
        wanted = mapping.start_sequence if lane.stream.created_ms < mapping.created_ms else shard.start_sequence
        if 0 < wanted < shard.trimmed_sequence:
            log.warning(
                "%s: begins only now, at sequence %s; retention has taken older records, uncounted",
                lane.place,
                sequence_text(shard.trimmed_sequence),
            )

    def _count(self, lane: Lane, write: writes.Write) -> None:
        if write.purpose is writes.Purpose.DELIVERED:
            lane.run.delivered += write.records
        elif write.purpose is writes.Purpose.TRIMMED:
            lane.run.trimmed += write.records

    def _back_off(self, lane: Lane, failures: int, now: float) -> None:
        lane.back_off()
        self._later(lane, failures, now)

    def _later(self, lane: Lane, failures: int, now: float) -> None:
        seconds = delay_seconds(failures, self._surroundings.jitter())
        lane.retry_at_ms = self._surroundings.clock.now_ms() + round(seconds * 1000)
        self._agenda.at(lane, now + seconds)

    def trouble(self, lane: Lane, error: Exception, now: float) -> None:
        """Leave a lane alone for a while, since the store failed it, or this code did."""
        lane.troubles += 1
        lane.trouble = f"{type(error).__name__}: {error}"
        if lane.write is None:
            self._back_off(lane, lane.troubles, now)
            log.error("%s: failed, and will be tried again", lane.place, exc_info=error)
        else:
            self._later(lane, lane.troubles, now)
            log.warning("%s: the checkpoint can't be written, and will be tried again: %s", lane.place, error)
