"""The shard walk reads parents before children, and a stream only after the one before it."""

from __future__ import annotations

from cdc.consumers.walk import walk
from cdc.model.catalog import Catalog, Shard, Stream


def shard(number, parent=None, *, end=None, stream=1):
    return Shard(
        id=number,
        stream_id=stream,
        shard_id=f"shardId-{number}",
        parent_shard_id=None if parent is None else f"shardId-{parent}",
        hash_low=0,
        hash_high=1,
        start_sequence=number * 10,
        end_sequence=end,
        trimmed_sequence=0,
    )


def stream(number, *shards, disabled=False, table="t"):
    return Stream(
        id=number,
        table_id=1,
        table_name=table,
        label=f"label-{number}",
        view_type="KEYS_ONLY",
        key_schema=(("pk", "HASH"),),
        retention_seconds=86_400,
        created_ms=number,
        disabled_ms=5 if disabled else None,
        shards=shards,
    )


def walked(*streams, drained=(), first_stream=0, after=0):
    catalog = Catalog(epoch=1, tables={}, streams=streams, segments=(), shards={})
    stops = walk(catalog, "t", first_stream=first_stream, after=after, drained=set(drained))
    assert all(stop.stream.id == stop.shard.stream_id for stop in stops)
    return [stop.shard.id for stop in stops]


def test_open_shards_without_parents_are_all_read():
    assert walked(stream(1, shard(1), shard(2))) == [1, 2]


def test_a_child_is_read_after_its_parent_is_drained():
    split = stream(1, shard(1, end=50), shard(2, 1), shard(3, 1), shard(4))
    assert walked(split) == [1, 4]
    assert walked(split, drained=[1]) == [2, 3, 4]


def test_a_parent_that_is_no_longer_listed_counts_as_finished():
    assert walked(stream(1, shard(2, 1), shard(3, 1))) == [2, 3]


def test_grandchildren_wait_for_children():
    line = stream(1, shard(1, end=50), shard(2, 1, end=60), shard(3, 2))
    assert walked(line) == [1]
    assert walked(line, drained=[1]) == [2]
    assert walked(line, drained=[1, 2]) == [3]


def test_a_closed_shard_that_ends_before_the_start_is_passed():
    line = stream(1, shard(1, end=50), shard(2, 1))
    assert walked(line, after=49) == [1]
    assert walked(line, after=50) == [2]


def test_an_open_shard_is_never_finished():
    assert walked(stream(1, shard(1)), drained=[1], after=1000) == [1]


def test_a_later_stream_waits_for_every_shard_of_the_earlier_one():
    old = stream(1, shard(1, end=50), shard(2, end=50), disabled=True)
    new = stream(2, shard(3, stream=2))
    assert walked(old, new) == [1, 2]
    assert walked(old, new, drained=[1]) == [2]
    assert walked(old, new, drained=[1, 2]) == [3]


def test_an_enabled_stream_is_the_last():
    rotating = stream(1, shard(1, end=50))
    assert walked(rotating, stream(2, shard(3, stream=2)), drained=[1]) == []


def test_streams_before_the_first_and_of_other_tables_are_left_out():
    streams = (stream(1, shard(1)), stream(2, shard(2, stream=2)), stream(3, shard(3, stream=3), table="u"))
    assert walked(*streams, first_stream=2) == [2]


def test_nothing_is_left_when_all_streams_are_finished():
    assert walked(stream(1, shard(1, end=50), disabled=True), drained=[1]) == []
    assert walked() == []
