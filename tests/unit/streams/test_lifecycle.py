"""A stream's life: labels, shards, disabling, retention."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from cdc.model.catalog import MAX_HASH
from cdc.model.options import Options
from cdc.streams import lifecycle


def test_a_label_is_utc_time_with_milliseconds_and_no_zone():
    assert lifecycle.label_of(1_431_379_293_291) == "2015-05-11T21:21:33.291"
    assert lifecycle.label_of(1_431_379_293_000) == "2015-05-11T21:21:33.000"


def test_a_stream_has_the_time_of_its_making_and_the_keys_of_its_table(house):
    keys = (("k", "S"), ("r", "N"))
    stream = house.create(view_type="NEW_IMAGE", attributes=keys, range_name="r")
    assert (stream.label, stream.created_ms) == ("2023-11-14T22:13:20.000", house.clock.now_ms())
    assert stream.key_schema == (("k", "HASH"), ("r", "RANGE"))
    assert (stream.view_type, stream.retention_seconds, stream.disabled_ms) == ("NEW_IMAGE", 86_400, None)
    assert house.reader.view().catalog.tables["orders"].stream == stream


def test_streams_of_one_name_made_in_one_millisecond_have_labels_of_their_own(house):
    first = house.create()
    house.disable(first)
    second = house.enable()
    house.disable(second)
    assert len({first.label, second.label, house.enable().label}) == 3
    assert house.create("others").label == first.label


def test_shards_share_the_ring_equally_in_order(house):
    house.options = Options(shards=3)
    shards = house.create().shards
    assert shards[0].hash_low == 0
    assert shards[-1].hash_high == MAX_HASH
    for left, right in pairwise(shards):
        assert right.hash_low == left.hash_high + 1
    sizes = [shard.hash_high - shard.hash_low + 1 for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert [shard.hash_low for shard in shards] == sorted(shard.hash_low for shard in shards)


def test_shard_ids_have_the_services_form_and_are_unique_in_the_file(house):
    house.options = Options(shards=4)
    shards = [*house.create("one_").shards, *house.create("two_").shards]
    assert len({shard.shard_id for shard in shards}) == 8
    for shard in shards:
        assert re.fullmatch(rf"shardId-{house.clock.now_ms():020d}-[0-9a-f]{{8}}", shard.shard_id)
        assert (shard.parent_shard_id, shard.end_sequence, shard.trimmed_sequence) == (None, None, 0)
    starts = [shard.start_sequence for shard in shards]
    assert starts == sorted(set(starts))


@pytest.mark.parametrize(
    ("billing_mode", "read_units", "write_units", "shards"),
    [
        ("PAY_PER_REQUEST", 0, 0, 4),
        ("PROVISIONED", 1, 1, 1),
        ("PROVISIONED", 3000, 0, 1),
        ("PROVISIONED", 1500, 500, 1),
        ("PROVISIONED", 1500, 501, 2),
        ("PROVISIONED", 1000, 666, 1),
        ("PROVISIONED", 1000, 667, 2),
        ("PROVISIONED", 9000, 4000, 7),
        ("PROVISIONED", 10**9, 10**9, 256),
    ],
)
def test_a_table_has_as_many_shards_as_aws_gives_it_partitions(house, billing_mode, read_units, write_units, shards):
    house.options = Options()
    made = house.create(billing_mode=billing_mode, read_units=read_units, write_units=write_units)
    assert len(made.shards) == shards


def test_a_disabled_streams_shards_end_after_their_newest_record(house, orders):
    newest = house.append(orders, 3)[-1]
    house.disable(orders)
    assert house.stream(orders).disabled_ms == house.clock.now_ms()
    assert house.shard(orders).end_sequence > newest
    assert house.reader.view().catalog.tables["orders"].stream is None


def test_a_stream_disabled_after_the_clock_went_back_outlives_its_newest_record(house, orders):
    house.append(orders)
    written_ms = house.clock.now_ms()
    house.clock.set_wall_ms(written_ms - 3_600_000)
    house.disable(orders)
    assert house.stream(orders).disabled_ms == written_ms


def test_set_retentions_changes_enabled_streams_alone(house, orders):
    house.disable(orders)
    enabled, other = house.enable(), house.create("other")
    house.retain(orders=3600)
    assert [house.stream(each).retention_seconds for each in (orders, enabled, other)] == [86_400, 3600, 86_400]


@pytest.mark.usefixtures("orders")
def test_set_retentions_changes_nothing_when_nothing_is_to_change(house):
    epoch = house.reader.view().catalog.epoch
    house.retain(orders=86_400)
    assert house.reader.view().catalog.epoch == epoch
