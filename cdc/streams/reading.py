"""The operations of DynamoDB Streams: ListStreams, DescribeStream, GetShardIterator and GetRecords."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import parse_stream_arn, stream_arn
from cdc.model.catalog import sequence_text, sequence_value
from cdc.model.errors import ResourceNotFoundException, TrimmedDataAccessException, ValidationException
from cdc.model.values import INVALID
from cdc.store import records
from cdc.store.reading import Read
from cdc.streams import positions, shapes
from cdc.streams.iterators import ShardIterator, decode_iterator, encode_iterator
from cdc.streams.lifecycle import is_gone
from cdc.streams.wire import RecordWriter

if TYPE_CHECKING:
    from cdc.model.catalog import Shard, Stream
    from cdc.model.options import Options
    from cdc.store.reading import View

PAGE_BYTES = 1 << 20
"""JSON of records that a page holds at most, though always one record."""

MALFORMED_ARN = "Invalid StreamArn"
UNKNOWN_SHARD = "Requested resource not found: Shard does not exist"


def list_streams(request: dict[str, Any], options: Options) -> Read:
    """List streams by table name and label, those of deleted tables included (DynamoDB Streams: ListStreams).

    Raises: SerializationException, ValidationException.
    """
    shapes.LIST_STREAMS.check(request)
    start = request.get("ExclusiveStartStreamArn")
    if start is not None and parse_stream_arn(start) is None:
        raise ValidationException(MALFORMED_ARN)
    return Read(partial(_list_streams, request, options), quick=True)


def _list_streams(request: dict[str, Any], options: Options, view: View) -> bytes:
    table_name, limit = request.get("TableName"), request.get("Limit") or shapes.LIST_LIMIT
    # The names order the pages, so that one goes on where it was even if the stream it ended with is gone.
    start = parse_stream_arn(request.get("ExclusiveStartStreamArn") or "") or ("", "")
    streams = view.catalog.streams if table_name is None else view.catalog.streams_of(table_name)
    found = sorted(
        (stream.table_name, stream.label)
        for stream in streams
        if (stream.table_name, stream.label) > start and not is_gone(stream, view.now_ms)
    )
    listed = [
        {"StreamArn": stream_arn(options, *name), "TableName": name[0], "StreamLabel": name[1]}
        for name in found[:limit]
    ]
    answer: dict[str, Any] = {"Streams": listed}
    if len(found) > limit:
        answer["LastEvaluatedStreamArn"] = listed[-1]["StreamArn"]
    return orjson.dumps(answer)


def describe_stream(request: dict[str, Any], options: Options) -> Read:
    """Describe a stream and a page of its shards (DynamoDB Streams: DescribeStream).

    Raises: SerializationException, ValidationException; ResourceNotFoundException when run.
    """
    shapes.DESCRIBE_STREAM.check(request)
    _check_arn(request["StreamArn"])
    return Read(partial(_describe_stream, request, options), quick=True)


def _describe_stream(request: dict[str, Any], options: Options, view: View) -> bytes:
    stream = _find_stream(view, options, request["StreamArn"])
    shards = _listed_shards(request, stream)
    limit = request.get("Limit") or shapes.LIST_LIMIT
    description: dict[str, Any] = {
        "StreamArn": request["StreamArn"],
        "StreamLabel": stream.label,
        "StreamStatus": view.catalog.stream_status(stream, view.now_ms),
        "StreamViewType": stream.view_type,
        "CreationRequestDateTime": stream.created_ms / 1000,
        "TableName": stream.table_name,
        "KeySchema": [{"AttributeName": name, "KeyType": kind} for name, kind in stream.key_schema],
        "Shards": [_describe_shard(shard) for shard in shards[:limit]],
    }
    if len(shards) > limit:
        description["LastEvaluatedShardId"] = shards[limit - 1].shard_id
    return orjson.dumps({"StreamDescription": description})


def _listed_shards(request: dict[str, Any], stream: Stream) -> list[Shard]:
    start, wanted = request.get("ExclusiveStartShardId") or "", request.get("ShardFilter")
    shards = (shard for shard in stream.shards if shard.shard_id > start)
    if wanted is None:
        return list(shards)
    return [shard for shard in shards if shard.parent_shard_id == wanted["ShardId"]]


def _describe_shard(shard: Shard) -> dict[str, Any]:
    numbers = {"StartingSequenceNumber": sequence_text(shard.start_sequence)}
    if shard.end_sequence is not None:
        numbers["EndingSequenceNumber"] = sequence_text(shard.end_sequence)
    described: dict[str, Any] = {"ShardId": shard.shard_id, "SequenceNumberRange": numbers}
    if shard.parent_shard_id is not None:
        described["ParentShardId"] = shard.parent_shard_id
    return described


def get_shard_iterator(request: dict[str, Any], options: Options) -> Read:
    """Point at a place in a shard (DynamoDB Streams: GetShardIterator).

    Raises: SerializationException, ValidationException; ResourceNotFoundException, TrimmedDataAccessException when run.
    """
    shapes.GET_SHARD_ITERATOR.check(request)
    kind = request["ShardIteratorType"]
    by_sequence = kind in {shapes.AT_SEQUENCE_NUMBER, shapes.AFTER_SEQUENCE_NUMBER}
    for name, wanted in (("SequenceNumber", by_sequence), ("Timestamp", kind == shapes.AT_TIMESTAMP)):
        if wanted and request.get(name) is None:
            raise ValidationException(f"{INVALID}{name} is required for ShardIteratorType {kind}")
        if not wanted and request.get(name) is not None:
            raise ValidationException(f"{INVALID}{name} must not be specified for ShardIteratorType {kind}")
    _check_arn(request["StreamArn"])
    return Read(partial(_get_shard_iterator, request, options), quick=True)


def _get_shard_iterator(request: dict[str, Any], options: Options, view: View) -> bytes:
    arn = request["StreamArn"]
    stream = _find_stream(view, options, arn)
    shard = next((each for each in stream.shards if each.shard_id == request["ShardId"]), None)
    if shard is None:
        raise ResourceNotFoundException(UNKNOWN_SHARD)
    iterator = ShardIterator(shard=shard.id, after=_position(request, view, stream, shard))
    return orjson.dumps({"ShardIterator": encode_iterator(view.secret, arn, iterator, view.now_ms)})


def _position(request: dict[str, Any], view: View, stream: Stream, shard: Shard) -> int | None:
    match request["ShardIteratorType"]:
        case shapes.TRIM_HORIZON:
            return None
        case shapes.LATEST:
            return positions.latest(view)
        case shapes.AT_TIMESTAMP:
            wanted_ms = request["Timestamp"] * 1000  # compared before it is rounded: it may be infinite
            if wanted_ms >= view.now_ms + 0.5:
                raise ValidationException(f"{INVALID}Timestamp must not be in the future")
            expired = wanted_ms <= stream.horizon_ms(view.now_ms)
            return None if expired else positions.at_time(view, stream, shard, round(wanted_ms))
        case kind:
            sequence = sequence_value(request["SequenceNumber"])
            # One that was never given would make a reader pass over all records up to it, unnoticed.
            if sequence > positions.latest(view):
                raise ValidationException(f"{INVALID}SequenceNumber is greater than any that has been given")
            after = sequence if kind == shapes.AFTER_SEQUENCE_NUMBER else sequence - 1
            after = max(after, shard.start_sequence - 1)
            positions.check_untrimmed(view, stream, shard, after)
            return after


def get_records(request: dict[str, Any], options: Options) -> Read:
    """Read a page of a shard's records (DynamoDB Streams: GetRecords).

    Raises: SerializationException, ValidationException; ExpiredIteratorException, TrimmedDataAccessException and
    ResourceNotFoundException when run.
    """
    shapes.GET_RECORDS.check(request)
    return Read(partial(_get_records, request["ShardIterator"], request.get("Limit") or shapes.RECORDS_LIMIT, options))


def _get_records(text: str, limit: int, options: Options, view: View) -> bytes:
    iterator = decode_iterator(view.secret, text, view.now_ms)
    stream, shard = view.catalog.shards.get(iterator.shard, (None, None))
    if stream is None or shard is None or is_gone(stream, view.now_ms):
        raise _stream_not_found(text.partition("|")[0])
    after = positions.trim_horizon(view, stream, shard) if iterator.after is None else iterator.after
    page, after, finished = _read_page(view, stream, shard, after, limit, RecordWriter(stream, options, view.file_id))
    body = b'{"Records":[' + b",".join(page) + b"]"
    if finished:
        return body + b"}"
    arn = stream_arn(options, stream.table_name, stream.label)
    following = encode_iterator(view.secret, arn, ShardIterator(shard=shard.id, after=after), view.now_ms)
    return body + b',"NextShardIterator":' + orjson.dumps(following) + b"}"


def _read_page(
    view: View, stream: Stream, shard: Shard, after: int, limit: int, writer: RecordWriter
) -> tuple[list[bytes], int, bool]:
    """Read from a position: the records, the position after them, and whether the shard is closed and ends there.

    Raises: TrimmedDataAccessException.
    """
    if after < shard.trimmed_sequence:
        raise TrimmedDataAccessException
    horizon_ms = stream.horizon_ms(view.now_ms)
    page: list[bytes] = []
    size_bytes = 0
    blocks_at_once = min(limit, records.READ_BLOCKS)
    with closing(records.read(view.connection, view.catalog, shard, after, blocks_at_once)) as following:
        for record in following:
            if record.created_ms <= horizon_ms:
                raise TrimmedDataAccessException
            text = writer.stream_record(record)
            size_bytes += len(text)
            if page and size_bytes > PAGE_BYTES:
                return page, after, False
            page.append(text)
            after = record.sequence
            if len(page) == limit:
                return page, after, False
    return page, after, not shard.open


def _check_arn(arn: str) -> None:
    if parse_stream_arn(arn) is None:
        raise ValidationException(MALFORMED_ARN)


def _find_stream(view: View, options: Options, arn: str) -> Stream:
    """Look a stream up by its ARN, which names this account and region, too.

    Raises: ResourceNotFoundException.
    """
    name = parse_stream_arn(arn)
    assert name is not None, "the request was checked"
    for stream in view.catalog.streams_of(name.table_name):
        known = stream.label == name.label and not is_gone(stream, view.now_ms)
        if known and arn == stream_arn(options, stream.table_name, stream.label):
            return stream
    raise _stream_not_found(arn)


def _stream_not_found(arn: str) -> ResourceNotFoundException:
    return ResourceNotFoundException(f"Requested resource not found: Stream: {arn} not found")
