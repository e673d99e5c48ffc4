"""Refusals of the single-item operations: every message, and which of two faults is reported."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s

OOMPV = "One or more parameter values were invalid: "
DETECTED = "1 validation error detected: "
NULL = "failed to satisfy constraint: Member must not be null"
MISMATCH = "The provided key element does not match the schema"
NOT_FOUND = "Requested resource not found"
UNUSED = "Value provided in ExpressionAttributeValues unused in expressions: keys: {:v}"
NO_EXPRESSION = "ExpressionAttributeValues can only be specified when using expressions: "
HASH_TOO_LONG = f"{OOMPV}Size of hashkey has exceeded the maximum size limit of2048 bytes"
RANGE_TOO_LONG = f"{OOMPV}Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
EMPTY_KEY = (
    "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an empty "
)
KEY_PATH = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: "
ENUM = "failed to satisfy constraint: Member must satisfy enum value set: "

HASH = "item-errors-hash"
"""A table with the key pk:S."""
BOTH = "item-errors-both"
"""A table with the key pk:S sk:N."""
BINARY = "item-errors-binary"
"""A table with the key pk:B sk:B."""


@pytest.fixture(scope="module", autouse=True)
def _tables(wire):
    create(wire, "pk:S", TableName=HASH)
    create(wire, "pk:S sk:N", TableName=BOTH)
    create(wire, "pk:B sk:B", TableName=BINARY)


def is_validation(wire, operation, request, message):
    refused = wire.refusal(operation, request)
    assert (refused.status, refused.code, refused.message) == (400, "ValidationException", message)


def keyed(operation):
    """Build the smallest sound request of an operation on HASH."""
    content = {"Item": {"pk": s("a")}} if operation == "PutItem" else {"Key": {"pk": s("a")}}
    return {"TableName": HASH, **content}


KEYED = ["GetItem", "PutItem", "UpdateItem", "DeleteItem"]
WRITING = KEYED[1:]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (None, f"{DETECTED}Value null at 'tableName' {NULL}"),
        (
            "",
            f"{DETECTED}Value '' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (
            "bad table!@#",
            (
                f"{DETECTED}Value 'bad table!@#' at 'tableName' failed to satisfy constraint: Member must "
                "satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
            ),
        ),
        (
            "x" * 256,
            (
                f"{DETECTED}Value '{'x' * 256}' at 'tableName' failed to satisfy constraint: Member must "
                "have length less than or equal to 255"
            ),
        ),
    ],
    ids=["missing", "empty", "characters", "long"],
)
@pytest.mark.parametrize("operation", [*KEYED, "Query", "Scan"])
def test_a_fault_of_the_table_name_is_reported_alone(wire, operation, name, message):
    is_validation(
        wire, operation, {"TableName": name, "ReturnConsumedCapacity": "nonsense", "ReturnValues": "x"}, message
    )


@pytest.mark.parametrize("name", ["a", "ab", "nowhere", "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere"])
@pytest.mark.parametrize("operation", KEYED)
def test_an_unknown_table_is_not_found_however_short_its_name(wire, operation, name):
    refused = wire.refusal(operation, keyed(operation) | {"TableName": name})
    assert (refused.code, refused.message) == ("ResourceNotFoundException", NOT_FOUND)


def test_the_arn_of_a_table_serves_as_its_name(wire):
    arn = wire.call("DescribeTable", TableName=HASH)["Table"]["TableArn"]
    item = {"pk": s("by arn")}
    wire.call("PutItem", TableName=arn, Item=item)
    assert wire.call("GetItem", TableName=arn, Key=item)["Item"] == item
    assert wire.call("Scan", TableName=arn, FilterExpression="pk = :a", ExpressionAttributeValues={":a": s("by arn")})[
        "Items"
    ] == [item]
    assert wire.call("DescribeTable", TableName=arn)["Table"]["TableName"] == HASH
    wire.call("DeleteItem", TableName=arn, Key=item)


CAPACITY = f"Value 'x' at 'returnConsumedCapacity' {ENUM}[INDEXES, TOTAL, NONE]"
METRICS = f"Value 'x' at 'returnItemCollectionMetrics' {ENUM}[SIZE, NONE]"
VALUES = f"Value 'x' at 'returnValues' {ENUM}[ALL_NEW, UPDATED_OLD, ALL_OLD, NONE, UPDATED_NEW]"


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("GetItem", {"TableName": "t"}, f"{DETECTED}Value null at 'key' {NULL}"),
        ("PutItem", {"TableName": "t"}, f"{DETECTED}Value null at 'item' {NULL}"),
        ("UpdateItem", {"TableName": "t"}, f"{DETECTED}Value null at 'key' {NULL}"),
        ("DeleteItem", {"TableName": "t"}, f"{DETECTED}Value null at 'key' {NULL}"),
        ("GetItem", {"TableName": "t", "Key": {}, "ReturnConsumedCapacity": "x"}, f"{DETECTED}{CAPACITY}"),
        (
            "GetItem",
            {"TableName": "t", "ReturnConsumedCapacity": "x"},
            f"2 validation errors detected: {CAPACITY}; Value null at 'key' {NULL}",
        ),
        *(
            (
                operation,
                keyed(operation) | {"ReturnValuesOnConditionCheckFailure": "x"},
                f"{DETECTED}Value 'x' at 'returnValuesOnConditionCheckFailure' {ENUM}[ALL_OLD, NONE]",
            )
            for operation in WRITING
        ),
        *(
            (
                operation,
                keyed(operation)
                | {"ReturnConsumedCapacity": "x", "ReturnItemCollectionMetrics": "x", "ReturnValues": "x"},
                f"3 validation errors detected: {CAPACITY}; {METRICS}; {VALUES}",
            )
            for operation in WRITING
        ),
    ],
)
def test_constraints_of_members_are_reported_together(wire, operation, request_, message):
    is_validation(wire, operation, request_, message)


@pytest.mark.parametrize("returns", ["ALL_NEW", "UPDATED_OLD", "UPDATED_NEW"])
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem"])
def test_put_and_delete_return_the_old_item_or_nothing(wire, operation, returns):
    is_validation(
        wire, operation, keyed(operation) | {"ReturnValues": returns}, "ReturnValues can only be ALL_OLD or NONE"
    )


# -- keys --

HASH_KEY_FAULTS = [
    ({}, MISMATCH),
    ({"other": s("a")}, MISMATCH),
    ({"pk": s("a"), "other": s("b")}, MISMATCH),
    ({"pk": n(1)}, MISMATCH),
    ({"pk": {"BOOL": True}}, MISMATCH),
    ({"pk": {"L": []}}, MISMATCH),
    ({"pk": {"M": {}}}, MISMATCH),
    ({"pk": {"SS": ["a"]}}, MISMATCH),
    ({"pk": {"NULL": True}}, MISMATCH),
    ({"pk": s("")}, f"{EMPTY_KEY}string value. Key: pk"),
    ({"pk": s("x" * 2049)}, HASH_TOO_LONG),
    ({"pk": s("ä" * 1025)}, HASH_TOO_LONG),
]
BOTH_KEY_FAULTS = [
    ({"pk": s("a")}, MISMATCH),
    ({"sk": n(1)}, MISMATCH),
    ({"pk": s("a"), "sk": s("1")}, MISMATCH),
    ({"pk": n(1), "sk": n(1)}, MISMATCH),
    ({"pk": s(""), "sk": n(1)}, f"{EMPTY_KEY}string value. Key: pk"),
]
BINARY_KEY_FAULTS = [
    ({"pk": {"B": ""}, "sk": {"B": "YQ=="}}, f"{EMPTY_KEY}binary value. Key: pk"),
    ({"pk": {"B": "YQ=="}, "sk": {"B": ""}}, f"{EMPTY_KEY}binary value. Key: sk"),
    ({"pk": {"B": "AAAA" * 683}, "sk": {"B": "YQ=="}}, HASH_TOO_LONG),
    ({"pk": {"B": "YQ=="}, "sk": {"B": "AAAA" * 342}}, RANGE_TOO_LONG),
]
KEY_FAULTS = [
    (table, key, message)
    for table, faults in ((HASH, HASH_KEY_FAULTS), (BOTH, BOTH_KEY_FAULTS), (BINARY, BINARY_KEY_FAULTS))
    for key, message in faults
]


@pytest.mark.parametrize(("table", "key", "message"), KEY_FAULTS, ids=lambda value: repr(value)[:30])
@pytest.mark.parametrize("operation", ["GetItem", "UpdateItem", "DeleteItem"])
def test_a_key_that_does_not_fit_the_table_is_refused(wire, operation, table, key, message):
    is_validation(wire, operation, {"TableName": table, "Key": key}, message)


@pytest.mark.parametrize(("table", "key", "message"), KEY_FAULTS, ids=lambda value: repr(value)[:30])
def test_a_batch_refuses_such_keys_with_the_same_words(wire, table, key, message):
    is_validation(wire, "BatchGetItem", {"RequestItems": {table: {"Keys": [key]}}}, message)
    is_validation(wire, "BatchWriteItem", {"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}}, message)
    if not (key.keys() > {"pk"} and "sk" not in key):
        is_validation(wire, "BatchWriteItem", {"RequestItems": {table: [{"PutRequest": {"Item": key}}]}}, message)


@pytest.mark.parametrize(
    ("table", "item", "message"),
    [
        (HASH, {"other": s("a")}, f"{OOMPV}Missing the key pk in the item"),
        (HASH, {}, f"{OOMPV}Missing the key pk in the item"),
        (BOTH, {"pk": s("a")}, f"{OOMPV}Missing the key sk in the item"),
        (BOTH, {"sk": n(1)}, f"{OOMPV}Missing the key pk in the item"),
        (HASH, {"pk": n(1)}, f"{OOMPV}Type mismatch for key pk expected: S actual: N"),
        (HASH, {"pk": {"BOOL": True}}, f"{OOMPV}Type mismatch for key pk expected: S actual: BOOL"),
        (HASH, {"pk": {"SS": ["a"]}}, f"{OOMPV}Type mismatch for key pk expected: S actual: SS"),
        (BOTH, {"pk": s("a"), "sk": s("1")}, f"{OOMPV}Type mismatch for key sk expected: N actual: S"),
        (BOTH, {"pk": s("a"), "sk": {"M": {}}}, f"{OOMPV}Type mismatch for key sk expected: N actual: M"),
        (HASH, {"pk": s("")}, f"{EMPTY_KEY}string value. Key: pk"),
        (HASH, {"pk": s("x" * 2049)}, HASH_TOO_LONG),
        (BINARY, {"pk": {"B": "YQ=="}, "sk": {"B": ""}}, f"{EMPTY_KEY}binary value. Key: sk"),
        (BINARY, {"pk": {"B": "YQ=="}, "sk": {"B": "AAAA" * 342}}, RANGE_TOO_LONG),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_put_names_the_key_attribute_that_is_wrong(wire, table, item, message):
    is_validation(wire, "PutItem", {"TableName": table, "Item": item}, message)


@pytest.mark.parametrize("key", [{"pk": s("x" * 2048)}, {"pk": s("ä" * 1024)}, {"pk": s("\x00")}, {"pk": s(" ")}])
def test_a_key_of_the_greatest_length_or_of_odd_characters_is_accepted(wire, key):
    wire.call("PutItem", TableName=HASH, Item=key)
    assert wire.call("GetItem", TableName=HASH, Key=key)["Item"] == key
    wire.call("DeleteItem", TableName=HASH, Key=key)


def test_a_number_key_is_the_same_in_every_spelling(wire):
    wire.call("PutItem", TableName=BOTH, Item={"pk": s("a"), "sk": n("1e3"), "v": n(1)})
    found = wire.call("GetItem", TableName=BOTH, Key={"pk": s("a"), "sk": n("1000.0")})["Item"]
    assert found == {"pk": s("a"), "sk": n(1000), "v": n(1)}
    wire.call("DeleteItem", TableName=BOTH, Key={"pk": s("a"), "sk": n("+01000")})
    assert wire.call("Scan", TableName=BOTH)["Count"] == 0


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("SET pk = :v", {":v": s("b")}),
        ("REMOVE pk", None),
        ("ADD sk :v", {":v": n(1)}),
        ("DELETE sk :v", {":v": {"NS": ["1"]}}),
        ("SET a = :v, sk = :v", {":v": n(1)}),
    ],
)
def test_no_section_of_an_update_may_name_a_key_attribute(wire, expression, values):
    request = {"TableName": BOTH, "Key": {"pk": s("a"), "sk": n(1)}, "UpdateExpression": expression}
    if values:
        request["ExpressionAttributeValues"] = values
    name = "sk" if "sk" in expression else "pk"
    is_validation(
        wire, "UpdateItem", request, f"{OOMPV}Cannot update attribute {name}. This attribute is part of the key"
    )


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("GetItem", {"Key": {"pk": s("a")}, "ProjectionExpression": "pk.a"}),
        ("PutItem", {"Item": {"pk": s("a")}, "ConditionExpression": "attribute_exists(pk[0])"}),
        ("DeleteItem", {"Key": {"pk": s("a")}, "ConditionExpression": "attribute_exists(pk.a)"}),
        ("UpdateItem", {"Key": {"pk": s("a")}, "ConditionExpression": "attribute_exists(pk.a)"}),
        ("UpdateItem", {"Key": {"pk": s("a")}, "UpdateExpression": "SET b = pk.a"}),
        ("UpdateItem", {"Key": {"pk": s("a")}, "UpdateExpression": "REMOVE pk[1]"}),
        ("Scan", {"FilterExpression": "attribute_exists(pk.a)"}),
        ("Scan", {"ProjectionExpression": "pk[0]"}),
        (
            "Query",
            {
                "KeyConditionExpression": "pk = :a",
                "ExpressionAttributeValues": {":a": s("a")},
                "ProjectionExpression": "pk.a",
            },
        ),
    ],
)
def test_no_path_may_lead_into_a_key_attribute(wire, operation, request_):
    is_validation(wire, operation, {"TableName": HASH, **request_}, f"{KEY_PATH}pk")


# -- parameters of expressions --

A = {":v": s("x")}


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("PutItem", {"ExpressionAttributeValues": A}, f"{NO_EXPRESSION}ConditionExpression is null"),
        ("DeleteItem", {"ExpressionAttributeValues": A}, f"{NO_EXPRESSION}ConditionExpression is null"),
        (
            "UpdateItem",
            {"ExpressionAttributeValues": A},
            f"{NO_EXPRESSION}UpdateExpression and ConditionExpression are null",
        ),
        ("Scan", {"ExpressionAttributeValues": A}, f"{NO_EXPRESSION}FilterExpression is null"),
        (
            "Query",
            {"ExpressionAttributeValues": A},
            f"{NO_EXPRESSION}FilterExpression and KeyConditionExpression are null",
        ),
        *(
            (
                operation,
                {"ExpressionAttributeNames": {"#a": "a"}},
                "ExpressionAttributeNames can only be specified when using expressions",
            )
            for operation in (*KEYED, "Scan", "Query")
        ),
        (
            "GetItem",
            {"ProjectionExpression": "a", "ExpressionAttributeNames": {}},
            "ExpressionAttributeNames must not be empty",
        ),
        (
            "PutItem",
            {"ConditionExpression": "a = :v", "ExpressionAttributeValues": {}},
            "ExpressionAttributeValues must not be empty",
        ),
        (
            "PutItem",
            {"ConditionExpression": "a = :v", "ExpressionAttributeValues": {"a": s("b")}},
            'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"',
        ),
        (
            "PutItem",
            {"ConditionExpression": "a = :v", "ExpressionAttributeNames": {"a": "b"}},
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
        ),
        ("PutItem", {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeValues": A}, UNUSED),
        (
            "PutItem",
            {"ConditionExpression": "attribute_exists(a)", "ExpressionAttributeNames": {"#a": "b", "#b": "c"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a, #b}",
        ),
        (
            "UpdateItem",
            {"UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": n(1), ":v": n(2)}},
            UNUSED,
        ),
        (
            "GetItem",
            {"ProjectionExpression": "a", "ExpressionAttributeNames": {"#b": "b"}},
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
        ),
    ],
)
def test_names_and_values_need_an_expression_that_uses_them(wire, operation, request_, message):
    base = {"TableName": "nowhere"} if operation in {"Scan", "Query"} else keyed(operation) | {"TableName": "nowhere"}
    is_validation(wire, operation, base | request_, message)


def test_a_value_in_a_branch_that_is_never_evaluated_counts_as_used(wire):
    condition = {"ConditionExpression": "attribute_not_exists(pk) OR a = :v", "ExpressionAttributeValues": A}
    wire.call("DeleteItem", **keyed("DeleteItem"), **condition)


# -- which of two faults --

BAD_EXPRESSION = {"ConditionExpression": "nonsense"}
SYNTAX = 'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "nonsense"'
BIG = {"pk": s("a"), "v": s("x" * 409_600)}
LATE = "The conditional request failed"


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        # constraints before names and values
        (
            "PutItem",
            {"TableName": "nowhere", "Item": {"pk": {}}, "ReturnValues": "x", "ExpressionAttributeValues": {}},
            f"{DETECTED}{VALUES}",
        ),
        # names and values before item values
        (
            "PutItem",
            {"TableName": "nowhere", "Item": {"pk": {}}, "ExpressionAttributeValues": A},
            f"{NO_EXPRESSION}ConditionExpression is null",
        ),
        # expression values before item values
        (
            "PutItem",
            {
                "TableName": "nowhere",
                "Item": {"pk": n("x")},
                "ConditionExpression": "a = :v",
                "ExpressionAttributeValues": {":v": n("y")},
            },
            (
                "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to "
                "a numeric value: y for key :v"
            ),
        ),
        # item values before ReturnValues
        (
            "PutItem",
            {"TableName": "nowhere", "Item": {"pk": n("x")}, "ReturnValues": "ALL_NEW"},
            "The parameter cannot be converted to a numeric value: x",
        ),
        # ReturnValues before the item's size
        (
            "PutItem",
            {"TableName": "nowhere", "Item": BIG, "ReturnValues": "ALL_NEW"},
            "ReturnValues can only be ALL_OLD or NONE",
        ),
        # the size before expressions
        (
            "PutItem",
            {"TableName": "nowhere", "Item": BIG, **BAD_EXPRESSION},
            "Item size has exceeded the maximum allowed size",
        ),
        # expressions before the table
        ("PutItem", {"TableName": "nowhere", "Item": {"pk": s("a")}, **BAD_EXPRESSION}, SYNTAX),
        ("UpdateItem", {"TableName": "nowhere", "Key": {}, **BAD_EXPRESSION}, SYNTAX),
        ("DeleteItem", {"TableName": "nowhere", "Key": {}, **BAD_EXPRESSION}, SYNTAX),
        (
            "UpdateItem",
            {"TableName": "nowhere", "Key": {}, "UpdateExpression": "", **BAD_EXPRESSION},
            "Invalid UpdateExpression: The expression can not be empty;",
        ),
        # expressions before unused names
        (
            "DeleteItem",
            {"TableName": "nowhere", "Key": {}, **BAD_EXPRESSION, "ExpressionAttributeNames": {"#a": "a"}},
            SYNTAX,
        ),
        # keys before the condition
        (
            "UpdateItem",
            {"TableName": HASH, "Key": {"pk": n(1)}, "ConditionExpression": "attribute_exists(a)"},
            MISMATCH,
        ),
        (
            "DeleteItem",
            {"TableName": HASH, "Key": {"pk": n(1)}, "ConditionExpression": "attribute_exists(pk.a)"},
            MISMATCH,
        ),
        # a change of a key before the condition
        (
            "UpdateItem",
            {
                "TableName": HASH,
                "Key": {"pk": s("a")},
                "UpdateExpression": "REMOVE pk",
                "ConditionExpression": "attribute_exists(a)",
            },
            f"{OOMPV}Cannot update attribute pk. This attribute is part of the key",
        ),
    ],
)
def test_of_two_faults_the_earlier_in_the_services_order_is_reported(wire, operation, request_, message):
    is_validation(wire, operation, request_, message)


def test_an_unknown_table_is_found_before_a_wrong_key_and_after_everything_static(wire):
    refused = wire.refusal("GetItem", {"TableName": "nowhere", "Key": {}})
    assert refused.code == "ResourceNotFoundException"


def test_the_condition_is_evaluated_before_the_effects_of_the_update(wire):
    request = keyed("UpdateItem") | {"UpdateExpression": "SET a.b = :v", "ExpressionAttributeValues": A}
    refused = wire.refusal("UpdateItem", request | {"ConditionExpression": "attribute_exists(pk)"})
    assert (refused.code, refused.message) == ("ConditionalCheckFailedException", LATE)
    is_validation(
        wire, "UpdateItem", request, "The document path provided in the update expression is invalid for update"
    )
