"""The poller: a state machine that delivers records to functions, one step at a time, at its driver's pace."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.mappings.agenda import Agenda
from cdc.mappings.delivery import Delivery, Finished
from cdc.mappings.inbox import Inbox, Written
from cdc.mappings.lane import Lane, Phase
from cdc.mappings.redrive import Redrive
from cdc.mappings.redriver import Redriven, Redriver
from cdc.mappings.roster import Roster
from cdc.mappings.status import MappingState, mapping_state
from cdc.mappings.surroundings import Sight, Surroundings
from cdc.store.changes import newest_after
from cdc.store.mappings import load_mappings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.mappings.lineage import Lineage
    from cdc.model.catalog import Catalog
    from cdc.store.reading import View
    from cdc.store.writer import Job

log = logging.getLogger(__name__)

STEP_TURNS = 64
"""Turns in one step at most, so that outcomes and commits are heard in between."""
STEP_RECORDS = 1000
"""Records read in one step after which it ends, for the same reason: about 10 ms."""
RELOAD_SECONDS = 0.5
"""How often the mappings are read again at most when the file has changed: 3 ms for a hundred of them."""
SIGHT_SECONDS = 0.02
"""How long a look at the file does for further steps, while nobody tells of a change."""
FAULT_SECONDS = 1.0
"""Pause after a step that failed as a whole."""


class _Committed(NamedTuple):
    """Records were appended to these shards by this process."""

    shards: frozenset[int]


class _Poke(NamedTuple):
    """Mappings or functions have changed."""


class _FileChanged(NamedTuple):
    """Somebody has committed something, perhaps another process."""


class Poller:
    """Delivers for all mappings of a file. One thread steps it; the other methods are for any thread.

    Bounds: a lane reads at most `batch.TURN_RECORDS` in its turn and holds at most one event of 6 MB.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self.inbox: Inbox[_Committed | _Poke | _FileChanged | Finished | Redriven | Written] = Inbox()
        self.steps = 0
        self._surroundings = surroundings
        self._agenda: Agenda[Lane | Redrive] = Agenda()
        self._jobs: list[Job[Any]] = []  # writes that the step has decided on
        self._delivery = Delivery(surroundings, self._agenda, self.inbox, self._jobs)
        self._redriver = Redriver(surroundings, self._agenda, self.inbox, self._jobs)
        self._roster = Roster(surroundings, self._agenda)
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._reload_at: float | None = float("-inf")
        self._reloaded_at = float("-inf")
        self._file_changed = False
        self._seen_at = float("-inf")
        self._sight: Sight | None = None  # None: something has changed since the last one
        self._woken_through: int | None = None  # lanes have been told of records up to this sequence

    def committed(self, shards: frozenset[int]) -> None:
        """Take notice of new records in these shards; a listener of the writer."""
        if self._roster.runs:  # without a mapping, a write does not pay for waking this thread
            self.inbox.put(_Committed(shards))

    def poke(self) -> None:
        """Take notice of changed mappings or functions, at once."""
        self.inbox.put(_Poke())

    def file_changed(self) -> None:
        """Take notice that the file was committed to, perhaps by another process."""
        self.inbox.put(_FileChanged())

    def drain(self) -> None:
        """Start no more invocations; those in flight are settled as they finish."""
        self._delivery.draining = self._redriver.draining = True
        self.poke()

    @property
    def lineage(self) -> Lineage:
        """The self-trigger guard, which is to be told what functions write."""
        return self._delivery.lineage

    @property
    def active(self) -> bool:
        """Whether there is a mapping to deliver for."""
        return any(run.mapping.active for run in list(self._roster.runs.values()))

    @property
    def busy(self) -> int:
        """Invocations in flight, or whose outcome is being written."""
        with self._lock:
            runs = list(self._roster.runs.values())
            redrives = sum(run.redrive is not None and run.redrive.busy for run in runs)
            return redrives + sum(lane.busy for run in runs for lane in run.lanes.values())

    def status(self) -> tuple[MappingState, ...]:
        """Describe each mapping that is not removed, by name."""
        with self._lock:
            states = [mapping_state(run) for run in self._roster.runs.values() if not run.mapping.removed]
        return tuple(sorted(states, key=lambda state: state.name))

    def step(self, now: float) -> float | None:
        """Do what is to be done at `now`, in bounded time; return when to be called next, None when nothing is planned.

        Both are of the monotonic clock. Call it earlier as soon as the inbox has something.
        """
        with self._lock:
            self.steps += 1
            self._hear(now)
            self._submit(now)
            try:
                sight = self._look(now)
            except Exception:
                log.exception("the poller can't read the file, and will try again")
                return now + FAULT_SECONDS
            self._agenda.ring(now)
            self._work(sight)
            self._submit(now)
            return self._next(now)

    def _hear(self, now: float) -> None:
        for message in self.inbox.take():
            match message:
                case Finished(lane) if self._roster.holds(lane):
                    self._delivery.finished(message)
                    self._left(lane)
                case Redriven(redrive) if self._roster.knows(redrive):
                    self._redriver.finished(message)
                case Written(jobs):
                    self._hear_of_writes(jobs, now)
                case _Committed(shards):
                    self._sight = None
                    for shard in shards:
                        self._wake(shard, None)
                case _Poke():
                    self._sight, self._reload_at = None, now
                case _FileChanged():
                    self._sight, self._file_changed = None, True
                    if self._reload_at is None:
                        self._reload_at = self._reloaded_at + RELOAD_SECONDS

    def _hear_of_writes(self, jobs: Iterable[Job[Any]], now: float) -> None:
        for job in jobs:
            if isinstance(job.tag, Redrive):
                if self._roster.knows(job.tag):
                    self._redriver.written(job, self._surroundings.reader.view().catalog, now)
            elif self._roster.holds(job.tag):
                self._delivery.written(job, now)
                self._left(job.tag)

    def _submit(self, now: float) -> None:
        """Hand the writer at once what the step has decided on: it commits together what it finds together."""
        jobs = self._jobs.copy()
        self._jobs.clear()
        if not jobs:
            return
        try:
            self._surroundings.submit(*jobs)
        except Exception as error:  # noqa: BLE001  # as if the commit had failed
            for job in jobs:
                job.error = error
            self._hear_of_writes(jobs, now)

    def _left(self, lane: Lane) -> None:
        """Let a lane go that is no longer needed, and a redrive into it that waits for that."""
        self._roster.leave(lane)
        redrive = lane.run.redrive
        if redrive is not None and not lane.busy:
            self._agenda.now(redrive)

    def _wake(self, shard: int, newest: int | None) -> None:
        for lane in self._roster.lanes_of(shard):
            if lane.phase in (Phase.WAITING, Phase.WINDOW) and (newest is None or newest > lane.position):
                self._agenda.now(lane)

    def _look(self, now: float) -> Sight:
        """Look at the file; bring mappings and lanes up to date when it has changed."""
        view, newest = self._see(now)
        changed = view.catalog is not self._catalog or self._delivery.rearrange or self._roster.incomplete
        if self._reload_at is not None and now >= self._reload_at:
            with self._surroundings.database.reading() as connection:
                mappings = load_mappings(connection)
            self._reload_at, self._reloaded_at = None, now
            if self._roster.update(mappings):
                changed = True
                self._redriver.update(self._roster.runs.values(), view.catalog)
        if changed:
            self._roster.arrange(view.catalog)
            self._catalog, self._delivery.rearrange = view.catalog, False
        if self._file_changed or self._woken_through is None:
            self._wake_all(view, newest)
        self._sight = Sight(now, view, newest)
        return self._sight

    def _see(self, now: float) -> tuple[View, int]:
        """Look at the newest commit, or at what was seen last if that is recent and nobody has told of a change since."""
        sight = self._sight
        if sight is None or now - self._seen_at >= SIGHT_SECONDS:
            self._seen_at = now
            return self._surroundings.reader.view_and_newest()
        return replace(sight.view, now_ms=self._surroundings.clock.now_ms()), sight.newest

    def _wake_all(self, view: View, newest: int) -> None:
        """Wake the lanes of all shards with records that nobody has told them of."""
        if self._woken_through is not None and newest > self._woken_through:
            for shard, sequence in newest_after(view.connection, view.catalog, self._woken_through).items():
                self._wake(shard, sequence)
        self._woken_through, self._file_changed = newest, False

    def _work(self, sight: Sight) -> None:
        turns = read = 0
        while turns < STEP_TURNS and read < STEP_RECORDS and (thing := self._agenda.take()) is not None:
            turns += 1
            mover: Any = self._redriver if isinstance(thing, Redrive) else self._delivery
            try:
                read += mover.turn(thing, sight)
            except Exception as error:  # noqa: BLE001  # one lane's trouble is no other's
                if thing.is_reading and self._was_purged(sight):
                    self._agenda.now(thing)
                    return
                mover.trouble(thing, error, sight.now)

    def _was_purged(self, sight: Sight) -> bool:
        """Tell whether the catalogue has changed under a step: a segment that it reads may be gone."""
        self._sight = None
        try:
            return self._surroundings.reader.view().catalog.epoch != sight.view.catalog.epoch
        except Exception:
            log.exception("the poller can't read the file")
            return False

    def _next(self, now: float) -> float | None:
        if self._agenda.has_ready or self._delivery.rearrange or self._roster.incomplete:
            return now
        times = [when for when in (self._agenda.next_time, self._reload_at) if when is not None]
        return min(times, default=None)
