"""TransactWriteItems and TransactGetItems as requests: parsed, refused as a whole or by action, and answered."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException, TransactionCanceledException, ValidationException
from cdc.model.keys import MISMATCH
from cdc.tables import transact
from cdc.tables.definitions import create_table
from cdc.tables.transact import transact_get_items, transact_write_items
from cdc.tables.transactions import DUPLICATES
from cdc.tables.write import put_item
from tests.table_definitions import definition, index

LARGE = {"S": "x" * 5000}


def key(pk):
    return {"pk": {"S": pk}, "sk": {"S": "s"}}


@pytest.fixture
def write(running):
    running.run(create_table, TableName="tab", **definition("pk:S sk:S", "a:S", local=[index("loc", "pk a")]))
    return lambda *actions, **more: running.run(transact_write_items, TransactItems=list(actions), **more)


@pytest.fixture
def get(running, write):
    write({"Put": {"TableName": "tab", "Item": key("a") | {"v": {"L": [LARGE]}, "w": {"N": "1"}}}})

    def get(*gets, **more):
        actions = [{"Get": {"TableName": "tab"} | each} for each in gets]
        return running.run(transact_get_items, TransactItems=actions, **more)

    return get


def test_each_kind_of_action_is_done_and_the_answer_is_empty(running, write):
    running.run(create_table, TableName="other", **definition("pk:S"))
    for pk in ("old", "kept"):
        running.run(put_item, TableName="tab", Item=key(pk))
    answer = write(
        {"Put": {"TableName": "other", "Item": {"pk": {"S": "p"}}}},
        {"Delete": {"TableName": "tab", "Key": key("old")}},
        {
            "Update": {
                "TableName": "tab",
                "Key": key("new"),
                "UpdateExpression": "SET #v = :v",
                "ConditionExpression": "attribute_not_exists(#v)",
                "ExpressionAttributeNames": {"#v": "v"},
                "ExpressionAttributeValues": {":v": {"N": "1"}},
            }
        },
        {
            "ConditionCheck": {
                "TableName": "arn:aws:dynamodb:eu-west-1:123456789012:table/tab",
                "Key": key("kept"),
                "ConditionExpression": "attribute_exists(pk)",
            }
        },
    )
    assert answer == {}
    answer = running.run(
        transact_get_items,
        TransactItems=[
            {"Get": {"TableName": "tab", "Key": key("old")}},
            {"Get": {"TableName": "tab", "Key": key("new")}},
            {"Get": {"TableName": "other", "Key": {"pk": {"S": "p"}}}},
        ],
    )
    assert answer == {"Responses": [{}, {"Item": key("new") | {"v": {"N": "1"}}}, {"Item": {"pk": {"S": "p"}}}]}


PUT = {"Put": {"TableName": "tab", "Item": key("x")}}


@pytest.mark.parametrize(
    ("actions", "message"),
    [
        ([{}], "TransactItems can only contain one of Check, Put, Update or Delete"),
        (
            [PUT | {"Delete": {"TableName": "tab", "Key": key("x")}}],
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ),
        (
            [{"Put": PUT["Put"] | {"ConditionExpression": ""}}],
            "Invalid ConditionExpression: The expression can not be empty;",
        ),
        (
            [{"Put": PUT["Put"] | {"ExpressionAttributeNames": {"#a": "a"}}}],
            "ExpressionAttributeNames can only be specified when using expressions",
        ),
        (
            [{"Put": {"TableName": "nowhere", "Item": key("x") | {"v": {"S": "x" * 409_600}}}}],
            "Item size has exceeded the maximum allowed size",
        ),
        ([PUT, {"Delete": {"TableName": "tab", "Key": key("x")}}], DUPLICATES),
    ],
)
def test_a_fault_of_the_request_is_reported_as_such(write, actions, message):
    with pytest.raises(ValidationException) as caught:
        write(*actions)
    assert caught.value.message == message


def test_the_items_of_a_transaction_are_bounded_in_sum(write, monkeypatch):
    monkeypatch.setattr(transact, "MAX_BYTES", 20)
    write(PUT)
    long = {"Put": {"TableName": "tab", "Item": key("y") | {"v": {"S": "x" * 20}}}}
    with pytest.raises(ValidationException, match="aggregate size of the items in the transaction"):
        write(PUT, long)


def test_a_request_says_how_many_bytes_it_writes(running):
    request = {"TransactItems": [PUT, {"Delete": {"TableName": "tab", "Key": key("y")}}]}
    assert transact_write_items(request, running.options).size_bytes == 6


def test_capacity_and_collections_are_told_when_asked_for(write):
    check = {"TableName": "tab", "Key": key("y"), "ConditionExpression": "attribute_not_exists(pk)"}
    answer = write(
        {"Put": {"TableName": "tab", "Item": key("x") | {"a": {"S": "x"}}}},
        {"ConditionCheck": check},
        ReturnConsumedCapacity="INDEXES",
        ReturnItemCollectionMetrics="SIZE",
    )
    assert answer == {
        "ConsumedCapacity": [
            {
                "TableName": "tab",
                "CapacityUnits": 5,
                "WriteCapacityUnits": 5,
                "Table": {"CapacityUnits": 4, "WriteCapacityUnits": 4},
                "LocalSecondaryIndexes": {"loc": {"CapacityUnits": 1, "WriteCapacityUnits": 1}},
            }
        ],
        "ItemCollectionMetrics": {"tab": [{"ItemCollectionKey": {"pk": {"S": "x"}}, "SizeEstimateRangeGB": [0, 1]}]},
    }


def test_items_are_read_in_order_with_their_projections(get):
    answer = get(
        {"Key": key("missing")},
        {"Key": key("a"), "ProjectionExpression": "w, #v[9]", "ExpressionAttributeNames": {"#v": "v"}},
        {"Key": key("missing too"), "ProjectionExpression": "w"},
    )
    assert answer == {"Responses": [{}, {"Item": {"w": {"N": "1"}}}, {}]}
    assert get({"Key": key("a"), "ProjectionExpression": "absent"}) == {"Responses": [{}]}


def test_each_read_costs_twice_its_units(get):
    answer = get({"Key": key("a"), "ProjectionExpression": "w"}, {"Key": key("b")}, ReturnConsumedCapacity="INDEXES")
    assert answer["ConsumedCapacity"] == [
        {
            "TableName": "tab",
            "CapacityUnits": 6,
            "ReadCapacityUnits": 6,
            "Table": {"CapacityUnits": 6, "ReadCapacityUnits": 6},
        }
    ]


EMPTY_KEY = (
    "One or more parameter values are not valid. "
    "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
)


def test_wrong_keys_are_reasons_each_in_its_place(get):
    with pytest.raises(TransactionCanceledException) as caught:
        get({"Key": {"pk": {"S": "a"}}}, {"Key": key("a")}, {"Key": key("")})
    assert caught.value.extra["CancellationReasons"] == [
        {"Code": "ValidationError", "Message": MISMATCH},
        {"Code": "None"},
        {"Code": "ValidationError", "Message": EMPTY_KEY},
    ]


def test_other_faults_of_reads_are_the_requests(get, running, monkeypatch):
    with pytest.raises(ValidationException, match=f"^{DUPLICATES}$"):
        get({"Key": key("a")}, {"Key": key("a")})
    with pytest.raises(ResourceNotFoundException, match=r"^Requested resource not found$"):
        get({"Key": key("a")}, {"Key": key("b"), "TableName": "nope"})
    with pytest.raises(ValidationException, match=r"^Invalid ProjectionExpression: "):
        get({"Key": key("a"), "ProjectionExpression": "a,,b"})
    monkeypatch.setattr(transact, "MAX_BYTES", 5000)
    with pytest.raises(ValidationException, match="aggregate size"):
        get({"Key": key("a")})
    assert running.run(transact_get_items, TransactItems=[{"Get": {"TableName": "tab", "Key": key("b")}}])
