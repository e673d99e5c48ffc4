"""What the daemon holds at the end: the stream by GetRecords over all shards, the table by Scan."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any

from cdc.demo import flights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cdc.demo.flights import Image


@dataclass(frozen=True, kw_only=True)
class Change:
    """One stream record, without its images."""

    key: str
    change: str  # called as its write is in the journal
    shard: str


@dataclass
class Stream:
    """The stream as it was read, and what it makes of an empty table."""

    records: dict[str, Change] = field(default_factory=dict)  # by sequence number; in order within a shard
    images: dict[str, bytes] = field(default_factory=dict)  # digests by key: the table that results
    shards: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)  # sequence numbers that came more than once
    disorder: list[str] = field(default_factory=list)  # sequence numbers not above the one before in their shard
    broken: list[str] = field(default_factory=list)  # sequence numbers whose old image is not the new image before

    def by_key(self) -> dict[str, list[tuple[str, str]]]:
        """Return sequence number and change of each record, by key."""
        found: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
        for sequence, record in self.records.items():
            found[record.key].append((sequence, record.change))
        return found

    def add(self, shard: str, records: Iterable[Mapping[str, Any]]) -> None:
        """Take the records of a shard."""
        last = 0
        for record in records:
            change = record["dynamodb"]
            sequence = change["SequenceNumber"]
            if sequence in self.records:
                self.twice.append(sequence)
                continue
            if int(sequence) <= last:
                self.disorder.append(sequence)
            last = int(sequence)
            key = flights.key_of(change["Keys"])
            self.records[sequence] = Change(key=key, change=flights.change_of(record), shard=shard)
            self._replay(sequence, key, change)

    def _replay(self, sequence: str, key: str, change: Mapping[str, Any]) -> None:
        old = change.get("OldImage")
        if (None if old is None else digest(old)) != self.images.pop(key, None):
            self.broken.append(sequence)
        if "NewImage" in change:
            self.images[key] = digest(change["NewImage"])


@dataclass
class Table:
    """The table as a Scan gives it."""

    images: dict[str, bytes] = field(default_factory=dict)  # digests by key
    totals: flights.Totals = field(default_factory=flights.Totals)

    def add(self, items: Iterable[Image]) -> None:
        """Take items."""
        for item in items:
            self.images[flights.key_of(item)] = digest(item)
            self.totals.add(item)


def digest(image: Image) -> bytes:
    """Return a short value that two images share only if they are equal; the images of a year take too much memory."""
    return hashlib.blake2b(json.dumps(image, sort_keys=True).encode(), digest_size=16).digest()


class Reader:
    """Reads everything, and tells after each page how many records and items it has read."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._count = 0

    def read_stream(self, client: Any, arn: str, heads: Mapping[str, str | None]) -> Stream:
        """Read every record of a stream; `heads` has the newest sequence number of each shard: there the reading ends."""
        stream = Stream()
        for shard in _shards(client, arn):
            stream.shards.append(shard)
            stream.add(shard, chain.from_iterable(self._told(_pages(client, arn, shard, heads.get(shard)))))
        return stream

    def read_table(self, client: Any) -> Table:
        """Read every item of the table."""
        table = Table()
        pages = client.get_paginator("scan").paginate(TableName=flights.TABLE, ConsistentRead=True)
        table.add(chain.from_iterable(self._told(page["Items"] for page in pages)))
        return table

    def _told(self, pages: Iterable[list[Any]]) -> Iterator[list[Any]]:
        for page in pages:
            yield page
            self._count += len(page)
            self._tell(self._count)


def _shards(client: Any, arn: str) -> list[str]:
    found: list[str] = []
    page: dict[str, str] = {}
    while True:
        description = client.describe_stream(StreamArn=arn, **page)["StreamDescription"]
        found += [shard["ShardId"] for shard in description["Shards"]]
        if "LastEvaluatedShardId" not in description:
            return found
        page = {"ExclusiveStartShardId": description["LastEvaluatedShardId"]}


def _pages(client: Any, arn: str, shard: str, head: str | None) -> Iterator[list[Any]]:
    answer = client.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator = answer["ShardIterator"]
    last = 0
    # An empty answer does not mean the end of a shard, and an open shard has none: its newest record ends the reading.
    while iterator is not None and head is not None and last < int(head):
        answer = client.get_records(ShardIterator=iterator)
        yield answer["Records"]
        if answer["Records"]:
            last = int(answer["Records"][-1]["dynamodb"]["SequenceNumber"])
        iterator = answer.get("NextShardIterator")
