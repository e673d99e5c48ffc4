"""Conditions of WHERE: which of them bind tighter, and how they read as trees of expressions."""

from __future__ import annotations

import pytest

from cdc.expressions.syntax import Between, Comparison, Function, Junction, Membership, Negation, Path, Value
from cdc.model.errors import ValidationException
from cdc.partiql.conditions import ConditionParser
from cdc.partiql.syntax import Scalar
from cdc.partiql.terms import MAX_NESTING

A, B, C = Path(("a",)), Path(("b",)), Path(("c",))


def parse(text):
    parser = ConditionParser(text)
    tree = parser.condition()
    parser.expect("end")
    return tree


def equal(path, place):
    return Comparison("=", path, Value(f":{place}"))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = 1", equal(A, 0)),
        ("1 = a", Comparison("=", Value(":0"), A)),
        ("a >= b", Comparison(">=", A, B)),
        ("(a) < ((b))", Comparison("<", A, B)),
        ("a BETWEEN 1 AND b", Between(A, Value(":0"), B)),
        ("a IN (1, b)", Membership(A, (Value(":0"), B))),
        ("a IN [1]", Membership(A, (Value(":0"),))),
        ("a in <<1>>", Membership(A, (Value(":0"),))),
        ("a IS MISSING", Function("attribute_not_exists", (A,))),
        ("a is not missing", Function("attribute_exists", (A,))),
        ("a = MISSING", Function("attribute_not_exists", (A,))),
        ("a <> MISSING", Function("attribute_exists", (A,))),
        ("a IS NULL", Function("attribute_type", (A, Value(":0")))),
        ("a IS NOT NULL", Negation(Function("attribute_type", (A, Value(":0"))))),
        ("Begins_With(a, 'x')", Function("begins_with", (A, Value(":0")))),
        ("CONTAINS(a, b)", Function("contains", (A, B))),
        ("attribute_type(a, 'S')", Function("attribute_type", (A, Value(":0")))),
        ("size(a) > 1", Comparison(">", Function("size", (A,)), Value(":0"))),
        ("(size(a)) = size(b)", Comparison("=", Function("size", (A,)), Function("size", (B,)))),
        ("NOT a = 1", Negation(equal(A, 0))),
        ("NOT NOT a = 1", equal(A, 0)),
        ("NOT (a = 1)", Negation(equal(A, 0))),
        ("a = 1 OR b = 2 AND c = 3", Junction("OR", (equal(A, 0), Junction("AND", (equal(B, 1), equal(C, 2)))))),
        ("(a = 1 OR b = 2) AND c = 3", Junction("AND", (Junction("OR", (equal(A, 0), equal(B, 1))), equal(C, 2)))),
        ("NOT a = 1 AND b = 2", Junction("AND", (Negation(equal(A, 0)), equal(B, 1)))),
        ("a BETWEEN 1 AND 2 AND b = 3", Junction("AND", (Between(A, Value(":0"), Value(":1")), equal(B, 2)))),
    ],
)
def test_a_condition_reads(text, tree):
    assert parse(text) == tree


@pytest.mark.parametrize("operator", ["<>", "!="])
def test_a_missing_attribute_does_not_differ_as_it_does_in_expressions(operator):
    exists = Function("attribute_exists", (A,))
    assert parse(f"a {operator} 1") == Junction("AND", (exists, Comparison("<>", A, Value(":0"))))
    assert parse(f"'x' {operator} 1") == Comparison("<>", Value(":0"), Value(":1"))


def test_null_is_a_type():
    parser = ConditionParser("a IS NULL")
    parser.condition()
    assert parser.templates == {":0": Scalar("S", "NULL")}


@pytest.mark.parametrize(
    "text",
    [
        *("a", "a =", "= 1", "1", "size(a)", "a = b = c", "(a = 1", "a = 1)", "NOT a", "a AND b = 1", "a = 1 AND"),
        *("a = (b = 1)", "a = begins_with(a, 'x')", "begins_with(a, 'x') = 1", "size(a) IS MISSING", "1 IS NULL"),
        *("a IN 1", "a IN ()", "a IN (1", "a IN ?", "a IS 1", "a < MISSING", "MISSING = a", "a = 1 + 2"),
        *("exists(a)", "attribute_exists(a)", "BEGINS_WITH (a, 'x'", "a LIKE 'x'", "a BETWEEN 1 OR 2", "a NOT IN (1)"),
    ],
)
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(ValidationException, match=r"^Statement wasn't well formed, can't be processed: "):
        parse(text)


def test_parentheses_go_no_deeper_than_a_bound():
    parse("(" * MAX_NESTING + "a = 1" + ")" * MAX_NESTING)
    with pytest.raises(ValidationException, match=f"More than {MAX_NESTING} parentheses inside each other$"):
        parse("(" * (MAX_NESTING + 1) + "a = 1" + ")" * (MAX_NESTING + 1))
    parse("NOT " * 2000 + "a = 1")
    parse(" AND ".join(["a = 1"] * 1000))
