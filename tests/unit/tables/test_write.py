"""Writes: the one place where an item changes, what an update makes of nothing, and the bounds of sizes."""

from __future__ import annotations

import pytest

from cdc.model.errors import InternalServerError, ServiceError
from cdc.model.options import Options
from cdc.tables.definitions import create_table, describe_table
from cdc.tables.read import get_item
from cdc.tables.write import delete_item, put_item, update_item

KEY = {"pk": {"S": "a"}}


@pytest.fixture
def table(running):
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return "abc"


def state(running):
    """Return everything that a write can change."""
    view = running.reader.view()
    rows = view.connection.execute("select item, size from items order by key").fetchall()
    counters = view.connection.execute("select next_sequence from state").fetchall()
    return rows, counters, running.run(describe_table, TableName="abc")["Table"]


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (put_item, {"Item": KEY | {"v": {"N": "1.0"}}}),
        (update_item, {"Key": KEY}),
        (update_item, {"Key": KEY, "UpdateExpression": "SET v = v"}),
        (delete_item, {"Key": {"pk": {"S": "absent"}}}),
        (update_item, {"Key": {"pk": {"S": "absent"}}, "UpdateExpression": "REMOVE v"}),
    ],
)
def test_a_write_without_effect_changes_nothing_in_the_file(running, table, operation, request_):
    running.run(put_item, TableName=table, Item=KEY | {"v": {"N": "1"}})
    before = state(running)
    running.run(operation, TableName=table, **request_)
    assert state(running) == before


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (put_item, {"Item": KEY, "ConditionExpression": "attribute_exists(x)"}),
        (delete_item, {"Key": KEY, "ConditionExpression": "attribute_exists(x)"}),
        (update_item, {"Key": KEY, "UpdateExpression": "SET x.y = v"}),
    ],
)
def test_a_refused_write_changes_nothing_in_the_file(running, table, operation, request_):
    running.run(put_item, TableName=table, Item=KEY | {"v": {"N": "1"}})
    before = state(running)
    with pytest.raises(ServiceError):
        running.run(operation, TableName=table, **request_)
    assert state(running) == before


def test_sizes_and_counts_of_the_table_follow_its_items(running, table):
    def size():
        described = running.run(describe_table, TableName=table)["Table"]
        return described["ItemCount"], described["TableSizeBytes"]

    running.run(put_item, TableName=table, Item=KEY | {"v": {"S": "xxxx"}})
    assert size() == (1, 8)
    running.run(update_item, TableName=table, Key=KEY, UpdateExpression="REMOVE v")
    assert size() == (1, 3)
    running.run(delete_item, TableName=table, Key=KEY)
    assert size() == (0, 0)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        (get_item, {"Key": KEY}),
        (put_item, {"Item": KEY}),
        (update_item, {"Key": KEY, "UpdateExpression": "REMOVE v"}),
        (delete_item, {"Key": KEY}),
    ],
)
def test_an_item_whose_bytes_were_damaged_is_never_returned_nor_overwritten(running, table, operation, request_):
    running.run(put_item, TableName=table, Item=KEY | {"v": {"S": "good"}})
    damage = "update items set item = cast(replace(item, 'good', 'evil') as blob)"
    running.writer.call(lambda transaction: transaction.cursor.execute(damage).fetchall())
    with pytest.raises(InternalServerError):
        running.run(operation, TableName=table, **request_)


def test_a_put_says_how_many_bytes_it_writes():
    assert put_item({"TableName": "abc", "Item": KEY}, Options()).size_bytes == len(b'{"pk":{"S":"a"}}')


@pytest.mark.parametrize(("operation", "part"), [(put_item, "Item"), (update_item, "Key"), (delete_item, "Key")])
def test_a_member_that_is_null_is_as_one_that_is_absent(running, table, operation, part):
    request = {"TableName": table, part: {"pk": {"S": "a"}}, "ReturnValues": None, "ReturnConsumedCapacity": None}
    assert running.run(operation, **request) == {}
