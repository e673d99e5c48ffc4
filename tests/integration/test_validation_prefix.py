"""`tables.prefix_validation_messages`: which refusals of PutItem and UpdateItem get the prefix, and that nothing else does."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.integration.daemon import Daemon
from tests.integration.tables import n, s
from tests.table_definitions import definition, index

DETECTED = "1 validation error detected: "
CONFIG = """
[tables]
prefix_validation_messages = true
"""
TABLE = "validation-prefix"
"""A table with the key pk:S sk:N and an index on g:S, in both daemons."""
KEY = {"pk": s("a"), "sk": n(1)}
DEEP: dict[str, Any] = {"L": [{"L": []}]}
for _ in range(31):
    DEEP = {"L": [DEEP]}


@pytest.fixture(scope="module")
def connect():
    """Make clients that leave all validation to the service."""
    clients = []

    def new(daemon):
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        client = boto3.client("dynamodb", endpoint_url=daemon.url, region_name="us-east-1", config=config, **keys)
        clients.append(client)
        return client

    yield new
    for each in clients:
        each.close()


@pytest.fixture(scope="module")
def default(connect, daemon):
    return connect(daemon)


@pytest.fixture(scope="module")
def switched(connect, tmp_path_factory):
    """Return a client of a daemon with the setting."""
    daemon = Daemon(tmp_path_factory.mktemp("prefix") / "cdc.db", CONFIG)
    daemon.start()
    yield connect(daemon)
    assert daemon.stop() == 0


@pytest.fixture(scope="module", autouse=True)
def _tables(default, switched):
    for client in (default, switched):
        client.create_table(TableName=TABLE, **definition("pk:S sk:N", "g:S", global_=[index("by-g", "g")]))
        client.put_item(TableName=TABLE, Item=KEY | {"v": s("x")})


@pytest.fixture
def messages(default, switched):
    """Return what a request is refused with by default and with the setting."""

    def refused(operation, request):
        texts = []
        for client in (default, switched):
            with pytest.raises(client.exceptions.ClientError) as caught:
                getattr(client, operation)(**request)
            assert caught.value.response["Error"]["Code"] == "ValidationException"
            texts.append(caught.value.response["Error"]["Message"])
        return tuple(texts)

    return refused


def put(**request):
    return "put_item", {"TableName": TABLE, "Item": KEY} | request


def update(**request):
    return "update_item", {"TableName": TABLE, "Key": KEY} | request


def item(value):
    return put(Item=KEY | {"v": value})


def both(condition, said, **values):
    """Build a PutItem and an UpdateItem with one condition."""
    request = {"ConditionExpression": condition}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return [(*put(**request), said), (*update(**request), said)]


def valued(said, **value):
    """Build a PutItem and an UpdateItem with a value in an expression."""
    return both("v = :v", said, v=value)


NULL = {"NULL": False}
NULL_SAID = "Null attribute value types must have the value of true"
MIXED = "Can not use both expression and non-expression parameters in the same request"
LEGACY = {"ConditionExpression": "v = v", "Expected": {"v": {"Exists": False}}}

PREFIXED = [
    (*item({"SS": []}), "An string set  may not be empty"),
    (*item({"L": [{"NS": []}]}), "An number set  may not be empty"),
    (*item({"M": {"a": {"BS": []}}}), "Binary sets should not be empty"),
    (*item({"SS": ["a", "a"]}), "Input collection [a, a] contains duplicates."),
    (*item({"NS": ["1", "1.0"]}), "Input collection contains duplicates"),
    (*item({"BS": [b"a", b"a"]}), "of type BS contains duplicates."),
    (*item(NULL), NULL_SAID),
    *valued("An string set  may not be empty for key :v", SS=[]),
    *valued("Input collection contains duplicates for key :v", NS=["1", "1.0"]),
    *valued(NULL_SAID, **NULL),
    (*update(Key=KEY | {"sk": NULL}), NULL_SAID),
    (*put(Expected={"v": {"Value": NULL}}), NULL_SAID),
    (*update(AttributeUpdates={"v": {"Value": NULL}}), NULL_SAID),
    *both("v = = v", "Invalid ConditionExpression: Syntax error"),
    *both("", "Invalid ConditionExpression: The expression can not be empty;"),
    *both("v = v" + " " * 4096, "Invalid ConditionExpression: Expression size has exceeded"),
    *both("abort = v", "Attribute name is a reserved keyword"),
    *both("v = :v", "An expression attribute value used in expression is not defined"),
    *both("#v = v", "An expression attribute name used in the document path is not defined"),
    *both("size(v)", "Invalid ConditionExpression: The function is not allowed to be used this way"),
    *both("nonsense(v)", "Invalid function name"),
    *both("attribute_exists(:v)", "requires a document path", v=s("x")),
    *both("((v = w))", "redundant parentheses"),
    *both("v = v", "The first operand must be distinct"),
    (*update(UpdateExpression="SET v = "), "Invalid UpdateExpression: Syntax error"),
    (*update(UpdateExpression=""), "Invalid UpdateExpression: The expression can not be empty;"),
    (*update(UpdateExpression="SET abort = v"), "Attribute name is a reserved keyword"),
    (*update(UpdateExpression="SET v = :v"), "Invalid UpdateExpression: An expression attribute value used"),
    (*update(UpdateExpression="SET v = size(v)"), "The function is not allowed in an update expression"),
    (*update(UpdateExpression="SET v = ((w))"), "redundant parentheses"),
    (*update(UpdateExpression="SET v = w REMOVE v"), "Two document paths overlap"),
    (*put(ExpressionAttributeValues={":v": s("x")}), "can only be specified when using expressions: Condition"),
    (*update(ExpressionAttributeValues={":v": s("x")}), "can only be specified when using expressions: Update"),
    (*put(ConditionExpression="v = :v", ExpressionAttributeValues={}), "ExpressionAttributeValues must not be empty"),
    (
        *update(UpdateExpression="SET v = :v", ExpressionAttributeValues={}),
        "ExpressionAttributeValues must not be empty",
    ),
    (*put(**LEGACY), MIXED),
    (*update(**LEGACY), MIXED),
    (*put(ReturnValues="ALL_NEW"), "ReturnValues can only be ALL_OLD or NONE"),
]


@pytest.mark.parametrize(("operation", "request_", "said"), PREFIXED)
def test_what_a_request_is_found_to_say_wrongly_is_prefixed_only_with_the_setting(messages, operation, request_, said):
    default, switched = messages(operation, request_)
    assert said in default
    assert not default.startswith(DETECTED)
    assert switched == DETECTED + default


NAMES = "ExpressionAttributeNames"
SCHEMA = "The provided key element does not match the schema"

BARE = [
    (*put(Item=KEY | {"pk": n(1)}), "Type mismatch for key pk"),
    (*update(Key=KEY | {"pk": n(1)}), SCHEMA),
    (*put(Item=KEY | {"g": n(1)}), "Type mismatch for Index Key g"),
    (*update(UpdateExpression="SET g = :v", ExpressionAttributeValues={":v": n(1)}), "Type mismatch for Index Key g"),
    (*put(Item={"pk": s("a")}), "Missing the key sk in the item"),
    (*update(Key={"pk": s("a")}), SCHEMA),
    (*update(UpdateExpression="SET pk = v"), "Cannot update attribute pk. This attribute is part of the key"),
    (*put(Item=KEY | {"pk": s("")}), "cannot contain an empty string value"),
    (*update(Key=KEY | {"pk": s("")}), "cannot contain an empty string value"),
    (*update(UpdateExpression="SET v.x = v"), "The document path provided in the update expression is invalid"),
    (*update(UpdateExpression="SET w = x"), "refers to an attribute that does not exist in the item"),
    (*item({}), "Supplied AttributeValue is empty"),
    (*item({"S": "x", "N": "1"}), "Supplied AttributeValue has more than one datatypes set"),
    (*item(n("one")), "cannot be converted to a numeric value: one"),
    (*item(DEEP), "Nesting Levels have exceeded supported limits"),
    (*item(s("x" * 409_600)), "Item size has exceeded the maximum allowed size"),
    *valued("Supplied AttributeValue is empty"),
    *valued("Supplied AttributeValue has more than one datatypes set", S="x", N="1"),
    *valued("cannot be converted to a numeric value: one", N="one"),
    *valued("Nesting Levels have exceeded supported limits", **DEEP),
    (*put(ExpressionAttributeNames={"#v": "v"}), f"{NAMES} can only be specified when using expressions"),
    (*update(ExpressionAttributeNames={"#v": "v"}), f"{NAMES} can only be specified when using expressions"),
    (*put(ConditionExpression="v = w", ExpressionAttributeNames={}), f"{NAMES} must not be empty"),
    (*update(UpdateExpression="SET v = w", ExpressionAttributeNames={}), f"{NAMES} must not be empty"),
    (*update(UpdateExpression="SET v = w", ExpressionAttributeNames={"v": "v"}), f"{NAMES} contains invalid key"),
    (*put(ConditionExpression="v = w", ExpressionAttributeNames={"#v": "v"}), "unused in expressions: keys: {#v}"),
    (*update(UpdateExpression="SET v = w", ExpressionAttributeNames={"#v": "v"}), "unused in expressions: keys: {#v}"),
    *both("v = w", "unused in expressions: keys: {:v}", v=s("x")),
    (*update(Key=KEY | {"pk": {"SS": []}}), "An string set  may not be empty"),
    (*put(Expected={"v": {"Value": {"SS": []}}}), "An string set  may not be empty"),
    (*update(AttributeUpdates={"v": {"Value": {"SS": []}}}), "An string set  may not be empty"),
]


@pytest.mark.parametrize(("operation", "request_", "said"), BARE)
def test_what_is_wrong_with_keys_numbers_sizes_and_the_stored_item_is_always_bare(messages, operation, request_, said):
    default, switched = messages(operation, request_)
    assert said in default
    assert not default.startswith(DETECTED)
    assert switched == default


@pytest.mark.parametrize("request_", [put(ReturnValues="x"), update(ReturnValues="x")])
def test_a_message_that_has_the_prefix_always_has_it_once(messages, request_):
    default, switched = messages(*request_)
    assert default.startswith(DETECTED)
    assert switched == default


def delete(**request):
    return "delete_item", {"TableName": TABLE, "Key": KEY} | request


SET: dict[str, Any] = {":v": {"SS": []}}
WRITES: dict[str, Any] = {TABLE: [{"PutRequest": {"Item": KEY | {"v": {"SS": []}}}}]}
TRANSACTION = [{"Update": {"TableName": TABLE, "Key": KEY, "UpdateExpression": ""}}]
STATEMENT = f"INSERT INTO \"{TABLE}\" VALUE {{'pk': 'a', 'sk': 1, 'v': ?}}"


@pytest.mark.parametrize(
    ("operation", "request_", "said"),
    [
        (*delete(ConditionExpression="v = = v"), "Syntax error"),
        (*delete(ConditionExpression="v = :v", ExpressionAttributeValues=SET), "string set"),
        (*delete(ReturnValues="ALL_NEW"), "ReturnValues can only be ALL_OLD or NONE"),
        (*delete(Key=KEY | {"sk": NULL}), NULL_SAID),
        ("get_item", {"TableName": TABLE, "Key": KEY | {"sk": NULL}}, NULL_SAID),
        ("get_item", {"TableName": TABLE, "Key": KEY, "ProjectionExpression": "abort"}, "reserved keyword"),
        ("scan", {"TableName": TABLE, "FilterExpression": "v = v"}, "The first operand must be distinct"),
        ("batch_write_item", {"RequestItems": WRITES}, "string set"),
        ("transact_write_items", {"TransactItems": TRANSACTION}, "The expression can not be empty;"),
        ("execute_statement", {"Statement": STATEMENT, "Parameters": [NULL]}, NULL_SAID),
    ],
)
def test_no_other_operation_has_the_prefix(messages, operation, request_, said):
    default, switched = messages(operation, request_)
    assert said in default
    assert not default.startswith(DETECTED)
    assert switched == default
