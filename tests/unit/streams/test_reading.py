"""ListStreams, DescribeStream, GetShardIterator and GetRecords: pages, positions, errors and their texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc.model.catalog import sequence_text
from cdc.model.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    SerializationException,
    TrimmedDataAccessException,
    ValidationException,
)
from cdc.model.options import DAY_SECONDS, Options
from cdc.store import catalog
from cdc.streams.reading import PAGE_BYTES

UNKNOWN_SHARD = "shardId-00000000000000000000-00000000"


def refused(house, operation: str, **request) -> str:
    with pytest.raises(ValidationException) as refusal:
        house.ask(operation, **request)
    return refusal.value.message


# ListStreams


def labels(answer) -> list[tuple[str, str]]:
    return [(each["TableName"], each["StreamLabel"]) for each in answer["Streams"]]


def test_list_streams_names_every_stream_with_its_arn(house, orders):
    answer = house.ask("ListStreams")
    assert answer == {"Streams": [{"StreamArn": house.arn(orders), "TableName": "orders", "StreamLabel": orders.label}]}


def test_list_streams_of_a_table_lists_its_streams_alone_the_oldest_first(house, orders):
    house.create("other")
    house.disable(orders)
    house.clock.advance(1)
    newer = house.enable()
    assert labels(house.ask("ListStreams", TableName="orders")) == [("orders", orders.label), ("orders", newer.label)]


def test_list_streams_of_an_unknown_table_is_empty(house):
    assert house.ask("ListStreams", TableName="nothing") == {"Streams": []}


def test_list_streams_pages_by_real_arns_and_ends_without_one(house):
    made = [house.create(name) for name in ("abc", "abd", "abe")]
    first = house.ask("ListStreams", Limit=2)
    assert first["LastEvaluatedStreamArn"] == house.arn(made[1]) == first["Streams"][-1]["StreamArn"]
    second = house.ask("ListStreams", Limit=2, ExclusiveStartStreamArn=first["LastEvaluatedStreamArn"])
    assert labels(second) == [("abe", made[2].label)]
    assert "LastEvaluatedStreamArn" not in second


def test_list_streams_goes_on_after_a_stream_that_is_gone(house):
    house.create("abc")
    gone = house.arn(house.create("abd")).replace("abd", "abcd")
    assert labels(house.ask("ListStreams", ExclusiveStartStreamArn=gone))[0][0] == "abd"


@pytest.mark.parametrize(
    ("member", "value", "text"),
    [
        ("Limit", 0, "'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"),
        ("Limit", 101, "'limit' failed to satisfy constraint: Member must have value less than or equal to 100"),
        (
            "TableName",
            "ab",
            "'tableName' failed to satisfy constraint: Member must have length greater than or equal to 3",
        ),
        (
            "ExclusiveStartStreamArn",
            "x",
            "'exclusiveStartStreamArn' failed to satisfy constraint: Member must have length greater than or equal to 37",
        ),
    ],
)
def test_list_streams_checks_its_members(house, member, value, text):
    refusal = refused(house, "ListStreams", **{member: value})
    assert refusal == f"1 validation error detected: Value '{value}' at {text}"


def test_list_streams_refuses_a_start_that_is_no_stream_arn(house):
    assert refused(house, "ListStreams", ExclusiveStartStreamArn="x" * 40) == "Invalid StreamArn"


# DescribeStream


def describe(house, stream, **more):
    return house.ask("DescribeStream", StreamArn=house.arn(stream), **more)["StreamDescription"]


def test_describe_stream_tells_all_of_an_enabled_stream(house):
    keys = {"attributes": (("k", "S"), ("r", "N")), "range_name": "r"}
    stream = house.create(view_type="NEW_IMAGE", **keys)
    shard = stream.shards[0]
    assert describe(house, stream) == {
        "StreamArn": house.arn(stream),
        "StreamLabel": "2023-11-14T22:13:20.000",
        "StreamStatus": "ENABLED",
        "StreamViewType": "NEW_IMAGE",
        "CreationRequestDateTime": 1_700_000_000.0,
        "TableName": "orders",
        "KeySchema": [{"AttributeName": "k", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
        "Shards": [
            {
                "ShardId": shard.shard_id,
                "SequenceNumberRange": {"StartingSequenceNumber": sequence_text(shard.start_sequence)},
            }
        ],
    }


def test_describe_stream_shows_a_disabled_stream_with_closed_shards(house, orders):
    newest = house.append(orders)[0]
    house.disable(orders)
    described = describe(house, orders)
    assert described["StreamStatus"] == "DISABLED"
    [shard] = described["Shards"]
    assert int(shard["SequenceNumberRange"]["EndingSequenceNumber"]) >= 10**20 + newest


def test_describe_stream_pages_by_shard_ids_in_their_order(house):
    house.options = Options(shards=5)
    stream = house.create()
    ids = [shard.shard_id for shard in stream.shards]
    first = describe(house, stream, Limit=2)
    assert [shard["ShardId"] for shard in first["Shards"]] == ids[:2]
    assert first["LastEvaluatedShardId"] == ids[1]
    rest = describe(house, stream, ExclusiveStartShardId=ids[1])
    assert [shard["ShardId"] for shard in rest["Shards"]] == ids[2:]
    assert "LastEvaluatedShardId" not in rest
    assert describe(house, stream, ExclusiveStartShardId=ids[-1])["Shards"] == []


def test_describe_stream_filters_the_children_of_a_shard(house, orders):
    parent = orders.shards[0]

    def split(transaction) -> None:
        for number in (1, 2):
            child = {"shard_id": f"shardId-{10**13:020d}-{number:08x}", "parent_shard_id": parent.shard_id}
            catalog.insert_shard(transaction, type(parent)(**{**fields_of(parent), **child}))

    house.write(split)
    wanted = {"Type": "CHILD_SHARDS", "ShardId": parent.shard_id}
    children = describe(house, orders, ShardFilter=wanted)["Shards"]
    assert [shard["ParentShardId"] for shard in children] == [parent.shard_id] * 2
    assert [shard["ShardId"][-1] for shard in children] == ["1", "2"]
    childless = {"Type": "CHILD_SHARDS", "ShardId": children[0]["ShardId"]}
    assert describe(house, orders, ShardFilter=childless)["Shards"] == []


def fields_of(shard) -> dict[str, Any]:
    return {name: getattr(shard, name) for name in shard.__dataclass_fields__}


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        ({"ShardFilter": {"Type": "CHILD_SHARDS"}}, "shardFilter.shardId"),
        ({"ShardFilter": {"ShardId": UNKNOWN_SHARD}}, "shardFilter.type"),
        ({"ShardFilter": {"Type": "X", "ShardId": UNKNOWN_SHARD}}, r"enum value set: [CHILD_SHARDS]"),
        ({"ShardFilter": {"Type": "CHILD_SHARDS", "ShardId": "short"}}, "Value 'short' at 'shardFilter.shardId'"),
        ({"Limit": 0}, "'limit'"),
        ({"Limit": 101}, "'limit'"),
        ({"ExclusiveStartShardId": "x"}, "'exclusiveStartShardId'"),
    ],
)
def test_describe_stream_checks_its_members(house, orders, request_, text):
    assert text in refused(house, "DescribeStream", StreamArn=house.arn(orders), **request_)


def test_describe_stream_needs_an_arn(house):
    text = "Value null at 'streamArn' failed to satisfy constraint: Member must not be null"
    assert refused(house, "DescribeStream") == f"1 validation error detected: {text}"
    assert refused(house, "DescribeStream", StreamArn="x" * 40) == "Invalid StreamArn"


@pytest.mark.parametrize(
    ("part", "other"),
    [("orders", "others"), ("us-east-1", "eu-west-1"), (":000000000000:", ":000000000001:"), ("20.000", "20.001")],
)
def test_a_well_formed_arn_of_no_stream_is_not_found(house, orders, part, other):
    arn = house.arn(orders).replace(part, other)
    place = {"ShardId": UNKNOWN_SHARD, "ShardIteratorType": "LATEST"}
    for operation, more in (("DescribeStream", {}), ("GetShardIterator", place)):
        with pytest.raises(ResourceNotFoundException) as refusal:
            house.ask(operation, StreamArn=arn, **more)
        assert refusal.value.message == f"Requested resource not found: Stream: {arn} not found"


# GetShardIterator


def test_latest_is_exact(house, orders):
    house.append(orders, 3)
    iterator = house.iterator(orders, "LATEST")
    assert house.sequences(iterator) == []
    later = house.append(orders, 2)
    assert house.sequences(iterator) == later


def test_trim_horizon_moves_with_time_until_it_is_read(house, orders):
    house.append(orders, 2)
    house.clock.advance(DAY_SECONDS - 60)
    iterator = house.iterator(orders)
    kept = house.append(orders, 2)
    house.clock.advance(60)
    assert house.sequences(iterator) == kept


def test_at_and_after_a_sequence_number(house, orders):
    one, two, three = house.append(orders, 3)
    assert house.sequences(house.iterator(orders, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence_text(two))) == [
        two,
        three,
    ]
    assert house.sequences(house.iterator(orders, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(one))) == [
        two,
        three,
    ]
    assert house.sequences(house.iterator(orders, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(three))) == []


@pytest.mark.parametrize("kind", ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"])
def test_a_shards_starting_sequence_number_and_any_below_it_read_all(house, orders, kind):
    written = house.append(orders, 3)
    start = sequence_text(orders.shards[0].start_sequence)
    for number in (start, "0" * 21, "0" * 40):
        assert house.sequences(house.iterator(orders, kind, SequenceNumber=number)) == written


@pytest.mark.parametrize("number", ["9" * 21, "9" * 40])
def test_a_sequence_number_that_was_never_given_is_refused(house, orders, number):
    arn, shard = house.arn(orders), orders.shards[0].shard_id
    request = {
        "StreamArn": arn,
        "ShardId": shard,
        "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
        "SequenceNumber": number,
    }
    assert "greater than any that has been given" in refused(house, "GetShardIterator", **request)


@pytest.mark.parametrize("purged", [False, True])
def test_a_sequence_number_before_the_trim_point_is_refused(house, orders, purged):
    lost = house.append(orders, 2)
    house.clock.advance(DAY_SECONDS)
    if purged:
        assert house.purge().segments_dropped == 1
    for kind, number in (("AT_SEQUENCE_NUMBER", lost[1]), ("AFTER_SEQUENCE_NUMBER", lost[0])):
        with pytest.raises(TrimmedDataAccessException, match="The data you are trying to access has been trimmed"):
            house.iterator(orders, kind, SequenceNumber=sequence_text(number))
    house.iterator(orders, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(lost[1]))


def test_at_timestamp_starts_with_the_first_record_of_that_time_or_later(house, orders):
    started_ms = house.clock.now_ms()
    written = []
    for _ in range(3):
        written += house.append(orders, 2)
        house.clock.advance(0.010)
    for wait_ms, skipped in ((-5, 0), (0, 0), (1, 2), (10, 2), (20, 4), (21, 6)):
        iterator = house.iterator(orders, "AT_TIMESTAMP", Timestamp=(started_ms + wait_ms) / 1000)
        assert house.sequences(iterator) == written[skipped:]


def test_at_timestamp_older_than_the_trim_horizon_is_the_trim_horizon(house, orders):
    house.append(orders)
    house.clock.advance(DAY_SECONDS)
    kept = house.append(orders)
    for timestamp in (0, -1e300, house.clock.now_ms() / 1000 - DAY_SECONDS):
        assert house.sequences(house.iterator(orders, "AT_TIMESTAMP", Timestamp=timestamp)) == kept


@pytest.mark.parametrize("seconds", [0.001, 10, float("inf"), 10**300])
def test_at_timestamp_in_the_future_is_refused(house, orders, seconds):
    now = house.clock.now_ms() / 1000
    house.iterator(orders, "AT_TIMESTAMP", Timestamp=now)
    with pytest.raises(ValidationException, match="Timestamp must not be in the future"):
        house.iterator(orders, "AT_TIMESTAMP", Timestamp=now + seconds)


@pytest.mark.parametrize(
    ("kind", "more", "text"),
    [
        ("AT_SEQUENCE_NUMBER", {}, "SequenceNumber is required"),
        ("AFTER_SEQUENCE_NUMBER", {}, "SequenceNumber is required"),
        ("AT_TIMESTAMP", {}, "Timestamp is required"),
        ("TRIM_HORIZON", {"SequenceNumber": "1" * 21}, "SequenceNumber must not be specified"),
        ("LATEST", {"SequenceNumber": "1" * 21}, "SequenceNumber must not be specified"),
        ("LATEST", {"Timestamp": 1}, "Timestamp must not be specified"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "dog"}, "at 'sequenceNumber'"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "x" * 21}, "regular expression pattern: [0-9]+"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" * 20}, "greater than or equal to 21"),
        ("AT_SEQUENCE_NUMBER", {"SequenceNumber": "1" * 41}, "less than or equal to 40"),
        (
            "SOMEWHERE",
            {},
            "enum value set: [TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER, AT_TIMESTAMP]",
        ),
    ],
)
def test_get_shard_iterator_checks_its_members(house, orders, kind, more, text):
    request = {"StreamArn": house.arn(orders), "ShardId": orders.shards[0].shard_id, "ShardIteratorType": kind}
    assert text in refused(house, "GetShardIterator", **request, **more)


def test_a_timestamp_that_is_no_number_is_refused(house, orders):
    with pytest.raises(SerializationException):
        house.iterator(orders, "AT_TIMESTAMP", Timestamp="now")


def test_get_shard_iterator_names_all_that_is_missing(house):
    assert refused(house, "GetShardIterator").startswith("3 validation errors detected: ")


def test_an_unknown_shard_is_not_found(house, orders):
    with pytest.raises(ResourceNotFoundException, match="Requested resource not found: Shard does not exist"):
        house.ask("GetShardIterator", StreamArn=house.arn(orders), ShardId=UNKNOWN_SHARD, ShardIteratorType="LATEST")


# GetRecords


def test_get_records_answers_records_and_a_next_iterator(house, orders):
    [sequence] = house.append(orders)
    page = house.ask("GetRecords", ShardIterator=house.iterator(orders))
    [record] = page["Records"]
    assert record["dynamodb"] == {
        "ApproximateCreationDateTime": 1_700_000_000,
        "Keys": {"k": {"S": "x"}},
        "SequenceNumber": sequence_text(sequence),
        "SizeBytes": 2,
        "StreamViewType": "KEYS_ONLY",
    }
    assert (record["eventName"], record["awsRegion"], "eventSourceARN" in record) == ("INSERT", "us-east-1", False)
    assert page["NextShardIterator"].startswith(house.arn(orders) + "|1|")


def test_an_empty_page_of_an_open_shard_leads_on(house, orders):
    page = house.ask("GetRecords", ShardIterator=house.iterator(orders))
    assert page["Records"] == []
    written = house.append(orders)
    assert house.sequences(page["NextShardIterator"]) == written


def test_an_iterator_used_again_gives_the_same_records(house, orders):
    house.append(orders, 5)
    iterator = house.iterator(orders)
    assert house.sequences(iterator, Limit=3) == house.sequences(iterator, Limit=3)


def follow(house, iterator: str | None, **more) -> list[list[int]]:
    """Read pages until the shard ends or a page is empty."""
    pages = []
    while iterator is not None:
        page = house.ask("GetRecords", ShardIterator=iterator, **more)
        pages.append([int(each["dynamodb"]["SequenceNumber"]) - 10**20 for each in page["Records"]])
        iterator = page.get("NextShardIterator") if page["Records"] else None
    return pages


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(limit=st.integers(1, 1000), counts=st.lists(st.integers(1, 40), max_size=6), closed=st.booleans())
def test_pages_of_any_limit_give_each_record_once_in_order(house, limit, counts, closed):
    name = f"table{house.clock.monotonic():.0f}"
    house.clock.advance(1)
    house.options = Options(shards=2)
    stream = house.create(name)
    written = []
    for count in counts:
        written += house.append(stream, count, number=0)
        house.append(stream, 2, number=1)
        house.clock.advance(1800)  # the next one opens another segment
    if closed:
        house.disable(stream)
    pages = follow(house, house.iterator(stream), Limit=limit)
    assert [sequence for page in pages for sequence in page] == written
    assert all(len(page) == limit for page in pages[:-2])


def test_a_page_holds_a_thousand_records_unless_told_otherwise(house, orders):
    house.append(orders, 1001)
    assert [len(page) for page in follow(house, house.iterator(orders))] == [1000, 1, 0]


def test_a_page_holds_a_megabyte_of_json(house, orders):
    house.append(orders, 5, size_bytes=300_000)
    first = house.ask("GetRecords", ShardIterator=house.iterator(orders))
    assert len(first["Records"]) == 3
    assert [len(page) for page in follow(house, house.iterator(orders))] == [3, 2, 0]


def test_a_page_holds_one_record_however_large(house, orders):
    house.append(orders, 3, size_bytes=PAGE_BYTES + 1)
    assert [len(page) for page in follow(house, house.iterator(orders))] == [1, 1, 1, 0]


def test_a_closed_shard_ends_without_a_next_iterator(house, orders):
    written = house.append(orders, 3)
    old, latest = house.iterator(orders), house.iterator(orders, "LATEST")
    house.disable(orders)
    for iterator in (old, house.iterator(orders)):
        page = house.ask("GetRecords", ShardIterator=iterator)
        assert len(page["Records"]) == len(written)
        assert "NextShardIterator" not in page
    for iterator in (latest, house.iterator(orders, "LATEST")):
        assert house.ask("GetRecords", ShardIterator=iterator) == {"Records": []}


def test_a_closed_shard_that_is_not_read_to_its_end_leads_on(house, orders):
    written = house.append(orders, 3)
    house.disable(orders)
    assert [sequence for page in follow(house, house.iterator(orders), Limit=1) for sequence in page] == written


@pytest.mark.parametrize("limit", [0, -1, 1001])
def test_get_records_refuses_a_limit_out_of_bounds(house, orders, limit):
    text = refused(house, "GetRecords", ShardIterator=house.iterator(orders), Limit=limit)
    assert text.startswith(f"1 validation error detected: Value '{limit}' at 'limit'")


def test_get_records_refuses_garbage(house):
    assert refused(house, "GetRecords", ShardIterator="garbage") == "Invalid ShardIterator"
    assert "'shardIterator'" in refused(house, "GetRecords")


def test_an_iterator_expires_after_fifteen_minutes_and_a_next_one_counts_anew(house, orders):
    iterator = house.iterator(orders)
    house.clock.advance(15 * 60 - 0.001)
    following = house.ask("GetRecords", ShardIterator=iterator)["NextShardIterator"]
    house.clock.advance(0.001)
    with pytest.raises(ExpiredIteratorException):
        house.sequences(iterator)
    assert house.sequences(following) == []


def test_an_iterator_survives_a_restart(house, orders):
    written = house.append(orders, 3)
    iterator = house.iterator(orders)
    following = house.ask("GetRecords", ShardIterator=iterator, Limit=1)["NextShardIterator"]
    house.restart()
    assert house.sequences(iterator) == written
    assert house.sequences(following) == written[1:]


@pytest.mark.parametrize("purged", [False, True])
def test_an_iterator_that_points_at_trimmed_data_is_told_so(house, orders, purged):
    written = house.append(orders, 2)
    house.clock.advance(DAY_SECONDS - 60)
    behind = house.iterator(orders, "AT_SEQUENCE_NUMBER", SequenceNumber=sequence_text(written[0]))
    past = house.iterator(orders, "AFTER_SEQUENCE_NUMBER", SequenceNumber=sequence_text(written[1]))
    house.clock.advance(60)
    if purged:
        assert house.purge().segments_dropped == 1
    kept = house.append(orders)
    with pytest.raises(TrimmedDataAccessException):
        house.sequences(behind)
    assert house.sequences(past) == kept


# Streams that end


def test_a_disabled_stream_is_readable_until_its_records_have_expired(house, orders):
    written = house.append(orders, 2)
    house.disable(orders)
    newer = house.enable()
    house.clock.advance(DAY_SECONDS - 0.001)
    iterator = house.iterator(orders)
    assert house.sequences(iterator) == written
    assert len(house.ask("ListStreams")["Streams"]) == 2
    house.clock.advance(0.001)
    assert labels(house.ask("ListStreams")) == [("orders", newer.label)]
    for ask in (lambda: house.sequences(iterator), lambda: house.iterator(orders), lambda: describe(house, orders)):
        with pytest.raises(ResourceNotFoundException) as refusal:
            ask()
        assert refusal.value.message == f"Requested resource not found: Stream: {house.arn(orders)} not found"


def test_the_stream_of_a_deleted_table_is_readable_and_its_namesake_has_another(house, orders):
    written = house.append(orders, 2)

    def delete(transaction) -> None:
        catalog.close_stream(transaction, house.stream(orders))
        catalog.drop_table(transaction, orders.table_id)

    house.write(delete)
    assert house.readable(orders) == written
    assert describe(house, orders)["StreamStatus"] == "DISABLED"
    house.clock.advance(1)
    newer = house.create()
    assert house.readable(newer) == []
    assert [label for _, label in labels(house.ask("ListStreams", TableName="orders"))] == [orders.label, newer.label]
