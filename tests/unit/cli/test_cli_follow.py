from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from cdc.cli.errors import CommandError
from cdc.cli.follow import DISCOVER_SECONDS, LATEST, TRIM_HORIZON, Follower
from cdc.clock import ManualClock
from cdc.model.errors import (
    ExpiredIteratorException,
    InternalServerError,
    ResourceNotFoundException,
    TrimmedDataAccessException,
)
from cdc.service import open_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.service import Service


class Streams:
    """Streams made up in memory, with shards that have parents and ends, and iterators that can be lost."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.shards: dict[str, dict[str, Any]] = {}
        self.lost: Exception | None = None  # what the next read raises
        self.page = 1000

    def add(self, shard, *, parent=None, arn="arn/1"):
        self.shards[shard] = {"arn": arn, "parent": parent, "records": [], "closed": False}

    def write(self, shard, *sequences):
        self.shards[shard]["records"] += [
            {"at_ms": self.clock.now_ms(), "dynamodb": {"SequenceNumber": str(sequence)}} for sequence in sequences
        ]

    def call(self, operation, request):
        return getattr(self, operation)(request)

    def ListStreams(self, _request):  # noqa: N802  # called by the operation's name
        return {"Streams": [{"StreamArn": arn} for arn in sorted({shard["arn"] for shard in self.shards.values()})]}

    def DescribeTable(self, _request):  # noqa: N802  # called by the operation's name
        return {"Table": {}}

    def DescribeStream(self, request):  # noqa: N802  # called by the operation's name
        shards = [
            {
                "ShardId": name,
                **({"ParentShardId": shard["parent"]} if shard["parent"] else {}),
                "SequenceNumberRange": {"EndingSequenceNumber": "1"} if shard["closed"] else {},
            }
            for name, shard in self.shards.items()
            if shard["arn"] == request["StreamArn"]
        ]
        return {"StreamDescription": {"Shards": shards}}

    def GetShardIterator(self, request):  # noqa: N802  # called by the operation's name
        records = self.shards[request["ShardId"]]["records"]
        match request["ShardIteratorType"]:
            case "LATEST":
                place = len(records)
            case "AFTER_SEQUENCE_NUMBER":
                numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
                place = numbers.index(request["SequenceNumber"]) + 1
            case "AT_TIMESTAMP":
                place = sum(record["at_ms"] / 1000 < request["Timestamp"] for record in records)
            case _:
                place = 0
        return {"ShardIterator": f"{request['ShardId']} {place}"}

    def GetRecords(self, request):  # noqa: N802  # called by the operation's name
        if self.lost is not None:
            lost, self.lost = self.lost, None
            raise lost
        name, place = request["ShardIterator"].split()
        shard = self.shards[name]
        end = min(int(place) + self.page, len(shard["records"]))
        answer = {"Records": shard["records"][int(place) : end]}
        if not (shard["closed"] and end == len(shard["records"])):
            answer["NextShardIterator"] = f"{name} {end}"
        return answer

    def follow(self, start=TRIM_HORIZON, shard=None):
        return Follower(self.call, self.clock, "t", start, shard)


def take(follower, polls=1):
    return [int(record["dynamodb"]["SequenceNumber"]) for _ in range(polls) for record in follower.poll()]


@pytest.fixture
def streams() -> Streams:
    made = Streams()
    made.add("a")
    made.add("b")
    return made


def test_records_of_all_shards_come_in_commit_order_whatever_the_pages(streams):
    streams.write("a", 1, 4, 5, 6, 9)
    streams.write("b", 2, 3, 7, 8)
    streams.page = 2
    follower = streams.follow()
    assert take(follower, 10) == list(range(1, 10))
    assert follower.caught_up


def test_latest_begins_after_what_is_there_at_the_start(streams):
    streams.write("a", 1)
    follower = streams.follow(LATEST)
    streams.write("a", 2)
    assert take(follower, 2) == [2]


def test_latest_leaves_closed_shards_out(streams):
    streams.write("a", 1)
    streams.shards["a"]["closed"] = True
    follower = streams.follow(LATEST)
    assert follower.shards == 1
    assert take(follower, 2) == []


def test_a_child_is_read_from_its_beginning_after_its_parent_has_ended(streams):
    follower = streams.follow(LATEST)
    take(follower)
    streams.write("a", 5)
    streams.add("c", parent="a")
    streams.write("c", 7)
    streams.clock.advance(DISCOVER_SECONDS)
    assert take(follower, 3) == [5], "the parent is open: more may come before what the child has"
    streams.write("a", 6)
    streams.shards["a"]["closed"] = True
    assert take(follower, 3) == [6, 7]


def test_the_end_of_a_shard_has_its_children_looked_for_at_once(streams):
    follower = streams.follow()
    take(follower)
    streams.shards["a"]["closed"] = True
    streams.add("c", parent="a")
    streams.write("c", 1)
    assert take(follower, 3) == [1]


def test_a_stream_enabled_again_follows_the_old_one(streams):
    follower = streams.follow(LATEST)
    take(follower)
    streams.write("b", 3)
    for name in ("a", "b"):
        streams.shards[name]["closed"] = True
    streams.add("x", arn="arn/2")
    streams.write("x", 4)
    assert take(follower, 4) == [3, 4]


def test_a_stream_that_comes_later_is_read_from_its_beginning():
    streams = Streams()
    follower = streams.follow(LATEST)
    assert (follower.streams, follower.shards, follower.caught_up) == (0, 0, True)
    streams.add("a")
    streams.write("a", 1)
    streams.clock.advance(DISCOVER_SECONDS)
    assert take(follower) == [1]


def test_one_shard_is_followed_with_its_children_alone(streams):
    streams.write("a", 1)
    streams.write("b", 2)
    streams.shards["b"]["closed"] = True
    streams.add("c", parent="b")
    streams.write("c", 3)
    assert take(streams.follow(shard="b"), 3) == [2, 3]


def test_a_shard_that_is_not_there_is_refused(streams):
    with pytest.raises(CommandError, match="no shard of t ends with zz"):
        streams.follow(shard="zz")


@pytest.mark.parametrize("start", [LATEST, TRIM_HORIZON])
def test_an_expired_iterator_loses_no_place(streams, start):
    follower = streams.follow(start)
    take(follower)
    streams.clock.advance(900)
    streams.lost = ExpiredIteratorException()
    assert take(follower) == []
    streams.write("a", 1, 2)
    assert take(follower) == [1, 2]
    streams.lost = ExpiredIteratorException()
    streams.write("a", 3)
    assert take(follower, 2) == [3]


def test_trimmed_records_are_said_and_passed_over(streams):
    follower = streams.follow()
    streams.write("a", 7)
    streams.lost = TrimmedDataAccessException()
    assert take(follower, 2) == [7]
    assert ["expired" in note for note in follower.take_notes()] == [True]
    assert follower.take_notes() == []


def test_a_stream_that_is_gone_ends_there(streams):
    follower = streams.follow()
    streams.lost = ResourceNotFoundException()
    take(follower, 2)
    assert follower.shards == 1


def test_another_error_is_the_callers(streams):
    follower = streams.follow()
    streams.lost = InternalServerError()
    with pytest.raises(InternalServerError):
        take(follower)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with open_service(tmp_path / "cdc.db") as opened:
        yield opened


def test_a_real_stream_is_followed_over_its_end_and_its_return(service):
    keys = {"KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}], "BillingMode": "PAY_PER_REQUEST"}
    attributes = [{"AttributeName": "id", "AttributeType": "S"}]
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    service.create_table(TableName="tab", **keys, AttributeDefinitions=attributes, StreamSpecification=stream)
    clock = ManualClock()
    follower = Follower(service.call, clock, "tab", LATEST)
    written = [str(number) for number in range(20)]

    def put(ids):
        for each in ids:
            service.put_item(TableName="tab", Item={"id": {"S": each}})

    put(written[:10])
    service.update_table(TableName="tab", StreamSpecification={"StreamEnabled": False})
    service.update_table(TableName="tab", StreamSpecification=stream)
    put(written[10:])
    got = []
    for _ in range(6):
        clock.advance(DISCOVER_SECONDS)
        got += [record["dynamodb"]["Keys"]["id"]["S"] for record in follower.poll()]
    assert got == written


def test_a_table_that_does_not_exist_is_refused(service):
    with pytest.raises(ResourceNotFoundException):
        Follower(service.call, ManualClock(), "tab", LATEST)
