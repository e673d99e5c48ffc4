"""ConsumedCapacity from outside: the arithmetic of reads, writes and batches, and who is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.tables import create, n, s

KEY = {"pk": s("a"), "sk": n(1)}
KEY_BYTES = len("pk") + 1 + len("sk") + 2


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, "pk:S sk:N")


@pytest.fixture
def units(wire, table):
    """Run an operation on the table and return the units that it says it consumed."""

    def run(operation, **request):
        answer = wire.call(operation, TableName=table, ReturnConsumedCapacity="TOTAL", **request)
        assert set(answer["ConsumedCapacity"]) == {"TableName", "CapacityUnits"}
        assert answer["ConsumedCapacity"]["TableName"] == table
        return answer["ConsumedCapacity"]["CapacityUnits"]

    wire.call("DeleteItem", TableName=table, Key=KEY)
    yield run
    wire.call("DeleteItem", TableName=table, Key=KEY)


def item(size):
    """Build an item of exactly `size` bytes."""
    return KEY | {"v": s("x" * (size - KEY_BYTES - 1))}


@pytest.mark.parametrize(
    ("size", "expected"), [(20, 1), (1024, 1), (1025, 2), (2048, 2), (9 * 1024, 9), (409_600, 400)]
)
def test_a_put_costs_a_unit_for_each_started_kb(units, size, expected):
    assert units("PutItem", Item=item(size)) == expected
    assert units("PutItem", Item=item(size)) == expected


@pytest.mark.parametrize(("old", "new", "expected"), [(3000, 100, 3), (100, 3000, 3), (3000, 2000, 3)])
def test_an_overwrite_costs_the_larger_of_the_two_items(units, old, new, expected):
    units("PutItem", Item=item(old))
    assert units("PutItem", Item=item(new)) == expected


@pytest.mark.parametrize(("old", "expected"), [(100, 1), (3000, 3)])
def test_a_delete_costs_the_old_item_and_a_missing_one_a_unit(units, old, expected):
    assert units("DeleteItem", Key=KEY) == 1
    units("PutItem", Item=item(old))
    assert units("DeleteItem", Key=KEY) == expected


@pytest.mark.parametrize(
    ("old", "expression", "values", "expected"),
    [
        (None, "SET w = :w", {":w": s("y" * 2000)}, 2),
        (3000, "SET w = :w", {":w": s("y")}, 3),
        (3000, "REMOVE v", None, 3),
        (3000, "SET v = v", None, 3),
        (None, "REMOVE v", None, 1),
        (1020, "SET w = :w", {":w": s("yyyyy")}, 2),
    ],
)
def test_an_update_costs_the_larger_of_the_items_before_and_after(units, old, expression, values, expected):
    if old is not None:
        units("PutItem", Item=item(old))
    request = {"Key": KEY, "UpdateExpression": expression} | ({"ExpressionAttributeValues": values} if values else {})
    assert units("UpdateItem", **request) == expected


@pytest.mark.parametrize(
    ("size", "expected"), [(20, 0.5), (4096, 0.5), (4097, 1), (8192, 1), (9000, 1.5), (409_600, 50)]
)
def test_a_get_costs_half_a_unit_for_each_started_4_kb_and_twice_that_when_consistent(units, size, expected):
    units("PutItem", Item=item(size))
    assert units("GetItem", Key=KEY) == expected
    assert units("GetItem", Key=KEY, ConsistentRead=True) == 2 * expected
    assert units("GetItem", Key=KEY, ProjectionExpression="sk") == expected


def test_a_get_of_nothing_costs_the_least(units):
    assert units("GetItem", Key=KEY) == 0.5
    assert units("GetItem", Key=KEY, ConsistentRead=True) == 1


@pytest.fixture(scope="module")
def ten(wire):
    """Create a table with ten items of 1,000 bytes in one partition."""
    name = create(wire, "pk:S sk:N")
    for number in range(1, 11):
        key = {"pk": s("a"), "sk": n(number * 10 + 1)}
        wire.call("PutItem", TableName=name, Item=key | {"v": s("x" * (1000 - KEY_BYTES - 1 - (number > 9)))})
    return name


QUERY: dict[str, Any] = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": s("a")}}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 1.5),
        ({"Limit": 4}, 0.5),
        ({"Limit": 5}, 1),
        ({"Limit": 1}, 0.5),
        ({"Select": "COUNT"}, 1.5),
        ({"ProjectionExpression": "sk"}, 1.5),
        ({"FilterExpression": "attribute_exists(absent)"}, 1.5),
    ],
)
@pytest.mark.parametrize("operation", ["Query", "Scan"])
def test_a_page_costs_the_sum_of_what_it_evaluated(wire, ten, operation, more, expected):
    request = {"TableName": ten, "ReturnConsumedCapacity": "TOTAL", **(QUERY if operation == "Query" else {}), **more}
    for consistent, factor in ((False, 1), (True, 2)):
        page = wire.call(operation, **request, ConsistentRead=consistent)
        assert page["ConsumedCapacity"] == {"TableName": ten, "CapacityUnits": expected * factor}


def test_a_page_of_nothing_costs_the_least(wire, ten):
    request = {"TableName": ten, "ReturnConsumedCapacity": "TOTAL", "KeyConditionExpression": "pk = :p"}
    page = wire.call("Query", **request, ExpressionAttributeValues={":p": s("nobody")})
    assert page["ConsumedCapacity"]["CapacityUnits"] == 0.5


REQUESTS: dict[str, dict[str, Any]] = {
    "PutItem": {"Item": KEY},
    "GetItem": {"Key": KEY},
    "UpdateItem": {"Key": KEY},
    "DeleteItem": {"Key": KEY},
    "Query": QUERY,
    "Scan": {},
}


@pytest.mark.parametrize("operation", REQUESTS)
def test_the_units_come_only_when_asked_for_and_by_table_when_indexes_are(wire, table, operation):
    request = {"TableName": table, **REQUESTS[operation]}
    assert "ConsumedCapacity" not in wire.call(operation, **request)
    assert "ConsumedCapacity" not in wire.call(operation, **request, ReturnConsumedCapacity="NONE")
    consumed = wire.call(operation, **request, ReturnConsumedCapacity="INDEXES")["ConsumedCapacity"]
    assert consumed == {
        "TableName": table,
        "CapacityUnits": consumed["CapacityUnits"],
        "Table": {"CapacityUnits": consumed["CapacityUnits"]},
    }
    wire.call("DeleteItem", TableName=table, Key=KEY)


def test_a_batch_of_reads_rounds_by_item_and_sums_by_table(wire, new_table):
    first, second = new_table(), new_table()
    for pk in ("a", "b"):
        wire.call("PutItem", TableName=first, Item={"pk": s(pk)})
    for consistent, factor in ((False, 1), (True, 2)):
        items = {
            first: {"Keys": [{"pk": s(pk)} for pk in ("a", "b", "absent")], "ConsistentRead": consistent},
            second: {"Keys": [{"pk": s("absent")}], "ConsistentRead": consistent},
        }
        answer = wire.call("BatchGetItem", RequestItems=items, ReturnConsumedCapacity="TOTAL")
        assert answer["ConsumedCapacity"] == [
            {"TableName": first, "CapacityUnits": 1.5 * factor},
            {"TableName": second, "CapacityUnits": 0.5 * factor},
        ]
        answer = wire.call("BatchGetItem", RequestItems=items, ReturnConsumedCapacity="INDEXES")
        assert answer["ConsumedCapacity"][0]["Table"] == {"CapacityUnits": 1.5 * factor}
        assert "ConsumedCapacity" not in wire.call("BatchGetItem", RequestItems=items)


def test_a_batch_of_writes_rounds_by_item_and_sums_by_table(wire, new_table):
    first, second = new_table(), new_table()
    wire.call("PutItem", TableName=first, Item={"pk": s("old"), "v": s("x" * 3000)})
    writes = {
        first: [
            {"PutRequest": {"Item": {"pk": s("new"), "v": s("x" * 1500)}}},
            {"DeleteRequest": {"Key": {"pk": s("old")}}},
            {"DeleteRequest": {"Key": {"pk": s("absent")}}},
        ],
        second: [{"PutRequest": {"Item": {"pk": s("a")}}}],
    }
    answer = wire.call("BatchWriteItem", RequestItems=writes, ReturnConsumedCapacity="TOTAL")
    assert answer == {
        "UnprocessedItems": {},
        "ConsumedCapacity": [{"TableName": first, "CapacityUnits": 6}, {"TableName": second, "CapacityUnits": 1}],
    }


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_collection_metrics_are_absent_for_a_table_without_local_indexes(wire, table, operation):
    request = {"TableName": table, **REQUESTS[operation], "ReturnItemCollectionMetrics": "SIZE"}
    assert wire.call(operation, **request) == {}


def test_capacity_names_the_table_as_the_request_does(wire, table):
    arn = f"arn:aws:dynamodb:us-east-1:000000000000:table/{table}"
    wire.call("PutItem", TableName=table, Item=KEY)
    by_key = {"TableName": arn, "Key": KEY}
    statement = {"Statement": f"SELECT * FROM \"{arn}\" WHERE pk = 'a' AND sk = 1"}
    insert = {"Statement": f"INSERT INTO \"{arn}\" VALUE {{'pk': 'new', 'sk': ?}}"}
    condition = {"KeyConditionExpression": "pk = :a", "ExpressionAttributeValues": {":a": s("a")}}
    requests: list[tuple[str, dict[str, Any]]] = [
        ("GetItem", by_key),
        ("PutItem", {"TableName": arn, "Item": KEY}),
        ("UpdateItem", by_key),
        ("Query", {"TableName": arn, **condition}),
        ("Scan", {"TableName": arn}),
        ("BatchGetItem", {"RequestItems": {arn: {"Keys": [KEY]}}}),
        ("BatchWriteItem", {"RequestItems": {arn: [{"PutRequest": {"Item": KEY}}]}}),
        ("TransactGetItems", {"TransactItems": [{"Get": by_key}]}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": by_key}], "ClientRequestToken": "arn"}),
        ("TransactWriteItems", {"TransactItems": [{"Delete": by_key}], "ClientRequestToken": "arn"}),
        ("ExecuteStatement", statement),
        ("ExecuteStatement", insert | {"Parameters": [n(1)]}),
        ("BatchExecuteStatement", {"Statements": [statement]}),
        ("BatchExecuteStatement", {"Statements": [insert | {"Parameters": [n(2)]}]}),
        ("ExecuteTransaction", {"TransactStatements": [statement]}),
        ("ExecuteTransaction", {"TransactStatements": [insert | {"Parameters": [n(3)]}]}),
        ("DeleteItem", by_key),
    ]
    for operation, request in requests:
        consumed = wire.call(operation, ReturnConsumedCapacity="TOTAL", **request)["ConsumedCapacity"]
        [capacity] = consumed if isinstance(consumed, list) else [consumed]
        assert capacity["TableName"] == arn, operation
