"""Statements prepared and bound: their conditions, the tests that keys can have, and what is refused before any table."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.model.errors import ValidationException
from cdc.partiql.prepared import KeyTest, prepare, target_named

ITEM: dict[str, dict[str, Any]] = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "null": {"NULL": True},
    "l": {"L": [{"N": "1"}]},
    "ss": {"SS": ["a", "b"]},
    "#odd": {"S": "x"},
}


def where(condition, *parameters):
    bound = prepare(f"SELECT * FROM t WHERE {condition}").bind(parameters or None)
    joined = bound.condition_without(set())
    assert joined is not None
    return joined


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("n = 5.0", True),
        ("n = '5'", False),
        ("n <> 4", True),
        ("n != '4'", True),
        ("none <> 4", False),
        ("NOT none = 4", True),
        ("NOT none <> 4", True),
        ("none <> s", False),
        ("none = 4", False),
        ("n BETWEEN 4 AND 5 AND s > 'h'", True),
        ("n < 'x'", False),
        ("ss = <<'b', 'a'>>", True),
        ("l = [1]", True),
        ("l = [2]", False),
        ("n IN (1, 5)", True),
        ("none IN (1)", False),
        ("n = 1 OR s = 'hello' AND n = 5", True),
        ("(n = 1 OR s = 'hello') AND n = 4", False),
        ("none IS MISSING", True),
        ("none IS NULL", False),
        ("null IS NULL", True),
        ("null IS NOT MISSING", True),
        ("n IS NOT NULL", True),
        ("null = NULL", True),
        ("begins_with(s, 'he')", True),
        ("contains(ss, 'b') AND NOT contains(s, 'x')", True),
        ("size(s) = 5", True),
        ("size(n) <> 5", False),
        ("attribute_type(s, 'S')", True),
        ("\"#odd\" = 'x'", True),
        ("l[0] = 1", True),
    ],
)
def test_a_condition_is_true_of(condition, expected):
    condition = condition.replace("null ", '"null" ')
    assert where(condition).matches(ITEM) is expected


def test_parameters_stand_where_values_may():
    condition = where("n = ? AND s IN (?, 'x') AND l = [?]", {"N": "5"}, {"S": "hello"}, {"N": "1"})
    assert condition.matches(ITEM)
    assert condition.paths == (("n",), ("s",), ("l",))


@pytest.mark.parametrize(
    ("condition", "tests"),
    [
        ("a = 1", [KeyTest("a", "=", (":0",))]),
        ("1 = a AND 2 < b", [KeyTest("a", "=", (":0",)), KeyTest("b", ">", (":1",))]),
        ("a BETWEEN 1 AND 2", [KeyTest("a", "BETWEEN", (":0", ":1"))]),
        ("begins_with(a, 'x')", [KeyTest("a", "begins_with", (":0",))]),
        ("a IN (1, ?)", [KeyTest("a", "IN", (":0", ":1"))]),
        ("a IN (1, b)", [None]),
        ("(a = 1 AND (b = 2 AND c = 3))", [KeyTest(name, "=", (f":{place}",)) for place, name in enumerate("abc")]),
        ("a = 1 OR b = 2", [None]),
        ("NOT a = 1", [None]),
        ("a <> 1", [None, None]),
        ("a = b", [None]),
        ("a.b = 1", [None]),
        ("size(a) = 1", [None]),
        ("contains(a, 'x')", [None]),
    ],
)
def test_tests_that_keys_can_have_are_told_from_others(condition, tests):
    conjuncts = prepare(f"SELECT * FROM t WHERE {condition}").conjuncts
    assert [conjunct.test for conjunct in conjuncts] == tests


def test_conditions_that_a_key_has_answered_are_left_out():
    bound = prepare("SELECT * FROM t WHERE n = 4 AND s = 'hello' AND 3 <= n").bind(None)
    assert list(bound.tests("n")) == [(0, "=", [{"N": "4"}]), (2, ">=", [{"N": "3"}])]
    left = bound.condition_without({0})
    assert left is not None
    assert left.matches(ITEM)
    assert bound.condition_without({0, 1, 2}) is None


def test_reads_are_told_from_writes():
    assert prepare("SELECT * FROM t").is_read
    for text in (
        "INSERT INTO t VALUE {'a': 1}",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "EXISTS(SELECT * FROM t WHERE a = 1)",
    ):
        assert not prepare(text).is_read


def test_an_update_is_bound_with_its_values():
    bound = prepare("UPDATE t SET a = n + ?, ss = set_add(ss, <<'c'>>) REMOVE s WHERE n = 5").bind([{"N": "2"}])
    assert bound.update is not None
    assert bound.update.apply(ITEM) == {name: ITEM[name] for name in ITEM if name != "s"} | {
        "a": {"N": "7"},
        "ss": {"SS": ["a", "b", "c"]},
    }


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("ss = set_delete(ss, <<'a'>>)", {"ss": {"SS": ["b"]}}),
        ("ss = set_delete(ss, <<'a', 'b'>>)", {"ss": None}),
        ("x = set_add(ss, <<'c'>>)", {"x": {"SS": ["a", "b", "c"]}}),
        ("x = set_add(x, <<'c'>>)", {"x": {"SS": ["c"]}}),
        ("x = set_delete(x, <<'c'>>)", {}),
    ],
)
def test_sets_are_added_to_and_deleted_from_as_in_expressions(clause, expected):
    update = prepare(f"UPDATE t SET {clause}").bind(None).update
    assert update is not None
    assert update.apply(ITEM) == {name: value for name, value in (ITEM | expected).items() if value is not None}


def test_an_item_to_insert_is_filled_in():
    bound = prepare("INSERT INTO t VALUE {'a': ?}").bind([{"N": "1.0"}])
    assert bound.item == ({"a": {"N": "1"}}, 3)


WRONG_TYPE = "Incorrect operand type for operator or function; operator or function: {}, operand type: {}"


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FROM t WHERE a < TRUE", WRONG_TYPE.format("<", "BOOL")),
        ("SELECT * FROM t WHERE a >= NULL", WRONG_TYPE.format(">=", "NULL")),
        ("SELECT * FROM t WHERE a BETWEEN [1] AND [2]", WRONG_TYPE.format("BETWEEN", "L")),
        ("SELECT * FROM t WHERE a > <<1>>", WRONG_TYPE.format(">", "NS")),
        ("SELECT * FROM t WHERE begins_with(a, 1)", WRONG_TYPE.format("begins_with", "N")),
        ("UPDATE t SET a = a + 'x'", WRONG_TYPE.format("+", "S")),
        ("UPDATE t SET a = set_add(a, 1)", WRONG_TYPE.format("set_add", "N")),
        (
            "UPDATE t SET a = 1, a.b = 2",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [a], path two: [a, b]"
            ),
        ),
        (
            f"SELECT * FROM t WHERE a IN ({', '.join(['1'] * 101)})",
            "Incorrect number of operands for operator or function; operator or function: IN, number of operands: 101",
        ),
        ("SELECT * FROM t WHERE a = ?", "Number of parameters in request and statement don't match."),
    ],
)
def test_what_can_be_known_without_a_table_is_refused(statement, message):
    with pytest.raises(ValidationException) as caught:
        prepare(statement).bind(None)
    assert caught.value.message == message


def test_a_prepared_statement_is_remembered_and_so_is_its_error():
    text = "SELECT * FROM t WHERE remembered = 1"
    assert prepare(text) is prepare(text)
    for _ in range(2):
        with pytest.raises(ValidationException, match="Expected data manipulation"):
            prepare("remembered")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("SELECT * FROM t.i", ("t", "i")),
        ('EXISTS(SELECT * FROM "t")', ("t", None)),
        ("DELETE FROM u", ("u", None)),
        ("garbage", None),
    ],
)
def test_what_a_statement_names_is_known_without_its_parameters(text, names):
    assert target_named(text) == names
