"""Parameters of the time before expressions, over the wire: what they do, and what they are refused with."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s

INVALID = "One or more parameter values were invalid: "
MIXED = "Can not use both expression and non-expression parameters in the same request: "
ALONE = "ConditionalOperator cannot be used without Filter or Expected"


def compared(operator, *arguments):
    return {"ComparisonOperator": operator, "AttributeValueList": list(arguments)}


@pytest.fixture(scope="module")
def simple(wire):
    return create(wire, "pk:S", stream="NEW_AND_OLD_IMAGES")


@pytest.fixture(scope="module")
def ranged(wire):
    name = create(wire, "pk:S sk:N")
    for number in range(6):
        item = {"pk": s("a"), "sk": n(number), "even": {"BOOL": number % 2 == 0}, "v": s(f"v{number}")}
        wire.call("PutItem", TableName=name, Item=item)
    wire.call("PutItem", TableName=name, Item={"pk": s("b"), "sk": n(0), "only": s("here")})
    return name


def read(wire, table, key):
    return wire.call("GetItem", TableName=table, Key={"pk": s(key)}, ConsistentRead=True).get("Item")


# --- Expected


@pytest.mark.parametrize("operation", ["PutItem", "UpdateItem", "DeleteItem"])
def test_a_write_happens_only_when_what_is_expected_is_there(wire, simple, operation):
    wire.call("PutItem", TableName=simple, Item={"pk": s(operation), "v": n(1)})
    what = {"Item": {"pk": s(operation), "w": n(2)}} if operation == "PutItem" else {"Key": {"pk": s(operation)}}
    for expected in (
        {"v": {"Value": n(2)}},
        {"v": {"Exists": False}},
        {
            "v": {"ComparisonOperator": "GT", "AttributeValueList": [n(1)]},
            "pk": {"Exists": True, "Value": s(operation)},
        },
    ):
        request = {"TableName": simple, **what, "Expected": expected}
        refused = wire.refusal(operation, request | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
        assert (refused.code, refused.message) == ("ConditionalCheckFailedException", "The conditional request failed")
        assert refused.body["Item"] == {"pk": s(operation), "v": n(1)}
    assert read(wire, simple, operation) == {"pk": s(operation), "v": n(1)}
    either = {"v": {"Value": n(2)}, "pk": {"ComparisonOperator": "NOT_NULL"}}
    wire.call(operation, TableName=simple, **what, Expected=either, ConditionalOperator="OR")
    after = {
        "PutItem": {"pk": s(operation), "w": n(2)},
        "UpdateItem": {"pk": s(operation), "v": n(1)},
        "DeleteItem": None,
    }
    assert read(wire, simple, operation) == after[operation]


def test_a_missing_item_has_no_attributes_to_expect(wire, simple):
    key = {"pk": s("nobody")}
    wire.call("PutItem", TableName=simple, Item=key, Expected={"pk": {"Exists": False}})
    refused = wire.refusal("PutItem", {"TableName": simple, "Item": key, "Expected": {"pk": {"Exists": False}}})
    assert refused.code == "ConditionalCheckFailedException"
    wire.call("DeleteItem", TableName=simple, Key=key, Expected={})
    assert read(wire, simple, "nobody") is None


# --- AttributeUpdates


def test_attributes_are_put_added_and_deleted(wire, simple):
    key = {"pk": s("updates")}
    created = wire.call(
        "UpdateItem",
        TableName=simple,
        Key=key,
        AttributeUpdates={
            "put": {"Value": s("x")},
            "count": {"Action": "ADD", "Value": n(3)},
            "set": {"Action": "ADD", "Value": {"SS": ["a", "b"]}},
            "list": {"Action": "ADD", "Value": {"L": [n(1)]}},
            "gone": {"Action": "DELETE"},
        },
        ReturnValues="ALL_NEW",
    )["Attributes"]
    assert created == key | {"put": s("x"), "count": n(3), "set": {"SS": ["a", "b"]}, "list": {"L": [n(1)]}}
    request = {
        "TableName": simple,
        "Key": key,
        "AttributeUpdates": {
            "put": {"Action": "DELETE"},
            "count": {"Action": "ADD", "Value": n(-1)},
            "set": {"Action": "DELETE", "Value": {"SS": ["a"]}},
            "list": {"Action": "ADD", "Value": {"L": [n(2)]}},
        },
        "Expected": {"count": {"Value": n(3)}},
    }
    updated = wire.call("UpdateItem", **request, ReturnValues="UPDATED_NEW")["Attributes"]
    assert updated == {"count": n(2), "set": {"SS": ["b"]}, "list": {"L": [n(1), n(2)]}}
    assert wire.refusal("UpdateItem", request).code == "ConditionalCheckFailedException"


@pytest.mark.parametrize(
    ("updates", "exists"),
    [
        ({}, True),
        ({"a": {"Value": n(1)}}, True),
        ({"a": {"Action": "ADD", "Value": n(1)}}, True),
        ({"a": {"Action": "DELETE"}}, False),
    ],
)
def test_an_item_is_made_unless_something_is_only_deleted(wire, simple, updates, exists):
    key = {"pk": s(f"made{updates}")}
    wire.call("UpdateItem", TableName=simple, Key=key, AttributeUpdates=updates)
    assert (read(wire, simple, key["pk"]["S"]) is not None) == exists


def test_the_key_is_not_updated(wire, simple):
    request = {"TableName": simple, "Key": {"pk": s("k")}, "AttributeUpdates": {"pk": {"Value": s("l")}}}
    message = f"{INVALID}Cannot update attribute pk. This attribute is part of the key"
    assert wire.refusal("UpdateItem", request).message == message


def test_a_stored_attribute_of_another_type_is_not_added_to(wire, simple):
    wire.call("PutItem", TableName=simple, Item={"pk": s("typed"), "v": s("x")})
    request = {"TableName": simple, "Key": {"pk": s("typed")}}
    refused = wire.refusal("UpdateItem", request | {"AttributeUpdates": {"v": {"Action": "ADD", "Value": n(1)}}})
    assert (refused.code, refused.message) == ("ValidationException", "Type mismatch for attribute to update")


# --- reads


def test_only_the_attributes_to_get_come_back(wire, ranged):
    get = {"TableName": ranged, "Key": {"pk": s("b"), "sk": n(0)}}
    assert wire.call("GetItem", **get, AttributesToGet=["only", "nowhere"])["Item"] == {"only": s("here")}
    assert wire.call("GetItem", **get, AttributesToGet=["nowhere"])["Item"] == {}
    asked = {ranged: {"Keys": [get["Key"]], "AttributesToGet": ["sk"]}}
    assert wire.call("BatchGetItem", RequestItems=asked)["Responses"] == {ranged: [{"sk": n(0)}]}
    found = wire.call("Scan", TableName=ranged, AttributesToGet=["only"], Select="SPECIFIC_ATTRIBUTES")
    assert (found["Items"].count({}), found["Count"]) == (6, 7)


@pytest.mark.parametrize(
    ("condition", "numbers"),
    [
        (None, [0, 1, 2, 3, 4, 5]),
        (compared("EQ", n(3)), [3]),
        (compared("LT", n(2)), [0, 1]),
        (compared("LE", n(2)), [0, 1, 2]),
        (compared("GT", n(4)), [5]),
        (compared("GE", n(4)), [4, 5]),
        (compared("BETWEEN", n(2), n(3)), [2, 3]),
    ],
)
def test_key_conditions_choose_a_range_of_a_partition(wire, ranged, condition, numbers):
    conditions = {"pk": compared("EQ", s("a"))} | ({} if condition is None else {"sk": condition})
    for forward in (True, False):
        found = wire.call("Query", TableName=ranged, KeyConditions=conditions, ScanIndexForward=forward)
        assert [int(item["sk"]["N"]) for item in found["Items"]] == (numbers if forward else numbers[::-1])


def test_a_query_filter_is_applied_after_the_page_is_cut(wire, ranged):
    request = {
        "TableName": ranged,
        "KeyConditions": {"pk": compared("EQ", s("a"))},
        "QueryFilter": {"even": compared("EQ", {"BOOL": True}), "v": compared("NE", s("v4"))},
        "Limit": 4,
        "AttributesToGet": ["v"],
    }
    first, second = wire.pages("Query", **request)
    assert (first["Items"], first["Count"], first["ScannedCount"]) == ([{"v": s("v0")}, {"v": s("v2")}], 2, 4)
    assert (second["Items"], second["ScannedCount"]) == ([], 2)
    either = wire.items("Query", **request | {"ConditionalOperator": "OR"})
    assert len(either) == 6


def test_a_scan_filter_may_look_at_keys(wire, ranged):
    found = wire.call("Scan", TableName=ranged, ScanFilter={"pk": compared("EQ", s("b"))}, Select="COUNT")
    assert (found["Count"], found["ScannedCount"]) == (1, 7)


QUERY = {"KeyConditions": {"pk": compared("EQ", s("a"))}}


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("Query", {"KeyConditions": {}}, "Conditions can be of length 1 or 2 only"),
        (
            "Query",
            {"KeyConditions": {"pk": {"ComparisonOperator": "NULL"}}},
            "Attempted conditional constraint is not an indexable operation",
        ),
        ("Query", {"KeyConditions": {"pk": compared("GT", s("a"))}}, "Query key condition not supported"),
        ("Query", {"KeyConditions": {"v": compared("EQ", s("a"))}}, "Query condition missed key schema element: pk"),
        (
            "Query",
            QUERY | {"QueryFilter": {"sk": compared("EQ", n(1))}},
            "QueryFilter can only contain non-primary key attributes: Primary key attribute: sk",
        ),
        ("Query", QUERY | {"ConditionalOperator": "AND"}, ALONE),
        ("Scan", {"ConditionalOperator": "OR", "ScanFilter": {}}, ALONE),
        (
            "Scan",
            {"ConditionalOperator": "OR", "ScanFilter": {"v": compared("EQ", s("a"))}},
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
        ("Scan", {"AttributesToGet": ["a", "a"]}, f"{INVALID}Duplicate value in attribute name: a"),
        (
            "Scan",
            {"AttributesToGet": ["a"], "Select": "COUNT"},
            "Cannot specify the AttributesToGet when choosing to get only the Count",
        ),
        ("DeleteItem", {"Expected": {}, "ConditionalOperator": "AND"}, ALONE),
        ("PutItem", {"ConditionalOperator": "AND", "ConditionExpression": "attribute_exists(pk)"}, ALONE),
    ],
)
def test_a_legacy_parameter_is_refused_with(wire, ranged, operation, request_, message):
    request = {"TableName": ranged} | request_
    if operation == "PutItem":
        request["Item"] = {"pk": s("a"), "sk": n(0)}
    elif operation == "DeleteItem":
        request["Key"] = {"pk": s("a"), "sk": n(0)}
    refused = wire.refusal(operation, request)
    assert (refused.code, refused.message) == ("ValidationException", message)


# --- both kinds


EXPECTED = {"v": {"Value": n(1)}}


@pytest.mark.parametrize(
    ("operation", "request_", "legacy", "expressions"),
    [
        (
            "PutItem",
            {"Expected": EXPECTED, "ConditionExpression": "v = :v"},
            "Expected",
            "ConditionExpression",
        ),
        (
            "UpdateItem",
            {"Expected": {}, "AttributeUpdates": {}, "ConditionExpression": "", "UpdateExpression": ""},
            "AttributeUpdates, Expected",
            "UpdateExpression, ConditionExpression",
        ),
        ("UpdateItem", {"AttributeUpdates": {}, "ConditionExpression": "x"}, "AttributeUpdates", "ConditionExpression"),
        ("DeleteItem", {"Expected": {}, "ConditionExpression": "x"}, "Expected", "ConditionExpression"),
        ("GetItem", {"AttributesToGet": ["a"], "ProjectionExpression": "a"}, "AttributesToGet", "ProjectionExpression"),
        (
            "Query",
            {
                "AttributesToGet": ["a"],
                "QueryFilter": {},
                "ConditionalOperator": "AND",
                "KeyConditions": {},
                "ProjectionExpression": "a",
                "FilterExpression": "a",
                "KeyConditionExpression": "a",
            },
            "AttributesToGet, QueryFilter, ConditionalOperator, KeyConditions",
            "ProjectionExpression, FilterExpression, KeyConditionExpression",
        ),
        (
            "Scan",
            {
                "AttributesToGet": ["a"],
                "ScanFilter": {},
                "ConditionalOperator": "AND",
                "ProjectionExpression": "a",
                "FilterExpression": "a",
            },
            "AttributesToGet, ScanFilter, ConditionalOperator",
            "ProjectionExpression, FilterExpression",
        ),
        ("Query", {"QueryFilter": {}, "KeyConditionExpression": "a"}, "QueryFilter", "KeyConditionExpression"),
    ],
)
def test_both_kinds_of_parameters_are_not_mixed(wire, operation, request_, legacy, expressions):
    """Found before anything about values, expressions or the table, which isn't there."""
    request = {"TableName": "nowhere", **request_}
    if operation == "PutItem":
        request["Item"] = {"pk": {}}
    elif operation not in {"Query", "Scan"}:
        request["Key"] = {"pk": {}}
    refused = wire.refusal(operation, request)
    assert refused.message == (
        f"{MIXED}Non-expression parameters: {{{legacy}}} Expression parameters: {{{expressions}}}"
    )


def test_both_kinds_are_not_mixed_in_the_tables_of_a_batch(wire):
    keys = [{"pk": s("a")}]
    request = {
        "RequestItems": {
            "one": {"Keys": keys, "AttributesToGet": ["a"]},
            "two": {"Keys": keys, "ProjectionExpression": "a"},
        }
    }
    assert wire.refusal("BatchGetItem", request).message == (
        f"{MIXED}Non-expression parameters: {{AttributesToGet}} Expression parameters: {{ProjectionExpression}}"
    )


def test_legacy_parameters_are_checked_after_values_and_before_the_table(wire):
    put = {"TableName": "nowhere", "Item": {"pk": s("a")}, "Expected": {"a": {}}}
    assert wire.refusal("PutItem", put).message.startswith(f"{INVALID}Value must be provided")
    assert "ReturnValues can only be" in wire.refusal("PutItem", put | {"ReturnValues": "ALL_NEW"}).message
    assert "is empty" in wire.refusal("PutItem", put | {"Item": {"pk": {}}}).message
    assert wire.refusal("PutItem", put | {"Expected": {}}).code == "ResourceNotFoundException"
