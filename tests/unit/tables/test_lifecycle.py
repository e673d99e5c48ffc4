"""Statuses with a delay: what may be done in each, when it ends, and that a restart changes nothing about that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc.model.errors import ResourceInUseException, ResourceNotFoundException, ValidationException
from cdc.store.check import check
from cdc.streams.reading import describe_stream
from cdc.tables.definitions import create_table, delete_table, describe_table, list_tables, update_table
from cdc.tables.lifecycle import settle_step
from cdc.tables.read import get_item, scan
from cdc.tables.write import put_item
from tests.table_definitions import attributes, index
from tests.unit.store.files import opened
from tests.unit.tables.running import Running

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}
UNITS = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5}}
OTHER_UNITS = {"ProvisionedThroughput": {"ReadCapacityUnits": 9, "WriteCapacityUnits": 9}}
IN_USE = "Attempt to change a resource which is still in use: Table is being {}: abc"


@pytest.fixture
def slow(running):
    """Have every change of a table take ten seconds."""
    running.options = replace(running.options, status_delay_ms=10_000)
    return running


@pytest.fixture
def call(slow):
    return lambda operation, **request: slow.run(operation, TableName="abc", **request)


@pytest.fixture
def described(call):
    return lambda: call(describe_table)["Table"]


@pytest.fixture(params=["by itself", "in the background"])
def wait(request, slow):
    """Let ten seconds pass, with or without somebody in the background who stores that a status has ended."""

    def wait():
        assert settle_step(slow.writer, slow.reader, slow.clock.now_ms()) == slow.clock.now_ms() + 10_000
        slow.clock.advance(10)
        if request.param == "in the background":
            assert settle_step(slow.writer, slow.reader, slow.clock.now_ms()) is None

    return wait


@pytest.fixture
def in_use(call):
    def in_use(operation, **request):
        with pytest.raises(ResourceInUseException) as caught:
            call(operation, **request)
        return caught.value.message

    return in_use


def test_a_table_is_created_changed_and_deleted_each_in_its_time(slow, call, described, in_use, wait):
    assert call(create_table, **KEYS, **UNITS)["TableDescription"]["TableStatus"] == "CREATING"
    assert described()["TableStatus"] == "CREATING"
    assert in_use(update_table, **OTHER_UNITS) == IN_USE.format("created")
    assert in_use(delete_table) == IN_USE.format("created")
    wait()
    assert described()["TableStatus"] == "ACTIVE"

    shown = call(update_table, **OTHER_UNITS)["TableDescription"]
    assert (shown["TableStatus"], described()["TableStatus"]) == ("UPDATING", "UPDATING")
    assert described()["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
    assert in_use(update_table, **UNITS) == IN_USE.format("updated")
    assert in_use(delete_table) == IN_USE.format("updated")
    call(put_item, Item={"pk": {"S": "a"}})
    wait()
    assert described()["TableStatus"] == "ACTIVE"
    assert described()["ProvisionedThroughput"]["ReadCapacityUnits"] == 9

    assert call(delete_table)["TableDescription"]["TableStatus"] == "DELETING"
    assert described()["TableStatus"] == "DELETING"
    assert call(delete_table)["TableDescription"]["TableStatus"] == "DELETING"
    assert in_use(update_table, **UNITS) == IN_USE.format("deleted")
    assert in_use(create_table, **KEYS, **UNITS) == "Table already exists: abc"
    assert slow.run(list_tables) == {"TableNames": ["abc"]}
    wait()
    with pytest.raises(ResourceNotFoundException):
        described()
    with pytest.raises(ResourceNotFoundException):
        call(delete_table)
    assert slow.run(list_tables) == {"TableNames": []}
    call(create_table, **KEYS, **UNITS)
    assert list(check(slow.database)) == []


def test_items_are_served_neither_while_a_table_is_created_nor_while_it_is_deleted(call, slow):
    def refused():
        for operation, content in ((put_item, {"Item": {"pk": {"S": "a"}}}), (get_item, {"Key": {"pk": {"S": "a"}}})):
            with pytest.raises(ResourceNotFoundException) as caught:
                call(operation, **content)
            assert caught.value.message == "Requested resource not found"

    call(create_table, **KEYS, **UNITS)
    refused()
    slow.clock.advance(10)
    settle_step(slow.writer, slow.reader, slow.clock.now_ms())
    call(put_item, Item={"pk": {"S": "a"}})
    call(delete_table)
    refused()


def test_a_new_index_is_creating_and_a_changed_one_updating_for_as_long_as_the_table(call, described, wait):
    def index_status():
        [index] = described()["GlobalSecondaryIndexes"]
        return index["IndexStatus"], index.get("Backfilling")

    call(create_table, **KEYS, **UNITS)
    wait()
    new = {"Create": index("glo", "v", ProvisionedThroughput=UNITS["ProvisionedThroughput"])}
    call(update_table, GlobalSecondaryIndexUpdates=[new], AttributeDefinitions=attributes("v:S"))
    assert index_status() == ("CREATING", True)
    with pytest.raises(ValidationException, match="Cannot read from backfilling global secondary index: glo"):
        call(scan, IndexName="glo")
    wait()
    assert index_status() == ("ACTIVE", None)
    call(update_table, GlobalSecondaryIndexUpdates=[{"Update": {"IndexName": "glo", **OTHER_UNITS}}])
    assert index_status() == ("UPDATING", None)
    call(scan, IndexName="glo")
    wait()
    assert index_status() == ("ACTIVE", None)


def test_a_stream_is_enabling_and_disabling_for_as_long_as_its_table_is_changed_for_its_sake(
    slow, call, described, wait
):
    view_type = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}

    def stream_status():
        arn = described()["LatestStreamArn"]
        return slow.run(describe_stream, StreamArn=arn)["StreamDescription"]["StreamStatus"]

    call(create_table, **KEYS, **UNITS, StreamSpecification=view_type)
    assert stream_status() == "ENABLING"
    wait()
    assert stream_status() == "ENABLED"
    call(update_table, **OTHER_UNITS)
    assert stream_status() == "ENABLED"
    wait()
    call(update_table, StreamSpecification={"StreamEnabled": False})
    first = described()["LatestStreamArn"]
    assert stream_status() == "DISABLING"
    wait()
    assert stream_status() == "DISABLED"
    call(update_table, StreamSpecification=view_type)
    assert stream_status() == "ENABLING"
    assert slow.run(describe_stream, StreamArn=first)["StreamDescription"]["StreamStatus"] == "DISABLED"


def test_a_request_that_is_refused_after_the_end_has_changed_nothing(slow, call, described, caplog):
    call(create_table, **KEYS, **UNITS)
    slow.clock.advance(10)
    with pytest.raises(ValidationException):
        call(update_table, **UNITS)
    with pytest.raises(ResourceInUseException, match="Table already exists"):
        call(create_table, **KEYS, **UNITS)
    call(delete_table)
    slow.clock.advance(10)
    with pytest.raises(ResourceNotFoundException):
        call(update_table, **OTHER_UNITS)
    assert caplog.text == "", "a write that is refused after a row has changed breaks its group, which is logged"
    call(create_table, **KEYS, **UNITS)
    assert described()["TableStatus"] == "CREATING"
    assert list(check(slow.database)) == []


def test_a_status_outlives_a_restart(tmp_path, clock):
    path = tmp_path / "restarted.db"
    options = None
    for moment, expected in ((0, "CREATING"), (9, "CREATING"), (1, "ACTIVE")):
        clock.advance(moment)
        with opened(path, clock) as (database, writer):
            running = Running(database, writer, clock)
            options = options or replace(running.options, status_delay_ms=10_000)
            running.options = options
            if not moment:
                running.run(create_table, TableName="abc", **KEYS, **UNITS)
            assert running.run(describe_table, TableName="abc")["Table"]["TableStatus"] == expected


def test_without_a_delay_nothing_is_left_to_settle(running):
    running.run(create_table, TableName="abc", **KEYS, **UNITS)
    running.run(update_table, TableName="abc", **OTHER_UNITS)
    epoch = running.reader.view().catalog.epoch
    assert settle_step(running.writer, running.reader, running.clock.now_ms()) is None
    assert running.reader.view().catalog.epoch == epoch
