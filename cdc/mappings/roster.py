"""Which mappings there are and which lanes they have, brought up to date with the file."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from cdc.mappings.lane import Lane, Phase
from cdc.mappings.run import MappingRun
from cdc.mappings.selection import selection_of
from cdc.mappings.tail import Tail
from cdc.store.checkpoints import checkpoints_of, load_checkpoints
from cdc.store.mappings import load_controls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.consumers.walk import Stop
    from cdc.mappings.agenda import Agenda
    from cdc.mappings.redrive import Redrive
    from cdc.mappings.selection import Selection
    from cdc.mappings.surroundings import Surroundings
    from cdc.model.catalog import Catalog, Stream
    from cdc.model.mappings import Checkpoint, Mapping

log = logging.getLogger(__name__)


class Roster:
    """All mappings at work and their lanes."""

    def __init__(self, surroundings: Surroundings, agenda: Agenda[Lane | Redrive]) -> None:
        self._surroundings = surroundings
        self._agenda = agenda
        self.runs: dict[int, MappingRun] = {}
        self.incomplete = False  # a lane has left that may be needed again: `arrange` has to follow
        self._lanes_of: dict[int, list[Lane]] = defaultdict(list)  # by the shard's id in the file

    def lanes_of(self, shard: int) -> Iterable[Lane]:
        """List the lanes that read a shard."""
        return self._lanes_of.get(shard, ())

    def holds(self, lane: Lane) -> bool:
        """Tell whether a lane is still one of ours."""
        return lane.run.lanes.get(lane.key) is lane

    def knows(self, redrive: Redrive) -> bool:
        """Tell whether a redrive is still one of ours."""
        run = self.runs.get(redrive.run.mapping.id)
        return run is not None and run.redrive is redrive

    def update(self, mappings: Iterable[Mapping]) -> bool:
        """Take over the stored mappings; tell whether anything changed, so that `arrange` has to follow."""
        changed = False
        gone = set(self.runs)
        for mapping in mappings:
            gone.discard(mapping.id)
            has_function = self._surroundings.invoker.has_function(mapping.function_name)
            run = self.runs.get(mapping.id)
            if run is None:
                with self._surroundings.database.reading() as connection:
                    controls = load_controls(connection, mapping.id)
                run = self.runs[mapping.id] = MappingRun(mapping, controls=controls)
                changed = True
            elif run.mapping.revision != mapping.revision:
                self._renew(run, mapping)
                changed = True
            changed |= run.has_function != has_function
            run.mapping, run.has_function = mapping, has_function
        for mapping_id in gone:
            for lane in list(self.runs[mapping_id].lanes.values()):
                self._drop(lane)
            redrive = self.runs.pop(mapping_id).redrive
            if redrive is not None:
                self._agenda.forget(redrive)
            changed = True
        return changed

    def _renew(self, run: MappingRun, mapping: Mapping) -> None:
        """Take over a change of settings, or an act of an operator, after which the lanes it is about wait no more."""
        old, run.mapping = run.mapping, mapping
        filters_changed = old.settings.filters != mapping.settings.filters
        if filters_changed:
            run.compile()
        with self._surroundings.database.reading() as connection:
            stored = checkpoints_of(connection, mapping.id)
            controls = load_controls(connection, mapping.id)
        run.forget_drained(stored)  # an operator may have gone back into one of them
        tokens = {(each.shard, each.lane): each.token for each in stored}
        changed = (old.settings, old.active) != (mapping.settings, mapping.active)
        woken = {shard for shard, control in controls.items() if control != run.controls.get(shard)}
        run.controls = controls
        for lane in run.lanes.values():
            self._control(lane)
            moved = lane.checkpoint is not None and lane.checkpoint.token != tokens.get(lane.key)
            lane.stale |= moved
            if lane.phase is Phase.BACKING_OFF and (moved or changed or lane.shard.id in woken):
                lane.wait()
                self._agenda.now(lane)
            if filters_changed:
                self._select(lane)
            if old.settings != mapping.settings and not lane.busy:
                lane.batch = None  # it was filled up to other bounds
        self._limit(run)

    def _control(self, lane: Lane) -> None:
        control = lane.run.controls.get(lane.shard.id)
        lane.paused = control is not None and control.paused

    def _limit(self, run: MappingRun) -> None:
        """Let lanes go only so far where the shard is to have another number of them."""
        wanted = run.mapping.settings.lanes
        for shard in {shard for shard, _ in run.lanes}:
            lanes = [lane for (of, _), lane in run.lanes.items() if of == shard]
            limit = None if lanes[0].count == wanted else max(lane.reach for lane in lanes)
            for lane in lanes:
                lane.limit = limit

    def arrange(self, catalog: Catalog) -> None:
        """Give each mapping the lanes that it needs now, and give all that aren't busy a turn."""
        self.incomplete = False
        new: list[tuple[MappingRun, Stop]] = []
        for run in self.runs.values():
            run.note_drained()
            stops = run.walk(catalog)
            for lane in list(run.lanes.values()):
                self._keep(lane, stops.get(lane.shard.id))
            begun = {shard for shard, _ in run.lanes}
            new += [(run, stop) for shard, stop in stops.items() if shard not in begun]
            self._say_what_is_missing(run, run.missing(catalog))
        if new:
            self._add(new)

    def _keep(self, lane: Lane, stop: Stop | None) -> None:
        lane.gone = lane.gone or stop is None
        if lane.gone or stop is None:
            if not lane.busy:
                self._drop(lane)
            return
        old, lane.stream, lane.shard = lane.shard, stop.stream, stop.shard
        if lane.checkpoint is not None and not lane.busy:
            lane.stale |= old.trimmed_sequence < lane.shard.trimmed_sequence > lane.checkpoint.sequence
        if lane.at_rest:
            self._agenda.now(lane)

    def leave(self, lane: Lane) -> None:
        """Drop a lane that is no longer needed, unless something is under way."""
        if lane.gone and not lane.busy:
            self._drop(lane)
            self.incomplete = True

    def _drop(self, lane: Lane) -> None:
        del lane.run.lanes[lane.key]
        lanes = self._lanes_of[lane.shard.id]
        lanes.remove(lane)
        self._share(lanes)
        if not lanes:
            del self._lanes_of[lane.shard.id]
        self._agenda.forget(lane)

    def _add(self, new: list[tuple[MappingRun, Stop]]) -> None:
        stored: dict[tuple[int, int], list[Checkpoint]] = defaultdict(list)
        with self._surroundings.database.reading() as connection:
            for each in load_checkpoints(connection):
                stored[each.mapping_id, each.shard].append(each)
        for run, (stream, shard) in new:
            found = stored.get((run.mapping.id, shard.id), [])
            count = found[0].lane_count if found else run.mapping.settings.lanes
            by_number = {each.lane: each for each in found}
            for number in range(count):
                select = self._selection(run, stream, number, count, None)
                self._begin(Lane(run, stream, shard, number, count, select, by_number.get(number)))
            self._limit(run)

    def _selection(self, run: MappingRun, stream: Stream, number: int, count: int, tail: Tail | None) -> Selection:
        options, file_id = self._surroundings.options, self._surroundings.reader.file_id
        return selection_of(stream, options, file_id, run.filters, number, count, tail)

    def _select(self, lane: Lane) -> None:
        lane.select = self._selection(lane.run, lane.stream, lane.number, lane.count, lane.tail)

    def _begin(self, lane: Lane) -> None:
        self._control(lane)
        if lane.checkpoint is not None:
            lane.wait()
        lane.run.lanes[lane.key] = lane
        self._lanes_of[lane.shard.id].append(lane)
        self._share(self._lanes_of[lane.shard.id])
        self._agenda.now(lane)

    def _share(self, lanes: list[Lane]) -> None:
        """Have the lanes of a shard share what they read; a lane alone has nothing from that."""
        tail = (lanes[0].tail or Tail()) if len(lanes) > 1 else None
        for lane in lanes:
            if lane.tail is not tail:
                lane.tail = tail
                self._select(lane)

    def _say_what_is_missing(self, run: MappingRun, missing: str | None) -> None:
        if missing == run.waiting_for:
            return
        run.waiting_for = missing
        if missing is None:
            log.info("mapping %s: no longer waits", run.mapping.name)
        else:
            log.info("mapping %s: waits, since %s", run.mapping.name, missing)
