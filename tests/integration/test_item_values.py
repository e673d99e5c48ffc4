"""Values from outside: every type comes back as it was put, numbers normalised, sets without order, sizes and depths."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.integration.tables import create, n, s

OOMPV = "One or more parameter values were invalid: "
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)
NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"
TOO_MANY_DIGITS = "Attempting to store more than 38 significant digits in a Number"


def b(raw):
    return {"B": base64.b64encode(raw).decode()}


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, stream="NEW_AND_OLD_IMAGES")


def stored(wire, table, value):
    """Put a value under the attribute `v` and read it back."""
    wire.call("PutItem", TableName=table, Item={"pk": s("value"), "v": value})
    return wire.call("GetItem", TableName=table, Key={"pk": s("value")}, ConsistentRead=True)["Item"]["v"]


def nested(depth, kind):
    """Wrap a string in `depth` lists or maps."""
    value: Any = s("x")
    for _ in range(depth):
        value = {"L": [value]} if kind == "L" else {"M": {"a": value}}
    return value


@pytest.mark.parametrize(
    "value",
    [
        s(""),
        s("text"),
        s('ä€𝄞 \u0000 " \\ \n'),
        s("x" * 300_000),
        n(0),
        n(-5),
        b(b""),
        b(bytes(range(256))),
        {"BOOL": True},
        {"BOOL": False},
        {"NULL": True},
        {"L": []},
        {"M": {}},
        {"L": [s("a"), n(1), {"NULL": True}, {"L": []}, {"M": {"": s("empty name")}}]},
        {"M": {"a": {"M": {"b": {"L": [b(b"x")]}}}, "a.b": s("a dot is literal"), "ключ": n(2)}},
        {"SS": ["", "a"]},
        {"BS": ["", "YQ=="]},
        nested(31, "M"),
        nested(31, "L"),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_a_value_comes_back_as_it_was_put(wire, table, value):
    assert stored(wire, table, value) == value


@pytest.mark.parametrize(
    ("kind", "elements"),
    [("SS", ["b", "a", "ä", "B"]), ("NS", ["10", "9", "-1", "0.5"]), ("BS", ["Yg==", "YQ==", "/w=="])],
)
def test_a_set_keeps_its_elements(wire, table, kind, elements):
    assert sorted(stored(wire, table, {kind: elements})[kind]) == sorted(elements)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("00042", "42"), ("1.0", "1"), ("3.1400", "3.14"), ("1.5E2", "150"), ("1E2", "100"), ("-0", "0"),
        ("+0.0", "0"), ("+5", "5"), ("5.", "5"), (".5", "0.5"), ("+1e2", "100"), ("-.5e-1", "-0.05"), ("1e+2", "100"),
        ("0e999999999999", "0"),
        ("1E-130", "0." + "0" * 129 + "1"), ("-1E-130", "-0." + "0" * 129 + "1"),
        ("9." + "9" * 37 + "E125", "9" * 38 + "0" * 88), ("-9." + "9" * 37 + "E125", "-" + "9" * 38 + "0" * 88),
        ("12345678901234567890123456789012345678", "12345678901234567890123456789012345678"),
        ("1" + "0" * 100, "1" + "0" * 100), ("0.00000000000000000000000000000000000000001", "0." + "0" * 40 + "1"),
        ("000" + "1" * 38 + "000", "1" * 38 + "000"),
    ],
)  # fmt: skip
def test_a_number_is_stored_exactly_and_read_back_as_plain_decimal(wire, table, written, read):
    assert stored(wire, table, n(written)) == n(read)
    assert stored(wire, table, {"NS": [written]}) == {"NS": [read]}
    assert stored(wire, table, {"L": [n(written)]}) == {"L": [n(read)]}


@pytest.mark.parametrize(
    ("number", "message"),
    [
        *((text, f"{NOT_NUMERIC}: {text}") for text in
          ("abc", "+e2", "1+2", "1.2.3", "++5", "1e", ".", "NaN", "Infinity", "0x10", "1_000", " 1", "1 ", "1,5", "٣")),
        ("", NOT_NUMERIC),
        ("1E126", OVERFLOW), ("-1E126", OVERFLOW), ("10E125", OVERFLOW), ("1E999999999999", OVERFLOW),
        ("1E-131", UNDERFLOW), ("0.1E-130", UNDERFLOW), ("-1E-999999999999", UNDERFLOW),
        ("1" * 39, TOO_MANY_DIGITS), ("1." + "1" * 38, TOO_MANY_DIGITS), ("-0.1" + "0" * 37 + "1", TOO_MANY_DIGITS),
    ],
)  # fmt: skip
def test_a_number_that_is_none_or_out_of_range_is_refused(wire, number, message):
    for value in (n(number), {"NS": [number]}, {"M": {"a": {"L": [n(number)]}}}):
        refused = wire.refusal("PutItem", {"TableName": "nowhere", "Item": {"pk": s("a"), "v": value}})
        assert (refused.code, refused.message) == ("ValidationException", message)


EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
DUPLICATES = "Input collection contains duplicates"
INVALID_VALUES = [
    ({}, EMPTY),
    ({"S": None}, EMPTY),
    ({"S": "a", "N": "1"}, SEVERAL),
    ({"S": "a", "N": "x"}, f"{NOT_NUMERIC}: x"),
    ({"NULL": False}, f"{OOMPV}Null attribute value types must have the value of true"),
    ({"SS": []}, f"{OOMPV}An string set  may not be empty"),
    ({"NS": []}, f"{OOMPV}An number set  may not be empty"),
    ({"BS": []}, f"{OOMPV}Binary sets should not be empty"),
    ({"SS": ["a", "a"]}, f"{OOMPV}Input collection [a, a] contains duplicates."),
    ({"BS": ["Yg==", "Yg=="]}, f"{OOMPV}Input collection [Yg==, Yg==]of type BS contains duplicates."),
    ({"NS": ["1", "1"]}, DUPLICATES),
    ({"NS": ["1", "1.0"]}, DUPLICATES),
    ({"NS": ["100", "1e2"]}, DUPLICATES),
    ({"NS": ["0", "-0"]}, DUPLICATES),
    (nested(32, "M"), TOO_DEEP),
    (nested(32, "L"), TOO_DEEP),
    (nested(300, "L"), TOO_DEEP),
]


@pytest.mark.parametrize(("value", "message"), INVALID_VALUES, ids=lambda value: repr(value)[:40])
def test_a_value_that_is_none_is_refused_before_the_table_is_looked_up(wire, value, message):
    refused = wire.refusal("PutItem", {"TableName": "nowhere", "Item": {"pk": s("a"), "v": value}})
    assert (refused.code, refused.message) == ("ValidationException", message)


@pytest.mark.parametrize(
    ("value", "message"),
    [case for case in INVALID_VALUES if "nested" not in case[1]],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("operation", ["GetItem", "DeleteItem", "UpdateItem"])
def test_a_key_with_such_a_value_is_refused_too(wire, operation, value, message):
    refused = wire.refusal(operation, {"TableName": "nowhere", "Key": {"pk": value}})
    assert (refused.code, refused.message) == ("ValidationException", message)


@pytest.mark.parametrize(("value", "message"), INVALID_VALUES[:-3], ids=lambda value: repr(value)[:40])
def test_in_a_list_or_map_it_is_refused_just_the_same(wire, value, message):
    for outer in ({"L": [value]}, {"M": {"a": value}}):
        refused = wire.refusal("PutItem", {"TableName": "nowhere", "Item": {"pk": s("a"), "v": outer}})
        assert refused.message == message


def wrapped(message):
    return f"ExpressionAttributeValues contains invalid value: {message} for key :v"


@pytest.mark.parametrize(
    ("value", "message"),
    [(value, message if message == TOO_DEEP else wrapped(message)) for value, message in INVALID_VALUES if "NULL" not in value],
    ids=lambda value: repr(value)[:40],
)  # fmt: skip
def test_among_expression_values_the_message_names_the_key(wire, value, message):
    request = {"TableName": "nowhere", "Key": {"pk": s("a")}, "ExpressionAttributeValues": {":v": value}}
    refused = wire.refusal("UpdateItem", request | {"UpdateExpression": "SET a = :v"})
    assert (refused.code, refused.message) == ("ValidationException", message)


def test_a_null_that_is_false_is_named_by_its_key_on_reads_and_not_on_writes(wire):
    values = {"ExpressionAttributeValues": {":v": {"NULL": False}}}
    message = f"{OOMPV}Null attribute value types must have the value of true"
    request = {"TableName": "nowhere", "Key": {"pk": s("a")}, "UpdateExpression": "SET a = :v", **values}
    assert wire.refusal("UpdateItem", request).message == message
    request = {"TableName": "nowhere", "FilterExpression": "a = :v", **values}
    assert wire.refusal("Scan", request).message == wrapped(message)


def test_an_empty_attribute_name_is_refused_at_the_top_and_accepted_inside(wire, table):
    refused = wire.refusal("PutItem", {"TableName": table, "Item": {"pk": s("a"), "": s("b")}})
    assert (refused.code, "Empty attribute name" in refused.message) == ("ValidationException", True)
    assert stored(wire, table, {"M": {"": s("b")}}) == {"M": {"": s("b")}}


ITEM_BYTES = 409_600


def test_an_item_of_400_kb_is_stored_and_one_byte_more_refused_before_the_table_is_looked_up(wire, table):
    item = {"pk": s("a"), "v": s("x" * (ITEM_BYTES - 4))}
    wire.call("PutItem", TableName=table, Item=item)
    assert wire.call("GetItem", TableName=table, Key={"pk": s("a")})["Item"] == item
    item["v"] = s("x" * (ITEM_BYTES - 3))
    refused = wire.refusal("PutItem", {"TableName": "nowhere", "Item": item})
    assert (refused.code, refused.message) == (
        "ValidationException",
        "Item size has exceeded the maximum allowed size",
    )
    refused = wire.refusal("BatchWriteItem", {"RequestItems": {"nowhere": [{"PutRequest": {"Item": item}}]}})
    assert refused.message == "Item size has exceeded the maximum allowed size"


@pytest.mark.parametrize(
    ("value", "bytes_"),
    [
        (s("ä"), 2), (b(b"abc"), 3), ({"BOOL": True}, 1), ({"NULL": True}, 1), ({"L": []}, 3), ({"M": {}}, 3),
        ({"L": [s("ab")]}, 6), ({"M": {"k": s("ab")}}, 7), ({"SS": ["a", "bc"]}, 3), ({"BS": ["YQ==", "YWI="]}, 3),
        (n(1), 2), (n(12), 2), (n(123), 3), (n(12345), 4), (n(100), 2), (n(1010), 3), (n("0.0000001"), 2),
        (n("1E125"), 2), (n("1E-100"), 2), (n("1.5"), 3), (n("1.234"), 4), (n("3.14159"), 5), (n("100.5"), 4),
        (n("0.15"), 2), (n("-42"), 3), (n("-12345"), 5), (n("-0.15"), 3), (n("1" * 38), 20), (n("0"), 1), (n("-0"), 1),
        (n("1.50"), 3), ({"NS": ["1", "100"]}, 4),
    ],
    ids=repr,
)  # fmt: skip
def test_values_count_for_an_items_size_to_the_byte(wire, value, bytes_):
    """An item that is full to the last byte is told from one that is a byte longer."""
    filler = ITEM_BYTES - len("pk") - 1 - len("v") - bytes_ - len("f")
    for extra, refused_with in ((0, "ResourceNotFoundException"), (1, "ValidationException")):
        item = {"pk": s("a"), "v": value, "f": s("x" * (filler + extra))}
        assert wire.refusal("PutItem", {"TableName": "nowhere", "Item": item}).code == refused_with


@pytest.mark.parametrize(
    ("expression", "others", "bytes_of_others", "cost"),
    [
        ("SET v = :v", {}, 0, 3 + 19),
        ("SET v = :v, w = :w", {":w": s("y")}, len("wy"), 3 + 2 * 19),
        ("SET v = :v REMOVE u", {}, 0, 3 + 19 + 2),
        ("SET v = :v ADD w :w", {":w": n(1)}, len("w") + 2, 3 + 2 * 19),
    ],
)
def test_an_update_is_refused_when_its_result_without_the_key_and_its_cost_are_over_400_kb(
    wire, table, expression, others, bytes_of_others, cost
):
    key = {"pk": s("update")}
    room = ITEM_BYTES - cost - len("v") - bytes_of_others
    for extra in (0, 1):
        wire.call("DeleteItem", TableName=table, Key=key)
        request = {"TableName": table, "Key": key, "UpdateExpression": expression}
        request["ExpressionAttributeValues"] = others | {":v": s("x" * (room + extra))}
        if extra == 0:
            wire.call("UpdateItem", **request)
        else:
            refused = wire.refusal("UpdateItem", request)
            assert refused.message == "Item size to update has exceeded the maximum allowed size"


def test_an_item_too_large_is_not_in_the_table_afterwards(wire, table):
    item = {"pk": s("too large"), "v": s("x" * ITEM_BYTES)}
    wire.refusal("PutItem", {"TableName": table, "Item": item})
    assert "Item" not in wire.call("GetItem", TableName=table, Key={"pk": s("too large")})
