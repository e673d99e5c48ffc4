"""UpdateItem from outside: what every action makes of an item, what ReturnValues gives, and what is refused."""

from __future__ import annotations

import pytest

from tests.integration.tables import create, n, s
from tests.integration.wire import Refused

KEY = {"pk": s("a")}
NO_PATH = "The document path provided in the update expression is invalid for update"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"
NO_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"


def strings(*texts):
    return {"L": [s(text) for text in texts]}


def m(**members):
    return {"M": members}


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, stream="NEW_AND_OLD_IMAGES")


def update(wire, table, before, expression, values=None, **more):
    """Store `before` under the key, or nothing for None, update it and return the answer."""
    wire.call("DeleteItem", TableName=table, Key=KEY)
    if before is not None:
        wire.call("PutItem", TableName=table, Item=KEY | before)
    request = {"TableName": table, "Key": KEY, **more}
    if expression is not None:
        request["UpdateExpression"] = expression
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return wire.call("UpdateItem", **request)


def stored(wire, table):
    item = wire.call("GetItem", TableName=table, Key=KEY).get("Item")
    return None if item is None else {name: value for name, value in item.items() if name != "pk"}


LIST = {"l": strings("a", "b", "c")}


@pytest.mark.parametrize(
    ("before", "expression", "values", "after"),
    [
        # SET
        ({}, "SET a = :v", {"v": s("x")}, {"a": s("x")}),
        (None, "SET a = :v", {"v": s("x")}, {"a": s("x")}),
        ({"a": s("x")}, "set a = :v", {"v": n("1.0")}, {"a": n(1)}),
        ({"a": s("old")}, "SET a = :v, b = a", {"v": s("new")}, {"a": s("new"), "b": s("old")}),
        ({"a": s("1"), "b": s("2")}, "SET a = b, b = a", None, {"a": s("2"), "b": s("1")}),
        ({"a": n(5)}, "SET a = a + :v", {"v": n("0.5")}, {"a": n("5.5")}),
        ({"a": n(5)}, "SET a = :v - a", {"v": n(1)}, {"a": n(-4)}),
        ({"a": n(5), "b": n(2)}, "SET a = a - (b + :v)", {"v": n(1)}, {"a": n(2), "b": n(2)}),
        ({"a": n("1E-130")}, "SET a = a - a", None, {"a": n(0)}),
        ({}, "SET a = if_not_exists(a, :v) + :v", {"v": n(1)}, {"a": n(2)}),
        ({"a": n(5)}, "SET a = if_not_exists(a, :v) + :v", {"v": n(1)}, {"a": n(6)}),
        ({"b": s("b")}, "SET a = if_not_exists(a, b)", None, {"a": s("b"), "b": s("b")}),
        (LIST, "SET l = list_append(l, :v)", {"v": strings("d")}, {"l": strings("a", "b", "c", "d")}),
        (LIST, "SET l = list_append(:v, l)", {"v": strings("d")}, {"l": strings("d", "a", "b", "c")}),
        ({}, "SET l = list_append(if_not_exists(l, :e), :v)", {"e": {"L": []}, "v": strings("x")}, {"l": strings("x")}),
        (LIST, "SET l[1] = :v", {"v": s("x")}, {"l": strings("a", "x", "c")}),
        (LIST, "SET l[99] = :v", {"v": s("x")}, {"l": strings("a", "b", "c", "x")}),
        (LIST, "SET l[9] = :v, l[5] = :w", {"v": s("9"), "w": s("5")}, {"l": strings("a", "b", "c", "5", "9")}),
        ({"l": {"L": []}}, "SET l[3] = :v", {"v": s("x")}, {"l": strings("x")}),
        ({"m": m(a=s("x"))}, "SET m.b = :v", {"v": s("y")}, {"m": m(a=s("x"), b=s("y"))}),
        ({"m": m(l={"L": [m(a=s("x"))]})}, "SET m.l[0].a = :v", {"v": n(1)}, {"m": m(l={"L": [m(a=n(1))]})}),
        # REMOVE
        ({"a": s("x"), "b": s("y")}, "REMOVE a", None, {"b": s("y")}),
        ({"a": s("x")}, "REMOVE b", None, {"a": s("x")}),
        ({"m": m(a=s("x"))}, "REMOVE m.b", None, {"m": m(a=s("x"))}),
        ({"m": m(a=s("x"))}, "REMOVE m.a", None, {"m": m()}),
        (LIST, "REMOVE l[0], l[2]", None, {"l": strings("b")}),
        (LIST, "REMOVE l[7]", None, LIST),
        (None, "REMOVE a", None, None),
        (None, "REMOVE a.b[0]", None, None),
        # ADD
        ({}, "ADD a :v", {"v": n("-1.5")}, {"a": n("-1.5")}),
        (None, "ADD a :v", {"v": n(2)}, {"a": n(2)}),
        ({"a": n(2)}, "add a :v", {"v": n(3)}, {"a": n(5)}),
        ({}, "ADD a :v", {"v": {"SS": ["x"]}}, {"a": {"SS": ["x"]}}),
        ({"a": {"NS": ["1", "2"]}}, "ADD a :v", {"v": {"NS": ["2.0", "3"]}}, {"a": {"NS": ["1", "2", "3"]}}),
        ({"m": m(a=n(1))}, "ADD m.a :v, m.b :v", {"v": n(1)}, {"m": m(a=n(2), b=n(1))}),
        # DELETE
        ({"a": {"SS": ["x", "y"]}}, "DELETE a :v", {"v": {"SS": ["y", "z"]}}, {"a": {"SS": ["x"]}}),
        ({"a": {"BS": ["YQ=="]}}, "DELETE a :v", {"v": {"BS": ["YQ=="]}}, {}),
        ({"b": s("x")}, "DELETE a :v", {"v": {"SS": ["x"]}}, {"b": s("x")}),
        (None, "DELETE a :v", {"v": {"SS": ["x"]}}, None),
        # sections in any order, and none
        (
            {"a": n(1), "b": s("x"), "c": {"SS": ["p", "q"]}},
            "REMOVE b DELETE c :c ADD a :a SET d = b",
            {"a": n(1), "c": {"SS": ["p"]}},
            {"a": n(2), "c": {"SS": ["q"]}, "d": s("x")},
        ),
        (None, None, None, {}),
        ({"a": s("x")}, None, None, {"a": s("x")}),
    ],
)
def test_an_update_makes_of_the_item_what_its_actions_say(wire, table, before, expression, values, after):
    assert update(wire, table, before, expression, values) == {}
    assert stored(wire, table) == after


def test_exact_decimals_are_added_and_not_floats(wire, table):
    update(wire, table, {"a": n("0." + "1" * 37 + "2")}, "SET a = a + :v", {"v": n("0.0" + "0" * 36 + "3")})
    assert stored(wire, table) == {"a": n("0." + "1" * 37 + "5")}


@pytest.mark.parametrize(
    ("before", "expression", "values", "message"),
    [
        ({}, "SET a.b = :v", {"v": n(1)}, NO_PATH),
        (None, "SET a.b = :v", {"v": n(1)}, NO_PATH),
        ({"a": s("x")}, "SET a.b = :v", {"v": n(1)}, NO_PATH),
        ({"a": m()}, "SET a[0] = :v", {"v": n(1)}, NO_PATH),
        ({"a": {"L": []}}, "SET a.b = :v", {"v": n(1)}, NO_PATH),
        ({}, "SET a[0] = :v", {"v": n(1)}, NO_PATH),
        ({"a": m()}, "SET a.b.c = :v", {"v": n(1)}, NO_PATH),
        ({}, "REMOVE a.b", None, NO_PATH),
        ({"a": s("x")}, "REMOVE a.b", None, NO_PATH),
        ({}, "ADD a.b :v", {"v": n(1)}, NO_PATH),
        ({}, "SET a = b", None, NO_ATTRIBUTE),
        ({}, "SET a = b + :v", {"v": n(1)}, NO_ATTRIBUTE),
        (None, "SET a = b", None, NO_ATTRIBUTE),
        (LIST, "SET a = l[3]", None, NO_ATTRIBUTE),
        ({"a": s("x")}, "SET a = a + :v", {"v": n(1)}, WRONG_TYPE),
        ({"a": s("x")}, "SET a = list_append(a, :v)", {"v": strings("a")}, WRONG_TYPE),
        ({"a": s("x")}, "ADD a :v", {"v": n(1)}, WRONG_TYPE),
        ({"a": {"SS": ["x"]}}, "ADD a :v", {"v": {"NS": ["1"]}}, WRONG_TYPE),
        ({"a": n(1)}, "DELETE a :v", {"v": {"SS": ["x"]}}, WRONG_TYPE),
        ({"a": {"L": []}}, "ADD a :v", {"v": {"SS": ["x"]}}, WRONG_TYPE),
        ({"a": n("9" * 38 + "0" * 88)}, "SET a = a + :v", {"v": n("9E125")}, OVERFLOW),
        ({"a": n("9" * 38 + "0" * 88)}, "ADD a :v", {"v": n("9E125")}, OVERFLOW),
    ],
)
def test_an_effect_that_the_stored_item_forbids_changes_nothing(wire, table, before, expression, values, message):
    with pytest.raises(Refused, match="ValidationException") as caught:
        update(wire, table, before, expression, values)
    assert caught.value.message == message
    assert stored(wire, table) == before


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("", None, "The expression can not be empty;"),
        ("SET", None, 'Syntax error; token: "<EOF>", near: "SET"'),
        ("INVALID SYNTAX HERE", None, 'Syntax error; token: "INVALID", near: "INVALID SYNTAX"'),
        ("!!! INVALID !!!", None, 'Syntax error; token: "!", near: "!!"'),
        ("SET a = :v SET b = :v", {"v": n(1)}, 'The "SET" section can only be used once in an update expression;'),
        ("SET a = :v", None, "An expression attribute value used in expression is not defined; attribute value: :v"),
        (
            "SET #a = :v",
            {"v": n(1)},
            "An expression attribute name used in the document path is not defined; attribute name: #a",
        ),
        ("SET size = :v", {"v": n(1)}, "Attribute name is a reserved keyword; reserved keyword: size"),
        ("SET a.Comment = :v", {"v": n(1)}, "Attribute name is a reserved keyword; reserved keyword: Comment"),
        ("SET a = nonsense(:v)", {"v": n(1)}, "Invalid function name; function: nonsense"),
        (
            "SET a = attribute_exists(b)",
            None,
            "The function is not allowed in an update expression; function: attribute_exists",
        ),
        (
            "SET a = :v, a = :v",
            {"v": n(1)},
            "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]",
        ),
        (
            "SET a.b = :v REMOVE a",
            {"v": n(1)},
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [a, b], path two: [a]"
            ),
        ),
        (
            "SET a.b = :v, a[0] = :v",
            {"v": n(1)},
            (
                "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                "path one: [a, b], path two: [a, [0]]"
            ),
        ),
        (
            "ADD a :v",
            {"v": s("x")},
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING",
        ),
        (
            "ADD a :v",
            {"v": {"L": []}},
            "Incorrect operand type for operator or function; operator: ADD, operand type: LIST",
        ),
        (
            "DELETE a :v",
            {"v": n(1)},
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER",
        ),
        (
            "SET a = b + :v",
            {"v": s("x")},
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
        ),
        (
            "SET a = list_append(b, :v)",
            {"v": s("x")},
            "Incorrect operand type for operator or function; operator or function: list_append, operand type: S",
        ),
        (
            "SET a = if_not_exists(:v, b)",
            {"v": s("x")},
            "Operator or function requires a document path; operator or function: if_not_exists",
        ),
        (
            "SET a = list_append(b)",
            None,
            "Incorrect number of operands for operator or function; operator or function: list_append, number of operands: 1",
        ),
        ("SET a = a + b + c", None, 'Syntax error; token: "+", near: "b + c"'),
        ("SET a = ((:v))", {"v": n(1)}, "The expression has redundant parentheses;"),
        ("REMOVE l[99999999999]", None, "List index is not within the allowable range; index: [99999999999]"),
        (
            "SET a = :v" + " " * 4096,
            {"v": n(1)},
            "Expression size has exceeded the maximum allowed size; expression size: 4106",
        ),
    ],
)
def test_an_expression_that_is_wrong_in_itself_is_refused_before_the_table_is_looked_up(
    wire, expression, values, message
):
    request = {"TableName": "nowhere", "Key": KEY, "UpdateExpression": expression}
    if values:
        request["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    refused = wire.refusal("UpdateItem", request)
    assert (refused.code, refused.message) == ("ValidationException", f"Invalid UpdateExpression: {message}")


ITEM = {"a": s("1"), "b": s("2"), "m": m(x=n(1), l={"L": [s("p"), s("q"), s("r")]})}


@pytest.mark.parametrize(
    ("before", "expression", "values", "returns", "attributes"),
    [
        (ITEM, "SET a = :v", {"v": s("9")}, "NONE", None),
        (ITEM, "SET a = :v", {"v": s("9")}, "ALL_OLD", KEY | ITEM),
        (ITEM, "SET a = :v", {"v": s("9")}, "ALL_NEW", KEY | ITEM | {"a": s("9")}),
        (ITEM, "SET a = :v", {"v": s("9")}, "UPDATED_OLD", {"a": s("1")}),
        (ITEM, "SET a = :v", {"v": s("9")}, "UPDATED_NEW", {"a": s("9")}),
        # the same value counts as updated
        (ITEM, "SET a = :v", {"v": s("1")}, "UPDATED_NEW", {"a": s("1")}),
        (ITEM, "SET a = :v", {"v": s("1")}, "UPDATED_OLD", {"a": s("1")}),
        # no item before
        (None, "SET a = :v", {"v": s("9")}, "ALL_OLD", None),
        (None, "SET a = :v", {"v": s("9")}, "UPDATED_OLD", None),
        (None, "SET a = :v", {"v": s("9")}, "ALL_NEW", KEY | {"a": s("9")}),
        (None, "SET a = :v", {"v": s("9")}, "UPDATED_NEW", {"a": s("9")}),
        (None, None, None, "ALL_NEW", KEY),
        (None, None, None, "UPDATED_NEW", None),
        (None, "REMOVE a", None, "ALL_NEW", None),
        # what was not there before, and what is not there any more
        (ITEM, "SET c = :v", {"v": s("9")}, "UPDATED_OLD", None),
        (ITEM, "SET c = :v, a = :v", {"v": s("9")}, "UPDATED_OLD", {"a": s("1")}),
        (ITEM, "REMOVE a", None, "UPDATED_NEW", None),
        (ITEM, "REMOVE a", None, "UPDATED_OLD", {"a": s("1")}),
        (ITEM, "REMOVE a SET b = :v", {"v": s("9")}, "UPDATED_NEW", {"b": s("9")}),
        # nested paths come with their parents alone
        (ITEM, "SET m.x = :v", {"v": n(2)}, "UPDATED_NEW", {"m": m(x=n(2))}),
        (ITEM, "SET m.x = :v", {"v": n(2)}, "UPDATED_OLD", {"m": m(x=n(1))}),
        (ITEM, "SET m.l[1] = :v", {"v": s("9")}, "UPDATED_NEW", {"m": m(l=strings("9"))}),
        (ITEM, "SET m.l[1] = :v", {"v": s("9")}, "UPDATED_OLD", {"m": m(l=strings("q"))}),
        (ITEM, "SET m.l[2] = :v, m.l[0] = :w", {"v": s("8"), "w": s("9")}, "UPDATED_NEW", {"m": m(l=strings("9", "8"))}),
        # the path that was named is looked up, not the place that was written
        (ITEM, "SET m.l[100] = :v", {"v": s("9")}, "UPDATED_NEW", None),
        (ITEM, "SET m.l[100] = :v", {"v": s("9")}, "UPDATED_OLD", None),
        (ITEM, "REMOVE m.l[1]", None, "UPDATED_NEW", {"m": m(l=strings("r"))}),
        (ITEM, "REMOVE m.l[1]", None, "UPDATED_OLD", {"m": m(l=strings("q"))}),
        # sets and counters
        ({"c": n(1)}, "ADD c :v", {"v": n(2)}, "UPDATED_NEW", {"c": n(3)}),
        ({"c": {"SS": ["x"]}}, "DELETE c :v", {"v": {"SS": ["x"]}}, "UPDATED_NEW", None),
        ({"c": {"SS": ["x"]}}, "DELETE c :v", {"v": {"SS": ["x"]}}, "UPDATED_OLD", {"c": {"SS": ["x"]}}),
    ],
)  # fmt: skip
def test_an_update_returns_what_is_asked_for_and_no_empty_attributes(
    wire, table, before, expression, values, returns, attributes
):
    answer = update(wire, table, before, expression, values, ReturnValues=returns)
    assert answer == ({} if attributes is None else {"Attributes": attributes})


def test_an_unmet_condition_on_a_missing_key_leaves_no_item_behind(wire, table):
    with pytest.raises(Refused, match="ConditionalCheckFailedException"):
        update(wire, table, None, "SET a = :v", {"v": n(1)}, ConditionExpression="attribute_exists(pk)")
    assert stored(wire, table) is None
    update(wire, table, None, "SET a = :v", {"v": n(1)}, ConditionExpression="attribute_not_exists(pk)")
    assert stored(wire, table) == {"a": n(1)}
