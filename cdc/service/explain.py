"""Finding records of a table's streams, by sequence number or key, to say what became of them in each mapping."""

from __future__ import annotations

import re
from collections import deque
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from cdc.mappings.published import read_state
from cdc.model.arns import stream_arn
from cdc.model.catalog import EVENT_NAMES, sequence_text, sequence_value
from cdc.model.errors import ServiceError, TrimmedDataAccessException
from cdc.model.keys import KeySchema, encode_key
from cdc.model.values import parse_item
from cdc.service.fate import Found, Sight, fate_of, time_text
from cdc.store import history, records, roles
from cdc.store.mappings import load_mappings
from cdc.streams.wire import RecordWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model.catalog import Shard, Stream
    from cdc.model.mappings import Mapping
    from cdc.model.options import Options
    from cdc.store.blocks import Record
    from cdc.store.database import Database
    from cdc.store.reading import View

_SEQUENCE = re.compile(r"\d{21,40}")


class UnknownRecordError(ServiceError):
    """There is no such record, or no longer."""


class Explainer:
    """Explains records of one file as it is at one moment."""

    def __init__(self, database: Database, view: View, options: Options) -> None:
        self._database = database
        self._view = view
        self._options = options

    def by_sequence(self, table: str, sequence: str) -> dict[str, Any]:
        """Explain one record.

        Raises: UnknownRecordError, which tells of dead letters that still hold it; ServiceError.
        """
        if not _SEQUENCE.fullmatch(sequence):
            raise ServiceError(
                f"{sequence!r} is no sequence number: expected 21 digits, as `cdc tail {table}` shows them, such as "
                f"{sequence_text(1)}"
            )
        streams, value = self._streams(table), sequence_value(sequence)
        for stream in streams:
            for shard in stream.shards:
                record = self._at(shard, value)
                if record is not None:
                    return self._explained(table, [(stream, shard, record)], 0)
        raise UnknownRecordError(self._why_missing(table, value))

    def by_key(self, table: str, key: dict[str, Any], limit: int) -> dict[str, Any]:
        """Explain the newest records of a key, up to `limit`, oldest first.

        Raises: UnknownRecordError; ServiceError.
        """
        keys = parse_item(key)[0]
        found: deque[tuple[Stream, Shard, Record]] = deque(maxlen=limit)
        count = 0
        for stream in self._streams(table):
            for each in self._of_key(stream, keys):
                count += 1
                found.append(each)
        if not count:
            raise UnknownRecordError(
                f"the streams of {table} have no record of the key {orjson.dumps(keys).decode()}: its last change is"
                " older than they keep records, or was made without a stream"
            )
        return self._explained(table, list(found), count - len(found))

    # -- finding --

    def _streams(self, table: str) -> list[Stream]:
        streams = self._view.catalog.streams_of(table)
        if streams:
            return streams
        if table in self._view.catalog.tables:
            raise UnknownRecordError(f"{table} has no stream, so nothing is delivered of it: UpdateTable enables one")
        known = ", ".join(sorted({each.table_name for each in self._view.catalog.streams})) or "none"
        raise UnknownRecordError(f"there is no table {table}; tables with streams: {known}")

    def _at(self, shard: Shard, sequence: int) -> Record | None:
        if sequence < shard.start_sequence or (shard.end_sequence is not None and sequence > shard.end_sequence):
            return None
        view = self._view
        with closing(records.read(view.connection, view.catalog, shard, sequence - 1, 1)) as following:
            try:
                record = next(following, None)
            except TrimmedDataAccessException:
                return None
        return record if record is not None and record.sequence == sequence else None

    def _of_key(self, stream: Stream, keys: dict[str, Any]) -> Iterator[tuple[Stream, Shard, Record]]:
        place = int.from_bytes(encode_key(self._key_schema(stream, keys), keys)[:4], "big")
        needle = orjson.dumps(next(keys[name] for name, kind in stream.key_schema if kind == "HASH"))
        view = self._view
        for shard in stream.shards:
            if not shard.hash_low <= place <= shard.hash_high:
                continue
            with closing(records.read(view.connection, view.catalog, shard, shard.trimmed_sequence)) as following:
                for record in following:
                    if needle in record.change and orjson.loads(record.change)["Keys"] == keys:
                        yield stream, shard, record

    def _key_schema(self, stream: Stream, keys: dict[str, Any]) -> KeySchema:
        names = [name for name, _ in stream.key_schema]
        if sorted(names) != sorted(keys):
            raise ServiceError(
                f"the key of {stream.table_name} has the attributes {' and '.join(names)}, not {', '.join(keys) or 'none'}"
            )
        wrong = sorted({kind for value in keys.values() for kind in value} - {"S", "N", "B"})
        if wrong:
            raise ServiceError(f"the key of {stream.table_name} is text, a number or binary, not {wrong[0]}")
        pairs = [part for name in names for part in (name, next(iter(keys[name])))]
        return KeySchema(*pairs)

    def _why_missing(self, table: str, sequence: int) -> str:
        text = f"the streams of {table} have no record {sequence_text(sequence)}: "
        newest = records.next_sequence(self._view.connection) - 1
        if sequence > newest:
            return f"{text}the newest number given so far is {sequence_text(newest)}"
        for stream in self._view.catalog.streams:
            if stream.table_name != table and any(self._at(shard, sequence) for shard in stream.shards):
                return f"{text}it is one of {stream.table_name}"
        with self._database.reading() as connection:
            letters = history.dead_letters_about(connection, table, sequence)
        if letters:
            kept = ", ".join(f"{each.id} of {each.mapping_name} ({each.state})" for each in letters)
            return f"{text}it has expired, and is kept in dead letter {kept}"
        return f"{text}it has expired, with what is known of it, or the number was not given to a record of this table"

    # -- saying --

    def _explained(self, table: str, found: list[tuple[Stream, Shard, Record]], left_out: int) -> dict[str, Any]:
        view, path = self._view, self._database.path
        with self._database.reading() as connection:
            mappings = [each for each in load_mappings(connection) if each.table_name == table]
            sight = Sight(
                connection=connection,
                catalog=view.catalog,
                is_served=roles.holder(path, roles.POLL) is not None,
                live=read_state(path),
                now_ms=view.now_ms,
            )
            explained = [self._record(sight, mappings, *each) for each in found]
        return {"table": table, "now_ms": view.now_ms, "older_records": left_out, "records": explained}

    def _record(
        self, sight: Sight, mappings: list[Mapping], stream: Stream, shard: Shard, record: Record
    ) -> dict[str, Any]:
        letters = history.dead_letters_about(sight.connection, stream.table_name, record.sequence)
        place = Found(
            stream=stream,
            shard=shard,
            record=record,
            event=RecordWriter(stream, self._options, self._view.file_id).event_record(record),
            expired=record.created_ms <= stream.horizon_ms(self._view.now_ms),
            letters=tuple(letters),
        )
        readers = [each for each in mappings if each.stream_id in {None, stream.id}]
        return {
            "sequence": sequence_text(record.sequence),
            "event": EVENT_NAMES[record.kind],
            "key": orjson.loads(record.change)["Keys"],
            "created_ms": record.created_ms,
            "expired": place.expired,
            "stream": stream_arn(self._options, stream.table_name, stream.label),
            "shard_id": shard.shard_id,
            "mappings": list(map(partial(fate_of, sight, found=place), readers)),
        }


def explained_text(explained: dict[str, Any]) -> Iterator[str]:
    """Write an explanation for people, a line for the record and one for each mapping."""
    for record in explained["records"]:
        key = orjson.dumps(record["key"]).decode()
        expired = ", expired by now" if record["expired"] else ""
        yield f"{record['sequence']} {record['event']} {key}, written {time_text(record['created_ms'])}{expired}"
        for fate in record["mappings"]:
            yield f"  {fate['mapping']}: {fate['text']}"
            for attempt in fate["failed_attempts"]:
                yield f"    failed at {time_text(attempt['failed_ms'])}, {_records(attempt['records'])}: {attempt['error']}"
        if not record["mappings"]:
            yield "  no mapping reads this stream"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
