"""Conditions on items: what they mean, and the refusal of operands that no item could make right."""

from __future__ import annotations

import copy
from typing import Any, Literal

import pytest

from cdc.expressions import Condition, Substitutions, bind_condition
from cdc.model.errors import ValidationException

ITEM: dict[str, dict[str, Any]] = {
    "n": {"N": "10"},
    "m": {"N": "9"},
    "s": {"S": "abc"},
    "t": {"S": "abd"},
    "b": {"B": "AAEC"},
    "yes": {"BOOL": True},
    "nil": {"NULL": True},
    "ss": {"SS": ["a", "b"]},
    "ns": {"NS": ["1", "10"]},
    "l": {"L": [{"N": "1"}, {"M": {"x": {"S": "abc"}}}, {"L": []}]},
    "o": {"M": {"k": {"N": "10"}, "a.b": {"S": "dot"}, "e": {"M": {}}}},
}
NAMES = {"#s": "s", "#dot": "a.b", "#missing": "nowhere"}
VALUES: dict[str, dict[str, Any]] = {
    ":ten": {"N": "10"},
    ":nine": {"N": "9"},
    ":one": {"N": "1"},
    ":two": {"N": "2"},
    ":three": {"N": "3"},
    ":abc": {"S": "abc"},
    ":a": {"S": "a"},
    ":c": {"S": "c"},
    ":z": {"S": "z"},
    ":text10": {"S": "10"},
    ":b": {"B": "AAEC"},
    ":b0": {"B": "AA=="},
    ":b1": {"B": "/w=="},
    ":yes": {"BOOL": True},
    ":nil": {"NULL": True},
    ":ss": {"SS": ["a", "b"]},
    ":ns": {"NS": ["1", "10"]},
    ":l": {"L": [{"N": "1"}, {"M": {"x": {"S": "abc"}}}, {"L": []}]},
    ":reversed": {"L": [{"L": []}, {"M": {"x": {"S": "abc"}}}, {"N": "1"}]},
    ":o": {"M": {"a.b": {"S": "dot"}, "e": {"M": {}}, "k": {"N": "10"}}},
    ":x": {"M": {"x": {"S": "abc"}}},
    ":S": {"S": "S"},
    ":N": {"S": "N"},
    ":L": {"S": "L"},
    ":NULL": {"S": "NULL"},
    ":X": {"S": "X"},
}


def bind(text: str, kind: Literal["Condition", "Filter"] = "Condition") -> Condition:
    return bind_condition(text, Substitutions(NAMES, VALUES), kind)


TRUE = [
    # equality of every type, deep
    "n = :ten", "s = :abc", "b = :b", "yes = :yes", "nil = :nil", "ss = :ss", "ns = :ns", "l = :l", "o = :o",
    "o.k = n", ":ten = n", ":ten = :ten", "l[1].x = s", "o.#dot <> s", "#s = :abc",
    # inequality: also of types, and of what is missing
    "n <> :nine", "n <> :text10", "nowhere <> :ten", "nowhere <> n", "nowhere <> elsewhere", "l <> :reversed",
    "o.k.z <> :ten", "l[7] <> :ten",
    # order
    "n > m", "n >= :ten", "m < n", "m <= :nine", "s < t", "t >= s", "b > :b0", "b < :b1", ":one < n",
    "n BETWEEN m AND :ten", "s BETWEEN :a AND :z", "b BETWEEN :b0 AND :b1", ":nine BETWEEN :one AND n",
    "n IN (:one, :ten)", "l IN (:reversed, :l)", "s IN (t, l[1].x)", "yes IN (:yes)",
    # functions
    "attribute_exists(n)", "attribute_exists(o.k)", "attribute_exists(l[2])", "attribute_exists(nil)",
    "attribute_not_exists(nowhere)", "attribute_not_exists(o.z)", "attribute_not_exists(l[3])",
    "attribute_not_exists(s.z)", "attribute_not_exists(s[0])", "attribute_not_exists(o[0])",
    "attribute_not_exists(l.a)", "attribute_not_exists(#missing.a[0])",
    "attribute_type(s, :S)", "attribute_type(l[0], :N)", "attribute_type(l, :L)", "attribute_type(nil, :NULL)",
    "begins_with(s, :a)", "begins_with(b, :b0)", "begins_with(t, :a)", "begins_with(:abc, :a)",
    "contains(s, :c)", "contains(ss, :a)", "contains(ns, :ten)", "contains(l, :one)", "contains(l, :x)",
    "contains(b, :b0)", "contains(ns, size(ss)) OR contains(ns, size(b)) OR contains(l, size(l[1]))",
    "size(s) = :three", "size(b) = :three", "size(l) = :three", "size(o) > :two", "size(ss) = :two",
    "size(l[2]) < :one", "size(:abc) = :three", "size(s) IN (:one, :three)", "size(s) BETWEEN :two AND :ten",
    "size(s) = size(b)", "size(s) <> :abc",
    # logic
    "n = :ten AND s = :abc", "n = :nine OR s = :abc", "NOT n = :nine", "NOT nowhere = :ten",
    "n = :ten OR s = :a AND s = :z", "NOT (n = :nine OR s = :z)", "NOT size(nowhere) > :one",
]  # fmt: skip

FALSE = [
    "n = :nine", "n = :text10", "nowhere = :ten", "nowhere = elsewhere", "l = :reversed", "s = b", "n = s",
    "n <> :ten", "n <> o.k", ":ten <> :ten",
    "n < m", "n > :ten", "n < :text10", "n > :text10", "nowhere < :ten", "nowhere > m", "n > nowhere",
    "yes < n", "ss > s", "l >= l[0]", "nil <= yes",
    "n BETWEEN :one AND m", "s BETWEEN :one AND :ten", "nowhere BETWEEN :one AND :ten", "n BETWEEN s AND t",
    "n BETWEEN nowhere AND :ten", "n IN (:one, :text10)", "nowhere IN (:one)", "nowhere IN (elsewhere)",
    "attribute_exists(nowhere)", "attribute_exists(o.z)", "attribute_not_exists(n)", "attribute_not_exists(nil)",
    "attribute_type(s, :N)", "attribute_type(nowhere, :S)",
    "begins_with(n, :a)", "begins_with(nowhere, :a)", "begins_with(s, nowhere)", "begins_with(s, :b0)",
    "contains(s, :ten)", "contains(ss, :ten)", "contains(nowhere, :a)", "contains(n, :one)", "contains(o, :a)",
    "contains(:abc, nowhere)",
    # a size that can't be taken makes every comparison false
    "size(nowhere) = :three", "size(nowhere) <> :three", "size(n) > :one", "size(n) <> :one", "size(yes) < :ten",
    ":one <> size(nil)", "size(nowhere) IN (:one)", "size(s) = :abc", "size(s) < :abc",
    "n = :ten AND s = :a", "NOT n = :ten", "(n = :ten OR s = :a) AND s = :z",
]  # fmt: skip


@pytest.mark.parametrize("text", TRUE)
def test_conditions_that_the_item_fulfils(text: str) -> None:
    assert bind(text).matches(ITEM) is True


@pytest.mark.parametrize("text", FALSE)
def test_conditions_that_the_item_does_not_fulfil(text: str) -> None:
    assert bind(text).matches(ITEM) is False


@pytest.mark.parametrize(
    ("text", "expected"),
    [("attribute_exists(n)", False), ("attribute_not_exists(n)", True), ("n <> :ten", True), ("n = :ten", False)],
)
def test_a_missing_item_is_an_empty_one(text: str, *, expected: bool) -> None:
    assert bind(text).matches({}) is expected


def test_a_condition_changes_neither_item_nor_values() -> None:
    item, values = copy.deepcopy(ITEM), copy.deepcopy(VALUES)
    for text in TRUE:
        bind(text).matches(ITEM)
    assert item == ITEM
    assert values == VALUES


def test_the_same_text_follows_the_values_and_names_of_each_request() -> None:
    for name, content, expected in (("s", "abc", True), ("s", "abd", False), ("t", "abd", True)):
        condition = bind_condition("#n = :v", Substitutions({"#n": name}, {":v": {"S": content}}))
        assert condition.matches(ITEM) is expected
        assert condition.paths == ((name,),)


def test_paths_are_resolved_and_their_attributes_named() -> None:
    condition = bind("o.#dot = #s AND size(l[1].x) > :one AND attribute_exists(s) AND NOT #missing IN (:a)")
    assert condition.paths == (("o", "a.b"), ("s",), ("l", 1, "x"), ("s",), ("nowhere",))
    assert condition.top_level_names == {"o", "s", "l", "nowhere"}


TYPE = "Incorrect operand type for operator or function; operator or function: "
COUNT = "Incorrect number of operands for operator or function; operator or function: "
SAME = "The first operand must be distinct from the remaining operands for this operator or function; operator: "
BOUNDS = "The BETWEEN operator requires "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("#nope = :a", "An expression attribute name used in the document path is not defined; attribute name: #nope"),
        ("s.#nope = :a", "An expression attribute name used in the document path is not defined; attribute name: #nope"),
        ("s = :nope", "An expression attribute value used in expression is not defined; attribute value: :nope"),
        ("n < :yes", TYPE + "<, operand type: BOOL"),
        (":l >= n", TYPE + ">=, operand type: L"),
        ("n BETWEEN :ss AND :ss", TYPE + "BETWEEN, operand type: SS"),
        (":nil BETWEEN :one AND :ten", TYPE + "BETWEEN, operand type: NULL"),
        ("begins_with(s, :ten)", TYPE + "begins_with, operand type: N"),
        ("begins_with(:ss, :a)", TYPE + "begins_with, operand type: SS"),
        ("begins_with(s, size(t))", TYPE + "begins_with, operand type: N"),
        ("attribute_type(s, :ten)", TYPE + "attribute_type, operand type: N"),
        ("attribute_type(s, t)", TYPE + "attribute_type, operand type: {NS,SS,L,BS,N,M,B,BOOL,NULL,S}"),
        ("attribute_type(s, size(t))", TYPE + "attribute_type, operand type: N"),
        ("size(:ten) > :one", TYPE + "size, operand type: N"),
        ("size(:yes) > :one", TYPE + "size, operand type: BOOL"),
        ("size(:nil) > :one", TYPE + "size, operand type: NULL"),
        ("size(size(s)) > :one", TYPE + "size, operand type: N"),
        ("attribute_type(s, :X)", "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"),
        ("attribute_exists(:a)", "Operator or function requires a document path; operator or function: attribute_exists"),
        (
            "attribute_not_exists(size(s))",
            "Operator or function requires a document path; operator or function: attribute_not_exists",
        ),
        ("attribute_exists(s, t)", COUNT + "attribute_exists, number of operands: 2"),
        ("attribute_type(s)", COUNT + "attribute_type, number of operands: 1"),
        ("begins_with(s)", COUNT + "begins_with, number of operands: 1"),
        ("contains(s, :a, :c)", COUNT + "contains, number of operands: 3"),
        ("size(s, t) > :one", COUNT + "size, number of operands: 2"),
        (f"s IN ({', '.join([':a'] * 101)})", COUNT + "IN, number of operands: 101"),
        ("s = s", SAME + "=, first operand: [s]"),
        ("s = #s", SAME + "=, first operand: [s]"),
        ("s > s", SAME + ">, first operand: [s]"),
        ("(s) <> (s)", SAME + "<>, first operand: [s]"),
        ("contains(o.l[1].a, o.l[1].a)", SAME + "contains, first operand: [o, l, [1], a]"),
        ("begins_with(s, #s)", SAME + "begins_with, first operand: [s]"),
        ("attribute_type(s, s)", SAME + "attribute_type, first operand: [s]"),
        ("s IN (:a, s)", SAME + "IN, first operand: [s]"),
        ("s BETWEEN :a AND s", SAME + "BETWEEN, first operand: [s]"),
        (
            "s BETWEEN :z AND :a",
            BOUNDS + "upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {S:z}, upper bound operand: AttributeValue: {S:a}",
        ),
        (
            "n BETWEEN :ten AND :nine",
            BOUNDS + "upper bound to be greater than or equal to lower bound; "
            "lower bound operand: AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:9}",
        ),
        (
            "n BETWEEN :one AND :a",
            BOUNDS + "same data type for lower and upper bounds; "
            "lower bound operand: AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:a}",
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["Condition", "Filter"])
def test_operands_that_no_item_could_make_right_are_refused(
    text: str, message: str, kind: Literal["Condition", "Filter"]
) -> None:
    with pytest.raises(ValidationException) as caught:
        bind(text, kind)
    assert caught.value.message == f"Invalid {kind}Expression: {message}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [(":a > :a", False), ("size(s) = size(s)", True), ("n BETWEEN :ten AND :ten", True), ("s IN (:a, :a)", False)],
)
def test_what_looks_like_a_fault_but_is_none(text: str, *, expected: bool) -> None:
    assert bind(text).matches(ITEM) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = :nope", "Attribute name is a reserved keyword"),
        ("s < :yes AND #nope = :a", "An expression attribute name"),
        ("s < :yes AND s = :nope", "An expression attribute value"),
        ("attribute_type(s, s, s)", COUNT),
        ("contains(s, size(:ten), t)", COUNT),
        ("s BETWEEN s AND :yes", SAME),
        ("n < :yes AND s = s", TYPE),
    ],
)
def test_undefined_placeholders_go_first_then_faults_in_the_order_of_the_text(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        bind(text)
    assert caught.value.message.startswith("Invalid ConditionExpression: " + message)


def test_a_value_in_a_branch_that_is_never_asked_counts_as_used() -> None:
    substitutions = Substitutions({}, {":a": {"S": "abc"}, ":b": {"S": "x"}})
    assert bind_condition("s = :a OR t = :b", substitutions).matches(ITEM)
    substitutions.refuse_unused()


def test_conditions_nested_as_deep_as_operators_allow_can_be_asked() -> None:
    text = "n = :ten"
    for place in range(99):
        text = f"NOT ({text} {'AND' if place % 2 else 'OR'} n = :a)"
    substitutions = Substitutions({}, {":ten": {"N": "10"}, ":a": {"S": "x"}})
    assert bind_condition(text, substitutions).matches(ITEM) in {True, False}
