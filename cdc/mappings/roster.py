"""Which mappings there are and which lanes they have, brought up to date with the file."""

from __future__ import annotations

import logging
from collections import defaultdict
from typing import TYPE_CHECKING

from cdc.mappings.lane import Lane, Phase
from cdc.mappings.run import MappingRun
from cdc.store.mappings import load_checkpoints
from cdc.streams.wire import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.consumers.walk import Stop
    from cdc.mappings.agenda import Agenda
    from cdc.mappings.surroundings import Surroundings
    from cdc.model.catalog import Catalog
    from cdc.model.mappings import Mapping

log = logging.getLogger(__name__)


class Roster:
    """All mappings at work and their lanes."""

    def __init__(self, surroundings: Surroundings, agenda: Agenda[Lane]) -> None:
        self._surroundings = surroundings
        self._agenda = agenda
        self.runs: dict[int, MappingRun] = {}
        self._lanes_of: dict[int, list[Lane]] = defaultdict(list)  # by the shard's id in the file

    def lanes_of(self, shard: int) -> Iterable[Lane]:
        """List the lanes that read a shard."""
        return self._lanes_of.get(shard, ())

    def holds(self, lane: Lane) -> bool:
        """Tell whether a lane is still one of ours."""
        return lane.run.lanes.get(lane.shard.id) is lane

    def update(self, mappings: Iterable[Mapping]) -> bool:
        """Take over the stored mappings; tell whether anything changed, so that `arrange` has to follow."""
        changed = False
        gone = set(self.runs)
        for mapping in mappings:
            gone.discard(mapping.id)
            has_function = self._surroundings.invoker.has_function(mapping.function_name)
            run = self.runs.get(mapping.id)
            if run is None:
                run = self.runs[mapping.id] = MappingRun(mapping)
                changed = True
            changed |= run.mapping != mapping or run.has_function != has_function
            run.mapping, run.has_function = mapping, has_function
        for mapping_id in gone:
            for lane in list(self.runs[mapping_id].lanes.values()):
                self._drop(lane)
            del self.runs[mapping_id]
        return changed

    def arrange(self, catalog: Catalog) -> None:
        """Give each mapping the lanes that it needs now, and give all that aren't busy a turn."""
        new: list[tuple[MappingRun, Stop]] = []
        for run in self.runs.values():
            stops = run.walk(catalog)
            for lane in list(run.lanes.values()):
                self._keep(lane, stops.get(lane.shard.id))
            new += [(run, stop) for shard, stop in stops.items() if shard not in run.lanes]
            self._say_what_is_missing(run, run.missing(catalog))
        if new:
            self._add(new)

    def _keep(self, lane: Lane, stop: Stop | None) -> None:
        lane.gone = stop is None
        if stop is None:
            self.leave(lane)
            return
        old, lane.stream, lane.shard = lane.shard, stop.stream, stop.shard
        if lane.checkpoint is not None and not lane.busy:
            lane.stale |= old.trimmed_sequence < lane.shard.trimmed_sequence > lane.checkpoint.sequence
        if lane.phase in {Phase.WAITING, Phase.READING, Phase.WINDOW}:
            self._agenda.now(lane)

    def leave(self, lane: Lane) -> None:
        """Drop a lane that is no longer needed, unless something is under way."""
        if lane.gone and not lane.busy:
            self._drop(lane)

    def _drop(self, lane: Lane) -> None:
        del lane.run.lanes[lane.shard.id]
        lanes = self._lanes_of[lane.shard.id]
        lanes.remove(lane)
        if not lanes:
            del self._lanes_of[lane.shard.id]
        self._agenda.forget(lane)

    def _add(self, new: list[tuple[MappingRun, Stop]]) -> None:
        with self._surroundings.database.reading() as connection:
            stored = {(each.mapping_id, each.shard): each for each in load_checkpoints(connection)}
        for run, (stream, shard) in new:
            checkpoint = stored.get((run.mapping.id, shard.id))
            writer = RecordWriter(stream, self._surroundings.options, self._surroundings.reader.file_id)
            lane = Lane(run, stream, shard, writer.event_record, checkpoint)
            if checkpoint is not None:
                lane.wait()
            run.lanes[shard.id] = lane
            self._lanes_of[shard.id].append(lane)
            self._agenda.now(lane)

    def _say_what_is_missing(self, run: MappingRun, missing: str | None) -> None:
        if missing == run.waiting_for:
            return
        run.waiting_for = missing
        if missing is None:
            log.info("mapping %s: no longer waits", run.mapping.name)
        else:
            log.info("mapping %s: waits, since %s", run.mapping.name, missing)
