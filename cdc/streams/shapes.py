"""The requests of the stream operations: members and bounds of the service's model."""

from __future__ import annotations

from cdc.model.constraints import TABLE_NAME_MAX, TABLE_NAME_PATTERN, Enum, Integer, String, Timestamp
from cdc.model.request_shapes import Member, Shape, Structure

LIST_LIMIT = 100
"""Streams, or shards, that a page holds at most."""
RECORDS_LIMIT = 1000
"""Records that a page holds at most."""

TRIM_HORIZON = "TRIM_HORIZON"
LATEST = "LATEST"
AT_SEQUENCE_NUMBER = "AT_SEQUENCE_NUMBER"
AFTER_SEQUENCE_NUMBER = "AFTER_SEQUENCE_NUMBER"
AT_TIMESTAMP = "AT_TIMESTAMP"


_STREAM_ARN = String(37, 1024)
_SHARD_ID = String(28, 65)
_LIST_LIMIT = Member("Limit", Integer(1, LIST_LIMIT))

LIST_STREAMS = Shape(
    "ListStreams",
    # Not the TableName of other operations, which may be an ARN and whose faults are reported alone.
    Member("TableName", String(3, TABLE_NAME_MAX, TABLE_NAME_PATTERN)),
    _LIST_LIMIT,
    Member("ExclusiveStartStreamArn", _STREAM_ARN),
)
DESCRIBE_STREAM = Shape(
    "DescribeStream",
    Member("StreamArn", _STREAM_ARN, required=True),
    _LIST_LIMIT,
    Member("ExclusiveStartShardId", _SHARD_ID),
    Member(
        "ShardFilter",
        Structure(
            "ShardFilter",
            Member("Type", Enum("CHILD_SHARDS"), required=True),
            Member("ShardId", _SHARD_ID, required=True),
        ),
    ),
)
GET_SHARD_ITERATOR = Shape(
    "GetShardIterator",
    Member("StreamArn", _STREAM_ARN, required=True),
    Member("ShardId", _SHARD_ID, required=True),
    Member(
        "ShardIteratorType",
        Enum(TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, AT_TIMESTAMP),
        required=True,
    ),
    Member("SequenceNumber", String(21, 40, "[0-9]+")),
    Member("Timestamp", Timestamp()),
)
GET_RECORDS = Shape(
    "GetRecords",
    Member("ShardIterator", String(1, 2048), required=True),
    Member("Limit", Integer(1, RECORDS_LIMIT)),
)
