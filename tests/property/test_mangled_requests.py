"""Requests on tables with indexes and in transactions, right but for a few places: each succeeds or is refused as in DynamoDB.

A request that is sound has some of its parts replaced by others, left out or doubled. Whatever comes of it is a success or
one of the service's errors, never a fault of ours, and the file is sound afterwards.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc.clock import ManualClock
from cdc.model.errors import InternalServerError, ServiceError
from cdc.model.options import Options
from cdc.service import Service, open_service
from cdc.store.check import check
from tests.table_definitions import attributes, definition, index

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hypothesis.strategies import DrawFn

EXAMPLES = 1500
TABLE = {
    "TableName": "tab",
    **definition(
        "pk:S sk:N", "a:S b:N c:B", local=[index("loc", "pk a")], global_=[index("glo", "a b c", ["v"], hashes=2)]
    ),
}
ITEM = {
    "pk": {"S": "p"},
    "sk": {"N": "1"},
    "a": {"S": "x"},
    "b": {"N": "2"},
    "c": {"B": "AA=="},
    "v": {"L": [{"S": "y"}]},
}
KEY = {"pk": {"S": "p"}, "sk": {"N": "1"}}
START = KEY | {name: ITEM[name] for name in "abc"}
CONDITION = {
    "ConditionExpression": "#a = :x OR attribute_not_exists(pk)",
    "ExpressionAttributeNames": {"#a": "a"},
    "ExpressionAttributeValues": {":x": {"S": "x"}},
    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
}
UPDATE = {"UpdateExpression": "SET #a = :x REMOVE b", **{name: CONDITION[name] for name in list(CONDITION)[1:3]}}
METRICS = {"ReturnConsumedCapacity": "INDEXES", "ReturnItemCollectionMetrics": "SIZE"}
SOUND: list[tuple[str, dict[str, Any]]] = [
    ("CreateTable", TABLE),
    (
        "UpdateTable",
        {
            "TableName": "tab",
            "AttributeDefinitions": attributes("v:S a:S"),
            "GlobalSecondaryIndexUpdates": [{"Create": index("new", "v a", "KEYS_ONLY")}],
        },
    ),
    ("UpdateTable", {"TableName": "tab", "GlobalSecondaryIndexUpdates": [{"Delete": {"IndexName": "new"}}]}),
    ("PutItem", {"TableName": "tab", "Item": ITEM, **CONDITION, **METRICS}),
    ("UpdateItem", {"TableName": "tab", "Key": KEY, **UPDATE, **METRICS, "ReturnValues": "UPDATED_NEW"}),
    ("DeleteItem", {"TableName": "tab", "Key": KEY, **METRICS}),
    (
        "Query",
        {
            "TableName": "tab",
            "IndexName": "glo",
            "KeyConditionExpression": "a = :a AND b = :b AND c > :c",
            "FilterExpression": "attribute_exists(v[0])",
            "ProjectionExpression": "v[0], a, pk",
            "ExpressionAttributeValues": {":a": ITEM["a"], ":b": ITEM["b"], ":c": {"B": "AA=="}},
            "ExclusiveStartKey": START | {"c": {"B": "AQ=="}},
            "Limit": 3,
            "ScanIndexForward": True,
            "ReturnConsumedCapacity": "INDEXES",
        },
    ),
    (
        "Query",
        {
            "TableName": "tab",
            "IndexName": "loc",
            "KeyConditionExpression": "pk = :p AND begins_with(a, :a)",
            "ExpressionAttributeValues": {":p": KEY["pk"], ":a": {"S": "x"}},
            "Select": "ALL_ATTRIBUTES",
            "ConsistentRead": True,
        },
    ),
    (
        "Scan",
        {
            "TableName": "tab",
            "IndexName": "glo",
            "TotalSegments": 1,
            "Segment": 0,
            "ExclusiveStartKey": START,
            "Limit": 1,
        },
    ),
    (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Put": {"TableName": "tab", "Item": ITEM | {"sk": {"N": "3"}}, **CONDITION}},
                {"Update": {"TableName": "tab", "Key": KEY, **UPDATE}},
                {"Delete": {"TableName": "tab", "Key": KEY | {"sk": {"N": "4"}}, **CONDITION}},
                {"ConditionCheck": {"TableName": "tab", "Key": KEY | {"sk": {"N": "5"}}, **CONDITION}},
            ],
            "ClientRequestToken": "token",
            **METRICS,
        },
    ),
    (
        "TransactGetItems",
        {
            "TransactItems": [
                {"Get": {"TableName": "tab", "Key": KEY, "ProjectionExpression": "v[0], a"}},
                {"Get": {"TableName": "tab", "Key": KEY | {"sk": {"N": "3"}}}},
            ],
            "ReturnConsumedCapacity": "TOTAL",
        },
    ),
    ("BatchWriteItem", {"RequestItems": {"tab": [{"PutRequest": {"Item": ITEM}}]}, **METRICS}),
    (
        "UpdateItem",
        {
            "TableName": "tab",
            "Key": KEY,
            "Expected": {"b": {"ComparisonOperator": "GE", "AttributeValueList": [{"N": "1"}]}, "x": {"Exists": False}},
            "ConditionalOperator": "AND",
            "AttributeUpdates": {"b": {"Action": "ADD", "Value": {"N": "1"}}, "w": {"Action": "DELETE"}},
            **METRICS,
        },
    ),
    (
        "Query",
        {
            "TableName": "tab",
            "IndexName": "loc",
            "KeyConditions": {
                "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [KEY["pk"]]},
                "a": {"ComparisonOperator": "BETWEEN", "AttributeValueList": [{"S": "a"}, {"S": "z"}]},
            },
            "QueryFilter": {"b": {"ComparisonOperator": "NOT_NULL"}},
            "AttributesToGet": ["v", "b"],
        },
    ),
    (
        "ExecuteStatement",
        {
            "Statement": "SELECT pk, v FROM tab.glo WHERE a = ? AND b = ? AND c > ? ORDER BY c",
            "Parameters": [ITEM["a"], {"N": "2"}, {"B": "AA=="}],
            "ConsistentRead": False,
            "Limit": 1,
            "ReturnConsumedCapacity": "INDEXES",
        },
    ),
    (
        "BatchExecuteStatement",
        {
            "Statements": [
                {
                    "Statement": "UPDATE tab SET a = ?, v = list_append(v, ?) WHERE pk = 'p' AND sk = ? RETURNING ALL NEW *",
                    "Parameters": [{"S": "y"}, {"L": []}, {"N": "1"}],
                },
                {"Statement": "DELETE FROM tab WHERE pk = ? AND sk = 3", "Parameters": [KEY["pk"]]},
            ],
            "ReturnConsumedCapacity": "INDEXES",
        },
    ),
    (
        "ExecuteTransaction",
        {
            "TransactStatements": [
                {"Statement": "INSERT INTO tab VALUE ?", "Parameters": [{"M": ITEM | {"sk": {"N": "6"}}}]},
                {
                    "Statement": "EXISTS(SELECT * FROM tab WHERE pk = 'p' AND sk = 1 AND a = ?)",
                    "Parameters": [{"S": "y"}],
                    "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
                },
            ],
            "ClientRequestToken": "token",
            "ReturnConsumedCapacity": "TOTAL",
        },
    ),
]
VALUES = st.sampled_from(
    [
        *(
            {"S": ""},
            {"S": "x"},
            {"N": "1"},
            {"N": "x"},
            {"N": "1e999"},
            {"B": ""},
            {"B": "?"},
            {"M": {}},
            {"NULL": False},
        ),
        *({"SS": []}, {"NS": ["1", "1.0"]}, {"S": "x", "N": "1"}, {"S": "x" * 3000}, {"L": [{"BOOL": True}]}, {"S": 1}),
    ]
)
OTHERS = VALUES | st.sampled_from(
    [
        *(None, True, 0, -1, 2, 10**13, 1.5, "", "x", "tab", "loc", "glo", "a", "pk", "HASH", "RANGE", "ALL", "COUNT"),
        *(
            "INCLUDE",
            "KEYS_ONLY",
            "SPECIFIC_ATTRIBUTES",
            "pk = :a",
            "a = :a",
            ":a",
            "SET pk = :x",
            "REMOVE a.b",
            "a,,b",
        ),
        *([], {}, [{}], {"": {}}, "x" * 300, [1]),
    ]
)


def places(part: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the paths to all parts of a request."""
    steps = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
    for step, inner in steps:
        yield (*path, step)
        yield from places(inner, (*path, step))


@st.composite
def requests(draw: DrawFn) -> tuple[str, dict[str, Any]]:
    operation, sound = draw(st.sampled_from(SOUND))
    request = copy.deepcopy(sound)
    for _ in range(draw(st.integers(0, 3))):
        found = list(places(request))
        if not found:
            break
        *way, last = draw(st.sampled_from(found))
        parent: Any = request
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(["replace", "replace", "remove", "double"])):
            case "replace":
                parent[last] = copy.deepcopy(draw(OTHERS))
            case "remove":
                del parent[last]
            case _ if isinstance(parent, list):
                parent.append(copy.deepcopy(parent[last]))
            case _:
                parent[draw(st.sampled_from(["a", "b", "pk", "x", "Select", "ConsistentRead"]))] = parent[last]
    return operation, request


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    path: Path = tmp_path_factory.mktemp("mangled") / "cdc.db"
    with open_service(path, Options(shards=1), ManualClock()) as service:
        yield service
        assert list(check(service.database)) == []


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=requests())
def test_a_mangled_request_succeeds_or_is_refused_in_the_services_words(
    service: Service, drawn: tuple[str, Any]
) -> None:
    refusal = refusal_of(service, *drawn)
    assert not isinstance(refusal, InternalServerError), refusal


def refusal_of(service: Service, operation: str, request: dict[str, Any]) -> ServiceError | None:
    try:
        service.call(operation, request)
    except ServiceError as error:
        return error
    return None


def test_the_requests_are_sound_before_they_are_mangled(tmp_path: Path) -> None:
    """Otherwise they would all be refused at the first look."""
    with open_service(tmp_path / "cdc.db", Options(shards=1), ManualClock()) as service:
        for operation, request in SOUND:
            service.call(operation, copy.deepcopy(request))
