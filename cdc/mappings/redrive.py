"""A redrive: one dead letter on its way back through the mapping's function, in the lanes of its keys."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.model.catalog import sequence_value
from cdc.model.lanes import Place, place_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.lane import Lane
    from cdc.mappings.newer import Span
    from cdc.mappings.run import MappingRun
    from cdc.model.dead_letters import DeadLetter
    from cdc.store.transaction import Transaction


class Stage(Enum):
    """What a redrive is at."""

    WAITING = "waiting for the lanes of its keys"
    INVOKING = "invoking"
    SETTLING = "settling"


class Key(NamedTuple):
    """An item whose records a dead letter has."""

    text: bytes  # the key, as `key_text` gives it
    place: Place
    sequence: int  # of the item's newest record in the letter


@dataclass(slots=True, eq=False)
class Redrive:
    """A dead letter on its way."""

    run: MappingRun
    letter: DeadLetter
    event: bytes
    keys: list[Key]
    stage: Stage = Stage.WAITING
    spans: list[Span] | None = None  # still to be looked through for newer records; None: not known yet
    request_id: str | None = None  # of the invocation in flight
    write: Callable[[Transaction], bool] | None = None  # to be committed before anything else happens
    troubles: int = 0  # failures of the store in a row

    def holds(self, lane: Lane) -> bool:
        """Tell whether a lane is one of a key of the letter."""
        return any(key.place.is_in(lane.shard, lane.number, lane.count) for key in self.keys)

    @property
    def has_lanes(self) -> bool:
        """Whether nothing is under way in the lanes of its keys."""
        lanes = self.run.lanes.values()
        return not any((lane.busy or lane.write is not None) and self.holds(lane) for lane in lanes)

    @property
    def busy(self) -> bool:
        """Whether its invocation is in flight, or not settled yet."""
        return self.stage is not Stage.WAITING

    @property
    def is_reading(self) -> bool:
        """Whether it is at what a purge can disturb."""
        return self.stage is Stage.WAITING

    @property
    def name(self) -> str:
        """How it is called in the log."""
        return f"mapping {self.run.mapping.name}, dead letter {self.letter.id}"


def key_text(keys: dict[str, Any]) -> bytes:
    """Write the key of a record in one way."""
    return orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)


def keys_of(event: bytes, hash_name: str | None) -> list[Key]:
    """Find the keys of the items whose records an event has. `hash_name`: the partition key; None: the first one."""
    found: dict[bytes, Key] = {}
    for record in orjson.loads(event)["Records"]:
        change = record["dynamodb"]
        keys = change["Keys"]
        text = key_text(keys)
        place = place_of(keys, next(iter(keys)) if hash_name is None else hash_name)
        found[text] = Key(text, place, sequence_value(change["SequenceNumber"]))
    return list(found.values())
