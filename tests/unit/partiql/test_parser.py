"""Statements as syntax trees, and the errors of those that are none."""

from __future__ import annotations

import pytest

from cdc.expressions.syntax import Action, Arithmetic, Comparison, Function, Path, Value
from cdc.model.errors import ValidationException
from cdc.partiql.parser import parse_statement
from cdc.partiql.syntax import (
    Delete,
    Exists,
    Insert,
    Members,
    Ordering,
    Parameter,
    Returning,
    Scalar,
    Select,
    Target,
    Update,
)

A, B = Path(("a",)), Path(("b",))
T = Target("t")
EQUAL = Comparison("=", A, Value(":0"))


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("SELECT * FROM t", Select(T, None, None)),
        ('select * from "t";', Select(T, None, None)),
        ("SELECT a, b.c FROM t", Select(T, (A, Path(("b", "c"))), None)),
        ('SELECT * FROM "t"."i" WHERE a = 1', Select(Target("t", "i"), None, EQUAL)),
        ('SELECT "COUNT" FROM "a.b"', Select(Target("a.b"), (Path(("COUNT",)),), None)),
        (
            "SELECT * FROM t WHERE a = 1 ORDER BY a DESC, b ASC, c",
            Select(T, None, EQUAL, (Ordering("a", True), Ordering("b", False), Ordering("c", False))),
        ),
        ("EXISTS(SELECT * FROM t WHERE a = 1)", Exists(Select(T, None, EQUAL))),
        ("INSERT INTO t VALUE {'a': 'x'}", Insert(T, Members((("a", Scalar("S", "x")),)))),
        ("insert into t value ?", Insert(T, Parameter(0))),
        ("DELETE FROM t WHERE a = 1", Delete(T, EQUAL, None)),
        ("DELETE FROM t WHERE a = 1 RETURNING ALL OLD *", Delete(T, EQUAL, Returning(modified=False, new=False))),
    ],
)
def test_a_statement_reads(text, statement):
    assert parse_statement(text).statement == statement


SET_A = Action("SET", A, Value(":0"))


@pytest.mark.parametrize(
    ("clauses", "actions"),
    [
        ("SET a = 1", [SET_A]),
        ("SET a = 1, b = 2", [SET_A, Action("SET", B, Value(":1"))]),
        ("SET a = 1 SET b = 2 REMOVE c", [SET_A, Action("SET", B, Value(":1")), Action("REMOVE", Path(("c",)))]),
        ("REMOVE a, b[0]", [Action("REMOVE", A), Action("REMOVE", Path(("b", 0)))]),
        ("SET a = b + 1", [Action("SET", A, Arithmetic("+", B, Value(":0")))]),
        ("SET a = b -1", [Action("SET", A, Arithmetic("-", B, Value(":0")))]),
        ("SET a = -1", [SET_A]),
        ("SET a = LIST_APPEND(a, [1])", [Action("SET", A, Function("list_append", (A, Value(":0"))))]),
        (
            "SET a = list_append(list_append(?, a), b)",
            [Action("SET", A, Function("list_append", (Function("list_append", (Value(":0"), A)), B)))],
        ),
        ("SET a = set_add(b, <<1>>)", [Action("SET", A, Function("set_add", (B, Value(":0"))))]),
        ("SET a = Set_Delete(a, ?)", [Action("SET", A, Function("set_delete", (A, Value(":0"))))]),
    ],
)
def test_an_update_reads(clauses, actions):
    statement = parse_statement(f"UPDATE t {clauses} WHERE a = 9").statement
    assert isinstance(statement, Update)
    assert list(statement.actions) == actions


@pytest.mark.parametrize("part", ["ALL", "MODIFIED"])
@pytest.mark.parametrize("image", ["OLD", "NEW"])
def test_an_update_may_return_any_part_of_either_image(part, image):
    statement = parse_statement(f"UPDATE t SET a = 1 WHERE a = 1 returning {part.lower()} {image.lower()} *").statement
    assert isinstance(statement, Update)
    assert statement.returning == Returning(part == "MODIFIED", image == "NEW")
    assert str(statement.returning) == f"RETURNING {part} {image} *"


def test_parameters_are_counted_in_the_order_of_the_text():
    parsed = parse_statement("UPDATE t SET a = ?, b = [?, 1] WHERE a = ? AND b IN (?, 'x')")
    assert parsed.parameter_count == 4
    assert parsed.templates[":2"] == Parameter(2)
    assert parsed.templates[":3"] == Parameter(3)


WRONG = "Statement wasn't well formed, can't be processed: "
DELETE_OLD = ". Only RETURNING ALL OLD * is allowed in DELETE statements."
TWO_COMPONENTS = "A path may contain at most 2 components in the FROM clause"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"{WRONG}Expected data manipulation"),
        ("CREATE TABLE t", f"{WRONG}Expected data manipulation"),
        ("SELECT * FROM t WHERE a = 'x", WRONG),
        ("SELECT COUNT(*) FROM t", "Unexpected path component at 1:8:5"),
        ("select\n  count(a) FROM t", "Unexpected path component at 2:3:5"),
        ("SELECT a, Sum(b) FROM t", "Unexpected path component at 1:11:3"),
        ("SELECT * FROM a.b.c", TWO_COMPONENTS),
        ('SELECT * FROM "t".""', "Path component cannot be an empty string"),
        (
            'INSERT INTO "t"."i" VALUE {\'a\': 1}',
            "FROM clause may only contain a single table name in data manipulation statements at 1:13:3",
        ),
        ('UPDATE "t"."i" SET a = 1 WHERE b = 1', "This operation is not supported on an index"),
        ('DELETE FROM "t"."i" WHERE b = 1', "This operation is not supported on an index"),
        ('DELETE FROM "t"."i".x WHERE b = 1', TWO_COMPONENTS),
        *(
            (f"DELETE FROM t WHERE a = 1 {returning}", f"Invalid returning clause: {returning}{DELETE_OLD}")
            for returning in ("RETURNING MODIFIED OLD *", "RETURNING ALL NEW *", "RETURNING MODIFIED NEW *")
        ),
        ("SELECT * FROM t LIMIT 5", "Unsupported clause: LIMIT at 1:17:5"),
        ("SELECT * FROM t WHERE a = 1 GROUP BY a", "Unsupported clause: GROUP at 1:29:5"),
        ("SELECT FROM t", f"{WRONG}Unexpected keyword at 1:8:4"),
        ("SELECT * t", f"{WRONG}Unexpected token at 1:10:1"),
        ("SELECT * FROM t x", f"{WRONG}Unexpected token at 1:17:1"),
        ("SELECT a AS b FROM t", f"{WRONG}Unexpected token at 1:10:2"),
        ("SELECT * FROM t WHERE", f"{WRONG}Unexpected end of statement at 1:22:0"),
        ("SELECT * FROM t; SELECT * FROM t", f"{WRONG}Unexpected keyword at 1:18:6"),
        ("INSERT INTO t VALUES {'a': 1}", f"{WRONG}Unexpected token at 1:15:6"),
        ("INSERT INTO t VALUE 'a'", f"{WRONG}Unexpected token at 1:21:3"),
        ("UPDATE t WHERE a = 1", f"{WRONG}Unexpected keyword at 1:10:5"),
        ("UPDATE t SET a WHERE a = 1", f"{WRONG}Unexpected keyword at 1:16:5"),
        ("UPDATE t SET a = b + c + d", f"{WRONG}Unexpected token at 1:24:1"),
        ("UPDATE t SET a = if_not_exists(a, 1)", f"{WRONG}Unexpected function if_not_exists at 1:18:13"),
        ("UPDATE t SET a = list_append(set_add(a, <<1>>), b)", f"{WRONG}Unexpected function set_add at 1:30:7"),
        ("UPDATE t SET a = set_add(<<1>>, a)", f"{WRONG}Unexpected token at 1:26:2"),
        ("UPDATE t SET a = 1 RETURNING *", f"{WRONG}Unexpected token at 1:30:1"),
        ("INSERT INTO t VALUE {'a': 1} RETURNING ALL OLD *", f"{WRONG}Unexpected keyword at 1:30:9"),
    ],
)
def test_what_is_no_statement_is_refused_with(text, message):
    with pytest.raises(ValidationException) as caught:
        parse_statement(text)
    assert caught.value.message == message


def test_calls_inside_each_other_have_a_bound():
    with pytest.raises(ValidationException, match="Too many calls inside each other at "):
        parse_statement("UPDATE t SET a = " + "list_append(a, " * 65 + "a" + ")" * 65)
