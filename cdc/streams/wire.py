"""Stream records as JSON, spliced from stored bytes: as GetRecords answers them, and as a Lambda event holds them."""

from __future__ import annotations

from functools import cached_property
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson

from cdc.model.arns import stream_arn
from cdc.model.catalog import EVENT_NAMES, EXPIRE, SEQUENCE_OFFSET

if TYPE_CHECKING:
    from cdc.model.catalog import Stream
    from cdc.model.options import Options
    from cdc.store.blocks import Record

EVENT_ID_BYTES = 16


class RecordWriter:
    """Writes the records of one stream as JSON. Nothing is decoded, and all but the record itself is prepared once."""

    def __init__(self, stream: Stream, options: Options, file_id: str) -> None:
        self._stream = stream
        self._options = options
        self._event_id = blake2b(file_id.encode(), digest_size=EVENT_ID_BYTES)  # copied for each record

    def stream_record(self, record: Record) -> bytes:
        """Write a record as an element of `Records` (DynamoDB Streams: GetRecords, Record)."""
        return self._fill(self._stream_records[record.kind], record)

    def event_record(self, record: Record) -> bytes:
        """Write a record as an element of a Lambda event's `Records` (Lambda: using Lambda with DynamoDB, example event)."""
        return self._fill(self._event_records[record.kind], record)

    @cached_property
    def _stream_records(self) -> tuple[bytes, ...]:
        # The two interfaces write the same two members in different cases.
        identity = ',"userIdentity":{"PrincipalId":"dynamodb.amazonaws.com","Type":"Service"}'
        return tuple(
            _template(name, self._stream, self._options, "%d", identity if kind == EXPIRE else "")
            for kind, name in enumerate(EVENT_NAMES)
        )

    @cached_property
    def _event_records(self) -> tuple[bytes, ...]:
        source = _literal(stream_arn(self._options, self._stream.table_name, self._stream.label))
        tail = f',"eventSourceARN":{source}'
        identity = ',"userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"}'
        return tuple(
            _template(name, self._stream, self._options, "%d.0", identity + tail if kind == EXPIRE else tail)
            for kind, name in enumerate(EVENT_NAMES)
        )

    def _fill(self, template: bytes, record: Record) -> bytes:
        sequence, _, created_ms, _, size_bytes, change = record
        event_id = self._event_id.copy()
        event_id.update(sequence.to_bytes(8, "big"))
        # Without its braces, the change fits between the members around it.
        content = change[1:-1]
        return template % (
            event_id.hexdigest().encode(),
            created_ms // 1000,
            content,
            SEQUENCE_OFFSET + sequence,
            size_bytes,
        )


def _template(name: str, stream: Stream, options: Options, seconds: str, tail: str) -> bytes:
    """Build what surrounds event id, creation time, change, sequence number and size, for `%` to fill in."""
    return (
        f'{{"eventID":"%s","eventName":"{name}","eventVersion":"1.1","eventSource":"aws:dynamodb",'
        f'"awsRegion":{_literal(options.region)},"dynamodb":{{"ApproximateCreationDateTime":{seconds},%s,'
        f'"SequenceNumber":"%d","SizeBytes":%d,"StreamViewType":"{stream.view_type}"}}{tail}}}'
    ).encode()


def _literal(text: str) -> str:
    """Write a text as JSON that `%` leaves as it is."""
    return orjson.dumps(text).decode().replace("%", "%%")
