"""The demo reads everything back: all shards and pages, up to the newest record, and tells how far it is."""

from __future__ import annotations

from cdc.demo.reading import Reader


def image(number):
    return {"carrier": {"S": "UA"}, "departure": {"S": str(number)}, "revision": {"N": "1"}}


def record(sequence):
    new = image(sequence)
    keys = {name: new[name] for name in ("carrier", "departure")}
    return {"eventName": "INSERT", "dynamodb": {"Keys": keys, "NewImage": new, "SequenceNumber": str(sequence)}}


class Streams:
    """Two shards on two pages; the first is read in three steps, one of them empty, and stays open."""

    def __init__(self):
        self._pages = {"a": [[1, 2], [], [5]], "b": [[3]]}

    def describe_stream(self, *, StreamArn, ExclusiveStartShardId=None):  # noqa: N803  # as boto3 names them
        assert StreamArn == "arn"
        if ExclusiveStartShardId is None:
            return {"StreamDescription": {"Shards": [{"ShardId": "a"}], "LastEvaluatedShardId": "a"}}
        return {"StreamDescription": {"Shards": [{"ShardId": "b"}, {"ShardId": "c"}]}}

    def get_shard_iterator(self, *, ShardId, **_):  # noqa: N803
        return {"ShardIterator": f"{ShardId} 0"}

    def get_records(self, *, ShardIterator):  # noqa: N803
        shard, number = ShardIterator.split()
        records = [record(sequence) for sequence in self._pages[shard][int(number)]]
        return {"Records": records, "NextShardIterator": f"{shard} {int(number) + 1}"}


class Tables:
    def get_paginator(self, name):
        assert name == "scan"
        return self

    def paginate(self, **_):
        return [{"Items": [image(1), image(2)]}, {"Items": []}, {"Items": [image(3)]}]


def test_every_shard_is_read_up_to_its_newest_record():
    told: list[int] = []
    stream = Reader(told.append).read_stream(Streams(), "arn", {"a": "5", "b": "3", "c": None})
    assert {sequence: each.shard for sequence, each in stream.records.items()} == {
        "1": "a",
        "2": "a",
        "5": "a",
        "3": "b",
    }
    assert stream.shards == ["a", "b", "c"]
    assert stream.images.keys() == {"UA 1", "UA 2", "UA 5", "UA 3"}
    assert told == [2, 2, 3, 4]


def test_every_page_of_the_table_is_read():
    table = Reader(lambda _: None).read_table(Tables())
    assert table.images.keys() == {"UA 1", "UA 2", "UA 3"}
    assert table.totals.numbers() == {"UA": (3, 0, 0)}
