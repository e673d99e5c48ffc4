"""Projections from outside: which fragments of an item come back, alike from every operation that reads."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s

KEY = {"pk": s("a")}
ITEM = KEY | {
    "l": {"L": [{"M": {"a": n(1), "b": n(2)}}, n(5), s("x"), s("y")]},
    "m": {"M": {"x": n(1), "y": {"M": {"z": n(2), "w": n(3)}}, "a.b": s("dot")}},
    "a.b": s("top"),
}


@pytest.fixture(scope="module")
def table(wire):
    name = create(wire)
    wire.call("PutItem", TableName=name, Item=ITEM)
    return name


def in_list(*values):
    return {"l": {"L": list(values)}}


@pytest.mark.parametrize(
    ("projection", "names", "expected"),
    [
        ("pk", None, KEY),
        ("l, m", None, {"l": ITEM["l"], "m": ITEM["m"]}),
        # list elements come packed, in the order of their indexes
        ("l[3], l[1]", None, in_list(n(5), s("y"))),
        # paths into one element are merged
        ("l[0].b, l[0].a", None, in_list({"M": {"a": n(1), "b": n(2)}})),
        ("l[1], l[0].a", None, in_list({"M": {"a": n(1)}}, n(5))),
        # maps come with the selected members alone
        ("m.y.z, m.x", None, {"m": {"M": {"x": n(1), "y": {"M": {"z": n(2)}}}}}),
        # a dot in a name is none of a path
        ("#d", {"#d": "a.b"}, {"a.b": s("top")}),
        ("m.#d", {"#d": "a.b"}, {"m": {"M": {"a.b": s("dot")}}}),
        # what is not there is left out, its parents, too
        ("absent, pk", None, KEY),
        ("m.absent", None, {}),
        ("m.absent.x, m.x", None, {"m": {"M": {"x": n(1)}}}),
        ("l[9]", None, {}),
        ("m[0]", None, {}),
        ("l.a", None, {}),
        ("l[0].absent, l[1]", None, in_list(n(5))),
    ],
)
def test_every_read_projects_the_same_fragments(wire, table, projection, names, expected):
    request = {"ProjectionExpression": projection} | ({"ExpressionAttributeNames": names} if names else {})
    key_condition = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": {":p": s("a")}}
    assert wire.call("GetItem", TableName=table, Key=KEY, **request) == {"Item": expected}
    assert wire.call("Query", TableName=table, **key_condition, **request)["Items"] == [expected]
    assert wire.call("Scan", TableName=table, **request)["Items"] == [expected]
    answer = wire.call("BatchGetItem", RequestItems={table: {"Keys": [KEY], **request}})
    assert answer["Responses"] == {table: [expected]}


OVERLAP = (
    "Two document paths overlap with each other; must remove or rewrite one of these paths; "
    "path one: [m, x], path two: [m]"
)
CONFLICT = (
    "Two document paths conflict with each other; must remove or rewrite one of these paths; "
    "path one: [m, x], path two: [m, [0]]"
)


@pytest.mark.parametrize(
    ("projection", "message"),
    [
        ("m.x, m", OVERLAP),
        ("m.x, m[0]", CONFLICT),
        ("#a", "An expression attribute name used in the document path is not defined; attribute name: #a"),
        ("comment", "Attribute name is a reserved keyword; reserved keyword: comment"),
        ("a b", 'Syntax error; token: "b", near: "a b"'),
        ("a[4294967296]", "List index is not within the allowable range; index: [4294967296]"),
    ],
)
def test_a_projection_that_is_wrong_is_refused_also_for_a_missing_item(wire, table, projection, message):
    request = {"TableName": table, "Key": {"pk": s("absent")}, "ProjectionExpression": projection}
    refused = wire.refusal("GetItem", request)
    assert (refused.code, refused.message) == ("ValidationException", f"Invalid ProjectionExpression: {message}")


def test_a_missing_item_has_no_member_and_an_empty_projection_an_empty_one(wire, table):
    assert wire.call("GetItem", TableName=table, Key={"pk": s("absent")}) == {}
    assert wire.call("GetItem", TableName=table, Key={"pk": s("absent")}, ProjectionExpression="m") == {}
    assert wire.call("GetItem", TableName=table, Key=KEY, ProjectionExpression="absent") == {"Item": {}}
