"""Time to live: enabling it, finding what has expired, and deleting it with its records."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException, ValidationException
from cdc.store import expiry
from cdc.store.check import check
from cdc.streams import reading as streams
from cdc.tables import ttl
from cdc.tables.batch import batch_write_item
from cdc.tables.definitions import create_table, delete_table, describe_table
from cdc.tables.read import scan
from cdc.tables.ttl import describe_time_to_live, update_time_to_live
from cdc.tables.write import delete_item, put_item, update_item

NAME = "abc"
YEAR = 365 * 86_400


@pytest.fixture
def now(running):
    """Tell the time in seconds."""
    return lambda: running.clock.now_ms() // 1000


@pytest.fixture
def create(running):
    def create(*, stream=True):
        view = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}}
        running.run(
            create_table,
            TableName=NAME,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            **(view if stream else {}),
        )

    return create


@pytest.fixture
def enable(running):
    def enable(attribute="ttl", *, enabled=True):
        wanted = {"Enabled": enabled, "AttributeName": attribute}
        return running.run(update_time_to_live, TableName=NAME, TimeToLiveSpecification=wanted)

    return enable


@pytest.fixture
def status(running):
    return lambda: running.run(describe_time_to_live, TableName=NAME)["TimeToLiveDescription"]


@pytest.fixture
def put(running):
    def put(key, value=None, attribute="ttl"):
        extra = {} if value is None else {attribute: value if isinstance(value, dict) else {"N": str(value)}}
        running.run(put_item, TableName=NAME, Item={"pk": {"S": key}, **extra})

    return put


@pytest.fixture
def sweep(running):
    def sweep():
        while ttl.sweep_step(running.writer, running.reader, running.clock.now_ms()):
            pass

    return sweep


@pytest.fixture
def keys(running):
    return lambda: sorted(item["pk"]["S"] for item in running.run(scan, TableName=NAME)["Items"])


@pytest.fixture
def records(running):
    def records():
        arn = running.run(describe_table, TableName=NAME)["Table"]["LatestStreamArn"]
        found = []
        for shard in running.run(streams.describe_stream, StreamArn=arn)["StreamDescription"]["Shards"]:
            place = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            start = running.run(streams.get_shard_iterator, **place)["ShardIterator"]
            found += running.run(streams.get_records, ShardIterator=start)["Records"]
        return sorted(found, key=lambda record: str(record["dynamodb"]["SequenceNumber"]))

    return records


@pytest.fixture(autouse=True)
def sound(running):
    yield
    assert list(check(running.database)) == []


def test_it_is_enabled_described_and_disabled(create, enable, status):
    create()
    assert status() == {"TimeToLiveStatus": "DISABLED"}
    assert enable() == {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "ttl"}}
    assert status() == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert enable(enabled=False) == {"TimeToLiveSpecification": {"Enabled": False, "AttributeName": "ttl"}}
    assert status() == {"TimeToLiveStatus": "DISABLED"}


def test_what_changes_nothing_or_another_attribute_is_refused(create, enable, running):
    create()
    for attribute, enabled, message in (
        ("ttl", False, "TimeToLive is already disabled"),
        ("ttl", True, None),
        ("ttl", True, "TimeToLive is already enabled"),
        ("other", True, "TimeToLive is active on a different AttributeName: current AttributeName is ttl"),
        ("other", False, "TimeToLive is active on a different AttributeName: current AttributeName is ttl"),
    ):
        if message is None:
            enable(attribute, enabled=enabled)
            continue
        with pytest.raises(ValidationException) as caught:
            enable(attribute, enabled=enabled)
        assert caught.value.message == message
    for operation, request in (
        (describe_time_to_live, {}),
        (update_time_to_live, {"TimeToLiveSpecification": {"Enabled": True, "AttributeName": "x"}}),
    ):
        with pytest.raises(ResourceNotFoundException) as missing:
            running.run(operation, TableName="nowhere", **request)
        assert missing.value.message == "Requested resource not found: Table: nowhere not found"


def test_an_empty_attribute_name_is_refused_by_its_length(create, enable):
    create()
    with pytest.raises(ValidationException) as caught:
        enable("")
    assert caught.value.message == (
        "1 validation error detected: Value '' at 'timeToLiveSpecification.attributeName' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1"
    )


def test_expired_items_are_deleted_and_the_others_are_not(create, enable, put, sweep, keys, now):
    create()
    enable()
    put("expired", now() - 1)
    put("by a fraction", f"{now() - 1}.5")
    put("now", now())
    put("later", now() + 1)
    put("milliseconds", (now() - 10) * 1000)
    put("ancient", now() - 6 * YEAR)
    put("zero", 0)
    put("negative", -now())
    put("text", {"S": str(now() - 10)})
    put("nothing")
    sweep()
    assert keys() == ["ancient", "later", "milliseconds", "negative", "nothing", "now", "text", "zero"]


def test_each_deletion_is_a_remove_by_the_service(create, enable, put, sweep, records, now, running):
    create()
    enable()
    put("a", now() - 1)
    put("b", now() - 1)
    running.run(delete_item, TableName=NAME, Key={"pk": {"S": "b"}})
    sweep()
    by_user, by_service = records()[-2:]
    assert (by_user["eventName"], by_service["eventName"]) == ("REMOVE", "REMOVE")
    assert "userIdentity" not in by_user
    assert by_service["userIdentity"] == {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"}
    change = by_service["dynamodb"]
    assert change["Keys"] == {"pk": {"S": "a"}}
    assert change["OldImage"] == {"pk": {"S": "a"}, "ttl": {"N": str(now() - 1)}}
    assert "NewImage" not in change


def test_every_way_of_writing_sets_and_moves_the_time(create, enable, put, sweep, keys, now, running):
    create()
    enable()
    put("put twice", now() - 1)
    put("put twice", now() + 100)
    put("attribute taken away", now() - 1)
    put("moved by an update", now() + 100)
    for key, expression in (("attribute taken away", "REMOVE #t"), ("moved by an update", "SET #t = :t")):
        values = {"ExpressionAttributeValues": {":t": {"N": str(now() - 1)}}} if "SET" in expression else {}
        request = {"Key": {"pk": {"S": key}}, "UpdateExpression": expression, **values}
        running.run(update_item, TableName=NAME, ExpressionAttributeNames={"#t": "ttl"}, **request)
    item = {"pk": {"S": "of a batch"}, "ttl": {"N": str(now() - 1)}}
    running.run(batch_write_item, RequestItems={NAME: [{"PutRequest": {"Item": item}}]})
    sweep()
    assert keys() == ["attribute taken away", "put twice"]


def test_an_item_updated_between_being_found_and_being_deleted_stays(create, enable, put, keys, now, running):
    create()
    enable()
    put("a", now() - 1)
    put("b", now() - 1)
    view = running.reader.view()
    table_id = view.catalog.tables[NAME].id
    found = expiry.find_expired(view.connection, table_id, 0, running.clock.now_ms(), 10)
    assert len(found) == 2
    put("a", now() + 100)
    deleted = running.writer.call(lambda t: ttl._delete_expired(t, table_id, found, running.clock.now_ms()))
    assert (deleted, keys()) == (1, ["a"])


def test_nothing_is_deleted_where_it_is_disabled_or_the_table_is_gone(create, enable, put, sweep, keys, now, running):
    create()
    put("before", now() - 1)
    sweep()
    assert keys() == ["before"]
    enable()
    enable(enabled=False)
    sweep()
    assert keys() == ["before"]
    enable("other")
    sweep()
    assert keys() == ["before"], "another attribute says nothing of it"
    table_id = running.reader.view().catalog.tables[NAME].id
    running.run(delete_table, TableName=NAME)
    assert running.writer.call(lambda t: ttl._delete_expired(t, table_id, [b"x"], running.clock.now_ms())) == 0


def test_more_than_a_step_deletes_are_deleted_in_several(create, enable, put, keys, now, running, monkeypatch):
    monkeypatch.setattr(ttl, "SWEEP_ROWS", 2)
    monkeypatch.setattr(ttl, "SWEEP_WRITES", 2)
    create()
    enable()
    for number in range(9):
        put(str(number), now() - 20 + number)

    def step():
        return ttl.sweep_step(running.writer, running.reader, running.clock.now_ms())

    assert step()
    assert keys() == ["4", "5", "6", "7", "8"], "the earliest first"
    assert step()
    assert not step()
    assert keys() == []


class TestBackfill:
    @pytest.fixture(autouse=True)
    def small_steps(self, monkeypatch):
        monkeypatch.setattr(expiry, "BACKFILL_ROWS", 4)

    @pytest.fixture(autouse=True)
    def _filled(self, create, put, now):
        create()
        for number in range(10):
            put(f"k{number}", now() - 1 if number % 2 else now() + 100)

    def test_items_from_before_get_their_time_a_step_at_a_time(self, enable, status, sweep, keys, running):
        enable()
        assert status() == {"TimeToLiveStatus": "ENABLING", "AttributeName": "ttl"}
        steps = 0
        while ttl.backfill_step(running.writer, running.reader):
            steps += 1
        assert steps == 2
        assert status()["TimeToLiveStatus"] == "ENABLED"
        sweep()
        assert keys() == ["k0", "k2", "k4", "k6", "k8"]

    def test_what_is_written_meanwhile_has_its_own_time(self, enable, put, sweep, keys, now, running):
        enable()
        for number in range(10):
            put(f"k{number}", now() - 1 if number == 3 else now() + 100)
        while ttl.backfill_step(running.writer, running.reader):
            pass
        sweep()
        assert keys() == [f"k{number}" for number in range(10) if number != 3]

    def test_enabling_it_for_another_attribute_forgets_the_times_of_the_first(
        self, enable, put, sweep, keys, now, running
    ):
        enable()
        while ttl.backfill_step(running.writer, running.reader):
            pass
        enable(enabled=False)
        put("of the other", now() - 1, "other")
        enable("other")
        while ttl.backfill_step(running.writer, running.reader):
            pass
        sweep()
        assert keys() == [f"k{number}" for number in range(10)]

    def test_it_ends_with_being_disabled_and_with_the_table(self, enable, running):
        enable()
        enable(enabled=False)
        assert not ttl.backfill_step(running.writer, running.reader)
        enable()
        running.run(delete_table, TableName=NAME)
        assert not ttl.backfill_step(running.writer, running.reader)
