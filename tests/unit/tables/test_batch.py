"""Batches: all or nothing here, and how a batch of reads is cut at its limit of bytes."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException, ValidationException
from cdc.tables import batch
from cdc.tables.batch import batch_get_item, batch_write_item
from cdc.tables.definitions import create_table
from cdc.tables.read import scan


@pytest.fixture
def tables(running):
    for name in ("abc", "def"):
        running.run(
            create_table,
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "N"}],
            BillingMode="PAY_PER_REQUEST",
        )
    return "abc", "def"


def key(number):
    return {"pk": {"N": str(number)}}


def put(number, **attributes):
    return {"PutRequest": {"Item": key(number) | attributes}}


@pytest.mark.parametrize(
    ("last", "error"),
    [
        ({"abc": [put(1), {"PutRequest": {"Item": {}}}]}, ValidationException),
        ({"abc": [put(1), put("1.0")]}, ValidationException),
        ({"abc": [put(1)], "nowhere": [put(1)]}, ResourceNotFoundException),
        (
            {"abc": [put(number) for number in range(13)], "def": [put(number) for number in range(13)]},
            ValidationException,
        ),
    ],
)
def test_a_batch_with_one_fault_writes_nothing(running, tables, last, error):
    with pytest.raises(error):
        running.run(batch_write_item, RequestItems=last)
    assert [running.run(scan, TableName=name)["Count"] for name in tables] == [0, 0]


def test_a_batch_says_how_many_bytes_it_writes(running):
    work = batch_write_item({"RequestItems": {"abc": [put(1), {"DeleteRequest": {"Key": key(2)}}]}}, running.options)
    assert work.size_bytes == len(b'{"pk":{"N":"1"}}')


@pytest.fixture
def filled(running, tables):
    """Put six items of 10 bytes into each table."""
    for name in tables:
        running.run(batch_write_item, RequestItems={name: [put(number, v={"S": "x" * 5}) for number in range(1, 7)]})
    return tables


def read(running, items):
    answer = running.run(batch_get_item, RequestItems=items, ReturnConsumedCapacity="TOTAL")
    found = {name: [item["pk"]["N"] for item in items] for name, items in answer["Responses"].items()}
    return found, answer["UnprocessedKeys"], answer["ConsumedCapacity"]


@pytest.mark.usefixtures("filled")
def test_what_does_not_fit_is_left_as_it_was_asked_for(running, monkeypatch):
    monkeypatch.setattr(batch, "RESPONSE_BYTES", 45)
    asked = {"Keys": [key(f"{number}.0") for number in range(1, 7)], "ConsistentRead": True}
    found, left, units = read(running, {"abc": asked})
    assert found == {"abc": ["1", "2", "3", "4"]}
    assert left == {"abc": asked | {"Keys": [key("5.0"), key("6.0")]}}
    assert units == [{"TableName": "abc", "CapacityUnits": 4}]
    found, left, _ = read(running, left)
    assert (found, left) == ({"abc": ["5", "6"]}, {})


def test_a_table_that_comes_too_late_is_left_whole(running, filled, monkeypatch):
    monkeypatch.setattr(batch, "RESPONSE_BYTES", 60)
    items = {name: {"Keys": [key(number) for number in range(1, 7)]} for name in filled}
    found, left, units = read(running, items)
    assert found == {"abc": ["1", "2", "3", "4", "5", "6"], "def": []}
    assert left == {"def": items["def"]}
    assert units == [{"TableName": "abc", "CapacityUnits": 3}, {"TableName": "def", "CapacityUnits": 0}]
