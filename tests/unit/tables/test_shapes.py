"""The shapes agree with the service's model, as botocore ships it, and word their faults as the service does."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from cdc.model.constraints import (
    AttributeMap,
    AttributeValueOf,
    Boolean,
    Enum,
    Integer,
    Kind,
    ListOf,
    MapOf,
    String,
    TableName,
    Timestamp,
)
from cdc.model.errors import ValidationException
from cdc.model.request_shapes import Shape, Structure, Unsupported
from cdc.service.operations import OPERATIONS, STREAMS, TARGETS
from cdc.tables import shapes, table_shapes

SHAPES = [value for module in (shapes, table_shapes) for value in vars(module).values() if isinstance(value, Shape)]
PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"


@pytest.fixture(scope="module")
def model() -> Any:
    return botocore.session.get_session().get_service_model("dynamodb")


def agree(kind: Kind, theirs: Any) -> None:  # noqa: C901, PLR0912  # one case a kind
    """Compare bounds and members, down to the leaves."""
    match kind:
        case Unsupported() | TableName():
            return
        case Structure():
            assert {member.name for member in kind.members} == set(theirs.members)
            for member in kind.members:
                agree(member.kind, theirs.members[member.name])
        case ListOf():
            assert theirs.type_name == "list"
            agree(kind.kind, theirs.member)
        case MapOf():
            assert (theirs.type_name, kind.maximum) == ("map", theirs.metadata.get("max"))
            agree(kind.kind, theirs.value)
        case AttributeMap():
            assert (theirs.type_name, theirs.value.name) == ("map", "AttributeValue")
        case AttributeValueOf():
            assert theirs.name == "AttributeValue"
        case Enum():
            assert set(kind.words) == set(theirs.metadata["enum"])
        case Integer():
            assert theirs.type_name == kind.wire_type.lower()
            assert (kind.minimum, kind.maximum) == (theirs.metadata.get("min"), theirs.metadata.get("max"))
        case String():
            assert theirs.type_name == "string"
            assert kind.minimum == theirs.metadata.get("min", 0)
        case Timestamp():
            assert theirs.type_name == "timestamp"
        case Boolean():
            assert theirs.type_name == "boolean"
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.operation)
def test_a_shape_knows_every_member_of_the_services_model_and_its_bounds(shape, model):
    agree(shape.structure, model.operation_model(shape.operation).input_shape)


def test_there_is_a_shape_for_each_operation():
    elsewhere = {target.partition(".")[2] for target in TARGETS if target.startswith(STREAMS)}
    elsewhere |= {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"}
    assert {shape.operation for shape in SHAPES} == OPERATIONS.keys() - elsewhere


def refusal(shape, request):
    with pytest.raises(ValidationException) as error:
        shape.check(request)
    return error.value.message


@pytest.mark.parametrize(
    "shape", [shapes.CREATE_TABLE, shapes.DESCRIBE_TABLE, shapes.UPDATE_TABLE, shapes.DELETE_TABLE]
)
def test_table_operations_miss_their_tables_name_in_their_own_words(shape):
    expected = "The parameter 'TableName' is required but was not present in the request"
    assert refusal(shape, {"BillingMode": "X"}) == expected


@pytest.mark.parametrize("shape", [shapes.DESCRIBE_TABLE, shapes.UPDATE_TABLE, shapes.DELETE_TABLE])
def test_operations_on_tables_have_their_own_words_for_the_length_of_a_name(shape):
    expected = "TableName must be at least 3 characters long and at most 255 characters long"
    assert refusal(shape, {"TableName": "ab"}) == refusal(shape, {"TableName": "a" * 256}) == expected
    assert refusal(shape, {"TableName": "ab;"}).endswith(PATTERN)
    shapes.DESCRIBE_TABLE.check({"TableName": "arn:aws:dynamodb:us-east-1:000000000000:table/abc"})


def test_a_table_is_created_under_a_name_of_three_characters_at_least():
    assert refusal(shapes.CREATE_TABLE, {"TableName": "ab"}) == (
        "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 3"
    )


@pytest.mark.parametrize("shape", [shapes.PUT_ITEM, shapes.DELETE_ITEM, shapes.UPDATE_ITEM])
def test_writes_name_all_their_wrong_words_at_once(shape):
    wrong = {"ReturnConsumedCapacity": "a", "ReturnItemCollectionMetrics": "b", "ReturnValues": "c"}
    message = refusal(shape, {"TableName": "t", "Item": {}, "Key": {}} | wrong)
    assert message == (
        "3 validation errors detected: "
        "Value 'a' at 'returnConsumedCapacity' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INDEXES, TOTAL, NONE]; "
        "Value 'b' at 'returnItemCollectionMetrics' failed to satisfy constraint: "
        "Member must satisfy enum value set: [SIZE, NONE]; "
        "Value 'c' at 'returnValues' failed to satisfy constraint: "
        "Member must satisfy enum value set: [ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"
    )


def test_a_limit_of_zero_is_worded_otherwise_by_query_than_by_scan():
    assert refusal(shapes.QUERY, {"TableName": "t", "Limit": 0}) == (
        "1 validation error detected: Value at 'Limit' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )
    assert refusal(shapes.SCAN, {"TableName": "t", "Limit": 0}) == (
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: "
        "Member must have value greater than or equal to 1"
    )


@pytest.mark.parametrize("shape", [shapes.BATCH_GET_ITEM, shapes.BATCH_WRITE_ITEM])
@pytest.mark.parametrize("request_", [{}, {"RequestItems": {}}, {"RequestItems": None}])
def test_a_batch_of_nothing_is_refused(shape, request_):
    assert refusal(shape, request_) == f"The requestItems parameter is required for {shape.operation}"


def test_the_keys_of_a_batch_are_counted():
    expected = (
        "1 validation error detected: Value at 'RequestItems.flights.member.Keys' failed to satisfy constraint: "
        "Member must have length less than or equal to 100"
    )
    assert refusal(shapes.BATCH_GET_ITEM, {"RequestItems": {"flights": {"Keys": [{}] * 101}}}) == expected
    assert refusal(shapes.BATCH_GET_ITEM, {"RequestItems": {"flights": {"Keys": []}}}) == (
        "1 validation error detected: Value '[]' at 'requestItems.flights.member.keys' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1"
    )
    assert refusal(shapes.BATCH_GET_ITEM, {"RequestItems": {"flights": {}}}) == (
        "1 validation error detected: Value null at 'requestItems.flights.member.keys' failed to satisfy constraint: "
        "Member must not be null"
    )


@pytest.mark.parametrize("count", [0, 26])
def test_the_writes_of_a_batch_are_counted(count):
    message = refusal(shapes.BATCH_WRITE_ITEM, {"RequestItems": {"flights": [{"PutRequest": {"Item": {}}}] * count}})
    assert message.startswith("1 validation error detected: Value '{flights=[")
    assert message.endswith(
        "' at 'requestItems' failed to satisfy constraint: Map value must satisfy constraint: "
        "[Member must have length less than or equal to 25, Member must have length greater than or equal to 1]"
    )


def test_the_faults_of_a_new_table_stand_in_the_services_order():
    message = refusal(
        shapes.CREATE_TABLE,
        {
            "TableName": "flights",
            "AttributeDefinitions": [{"AttributeName": "a", "AttributeType": "X"}],
            "KeySchema": [{"AttributeName": "a", "KeyType": "X"}],
            "ProvisionedThroughput": {"ReadCapacityUnits": 0},
            "BillingMode": "X",
            "LocalSecondaryIndexes": [{"Projection": {"NonKeyAttributes": []}}],
            "GlobalSecondaryIndexes": [{"IndexName": "a"}],
        },
    )
    places = [part.partition(" at '")[2].partition("'")[0] for part in message.split("; ")]
    assert places == [
        "billingMode",
        "provisionedThroughput.writeCapacityUnits",
        "provisionedThroughput.readCapacityUnits",
        "keySchema.1.member.keyType",
        "attributeDefinitions.1.member.attributeType",
        "localSecondaryIndexes.1.member.indexName",
        "localSecondaryIndexes.1.member.keySchema",
        "localSecondaryIndexes.1.member.projection.nonKeyAttributes",
        "globalSecondaryIndexes.1.member.keySchema",
        "globalSecondaryIndexes.1.member.projection",
    ]


def test_the_keys_of_a_global_index_may_have_eight_attributes_those_of_others_two():
    def schema(count):
        return [{"AttributeName": f"a{number}", "KeyType": "HASH"} for number in range(count)]

    def request(of_table, of_global, of_local):
        index = {"IndexName": "abc", "Projection": {}}
        return {
            "TableName": "flights",
            "AttributeDefinitions": [],
            "KeySchema": schema(of_table),
            "GlobalSecondaryIndexes": [index | {"KeySchema": schema(of_global)}],
            "LocalSecondaryIndexes": [index | {"KeySchema": schema(of_local)}],
        }

    shapes.CREATE_TABLE.check(request(2, 8, 2))
    message = refusal(shapes.CREATE_TABLE, request(3, 9, 3))
    assert message.startswith("3 validation errors detected: ")
    for place, most in (
        ("keySchema", 2),
        ("localSecondaryIndexes.1.member.keySchema", 2),
        ("globalSecondaryIndexes.1.member.keySchema", 8),
    ):
        assert (
            f"' at '{place}' failed to satisfy constraint: Member must have length less than or equal to {most}"
            in message
        )


@pytest.mark.parametrize(
    ("shape", "member"),
    [
        (shapes.CREATE_TABLE, "ResourcePolicy"),
        (shapes.UPDATE_TABLE, "ReplicaUpdates"),
    ],
)
def test_what_this_version_lacks_is_refused_by_name(shape, member):
    sound = {"TableName": "flights", "Item": {}, "Key": {}, "KeySchema": [{"AttributeName": "a", "KeyType": "HASH"}]}
    request = sound | {"AttributeDefinitions": [], member: {}}
    assert refusal(shape, request) == f"{shape.operation}: {member} is not supported by this version of cdc"


CONDITION = {"ComparisonOperator": "LIKE", "AttributeValueList": []}
WRONG_OPERATOR = (
    "Value 'LIKE' at '{}.a.member.comparisonOperator' failed to satisfy constraint: Member must satisfy enum value set: "
    "[IN, NULL, BETWEEN, LT, NOT_CONTAINS, EQ, GT, NOT_NULL, NE, LE, BEGINS_WITH, GE, CONTAINS]"
)


@pytest.mark.parametrize(
    ("shape", "member", "value", "problem"),
    [
        (shapes.PUT_ITEM, "Expected", {"a": CONDITION}, WRONG_OPERATOR.format("expected")),
        (shapes.QUERY, "QueryFilter", {"a": CONDITION}, WRONG_OPERATOR.format("queryFilter")),
        (
            shapes.QUERY,
            "KeyConditions",
            {"a": {}},
            "Value null at 'keyConditions.a.member.comparisonOperator' failed to satisfy constraint: Member must not be null",
        ),
        (
            shapes.SCAN,
            "ConditionalOperator",
            "XOR",
            "Value 'XOR' at 'conditionalOperator' failed to satisfy constraint: Member must satisfy enum value set: [OR, AND]",
        ),
        (
            shapes.UPDATE_ITEM,
            "AttributeUpdates",
            {"a": {"Action": "SET"}},
            (
                "Value 'SET' at 'attributeUpdates.a.member.action' failed to satisfy constraint: "
                "Member must satisfy enum value set: [ADD, PUT, DELETE]"
            ),
        ),
        (
            shapes.GET_ITEM,
            "AttributesToGet",
            [],
            (
                "Value '[]' at 'attributesToGet' failed to satisfy constraint: "
                "Member must have length greater than or equal to 1"
            ),
        ),
        (
            shapes.SCAN,
            "AttributesToGet",
            ["a", "b" * 65_536],
            (
                f"Value '{'b' * 65_536}' at 'attributesToGet.2.member' failed to satisfy constraint: "
                "Member must have length less than or equal to 65535"
            ),
        ),
    ],
)
def test_the_words_of_legacy_parameters_are_checked(shape, member, value, problem):
    request = {"TableName": "flights", "Item": {}, "Key": {}, member: value}
    assert refusal(shape, request) == f"1 validation error detected: {problem}"
