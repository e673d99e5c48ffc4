"""What the poller keeps of one mapping while it runs: its lanes, what it waits for, and what it has done."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdc.consumers.walk import Stop, walk
from cdc.mappings.filtering import FilterError, Filters, compile_filters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.mappings.lane import Lane
    from cdc.mappings.redrive import Redrive
    from cdc.model.catalog import Catalog
    from cdc.model.dead_letters import DeadLetter
    from cdc.model.mappings import Checkpoint, Mapping, ShardControl


@dataclass(slots=True)
class Counters:
    """What a mapping has done since the process began; records, unless it says otherwise."""

    polled: int = 0
    filtered: int = 0
    invocations: int = 0  # calls of the function
    invoked: int = 0  # sent to the function, each time that it was
    errors: int = 0  # invocations that failed
    throttles: int = 0  # of those, that did not begin, as all instances were busy
    recursive: int = 0  # invocations with records that its own function wrote, and so on through many generations
    failed: int = 0  # in invocations that failed
    delivered: int = 0
    trimmed: int = 0  # expired first
    dead: int = 0  # given up
    redriven: int = 0  # of dead letters that the function has taken
    dropped: int = 0  # given up, without a destination to be told
    finished: int = 0  # invocations that ended
    duration_ms: float = 0.0  # of these


@dataclass(frozen=True, kw_only=True, slots=True)
class Loop:
    """A function that is invoked with what it wrote when it was invoked with what it wrote, and so on."""

    generation: int  # how often
    seen_ms: int  # when last
    warned_ms: int


@dataclass(slots=True, eq=False)
class MappingRun:
    """A mapping at work."""

    mapping: Mapping
    has_function: bool = False
    filters: Filters = field(init=False)
    broken: str | None = None  # what is wrong with its settings, so that it can't deliver
    waiting_for: str | None = None
    lanes: dict[tuple[int, int], Lane] = field(default_factory=dict)  # by the shard's id in the file, and number
    drained: dict[int, frozenset[int]] = field(default_factory=dict)
    """Closed shards in which nothing is left to read, with the tokens of the checkpoints that they were left with."""
    counters: Counters = field(default_factory=Counters)
    controls: dict[int, ShardControl] = field(default_factory=dict)  # of an operator, by the shard's id in the file
    letters: list[DeadLetter] = field(default_factory=list)  # to be redriven, one after the other
    redrive: Redrive | None = None  # of the first of them
    loop: Loop | None = None  # that it was seen in last

    def __post_init__(self) -> None:
        self.compile()

    def compile(self) -> None:
        """Compile the filters. Patterns are checked before they are stored, so none is wrong but in a damaged file."""
        try:
            self.filters, self.broken = compile_filters(self.mapping.settings.filters), None
        except FilterError as error:
            self.filters, self.broken = compile_filters(()), f"its filters are wrong: {error}"

    @property
    def delivers(self) -> bool:
        """Whether new batches may be taken."""
        return self.mapping.active and self.has_function and self.broken is None

    def walk(self, catalog: Catalog) -> dict[int, Stop]:
        """Find the shards to read now, by their id in the file."""
        mapping = self.mapping
        if mapping.removed:
            return {}
        stops = walk(
            catalog,
            mapping.table_name,
            first_stream=mapping.first_stream,
            only_stream=mapping.stream_id,
            after=mapping.start_sequence,
            drained=self.drained,
        )
        return {stop.shard.id: stop for stop in stops}

    def note_drained(self) -> None:
        """Take note of the shards all of whose lanes have come to the end."""
        shards = {shard for shard, _ in self.lanes}
        for shard in shards:
            lanes = [lane for (of, _), lane in self.lanes.items() if of == shard]
            if all(
                lane.drained and not lane.gone for lane in lanes
            ):  # one that is gone has left the shard to new lanes
                self.drained[shard] = frozenset(lane.checkpoint.token for lane in lanes if lane.checkpoint is not None)

    def forget_drained(self, stored: Iterable[Checkpoint]) -> None:
        """Take note of the mapping's stored checkpoints: a drained shard whose ones have moved is to be read again."""
        tokens: dict[int, set[int]] = defaultdict(set)
        for each in stored:
            tokens[each.shard].add(each.token)
        self.drained = {shard: left for shard, left in self.drained.items() if tokens[shard] == left}

    def missing(self, catalog: Catalog) -> str | None:
        """Say what the mapping has to wait for; None when nothing is missing, or it isn't active."""
        mapping = self.mapping
        if not mapping.active:
            return None
        if not self.walk(catalog):  # an old stream may have records left
            if mapping.stream_id is not None:
                return "its stream is disabled, and has no records left"
            if mapping.table_name not in catalog.tables:
                return f"table {mapping.table_name} does not exist"
            return f"stream of table {mapping.table_name} is not enabled"
        if not self.has_function:
            return f"function {mapping.function_name} is not configured"
        return self.broken
