"""What an operator does to mappings: pause, resume, retry now, skip a batch, reset. Each outlives a restart."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from cdc.mappings.filtering import compile_filters
from cdc.mappings.selection import FILTERED, FOREIGN, selection_of
from cdc.model.catalog import sequence_text, sequence_value
from cdc.model.errors import ServiceError
from cdc.model.mappings import LATEST, SKIPPED, TRIM_HORIZON, ShardControl
from cdc.store import checkpoints as stored_checkpoints
from cdc.store import mappings as stored_mappings
from cdc.store import records
from cdc.store.checkpoints import Passed

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.catalog import Shard
    from cdc.model.mappings import Checkpoint, Mapping
    from cdc.service.core import Service
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction


class UnknownMappingError(ServiceError):
    """No mapping has this name."""


class SkippedBatch(NamedTuple):
    """A batch that was skipped."""

    shard_id: str
    lane: int
    records: int
    last_sequence: str


class ResetShard(NamedTuple):
    """A shard in which a mapping was put elsewhere."""

    shard_id: str
    after: str  # the sequence number after which it goes on


class Control:
    """Acts on mappings by name, in all shards or in one. The process that delivers hears of it within a second."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def pause(self, name: str, shard_id: str | None = None) -> None:
        """Take no new batch of a mapping, in all shards or in one, until it is resumed; a batch in flight is finished.

        Raises: UnknownMappingError; ServiceError for a shard that the mapping doesn't read.
        """
        self._set_paused(name, shard_id, paused=True)

    def resume(self, name: str, shard_id: str | None = None) -> None:
        """Go on delivering from the checkpoint.

        Raises: as `pause`.
        """
        self._set_paused(name, shard_id, paused=False)

    def _set_paused(self, name: str, shard_id: str | None, *, paused: bool) -> None:
        mapping = self._mapping(name)
        if shard_id is None:
            self._service.writer.call(lambda each: stored_mappings.set_paused(each, mapping.id, paused=paused))
        else:
            self._control(mapping, [self._shard(mapping, shard_id)], lambda each: replace(each, paused=paused))

    def retry(self, name: str, shard_id: str | None = None) -> int:
        """Try batches that failed again now, instead of after their pause; return how many wait for that.

        Raises: as `pause`.
        """
        mapping = self._mapping(name)
        checkpoints = [each for each in self._checkpoints(mapping, shard_id) if each.retry_through is not None]
        shards = {each.shard: self._service.reader.view().catalog.shards[each.shard][1] for each in checkpoints}
        self._control(mapping, list(shards.values()), lambda each: replace(each, retries=each.retries + 1))
        return len(checkpoints)

    def _control(self, mapping: Mapping, shards: list[Shard], change: Callable[[ShardControl], ShardControl]) -> None:
        def run(transaction: Transaction) -> None:
            controls = stored_mappings.load_controls(transaction.connection, mapping.id)
            for shard in shards:
                control = controls.get(shard.id) or ShardControl(mapping_id=mapping.id, shard=shard.id)
                stored_mappings.control(transaction, change(control))
            stored_mappings.touch(transaction, mapping.id)

        self._service.writer.call(run)

    # -- skip --

    def skip(self, name: str, shard_id: str | None = None) -> list[SkippedBatch]:
        """Pass the batches of a mapping that fail, in all shards or in one; each is kept as an outcome of its own.

        Raises: as `pause`; ServiceError when no batch fails, or one has been settled meanwhile.
        """
        mapping = self._mapping(name)
        failing = [each for each in self._checkpoints(mapping, shard_id) if each.retry_through is not None]
        if not failing:
            where = "" if shard_id is None else f" in {shard_id}"
            raise ServiceError(f"no batch of mapping {name} fails{where}: there is nothing to skip")
        with self._service.reader.snapshot() as view:
            passed = [(each, self._passed(mapping, each, view)) for each in failing]

        def run(transaction: Transaction) -> None:
            current = stored_checkpoints.checkpoints_of(transaction.connection, mapping.id)
            tokens = {(each.shard, each.lane): each.token for each in current}
            if any(tokens.get((each.shard, each.lane)) != each.token for each in failing):
                raise ServiceError(f"a batch of mapping {name} has been tried again meanwhile: look, and skip it then")
            for checkpoint, what in passed:
                stored_checkpoints.skip(transaction, checkpoint, what)
            stored_mappings.touch(transaction, mapping.id)

        self._service.writer.call(run)
        shards = view.catalog.shards
        return [
            SkippedBatch(
                shards[each.shard][1].shard_id, each.lane, what.records, sequence_text(each.retry_through or 0)
            )
            for each, what in passed
        ]

    def _passed(self, mapping: Mapping, checkpoint: Checkpoint, view: View) -> Passed:
        """Count what is in a batch that fails."""
        stream, shard = view.catalog.shards[checkpoint.shard]
        filters = compile_filters(mapping.settings.filters)
        options, file_id = self._service.options, self._service.reader.file_id
        select = selection_of(stream, options, file_id, filters, checkpoint.lane, checkpoint.lane_count)
        wanted = filtered = 0
        with closing(records.read(view.connection, view.catalog, shard, checkpoint.sequence)) as found:
            for record in found:
                if record.sequence > (checkpoint.retry_through or 0):
                    break
                selected = select(record)
                filtered += selected is FILTERED
                wanted += selected is not FILTERED and selected is not FOREIGN
        return Passed(kind=SKIPPED, records=wanted, filtered=filtered, attempts=checkpoint.attempts)

    # -- reset --

    def reset(
        self,
        name: str,
        *,
        position: str | None = None,
        sequence: str | None = None,
        time_ms: int | None = None,
        shard_id: str | None = None,
    ) -> list[ResetShard]:
        """Have a mapping go on elsewhere, in all shards or in one: forward or back; return where.

        `position`: TRIM_HORIZON or LATEST; `sequence`: of the first record to be delivered; `time_ms`: its creation time
        is the first at or after that. What is in flight is delivered, and then counts for nothing.

        Raises: as `pause`; ServiceError for a sequence or a time that is in the future, or more than one of them.
        """
        mapping = self._mapping(name)
        if [position, sequence, time_ms].count(None) != 2:
            raise ServiceError("reset takes one of a position, a sequence number and a time")
        shard = None if shard_id is None else self._shard(mapping, shard_id)

        def run(transaction: Transaction) -> list[ResetShard]:
            after = _after(transaction, position, sequence, time_ms)
            moved = []
            for each in stored_checkpoints.checkpoints_of(transaction.connection, mapping.id):
                known = transaction.catalog.shards.get(each.shard)
                if known is None or (shard is not None and shard.id != each.shard):
                    continue
                low = max(known[1].start_sequence - 1, known[1].trimmed_sequence)
                high = after if known[1].end_sequence is None else known[1].end_sequence
                place = max(low, min(after, high))
                stored_checkpoints.reset(transaction, each, place)
                moved.append(ResetShard(known[1].shard_id, sequence_text(place)))
            if shard is None:
                stored_mappings.restart(transaction, mapping.id, after)
            else:
                stored_mappings.touch(transaction, mapping.id)
            return sorted(set(moved))

        return self._service.writer.call(run)

    # -- names --

    def _checkpoints(self, mapping: Mapping, shard_id: str | None) -> list[Checkpoint]:
        shards = self._service.reader.view().catalog.shards
        wanted = None if shard_id is None else self._shard(mapping, shard_id).id
        with self._service.database.reading() as connection:
            found = stored_checkpoints.checkpoints_of(connection, mapping.id)
        return [each for each in found if each.shard in shards and wanted in {None, each.shard}]

    def _shard(self, mapping: Mapping, shard_id: str) -> Shard:
        """Find a shard of the mapping's table by its id, or by the end of it that `cdc status` shows."""
        streams = self._service.reader.view().catalog.streams_of(mapping.table_name)
        shards = [shard for stream in streams for shard in stream.shards]
        found = [shard for shard in shards if shard.shard_id.endswith(shard_id)] if shard_id else []
        if len(found) != 1:
            known = ", ".join(shard.shard_id for shard in shards) or "none"
            which = "no shard" if not found else "more than one shard"
            raise ServiceError(f"{which} of table {mapping.table_name} is named {shard_id}; there are: {known}")
        return found[0]

    def _mapping(self, name: str) -> Mapping:
        return find_mapping(self._service, name)


def find_mapping(service: Service, name: str) -> Mapping:
    """Find a mapping by its name.

    Raises: UnknownMappingError, which names those that there are.
    """
    mappings = service.mappings()
    for mapping in mappings:
        if mapping.name == name:
            return mapping
    known = ", ".join(mapping.name for mapping in mappings) or "none"
    raise UnknownMappingError(f"no mapping is named {name}; there are: {known}")


def _after(transaction: Transaction, position: str | None, sequence: str | None, time_ms: int | None) -> int:
    """Find the sequence after which to go on."""
    newest = transaction.counters.next_sequence - 1
    if position is not None:
        return {TRIM_HORIZON: 0, LATEST: newest}[position]
    if sequence is not None:
        if not (sequence.isdecimal() and sequence.isascii() and 21 <= len(sequence) <= 40):
            raise ServiceError(f"{sequence} is no sequence number: these have 21 digits, as `cdc tail` shows them")
        after = sequence_value(sequence) - 1
        if not 0 <= after <= newest:
            raise ServiceError(f"{sequence} is beyond the newest sequence number, {sequence_text(newest)}")
        return after
    assert time_ms is not None
    if time_ms > transaction.now_ms:
        raise ServiceError("the time is in the future: LATEST skips all that was written up to now")
    first = records.first_created_at(transaction.connection.connection, transaction.catalog, time_ms)
    return min(first - 1, newest)
