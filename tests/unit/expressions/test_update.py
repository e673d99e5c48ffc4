"""Updates of items: what they do, what they return, and what they refuse beforehand or because of the item."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from cdc.expressions import Substitutions, Update, bind_update
from cdc.model.errors import ValidationException

Value = dict[str, Any]

ITEM: dict[str, Value] = {
    "pk": {"S": "x"},
    "n": {"N": "5"},
    "s": {"S": "text"},
    "l": {"L": [{"N": "0"}, {"N": "1"}, {"N": "2"}, {"M": {"k": {"S": "K"}}}]},
    "m": {"M": {"k": {"S": "K"}, "l": {"L": [{"N": "0"}, {"N": "1"}]}, "e": {"L": []}}},
    "ss": {"SS": ["a", "b"]},
}
NAMES = {"#n": "n", "#dot": "a.b", "#m": "m"}
VALUES: dict[str, Value] = {
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":x": {"S": "X"},
    ":y": {"S": "Y"},
    ":z": {"S": "Z"},
    ":b": {"B": "AA=="},
    ":yes": {"BOOL": True},
    ":nil": {"NULL": True},
    ":l": {"L": [{"S": "X"}]},
    ":m": {"M": {"a": {"S": "X"}}},
    ":ss": {"SS": ["b", "c"]},
    ":all": {"SS": ["a", "b"]},
    ":ns": {"NS": ["1"]},
    ":bs": {"BS": ["AA=="]},
    ":huge": {"N": "9" * 38 + "0" * 88},
}
X, Y, Z, N0, N1, N2 = {"S": "X"}, {"S": "Y"}, {"S": "Z"}, {"N": "0"}, {"N": "1"}, {"N": "2"}
K = {"M": {"k": {"S": "K"}}}


def bind(text: str) -> Update:
    return bind_update(text, Substitutions(NAMES, VALUES))


def changes(text: str) -> dict[str, Value | None]:
    """Return what an update changes in ITEM: new values by name, None for removed ones."""
    new = bind(text).apply(ITEM)
    names = {*new, *ITEM}
    return {name: new.get(name) for name in sorted(names) if new.get(name) != ITEM.get(name)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # SET
        ("SET a = :x", {"a": X}),
        ("SET #dot = :x", {"a.b": X}),
        ("SET n = :x, s = n", {"n": X, "s": {"N": "5"}}),
        ("SET a = m.l[1], b = l[3].k", {"a": N1, "b": {"S": "K"}}),
        ("SET n = s, s = n", {"n": {"S": "text"}, "s": {"N": "5"}}),
        ("SET m.k = :x", {"m": {"M": {**ITEM["m"]["M"], "k": X}}}),
        ("SET m.fresh = :x, m.l[0] = :y", {"m": {"M": {**ITEM["m"]["M"], "fresh": X, "l": {"L": [Y, N1]}}}}),
        ("SET l[3].k = :x", {"l": {"L": [N0, N1, N2, {"M": {"k": X}}]}}),
        ("SET n = :x REMOVE s ADD a :one DELETE ss :ss", {"n": X, "s": None, "a": N1, "ss": {"SS": ["a"]}}),
        # arithmetic
        ("SET n = n + :one", {"n": {"N": "6"}}),
        ("SET n = :one - n", {"n": {"N": "-4"}}),
        ("SET a = n + (n - :one)", {"a": {"N": "9"}}),
        ("SET a = n + n", {"a": {"N": "10"}}),
        # functions
        ("SET n = if_not_exists(n, :x)", {}),
        ("SET a = if_not_exists(a, :x)", {"a": X}),
        ("SET a = if_not_exists(b, s)", {"a": {"S": "text"}}),
        ("SET a = if_not_exists(a, if_not_exists(b, :x))", {"a": X}),
        ("SET a = if_not_exists(a, n + :one)", {"a": {"N": "6"}}),
        ("SET a = if_not_exists(a, :one) + :two", {"a": {"N": "3"}}),
        ("SET n = if_not_exists(n, nowhere)", {}),
        ("SET a = list_append(:l, m.l)", {"a": {"L": [X, N0, N1]}}),
        ("SET m.l = list_append(m.l, :l)", {"m": {"M": {**ITEM["m"]["M"], "l": {"L": [N0, N1, X]}}}}),
        ("SET a = list_append(if_not_exists(a, :l), :l)", {"a": {"L": [X, X]}}),
        # indexes at and beyond the end append in their order, without gaps
        ("SET l[4] = :x", {"l": {"L": [N0, N1, N2, K, X]}}),
        ("SET l[9] = :x, l[7] = :y, l[0] = :z", {"l": {"L": [Z, N1, N2, K, Y, X]}}),
        ("SET m.e[3] = :x", {"m": {"M": {**ITEM["m"]["M"], "e": {"L": [X]}}}}),
        # REMOVE
        ("REMOVE n, s", {"n": None, "s": None}),
        ("REMOVE nowhere", {}),
        ("REMOVE m.k", {"m": {"M": {"l": {"L": [N0, N1]}, "e": {"L": []}}}}),
        ("REMOVE m.nowhere", {}),
        ("REMOVE l[1]", {"l": {"L": [N0, N2, K]}}),
        ("REMOVE l[0], l[2]", {"l": {"L": [N1, K]}}),
        ("REMOVE l[2], l[0], l[1], l[3]", {"l": {"L": []}}),
        ("REMOVE l[9]", {}),
        ("REMOVE l[3].k", {"l": {"L": [N0, N1, N2, {"M": {}}]}}),
        # indexes mean the list as it was
        ("REMOVE l[0] SET l[1] = :x", {"l": {"L": [X, N2, K]}}),
        ("SET l[9] = :x REMOVE l[4], l[0]", {"l": {"L": [N1, N2, K, X]}}),
        ("REMOVE l[1] SET a = l[1]", {"l": {"L": [N0, N2, K]}, "a": N1}),
        # ADD and DELETE
        ("ADD n :one", {"n": {"N": "6"}}),
        ("ADD a :one", {"a": N1}),
        ("ADD ss :ss", {"ss": {"SS": ["a", "b", "c"]}}),
        ("ADD a :bs", {"a": {"BS": ["AA=="]}}),
        ("ADD m.l[1] :one, m.c :one", {"m": {"M": {**ITEM["m"]["M"], "l": {"L": [N0, N2]}, "c": N1}}}),
        ("ADD l[9] :one", {"l": {"L": [N0, N1, N2, K, N1]}}),
        ("DELETE ss :ss", {"ss": {"SS": ["a"]}}),
        ("DELETE ss :all", {"ss": None}),
        ("DELETE nowhere :ss", {}),
    ],
)
def test_updates_change_the_item_as_a_whole(text: str, expected: dict[str, Value | None]) -> None:
    before = copy.deepcopy(ITEM)
    assert changes(text) == expected
    assert before == ITEM


PATH = "The document path provided in the update expression is invalid for update"
MISSING = "The provided expression refers to an attribute that does not exist in the item"
TYPE = "An operand in the update expression has an incorrect data type"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET nowhere.a = :x", PATH),
        ("SET nowhere[0] = :x", PATH),
        ("SET s.a = :x", PATH),
        ("SET m[0] = :x", PATH),
        ("SET l.a = :x", PATH),
        ("SET m.nowhere.a = :x", PATH),
        ("SET l[9].a = :x", PATH),
        ("SET ss[0] = :x", PATH),
        ("REMOVE nowhere.a", PATH),
        ("REMOVE s.a", PATH),
        ("REMOVE l.a", PATH),
        ("REMOVE m.nowhere[0]", PATH),
        ("ADD nowhere.a :one", PATH),
        ("DELETE nowhere.a :ss", PATH),
        ("SET a = nowhere", MISSING),
        ("SET a = m.nowhere", MISSING),
        ("SET a = l[9]", MISSING),
        ("SET a = nowhere + :one", MISSING),
        ("SET a = list_append(nowhere, :l)", MISSING),
        ("SET a = if_not_exists(a, nowhere)", MISSING),
        ("SET a = s + :one", TYPE),
        ("SET a = :one - ss", TYPE),
        ("SET a = if_not_exists(s, :one) + :one", TYPE),
        ("SET a = list_append(s, :l)", TYPE),
        ("SET a = list_append(:l, (n + :one))", TYPE),
        ("SET a = n + list_append(:l, :l)", TYPE),
        ("ADD s :one", TYPE),
        ("ADD ss :ns", TYPE),
        ("ADD l :ss", TYPE),
        ("DELETE s :ss", TYPE),
        ("DELETE ss :ns", TYPE),
        (
            "SET a = :huge + :huge",
            "Number overflow. Attempting to store a number with magnitude larger than supported range",
        ),
        ("SET a = :huge + :one", "Attempting to store more than 38 significant digits in a Number"),
    ],
)
def test_effects_that_the_item_does_not_allow_are_refused(text: str, message: str) -> None:
    update = bind(text)
    with pytest.raises(ValidationException) as caught:
        update.apply(ITEM)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("text", "creates", "expected"),
    [
        ("SET a = :x", True, {"a": X}),
        ("ADD a :one", True, {"a": N1}),
        ("SET a = if_not_exists(a, :one)", True, {"a": N1}),
        ("SET a = :x REMOVE b, c.d[1] DELETE e.f :ss", True, {"a": X}),
        ("REMOVE a", False, {}),
        ("REMOVE a.b DELETE c :ss", False, {}),
        ("DELETE a :ss", False, {}),
    ],
)
def test_a_missing_item_is_made_by_set_and_add_alone(text: str, expected: dict[str, Value], *, creates: bool) -> None:
    update = bind(text)
    assert update.creates_item is creates
    assert update.apply({"pk": X}, exists=False) == {"pk": X, **expected}


def test_no_parents_are_made_on_a_missing_item() -> None:
    with pytest.raises(ValidationException, match="document path"):
        bind("SET a.b = :x").apply({}, exists=False)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("SET n = :x", {"n": {"N": "5"}}, {"n": X}),
        ("SET n = n", {"n": {"N": "5"}}, {"n": {"N": "5"}}),
        ("SET a = :x", {}, {"a": X}),
        ("REMOVE n", {"n": {"N": "5"}}, {}),
        ("REMOVE nowhere", {}, {}),
        ("SET m.k = :x", {"m": {"M": {"k": {"S": "K"}}}}, {"m": {"M": {"k": X}}}),
        ("SET m.l[1] = :x", {"m": {"M": {"l": {"L": [N1]}}}}, {"m": {"M": {"l": {"L": [X]}}}}),
        ("SET l[0] = :x, l[2] = :y", {"l": {"L": [N0, N2]}}, {"l": {"L": [X, Y]}}),
        ("SET m.e[100] = :x", {}, {}),
        ("REMOVE l[1]", {"l": {"L": [N1]}}, {"l": {"L": [N2]}}),
        ("REMOVE l[3]", {"l": {"L": [K]}}, {}),
        ("ADD n :one DELETE ss :all", {"n": {"N": "5"}, "ss": {"SS": ["a", "b"]}}, {"n": {"N": "6"}}),
    ],
)
def test_the_updated_parts_are_the_named_paths_of_the_old_and_of_the_new_item(
    text: str, old: dict[str, Value], new: dict[str, Value]
) -> None:
    update = bind(text)
    assert update.project(ITEM) == old
    assert update.project(update.apply(ITEM)) == new


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("SET a = :x", 22),
        ("SET a = :x, b = :y", 41),
        ("ADD a :one", 22),
        ("DELETE a :ss", 22),
        ("REMOVE a", 5),
        ("SET l[0] = :x", 23),
        ("SET l[0].a = :x", 22),
        ("SET a = a + :one", 72),
        ("SET a[1] = if_not_exists(a, b - :one) REMOVE c", 75),
    ],
)
def test_the_cost_of_a_write_depends_on_its_actions(text: str, cost: int) -> None:
    assert bind(text).write_cost == cost


def test_changed_and_read_paths_are_resolved_in_the_order_of_the_text() -> None:
    update = bind("REMOVE #m.a SET #dot = #n + if_not_exists(l[0].b, :one), b = c ADD d :one")
    assert update.paths == (("m", "a"), ("a.b",), ("b",), ("d",))
    assert update.read_paths == (("n",), ("l", 0, "b"), ("c",))


OPERAND = "Incorrect operand type for operator or function; "
COUNT = "Incorrect number of operands for operator or function; operator or function: "
NOT_HERE = "The function is not allowed in an update expression; function: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("SET #nope = :x", "An expression attribute name used in the document path is not defined; attribute name: #nope"),
        ("SET a = :nope", "An expression attribute value used in expression is not defined; attribute value: :nope"),
        ("SET #n = :x, n = :y", ("Two document paths overlap with each other; must remove or rewrite one of these paths; "
                                "path one: [n], path two: [n]")),
        ("SET a.b = :x REMOVE a", ("Two document paths overlap with each other; must remove or rewrite one of these paths; "
                                  "path one: [a, b], path two: [a]")),
        ("SET a.b = :x ADD a[0] :one", ("Two document paths conflict with each other; must remove or rewrite one of these "
                                       "paths; path one: [a, b], path two: [a, [0]]")),
        ("ADD a :x", OPERAND + "operator: ADD, operand type: STRING"),
        ("ADD a :b", OPERAND + "operator: ADD, operand type: BINARY"),
        ("ADD a :yes", OPERAND + "operator: ADD, operand type: BOOLEAN"),
        ("ADD a :nil", OPERAND + "operator: ADD, operand type: NULL"),
        ("ADD a :l", OPERAND + "operator: ADD, operand type: LIST"),
        ("ADD a :m", OPERAND + "operator: ADD, operand type: MAP"),
        ("DELETE a :one", OPERAND + "operator: DELETE, operand type: NUMBER"),
        ("SET a = b + :x", OPERAND + "operator or function: +, operand type: S"),
        ("SET a = :b - b", OPERAND + "operator or function: -, operand type: B"),
        ("SET a = list_append(:one, b)", OPERAND + "operator or function: list_append, operand type: N"),
        ("SET a = list_append(b, :ss)", OPERAND + "operator or function: list_append, operand type: SS"),
        ("SET a = if_not_exists(a)", COUNT + "if_not_exists, number of operands: 1"),
        ("SET a = list_append(a, b, c)", COUNT + "list_append, number of operands: 3"),
        ("SET a = attribute_exists(a, b)", COUNT + "attribute_exists, number of operands: 2"),
        ("SET a = if_not_exists(:x, b)", "Operator or function requires a document path; operator or function: if_not_exists"),
        ("SET a = attribute_exists(b)", NOT_HERE + "attribute_exists"),
        ("SET a = size(b) + :one", NOT_HERE + "size"),
    ],
)  # fmt: skip
def test_refusals_that_need_no_item(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        bind(text)
    assert caught.value.message == f"Invalid UpdateExpression: {message}"


@pytest.mark.parametrize(
    ("faults", "message"),
    [
        (["#nope = size(a)", "b = :nope", "a = :x", "a = :y"], "An expression attribute name"),
        (["b = :nope", "a = :x", "a = :y"], "An expression attribute value"),
        (["a = :x", "a = :y", "b = :x + :y", "d.e = :x", "d[0] = :x"], "Two document paths overlap"),
        (["b = :x + :y", "d.e = :x", "d[0] = :x"], "Two document paths conflict"),
        (["b = size(c)", "d = :x + :y"], OPERAND),
        (["b = size(c)", "d = :x"], NOT_HERE),
    ],
)
def test_faults_go_by_kind_not_by_place(faults: list[str], message: str) -> None:
    """Undefined name, undefined value, overlap, conflict, operands, misuse."""
    with pytest.raises(ValidationException) as caught:
        bind("SET " + ", ".join(faults))
    assert caught.value.message.startswith("Invalid UpdateExpression: " + message)


def test_the_operand_of_add_is_refused_before_those_of_functions() -> None:
    with pytest.raises(ValidationException, match="operator: ADD, operand type: STRING"):
        bind("SET a = list_append(b) ADD c :x")


def test_the_same_text_follows_the_values_and_names_of_each_request() -> None:
    for name, number in (("a", "1"), ("a", "2"), ("b", "2")):
        update = bind_update("SET #n = :v", Substitutions({"#n": name}, {":v": {"N": number}}))
        assert update.apply({}) == {name: {"N": number}}
