"""The grammar of updates: what is accepted, and the faults that the text alone shows."""

from __future__ import annotations

import pytest

from cdc.expressions.syntax import Action, Arithmetic, Function, InvalidExpressionError, Path, Value
from cdc.expressions.update_parser import parse_update

A, B, C = Path(("a",)), Path(("b",)), Path(("c",))
V, W = Value(":v"), Value(":w")


@pytest.mark.parametrize(
    ("text", "actions"),
    [
        ("SET a = :v", [Action("SET", A, V)]),
        ("set a=:v,b=c", [Action("SET", A, V), Action("SET", B, C)]),
        ("SET a = b + :v", [Action("SET", A, Arithmetic("+", B, V))]),
        ("SET a = (b - :v)", [Action("SET", A, Arithmetic("-", B, V))]),
        ("SET a = (b) + (c)", [Action("SET", A, Arithmetic("+", B, C))]),
        ("SET a = b + (c - :v)", [Action("SET", A, Arithmetic("+", B, Arithmetic("-", C, V)))]),
        ("SET a = (b + c) - :v", [Action("SET", A, Arithmetic("-", Arithmetic("+", B, C), V))]),
        ("SET a = if_not_exists(b, :v) + :w", [
            Action("SET", A, Arithmetic("+", Function("if_not_exists", (B, V)), W))]),
        ("SET a = if_not_exists(b, :v + :w)", [
            Action("SET", A, Function("if_not_exists", (B, Arithmetic("+", V, W))))]),
        ("SET a = list_append(if_not_exists(a, :v), (:w))", [
            Action("SET", A, Function("list_append", (Function("if_not_exists", (A, V)), W)))]),
        ("REMOVE a, b.c[2]", [Action("REMOVE", A), Action("REMOVE", Path(("b", "c", 2)))]),
        ("ADD a :v, b :w", [Action("ADD", A, V), Action("ADD", B, W)]),
        ("Delete a :v", [Action("DELETE", A, V)]),
        ("REMOVE a SET b = :v DELETE c :v", [
            Action("REMOVE", A), Action("SET", B, V), Action("DELETE", C, V)]),
    ],
)  # fmt: skip
def test_updates_are_read_into_actions(text: str, actions: list[Action]) -> None:
    assert list(parse_update(text).tree) == actions


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("a = :v", "a"),
        ("SET", "<EOF>"),
        ("SET a", "<EOF>"),
        ("SET a =", "<EOF>"),
        ("SET a = :v,", "<EOF>"),
        ("SET a = :v b = :v", "b"),
        ("SET a = :v, SET b = :v", "SET"),
        ("SET a = b + c + d", "+"),
        ("SET a = b + 1", "1"),
        ("SET a = b * c", "*"),
        ("SET (a = b)", "("),
        ("SET :v = a", ":v"),
        ("SET a = list_append(b + c, d)", "+"),
        ("SET a = if_not_exists(b + c, d)", "+"),
        ("SET a = list_append()", ")"),
        ("SET a = (b", "<EOF>"),
        ("SET a = b)", ")"),
        ("SET a = b.c(d)", "("),
        ("SET a += :v", "+"),
        ("REMOVE", "<EOF>"),
        ("REMOVE a :v", ":v"),
        ("REMOVE a b", "b"),
        ("ADD a", "<EOF>"),
        ("ADD a b", "b"),
        ("ADD a = :v", "="),
        ("ADD a (:v)", "("),
        ("DELETE a", "<EOF>"),
        ("DELETE a b", "b"),
        ("REMOVE delete", "delete"),
    ],
)
def test_syntax_errors_name_the_first_token_that_does_not_fit(text: str, token: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        parse_update(text)
    assert str(caught.value).startswith(f'Syntax error; token: "{token}", near: "')


REDUNDANT = "The expression has redundant parentheses;"
RESERVED = "Attribute name is a reserved keyword; reserved keyword: "
UNKNOWN = "Invalid function name; function: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SET a = ((b))", REDUNDANT),
        ("SET a = ((b + c))", REDUNDANT),
        ("SET a = ((b + c)) - d", REDUNDANT),
        ("SET a = nothing(b)", UNKNOWN + "nothing"),
        ("SET a = If_Not_Exists(b, :v)", UNKNOWN + "If_Not_Exists"),
        ("SET Status = :v", RESERVED + "Status"),
        ("SET a = b.delete", RESERVED + "delete"),
        ("SET a = :v SET b = :v", 'The "SET" section can only be used once in an update expression;'),
        ("add a :v REMOVE b ADD c :v", 'The "ADD" section can only be used once in an update expression;'),
        ("REMOVE a remove b", 'The "REMOVE" section can only be used once in an update expression;'),
        ("DELETE a :v DELETE b :v", 'The "DELETE" section can only be used once in an update expression;'),
    ],
)
def test_faults_that_the_text_alone_shows(text: str, message: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        parse_update(text)
    assert str(caught.value) == message


def test_faults_go_by_kind_not_by_place() -> None:
    """Syntax, parentheses, reserved word, unknown function, repeated section."""
    faults = ["REMOVE a", "REMOVE b", "SET c = nothing(d)", ", name = :v", ", e = ((f))", ", g ="]
    messages = ["", 'The "REMOVE" section', UNKNOWN, RESERVED, REDUNDANT, "Syntax error"]
    for count, message in enumerate(messages[1:], start=2):
        with pytest.raises(InvalidExpressionError) as caught:
            parse_update(" ".join(faults[:count]))
        assert str(caught.value).startswith(message)
