"""Readers of streams, in few words: the shards of a table's stream and all their records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.wire import Wire


def arn_of(wire: Wire, table: str) -> str:
    """Return the ARN of a table's newest stream."""
    return str(wire.call("DescribeTable", TableName=table)["Table"]["LatestStreamArn"])


def shards_of(wire: Wire, arn: str) -> list[dict[str, Any]]:
    """Return the shards of a stream."""
    shards: list[dict[str, Any]] = wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]
    return shards


def iterator(wire: Wire, arn: str, shard_id: str, kind: str = "TRIM_HORIZON", **position: Any) -> str:
    """Return an iterator of any type."""
    request = {"StreamArn": arn, "ShardId": shard_id, "ShardIteratorType": kind, **position}
    return str(wire.call("GetShardIterator", **request)["ShardIterator"])


def drain(wire: Wire, start: str, **limit: int) -> Iterator[dict[str, Any]]:
    """Yield the records after an iterator until there are no more for now."""
    following: str | None = start
    while following is not None:
        page = wire.call("GetRecords", ShardIterator=following, **limit)
        yield from page["Records"]
        if not page["Records"]:
            return
        following = page.get("NextShardIterator")


def records_of(wire: Wire, table: str, arn: str | None = None, **limit: int) -> list[dict[str, Any]]:
    """Return all records of a table's stream, in the order in which they were committed."""
    arn = arn or arn_of(wire, table)
    records = [
        record
        for shard in shards_of(wire, arn)
        for record in drain(wire, iterator(wire, arn, shard["ShardId"]), **limit)
    ]
    return sorted(records, key=lambda record: int(record["dynamodb"]["SequenceNumber"]))
