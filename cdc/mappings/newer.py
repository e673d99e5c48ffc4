"""Whether a mapping has delivered newer records of a dead letter's keys: then the letter comes too late."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.mappings.redrive import key_text
from cdc.mappings.selection import selection_of
from cdc.model.catalog import sequence_text
from cdc.model.dead_letters import REDRIVEN
from cdc.model.mappings import DEAD, DELIVERED
from cdc.store import checkpoints as stored_checkpoints
from cdc.store import history, records

if TYPE_CHECKING:
    from cdc.mappings.redrive import Key, Redrive
    from cdc.mappings.surroundings import Surroundings
    from cdc.model.catalog import Shard, Stream
    from cdc.model.history import Outcome
    from cdc.store.blocks import Record
    from cdc.store.reading import View

LOOK_RECORDS = 1000
"""Records looked at in one turn: about 5 ms."""
_UNKNOWN = "so that nobody can tell whether a newer record of one of its keys was delivered"


class Span(NamedTuple):
    """Records that a mapping has passed and that may be newer than those of a letter: of a shard, after and through."""

    stream: Stream
    shard: Shard
    after: int
    through: int


class Look(NamedTuple):
    """What came of a look at some records."""

    too_late: str | None = None  # why the letter is not to be delivered
    more: bool = False  # there are more to be looked at
    examined: int = 0  # records


def look(redrive: Redrive, view: View, surroundings: Surroundings) -> Look:
    """Look at some of the records that may be newer than those of a letter."""
    with surroundings.database.reading() as connection:
        if redrive.spans is None:
            found = _spans(redrive, view, connection)
            if isinstance(found, str):
                return Look(found)
            redrive.spans = found
        keys = {key.text: key for key in redrive.keys}
        examined = 0
        while redrive.spans:
            span = redrive.spans.pop()
            with closing(records.read(view.connection, view.catalog, span.shard, span.after)) as reading:
                for record in reading:
                    if record.sequence > span.through:
                        break
                    examined += 1
                    key = keys.get(key_text(orjson.loads(record.change)["Keys"]))
                    if key is not None and record.sequence > key.sequence:
                        history = _History(redrive, key, span, connection, surroundings)
                        if (why := history.too_late_after(record)) is not None:
                            return Look(why)
                    if examined == LOOK_RECORDS:
                        redrive.spans.append(span._replace(after=record.sequence))
                        return Look(more=True, examined=examined)
    return Look(examined=examined)


def _spans(redrive: Redrive, view: View, connection: Any) -> list[Span] | str:
    """Find where newer records of the keys are that the mapping has passed; a text when some of them may be gone."""
    letter, catalog = redrive.letter, view.catalog
    known = {(stream.id, shard.shard_id) for stream, shard in catalog.shards.values()}
    if redrive.keys and (letter.stream_id, letter.shard_id) not in known:
        return f"its shard is gone, {_UNKNOWN}"
    spans = []
    for checkpoint in stored_checkpoints.checkpoints_of(connection, redrive.run.mapping.id):
        if checkpoint.shard not in catalog.shards:
            continue
        stream, shard = catalog.shards[checkpoint.shard]
        lane = (checkpoint.lane, checkpoint.lane_count)
        sequences = [key.sequence for key in redrive.keys if key.place.is_in(shard, *lane)]
        after = min((each for each in sequences if each < checkpoint.sequence), default=None)
        if after is None:
            continue
        after = max(after, shard.start_sequence - 1)
        if shard.trimmed_sequence > after:
            return f"records that came after it have expired, {_UNKNOWN}"
        spans.append(Span(stream, shard, after, checkpoint.sequence))
    return spans


class _History(NamedTuple):
    """What a mapping has done with the records of a key in a shard."""

    redrive: Redrive
    key: Key
    span: Span
    connection: Any
    surroundings: Surroundings

    def too_late_after(self, record: Record) -> str | None:
        """Say why a newer record makes the letter too late: not if that was filtered, skipped, trimmed or given up."""
        outcomes = [
            each
            for each in history.outcomes_about(
                self.connection, self.redrive.run.mapping.id, self.span.shard.id, record.sequence
            )
            if self.key.place.number % each.lane_count == each.lane and each.after_sequence < record.sequence
        ]
        text = sequence_text(record.sequence)
        if not outcomes or any(self._is_delivery(each, record) for each in outcomes):
            return f"a newer record of one of its keys was delivered, {text}"
        given_up = sum(each.kind == DEAD for each in outcomes)
        if not given_up:
            return None
        letters = history.dead_letters_about(self.connection, self.redrive.letter.table_name, record.sequence)
        mine = [each for each in letters if each.mapping_id == self.redrive.run.mapping.id]
        if any(each.state == REDRIVEN for each in mine):
            return f"a newer record of one of its keys was delivered, {text}"
        return f"the dead letter of a newer record, {text}, was purged, {_UNKNOWN}" if len(mine) < given_up else None

    def _is_delivery(self, outcome: Outcome, record: Record) -> bool:
        return outcome.kind == DELIVERED and (not outcome.filtered or self._matches(record))

    def _matches(self, record: Record) -> bool:
        options, file_id = self.surroundings.options, self.surroundings.reader.file_id
        return selection_of(self.span.stream, options, file_id, self.redrive.run.filters).wants(record)
