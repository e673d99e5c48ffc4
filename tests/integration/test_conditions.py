"""Conditional writes from outside: what conditions see, what a failed one answers, and that it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.tables import create, n, s
from tests.integration.wire import Refused

KEY = {"pk": s("a")}
ITEM = KEY | {
    "s": s("hello"), "u": s("𝄞"), "n": n(10), "b": {"B": "AQID"}, "t": {"BOOL": True}, "z": {"NULL": True},
    "ss": {"SS": ["a", "b"]}, "ns": {"NS": ["1", "2"]}, "l": {"L": [s("a"), n(1), {"L": []}]},
    "m": {"M": {"x": n(1), "a.b": s("dot")}},
}  # fmt: skip


@pytest.fixture(scope="module")
def table(wire):
    name = create(wire)
    wire.call("PutItem", TableName=name, Item=ITEM)
    return name


def holds(wire, table, condition, values, names, key=KEY):
    """Whether a condition holds for an item, asked by an UpdateItem that changes nothing."""
    request = {"ConditionExpression": condition, "TableName": table, "Key": key}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    if names:
        request["ExpressionAttributeNames"] = names
    try:
        wire.call("UpdateItem", **request)
    except Refused as refused:
        if refused.code != "ConditionalCheckFailedException":
            raise
        return False
    return True


TRUE: list[Any] = [
    ("s = :v", {"v": s("hello")}, None),
    (":v = s", {"v": s("hello")}, None),
    ("n = :v", {"v": n("1.0e1")}, None),
    ("n <> :v", {"v": s("10")}, None),
    ("absent <> :v", {"v": n(1)}, None),
    ("n < :v", {"v": n("10.1")}, None),
    ("n <= :v AND n >= :v", {"v": n(10)}, None),
    ("n > :v", {"v": n(9)}, None),
    ("s > :v", {"v": s("Hello")}, None),
    ("b < :v", {"v": {"B": "AQL/"}}, None),
    ("n BETWEEN :a AND :b", {"a": n(10), "b": n(10)}, None),
    ("n IN (:a, :b)", {"a": n(1), "b": n("1E1")}, None),
    ("ss = :v", {"v": {"SS": ["b", "a"]}}, None),
    ("ns = :v", {"v": {"NS": ["2.0", "1"]}}, None),
    ("l = :v", {"v": ITEM["l"]}, None),
    ("m = :v", {"v": {"M": {"a.b": s("dot"), "x": n("1.0")}}}, None),
    ("z = :v", {"v": {"NULL": True}}, None),
    ("t = :v", {"v": {"BOOL": True}}, None),
    ("attribute_exists(m.x) AND attribute_not_exists(m.y)", None, None),
    ("attribute_exists(l[2]) AND attribute_not_exists(l[3])", None, None),
    ("attribute_exists(m.#d)", None, {"#d": "a.b"}),
    ("attribute_not_exists(s.x)", None, None),
    ("attribute_type(s, :v)", {"v": s("S")}, None),
    ("attribute_type(l, :l) AND attribute_type(m, :m)", {"l": s("L"), "m": s("M")}, None),
    ("begins_with(s, :v)", {"v": s("hel")}, None),
    ("begins_with(b, :v)", {"v": {"B": "AQI="}}, None),
    ("contains(s, :v)", {"v": s("ell")}, None),
    ("contains(b, :v)", {"v": {"B": "AgM="}}, None),
    ("contains(ss, :v)", {"v": s("a")}, None),
    ("contains(ns, :v)", {"v": n("1.0")}, None),
    ("contains(l, :v)", {"v": {"L": []}}, None),
    ("size(s) = :v", {"v": n(5)}, None),
    ("size(u) = :v", {"v": n(2)}, None),
    ("size(b) = :v", {"v": n(3)}, None),
    ("size(ss) = :v AND size(l) > :v AND size(m) = :v", {"v": n(2)}, None),
    ("size(:s) = :v", {"s": s("abc"), "v": n(3)}, None),
    ("NOT s = :v", {"v": s("x")}, None),
    ("s = :x OR n = :v AND NOT attribute_exists(q)", {"x": s("no"), "v": n(10)}, None),
    ("(s = :x OR n = :v) AND (attribute_exists(s))", {"x": s("no"), "v": n(10)}, None),
    ("#s = :v", {"v": s("hello")}, {"#s": "s"}),
]
FALSE: list[Any] = [
    ("s = :v", {"v": s("Hello")}, None),
    ("n = :v", {"v": s("10")}, None),
    ("absent = :v", {"v": n(1)}, None),
    ("absent < :v", {"v": n(1)}, None),
    ("s < :v", {"v": n(1)}, None),
    ("t > :v", {"v": n(1)}, None),
    ("n BETWEEN :a AND :b", {"a": n(11), "b": n(12)}, None),
    ("absent IN (:a)", {"a": n(1)}, None),
    ("l = :v", {"v": {"L": [n(1), s("a"), {"L": []}]}}, None),
    ("attribute_type(n, :v)", {"v": s("S")}, None),
    ("begins_with(n, :v)", {"v": s("1")}, None),
    ("contains(s, :v)", {"v": n(1)}, None),
    ("contains(n, :v)", {"v": n(1)}, None),
    ("size(n) = :v", {"v": n(1)}, None),
    ("size(t) > :v", {"v": n(0)}, None),
    ("size(absent) >= :v", {"v": n(0)}, None),
    ("size(s) = :v", {"v": s("5")}, None),
    ("attribute_exists(m.x.y)", None, None),
    ("attribute_exists(s[0])", None, None),
]


@pytest.mark.parametrize(("condition", "values", "names"), TRUE)
def test_a_condition_that_holds_lets_the_write_pass(wire, table, condition, values, names):
    assert holds(wire, table, condition, values, names)


@pytest.mark.parametrize(("condition", "values", "names"), FALSE)
def test_a_condition_that_does_not_hold_refuses_the_write(wire, table, condition, values, names):
    assert not holds(wire, table, condition, values, names)


@pytest.mark.parametrize(("condition", "values", "names"), TRUE + FALSE)
def test_a_filter_decides_as_the_condition_does(wire, table, condition, values, names):
    request = {"TableName": table, "FilterExpression": f"pk = :pk AND ({condition})"}
    request["ExpressionAttributeValues"] = {":pk": KEY["pk"]} | {
        f":{name}": value for name, value in (values or {}).items()
    }
    if names:
        request["ExpressionAttributeNames"] = names
    assert bool(wire.items("Scan", **request)) == ((condition, values, names) in TRUE)


@pytest.mark.parametrize(
    ("operation", "content"),
    [("PutItem", {"Item": KEY}), ("UpdateItem", {"Key": KEY}), ("DeleteItem", {"Key": KEY})],
)
def test_a_failed_condition_returns_the_item_only_when_asked_and_changes_nothing(wire, table, operation, content):
    request = {"TableName": table, **content, "ConditionExpression": "attribute_not_exists(pk)"}
    refused = wire.refusal(operation, request)
    assert refused.body == {
        "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
        "message": "The conditional request failed",
    }
    assert wire.refusal(operation, request | {"ReturnValuesOnConditionCheckFailure": "NONE"}).body == refused.body
    with_item = wire.refusal(operation, request | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
    assert with_item.body["Item"] == wire.call("GetItem", TableName=table, Key=KEY)["Item"] == ITEM


@pytest.mark.parametrize(("operation", "member"), [("PutItem", "Item"), ("UpdateItem", "Key"), ("DeleteItem", "Key")])
def test_a_failed_condition_on_a_missing_item_returns_none_and_creates_none(wire, table, operation, member):
    key = {"pk": s("missing")}
    request = {"TableName": table, member: key, "ConditionExpression": "attribute_exists(pk)"}
    refused = wire.refusal(operation, request | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"})
    assert (refused.code, "Item" in refused.body) == ("ConditionalCheckFailedException", False)
    assert "Item" not in wire.call("GetItem", TableName=table, Key=key)


def test_a_condition_sees_an_empty_item_where_there_is_none(wire, table):
    missing = {"pk": s("missing")}
    assert not holds(wire, table, "attribute_exists(pk)", None, None, missing)
    assert not holds(wire, table, "pk = :v", {"v": s("missing")}, None, missing)
    assert holds(wire, table, "attribute_not_exists(pk) AND pk <> :v", {"v": s("x")}, None, missing)
    wire.call("DeleteItem", TableName=table, Key=missing)


def kind_of(operation):
    return "Filter" if operation == "Scan" else "Condition"


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("", None, "The expression can not be empty;"),
        ("a = ", None, 'Syntax error; token: "<EOF>", near: "="'),
        ("a = 5", None, 'Syntax error; token: "5", near: "= 5"'),
        ("a == :v", {"v": n(1)}, 'Syntax error; token: "=", near: "== :v"'),
        ("((a = :v))", {"v": n(1)}, "The expression has redundant parentheses;"),
        ("ATTRIBUTE_EXISTS(a)", None, "Invalid function name; function: ATTRIBUTE_EXISTS"),
        ("size(a)", None, "The function is not allowed to be used this way in an expression; function: size"),
        (
            "attribute_exists(a) < :v",
            {"v": n(1)},
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
        ),
        ("list_append(a, b)", None, "The function is not allowed in a condition expression; function: list_append"),
        ("name = :v", {"v": n(1)}, "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "#a = :v",
            {"v": n(1)},
            "An expression attribute name used in the document path is not defined; attribute name: #a",
        ),
        ("a = :v", None, "An expression attribute value used in expression is not defined; attribute value: :v"),
        (
            "a = a",
            None,
            (
                "The first operand must be distinct from the remaining operands for this operator or "
                "function; operator: =, first operand: [a]"
            ),
        ),
        (
            "contains(a, a)",
            None,
            (
                "The first operand must be distinct from the remaining operands for this operator or "
                "function; operator: contains, first operand: [a]"
            ),
        ),
        (
            "a BETWEEN :v AND :w",
            {"v": s("b"), "w": s("a")},
            (
                "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; "
                "lower bound operand: AttributeValue: {S:b}, upper bound operand: AttributeValue: {S:a}"
            ),
        ),
        (
            "a BETWEEN :v AND :w",
            {"v": n(1), "w": s("a")},
            (
                "The BETWEEN operator requires same data type for lower and upper bounds; lower bound "
                "operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}"
            ),
        ),
        (
            "a < :v",
            {"v": {"BOOL": True}},
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
        ),
        (
            "begins_with(a, :v)",
            {"v": n(1)},
            "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N",
        ),
        (
            "size(:v) = :v",
            {"v": n(1)},
            "Incorrect operand type for operator or function; operator or function: size, operand type: N",
        ),
        (
            "attribute_exists(:v)",
            {"v": n(1)},
            "Operator or function requires a document path; operator or function: attribute_exists",
        ),
        (
            "attribute_exists(a, b)",
            None,
            (
                "Incorrect number of operands for operator or function; operator or function: "
                "attribute_exists, number of operands: 2"
            ),
        ),
        (" OR ".join(["a = :v"] * 300), {"v": n(1)}, "The expression contains too many operators; operator count: 599"),
        (
            ".".join("a" * 33) + " = :v",
            {"v": n(1)},
            "The document path has too many nesting levels; nesting levels: 33",
        ),
    ],
    ids=lambda value: repr(value)[:40],
)
@pytest.mark.parametrize("operation", ["PutItem", "DeleteItem", "Scan"])
def test_an_expression_that_is_wrong_in_itself_is_refused_before_the_table_is_looked_up(
    wire, operation, expression, values, message
):
    request = {"TableName": "nowhere", f"{kind_of(operation)}Expression": expression}
    request |= {"Item": KEY} if operation == "PutItem" else {"Key": KEY} if operation == "DeleteItem" else {}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    refused = wire.refusal(operation, request)
    assert (refused.code, refused.message) == (
        "ValidationException",
        f"Invalid {kind_of(operation)}Expression: {message}",
    )
