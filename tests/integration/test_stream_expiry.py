"""Time and streams: retention to the millisecond, purged or not, and the 15 minutes of an iterator, by a manual clock."""

from __future__ import annotations

import pytest

from cdc.clock import ManualClock
from cdc.model.errors import (
    ExpiredIteratorException,
    ResourceNotFoundException,
    TrimmedDataAccessException,
    ValidationException,
)
from cdc.model.options import Options
from cdc.service import open_service
from cdc.store.check import check
from cdc.streams.retention import purge_step

HOUR = 3600.0
DAY = 24 * HOUR
ON = {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def service(tmp_path, clock):
    with open_service(tmp_path / "cdc.db", Options(shards=1), clock) as service:
        service.create_table(
            TableName="abc",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification=ON,
        )
        yield service
        assert list(check(service.database)) == []


@pytest.fixture(params=[False, True], ids=["unpurged", "purged"])
def expire(request, service, clock):
    """Advance the clock, and purge if the test is about a purged file."""

    def advance(seconds):
        clock.advance(seconds)
        while request.param and purge_step(service.writer, service.reader, clock.now_ms()).more:
            pass

    return advance


def arn_of(service):
    return service.describe_table(TableName="abc")["Table"]["LatestStreamArn"]


def start(service, kind="TRIM_HORIZON", arn=None, **position):
    arn = arn or arn_of(service)
    [shard] = service.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
    request = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": kind, **position}
    return service.get_shard_iterator(**request)["ShardIterator"]


def values(page):
    return [record["dynamodb"]["Keys"]["pk"]["S"] for record in page["Records"]]


def read(service, kind="TRIM_HORIZON", **position):
    return values(service.get_records(ShardIterator=start(service, kind, **position)))


def put(service, *keys):
    for key in keys:
        service.put_item(TableName="abc", Item={"pk": {"S": key}})


def test_a_record_is_readable_for_exactly_its_retention(service, clock, expire):
    put(service, "a")
    clock.advance(1)
    put(service, "b")
    expire(DAY - 1.001)
    assert read(service) == ["a", "b"]
    expire(0.001)
    assert read(service) == ["b"]
    expire(1)
    assert read(service) == []
    put(service, "c")
    assert read(service) == ["c"]


def test_a_position_before_the_horizon_is_trimmed_and_never_silently_skipped(service, clock, expire):
    put(service, "a", "b")
    records = service.get_records(ShardIterator=start(service))["Records"]
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    clock.advance(1)
    put(service, "c")
    expire(DAY - 1)
    for kind, number in (
        ("AT_SEQUENCE_NUMBER", numbers[0]),
        ("AT_SEQUENCE_NUMBER", numbers[1]),
        ("AFTER_SEQUENCE_NUMBER", numbers[0]),
    ):
        with pytest.raises(TrimmedDataAccessException):
            start(service, kind, SequenceNumber=number)
    # Nothing was missed by a reader that had read both.
    assert read(service, "AFTER_SEQUENCE_NUMBER", SequenceNumber=numbers[1]) == ["c"]
    assert read(service) == ["c"]


def test_an_iterator_that_time_overtakes_is_trimmed_and_one_at_the_horizon_moves_with_it(service, clock, expire):
    put(service, "a")
    clock.advance(DAY - 60)
    put(service, "b")
    [first] = service.get_records(ShardIterator=start(service), Limit=1)["Records"]
    at_first = start(service, "AT_SEQUENCE_NUMBER", SequenceNumber=first["dynamodb"]["SequenceNumber"])
    horizon = start(service)
    expire(60)
    with pytest.raises(TrimmedDataAccessException):
        service.get_records(ShardIterator=at_first)
    assert values(service.get_records(ShardIterator=horizon)) == ["b"]


def test_a_time_before_the_horizon_is_the_horizon(service, clock, expire):
    put(service, "a")
    clock.advance(1)
    put(service, "b")
    expire(DAY - 1)
    for seconds in (0, clock.now_ms() / 1000 - 2 * DAY):
        assert read(service, "AT_TIMESTAMP", Timestamp=seconds) == ["b"]


def test_a_time_between_two_records_is_before_the_later_one_to_the_millisecond(service, clock):
    times = []
    for key in ("a", "b", "c"):
        put(service, key)
        times.append(clock.now_ms())
        clock.advance(0.01)
    for position, time_ms in enumerate(times):
        expected = ["a", "b", "c"][position:]
        assert read(service, "AT_TIMESTAMP", Timestamp=(time_ms - 1) / 1000) == expected
        assert read(service, "AT_TIMESTAMP", Timestamp=time_ms / 1000) == expected
        assert read(service, "AT_TIMESTAMP", Timestamp=(time_ms + 1) / 1000) == expected[1:]
    assert read(service, "AT_TIMESTAMP", Timestamp=clock.now_ms() / 1000) == []
    with pytest.raises(ValidationException):
        start(service, "AT_TIMESTAMP", Timestamp=(clock.now_ms() + 1) / 1000)


def test_an_iterator_lives_for_15_minutes_and_each_next_one_as_long(service, clock):
    put(service, "a")
    iterator = start(service)
    clock.advance(15 * 60 - 0.001)
    page = service.get_records(ShardIterator=iterator)
    assert values(page) == ["a"]
    clock.advance(0.001)
    with pytest.raises(ExpiredIteratorException):
        service.get_records(ShardIterator=iterator)
    assert values(service.get_records(ShardIterator=page["NextShardIterator"])) == []


def test_a_disabled_stream_is_listed_until_its_last_record_expires(service, expire):
    put(service, "a")
    arn = arn_of(service)
    service.update_table(TableName="abc", StreamSpecification={"StreamEnabled": False})
    iterator = start(service, arn=arn)
    expire(DAY - 0.001)
    assert [each["StreamArn"] for each in service.list_streams()["Streams"]] == [arn]
    assert values(service.get_records(ShardIterator=start(service, arn=arn))) == ["a"]
    with pytest.raises(ExpiredIteratorException):
        service.get_records(ShardIterator=iterator)
    expire(0.001)
    assert service.list_streams()["Streams"] == []
    with pytest.raises(ResourceNotFoundException):
        service.describe_stream(StreamArn=arn)


def test_a_clock_that_goes_back_neither_reorders_nor_expires_records(service, clock):
    put(service, "a")
    earlier = clock.now_ms()
    clock.set_wall_ms(earlier - 10_000_000)
    put(service, "b")
    records = service.get_records(ShardIterator=start(service))["Records"]
    assert [record["dynamodb"]["Keys"]["pk"]["S"] for record in records] == ["a", "b"]
    times = [record["dynamodb"]["ApproximateCreationDateTime"] for record in records]
    assert times == [earlier // 1000] * 2


def test_sequence_numbers_go_on_after_everything_was_purged(service, expire):
    put(service, "a")
    [record] = service.get_records(ShardIterator=start(service))["Records"]
    expire(3 * DAY)
    put(service, "b")
    [after] = service.get_records(ShardIterator=start(service))["Records"]
    assert after["dynamodb"]["SequenceNumber"] > record["dynamodb"]["SequenceNumber"]


@pytest.mark.parametrize(("hours", "kept"), [(1, []), (48, ["a"])])
def test_a_retention_can_be_set_for_a_table_and_changed(service, clock, hours, kept):
    put(service, "a")
    service.set_options(Options(shards=1, table_retention_seconds={"abc": hours * 3600}))
    clock.advance(DAY + 1)
    assert read(service) == kept
