"""A lane's turn: read a part of a batch, start its invocation, and settle what came of it."""

from __future__ import annotations

import logging
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.mappings import writes
from cdc.mappings.backoff import delay_seconds
from cdc.mappings.batch import Batch, End, Filling, fill
from cdc.mappings.dead import dead_letter_of, message_about_batch
from cdc.mappings.inbox import Written
from cdc.mappings.lane import Lane, Phase
from cdc.mappings.lineage import LOOP_GENERATIONS, Lineage
from cdc.mappings.run import Loop
from cdc.mappings.verdict import THROTTLED, Again, Done, GiveUp, Partly, Split, judge
from cdc.mappings.windows import GRACE_MS, event_of, is_too_large
from cdc.mappings.writes import Purpose
from cdc.model.catalog import sequence_text
from cdc.model.dead_letters import AGE_EXCEEDED
from cdc.model.functions import Outcome
from cdc.store import checkpoints as store
from cdc.store import records
from cdc.store.writer import Job

if TYPE_CHECKING:
    from cdc.mappings.agenda import Agenda
    from cdc.mappings.batch import Limits
    from cdc.mappings.inbox import Inbox
    from cdc.mappings.redrive import Redrive
    from cdc.mappings.surroundings import Sight, Surroundings
    from cdc.mappings.verdict import Verdict

log = logging.getLogger(__name__)

SAVE_RECORDS = 1000
"""Records passed over from which on the checkpoint follows; before that, one more look at them is cheaper than a write."""
LOOP_WARNING_SECONDS = 60
"""How often the log tells of a function that triggers itself."""
SAVE_SECONDS = 5.0
"""How long it may lag behind them."""


class Finished(NamedTuple):
    """An invocation has ended."""

    lane: Lane
    request_id: str
    outcome: Outcome


class Delivery:
    """Moves lanes on. Whatever takes time is started here and comes back through the inbox."""

    def __init__(
        self, surroundings: Surroundings, agenda: Agenda[Lane | Redrive], inbox: Inbox[Any], jobs: list[Job[Any]]
    ) -> None:
        """`jobs`: where it puts its writes, for the poller to submit."""
        self._surroundings = surroundings
        self._agenda = agenda
        self._inbox = inbox
        self._jobs = jobs
        self.lineage = Lineage()
        self.draining = False
        self.rearrange = False  # lanes have come to an end, and others may begin

    def turn(self, lane: Lane, sight: Sight) -> int:
        """Do the next thing for a lane whose turn it is; return how many records were read."""
        if lane.write is not None:
            self._submit(lane, lane.write)
            return 0
        if lane.phase is Phase.INVOKING:
            return 0
        if lane.stale:
            self._reload(lane)
        checkpoint = lane.checkpoint
        if checkpoint is None:
            self._submit(lane, writes.begin(lane.run.mapping, lane.shard.id, lane.number, lane.count))
        elif self.draining or lane.paused or lane.held or not lane.run.delivers:
            lane.wait()
        elif lane.at_limit:
            self._divide(lane)
        elif lane.save_at is not None and sight.now >= lane.save_at:
            self._submit(lane, writes.pass_over(lane, lane.looked_through))
        elif lane.window_end_ms is not None and (
            checkpoint.retry_through == checkpoint.sequence or is_too_large(checkpoint.window_state)
        ):
            self._invoke_last(lane)
        else:
            return self._read(lane, sight)
        return 0

    def _reload(self, lane: Lane) -> None:
        with self._surroundings.database.reading() as connection:
            stored = store.load_checkpoint(connection, lane.run.mapping.id, *lane.key)
        if stored is None or stored.lane_count != lane.count:
            lane.wait()
            lane.checkpoint, lane.stale, lane.phase = None, False, Phase.BEGINNING
        else:
            lane.settled(stored)

    # -- reading --

    def _read(self, lane: Lane, sight: Sight) -> int:
        view = sight.view
        limits = lane.limits(view.now_ms)
        if lane.tail is not None and lane.batch is None and lane.tail.ends_at(lane.position, sight.newest):
            self._nothing(lane, End.NO_MORE, limits, sight)  # as after nearly every delivery
            return 0
        batch = lane.open_batch(limits)
        blocks = records.READ_BLOCKS if batch.max_records is None else min(records.READ_BLOCKS, batch.max_records)
        had = batch.count + batch.filtered
        if lane.tail is None:
            following = records.read(view.connection, view.catalog, lane.shard, lane.position, blocks)
        else:
            following = lane.tail.read(sight, lane.shard, lane.position, blocks)
        with closing(following) as found:
            filling = fill(batch, found, lane.select, limits)
        lane.troubles, lane.trouble = 0, None
        lane.run.counters.polled += batch.count + batch.filtered - had + filling.expired
        if filling.end is End.EXPIRED:
            self._trim(lane, filling)
        elif not batch.records:
            lane.pass_over(batch, filling.examined)
            self._nothing(lane, filling.end, limits, sight)
        elif filling.end is End.TURN:
            self._agenda.now(lane)
        elif batch.aged:
            self._give_up(
                lane, batch, GiveUp("", "records are older than MaximumRecordAgeInSeconds", None, AGE_EXCEEDED), None
            )
        elif filling.end in (End.FULL, End.WINDOW) or self._window_is_over(lane, batch, sight.now):
            batch.is_newest = filling.end is End.NO_MORE
            self._invoke(lane, batch)
        return filling.examined

    def _nothing(self, lane: Lane, end: End, limits: Limits, sight: Sight) -> None:
        """Go on when what was read has nothing for the function."""
        lane.wait()
        if end is End.TURN:
            if lane.unsaved >= SAVE_RECORDS:
                lane.save_at = sight.now
            self._agenda.now(lane)
        elif end is not End.WINDOW and limits.last is not None:  # all up to there was looked at
            self._submit(lane, writes.pass_over(lane, max(limits.last, lane.looked_through)))
        elif end is End.WINDOW or self._is_window_over(lane, sight):
            self._invoke_last(lane)
        elif not lane.shard.open:
            self.rearrange |= not lane.drained
            lane.drained = True
        else:
            lane.looked_through = max(lane.looked_through, sight.newest)
            self._plan(lane, sight)

    def _is_window_over(self, lane: Lane, sight: Sight) -> bool:
        """Tell whether no record can belong to the open tumbling window any more."""
        end_ms = lane.window_end_ms
        return end_ms is not None and (not lane.shard.open or sight.view.now_ms >= end_ms + GRACE_MS)

    def _plan(self, lane: Lane, sight: Sight) -> None:
        """See to it that a waiting lane has a turn when there is something else to do than to read."""
        if lane.unsaved and lane.save_at is None:
            lane.save_at = sight.now + (0 if lane.unsaved >= SAVE_RECORDS else SAVE_SECONDS)
        times = [] if lane.save_at is None else [lane.save_at]
        if lane.window_end_ms is not None:
            times.append(sight.now + (lane.window_end_ms + GRACE_MS - sight.view.now_ms) / 1000)
        if times:
            self._agenda.at(lane, min(times))

    def _window_is_over(self, lane: Lane, batch: Batch, now: float) -> bool:
        """Tell whether to deliver a batch that isn't full; if not, see to it that it is looked at again in time."""
        seconds = lane.settings.maximum_batching_window_in_seconds
        if seconds == 0 or batch.last is not None or lane.limit is not None or not lane.shard.open:
            return True
        if lane.window_until is None:
            lane.window_until = now + seconds
        if now >= lane.window_until:
            return True
        lane.phase = Phase.WINDOW
        self._agenda.at(lane, lane.window_until)
        return False

    def _trim(self, lane: Lane, filling: Filling) -> None:
        if filling.expired:
            log.warning(
                "%s: %d records expired before they were delivered, through sequence %s",
                lane.place,
                filling.expired,
                sequence_text(filling.expired_through),
            )
        self._submit(lane, writes.trim(lane, filling.expired_through, filling.expired))

    # -- invoking --

    def _invoke(self, lane: Lane, batch: Batch) -> None:
        lane.batch = batch
        request_id = self._surroundings.new_request_id()
        lane.invoking(request_id, self._surroundings.clock.now_ms())
        batch.request_id, batch.started_ms = request_id, lane.since_ms
        generation = self.lineage.begin(request_id, lane.run.mapping.function_name, batch.sequences)
        if generation >= LOOP_GENERATIONS:
            self._note_loop(lane, generation)
        lane.run.counters.invocations += 1
        lane.run.counters.invoked += batch.count
        batch.event = event_of(lane, batch, self._surroundings.options)
        batch.records = []  # what waits for an answer need not wait twice in memory
        done = partial(self._done, lane, request_id)
        try:
            self._surroundings.invoker.invoke(lane.run.mapping.function_name, batch.event, request_id, done)
        except Exception as error:
            log.exception("%s: invoking function %s failed", lane.place, lane.run.mapping.function_name)
            done(Outcome(ok=False, duration_ms=0.0, error_type=type(error).__name__, error_message=str(error)))

    def _note_loop(self, lane: Lane, generation: int) -> None:
        """Report a function that triggers itself; what it does is its owner's affair, and goes on."""
        run, now_ms = lane.run, self._surroundings.clock.now_ms()
        run.counters.recursive += 1
        warned_ms = None if run.loop is None else run.loop.warned_ms
        if warned_ms is None or now_ms - warned_ms >= LOOP_WARNING_SECONDS * 1000:
            log.warning(
                "%s: function %s triggers itself: it was invoked with records that it wrote when invoked with records"
                " that it wrote, %d times in a row; a filter can pass over them, `cdc mappings pause` stops it",
                lane.place,
                run.mapping.function_name,
                generation,
            )
            warned_ms = now_ms
        run.loop = Loop(generation=generation, seen_ms=now_ms, warned_ms=warned_ms)

    def _invoke_last(self, lane: Lane) -> None:
        """Begin the last invocation of a tumbling window."""
        assert lane.checkpoint is not None
        self._invoke(lane, Batch(None, final=True, through=lane.checkpoint.sequence))

    def _done(self, lane: Lane, request_id: str, outcome: Outcome) -> None:
        self.lineage.end(request_id)
        self._inbox.put(Finished(lane, request_id, outcome))

    def finished(self, message: Finished) -> None:
        """Settle the batch that an invocation took, or plan its retry."""
        lane, request_id, outcome = message
        if lane.request_id != request_id:
            return
        batch = lane.invoked()
        assert lane.checkpoint is not None
        if batch.count:
            lane.iterator_age_ms = max(0, self._surroundings.clock.now_ms() - batch.last_created_ms)
        lane.run.counters.finished += 1
        lane.run.counters.duration_ms += outcome.duration_ms
        if not outcome.ok:
            if self.draining and not outcome.reached:
                lane.wait()
                return
            lane.run.counters.errors += outcome.reached
            lane.run.counters.throttles += outcome.error_type == THROTTLED and not outcome.reached
        self._apply(lane, batch, judge(lane.settings, batch, lane.checkpoint.attempts, outcome), request_id)

    def _apply(self, lane: Lane, batch: Batch, verdict: Verdict, request_id: str) -> None:
        if isinstance(verdict, Again | Split | GiveUp):
            lane.run.counters.failed += batch.count
            self._log_failure(lane, batch, verdict)
        if not isinstance(verdict, Again) or verdict.counts:
            lane.postponed = 0
        match verdict:
            case Done() if batch.final:
                self._submit(lane, writes.close_window(lane))
            case Done(state):
                self._submit(lane, writes.deliver(lane, batch, state), is_urgent=not batch.is_newest)
            case Partly(failed_from, state):
                self._submit(lane, writes.deliver_partly(lane, batch, failed_from, state))
            case Again(error, counts):
                lane.postponed += not counts
                self._submit(lane, writes.fail(lane, batch, error, counts=counts))
            case Split(error, left_through):
                self._submit(lane, writes.split(lane, batch, left_through, error))
            case GiveUp():
                self._give_up(lane, batch, verdict, request_id)

    def _log_failure(self, lane: Lane, batch: Batch, verdict: Again | Split | GiveUp) -> None:
        assert lane.checkpoint is not None
        error = f"{verdict.error_type}: {verdict.error_message}" if isinstance(verdict, GiveUp) else verdict.error
        log.warning(
            "%s: function %s failed, attempt %d at %d records through sequence %s%s: %s",
            lane.place,
            lane.run.mapping.function_name,
            lane.checkpoint.attempts + 1,
            batch.count,
            sequence_text(batch.through),
            ", which are given up" if isinstance(verdict, GiveUp) else "",
            error,
        )

    def _give_up(self, lane: Lane, batch: Batch, why: GiveUp, request_id: str | None) -> None:
        assert lane.checkpoint is not None
        if not batch.event:
            batch.event = event_of(lane, batch, self._surroundings.options)
        attempts = lane.checkpoint.attempts + (request_id is not None)
        message = message_about_batch(lane, batch, why, attempts, request_id, self._surroundings)
        keep = dead_letter_of(lane, batch, why, attempts, request_id, message)
        self._submit(lane, writes.give_up(lane, batch, attempts, request_id, keep))

    # -- settling --

    def _divide(self, lane: Lane) -> None:
        """Give the shard its new number of lanes, once all of the old ones have come to one place."""
        lanes = [each for each in lane.run.lanes.values() if each.shard.id == lane.shard.id]
        lane.wait()
        if any(each.busy or each.stale or each.write is not None for each in lanes):
            return  # the last of them will see to it
        # Further than the limit if a failure was being written when that was set: what failed is tried again as it was.
        place = max(each.reach for each in lanes)
        behind = [each for each in lanes if each.checkpoint is None or each.checkpoint.sequence < place]
        for each in lanes:
            each.limit = place
        for each in behind:
            if each.phase is not Phase.BACKING_OFF:
                self._agenda.now(each)
        if not behind:
            self._submit(lane, writes.divide(lanes, lane.settings.lanes))

    def _submit(self, lane: Lane, write: writes.Write, *, is_urgent: bool = True) -> None:
        lane.batch, lane.write = None, write
        if write.purpose is not Purpose.BEGIN:
            lane.phase = Phase.SETTLING
        self._jobs.append(Job(write.run, self._written, tag=lane, is_urgent=is_urgent))

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
            self._look_again(lane, write)
        elif write.purpose is Purpose.DIVIDED:
            self._leave(lane)
            return
        elif write.purpose in {Purpose.FAILED, Purpose.SPLIT, Purpose.PARTLY}:
            lane.settled(job.result)
            self._count(lane, write)
            lane.back_off()
            self._later(lane, max(1, job.result.attempts, lane.postponed), now)
            return
        else:
            window_until = lane.window_until
            lane.settled(job.result)
            if write.purpose is Purpose.BEGIN:
                self._say_what_is_lost(lane)
            if write.purpose in {Purpose.TRIMMED, Purpose.PASSED}:  # what follows waits no longer for that
                lane.window_until = window_until
            self._count(lane, write)
        self._agenda.now(lane)

    def _look_again(self, lane: Lane, write: writes.Write) -> None:
        """Have a lane go on from the stored checkpoint; after a division all of its shard, as any of them may have moved."""
        lane.stale = True
        lane.wait()
        if write.purpose is Purpose.DIVIDED:
            for each in lane.run.lanes.values():
                if each.shard.id == lane.shard.id and each.at_rest:
                    each.stale = True
                    self._agenda.now(each)

    def _leave(self, lane: Lane) -> None:
        """End the lanes of a shard that has others by now."""
        for each in lane.run.lanes.values():
            if each.shard.id == lane.shard.id:
                each.gone = True
                each.wait()
        self.rearrange = True

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
        counters = lane.run.counters
        counters.filtered += write.filtered
        if write.purpose in {Purpose.DELIVERED, Purpose.PARTLY}:
            counters.delivered += write.records
        elif write.purpose is Purpose.TRIMMED:
            counters.trimmed += write.records
        elif write.purpose is Purpose.DEAD:
            counters.dead += write.records
            counters.dropped += write.records if lane.settings.on_failure is None else 0

    def _later(self, lane: Lane, failures: int, now: float) -> None:
        seconds = delay_seconds(failures, self._surroundings.jitter())
        lane.retry_at_ms = self._surroundings.clock.now_ms() + round(seconds * 1000)
        self._agenda.at(lane, now + seconds)

    def trouble(self, lane: Lane, error: Exception, now: float) -> None:
        """Leave a lane alone for a while, since the store failed it, or this code did."""
        lane.troubles += 1
        lane.trouble = f"{type(error).__name__}: {error}"
        if lane.write is None:
            lane.back_off()
            self._later(lane, lane.troubles, now)
            log.error("%s: failed, and will be tried again", lane.place, exc_info=error)
        else:
            self._later(lane, lane.troubles, now)
            log.warning("%s: the checkpoint can't be written, and will be tried again: %s", lane.place, error)
