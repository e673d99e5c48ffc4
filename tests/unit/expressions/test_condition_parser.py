"""The grammar of conditions: what is accepted, how it is read, and the faults that the text alone shows."""

from __future__ import annotations

import pytest

from cdc.expressions.condition_parser import parse_condition
from cdc.expressions.syntax import (
    Between,
    Comparison,
    ConditionNode,
    Function,
    InvalidExpressionError,
    Junction,
    Membership,
    Negation,
    Operand,
    Path,
    Value,
)


def show(node: ConditionNode | Operand) -> str:
    """Write a tree with all of its parentheses."""
    match node:
        case Path(steps):
            return "/".join(map(str, steps))
        case Value(name):
            return name
        case Function(name, arguments):
            return f"{name}({','.join(map(show, arguments))})"
        case Comparison(operator, left, right):
            return f"[{show(left)}{operator}{show(right)}]"
        case Between(operand, lower, upper):
            return f"[{show(operand)} {show(lower)}..{show(upper)}]"
        case Membership(operand, options):
            return f"[{show(operand)} in {','.join(map(show, options))}]"
        case Negation(condition):
            return f"!{show(condition)}"
        case Junction(operator, conditions):
            return f"({f' {operator} '.join(map(show, conditions))})"
    raise AssertionError(node)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a = :v", "[a=:v]"),
        ("a.b[0].#c<>d", "[a/b/0/#c<>d]"),
        ("a . b [ 1 ] <= :v", "[a/b/1<=:v]"),
        (":v > a", "[:v>a]"),
        ("a=:v OR b=:v AND NOT c=:v", "([a=:v] OR ([b=:v] AND ![c=:v]))"),
        ("NOT a=:v AND b=:v", "(![a=:v] AND [b=:v])"),
        ("not not a=:v", "[a=:v]"),
        ("NOT (a=:v OR b=:v)", "!([a=:v] OR [b=:v])"),
        ("(a=:v OR b=:v) and c=:v", "(([a=:v] OR [b=:v]) AND [c=:v])"),
        ("a BETWEEN :v AND :w AND b=:v", "([a :v..:w] AND [b=:v])"),
        ("a between b and c or d=:v", "([a b..c] OR [d=:v])"),
        ("a IN (:v)", "[a in :v]"),
        ("a in (:v, b, (c))", "[a in :v,b,c]"),
        ("attribute_exists(a.b)", "attribute_exists(a/b)"),
        ("size(a) > size(b)", "[size(a)>size(b)]"),
        ("contains(a, size(b))", "contains(a,size(b))"),
        # parentheses around conditions, operands and the whole
        ("(a=:v) AND (b=:v)", "([a=:v] AND [b=:v])"),
        ("(a=:v AND b=:v)", "([a=:v] AND [b=:v])"),
        ("(a=:v AND (b=:v))", "([a=:v] AND [b=:v])"),
        ("((a=:v) OR (b=:v))", "([a=:v] OR [b=:v])"),
        ("((a=:v AND b=:v) AND c=:v) AND d=:v", "([a=:v] AND [b=:v] AND [c=:v] AND [d=:v])"),
        ("(a) = (:v)", "[a=:v]"),
        ("((a) = :v)", "[a=:v]"),
        ("(size(a)) > (size(b))", "[size(a)>size(b)]"),
        ("size((a)) > :v", "[size(a)>:v]"),
        ("(a) BETWEEN (b) AND (c)", "[a b..c]"),
        ("(a) IN ((:v), :w)", "[a in :v,:w]"),
        ("(NOT a=:v)", "![a=:v]"),
        ("(attribute_exists(a))", "attribute_exists(a)"),
        # names that look like keywords or functions elsewhere
        ("andy = :v AND attribute_exists = :v", "([andy=:v] AND [attribute_exists=:v])"),
    ],
)
def test_conditions_are_read_by_precedence(text: str, tree: str) -> None:
    assert show(parse_condition(text).tree) == tree


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("a", "<EOF>"),
        ("a b", "b"),
        (":v", "<EOF>"),
        ("(a)", "<EOF>"),
        ("a = ", "<EOF>"),
        ("a = :v AND", "<EOF>"),
        ("AND a = :v", "AND"),
        ("a AND b = :v", "AND"),
        ("NOT a", "<EOF>"),
        ("NOT", "<EOF>"),
        ("(NOT a) = :v", ")"),
        ("a = :v)", ")"),
        ("(a = :v", "<EOF>"),
        ("()", ")"),
        ("a = 1", "1"),
        ("a = 'x'", "'"),
        ("a = b = c", "="),
        ("(a = b) = c", "="),
        ("a + b = c", "+"),
        ("a = :v + :w", "+"),
        ("a BETWEEN :v", "<EOF>"),
        ("a BETWEEN :v OR :w", "OR"),
        ("a IN :v", ":v"),
        ("a IN ()", ")"),
        ("a IN (:v,)", ")"),
        ("a IN (:v", "<EOF>"),
        ("size()", ")"),
        ("size(a).b = :v", "."),
        ("(a.b).c = :v", "."),
        ("a..b = :v", "."),
        ("a. = :v", "="),
        (".a = :v", "."),
        ("a[b] = :v", "b"),
        ("a[:v] = :v", ":v"),
        ("a[-1] = :v", "-"),
        ("a[] = :v", "]"),
        ("a[0 = :v", "="),
        ("[0] = :v", "["),
        ("a.:v = :v", ":v"),
        ("#f(a)", "("),
        (":v(a)", "("),
        ("_a = :v", "_"),
        ("a == :v", "="),
        ("a != :v", "!"),
        ("and(a, b)", "and"),
        ("SET a = :v", "a"),
        ("attribute_exists(a = :v)", "="),
        ("((a = :v)", "<EOF>"),
        ("size(a) size(b)", "size"),
    ],
)
def test_syntax_errors_name_the_first_token_that_does_not_fit(text: str, token: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        parse_condition(text)
    assert str(caught.value).startswith(f'Syntax error; token: "{token}", near: "')


REDUNDANT = "The expression has redundant parentheses;"
MISUSED = "The function is not allowed to be used this way in an expression; function: "
UNKNOWN = "Invalid function name; function: "
RESERVED = "Attribute name is a reserved keyword; reserved keyword: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("((a = :v))", REDUNDANT),
        ("((a = :v AND b = :v))", REDUNDANT),
        ("(((a = :v) OR (b = :v)))", REDUNDANT),
        ("a > ((b))", REDUNDANT),
        ("((a)) > b", REDUNDANT),
        ("a IN (((b)))", REDUNDANT),
        ("size(((a))) > b", REDUNDANT),
        ("NOT ((a = :v))", REDUNDANT),
        ("attRIbute_exIsts(a)", UNKNOWN + "attRIbute_exIsts"),
        ("a = nothing(b)", UNKNOWN + "nothing"),
        ("size(a)", MISUSED + "size"),
        ("(size(a))", MISUSED + "size"),
        ("NOT size(a)", MISUSED + "size"),
        ("size(a) AND b = :v", MISUSED + "size"),
        ("attribute_exists(a) < :v", MISUSED + "attribute_exists"),
        ("(contains(a, b)) = :v", MISUSED + "contains"),
        (":v = begins_with(a, b)", MISUSED + "begins_with"),
        ("a IN (attribute_exists(b))", MISUSED + "attribute_exists"),
        ("a BETWEEN b AND attribute_exists(b)", MISUSED + "attribute_exists"),
        ("attribute_exists(attribute_exists(b))", MISUSED + "attribute_exists"),
        ("a = if_not_exists(a, b)", "The function is not allowed in a condition expression; function: if_not_exists"),
        ("list_append(a, b)", "The function is not allowed in a condition expression; function: list_append"),
        ("count = :v", RESERVED + "count"),
    ],
)
def test_faults_that_the_text_alone_shows(text: str, message: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        parse_condition(text)
    assert str(caught.value) == message


def test_faults_go_by_kind_not_by_place() -> None:
    """Syntax, parentheses, unknown function, misused function, reserved word."""
    faults = ["name = :v", "size(a)", "nothing(a)", "((a = :v))", "a ="]
    messages = [RESERVED + "name", MISUSED + "size", UNKNOWN + "nothing", REDUNDANT, "Syntax error"]
    for count, message in enumerate(messages, start=1):
        with pytest.raises(InvalidExpressionError) as caught:
            parse_condition(" AND ".join(faults[:count]))
        assert str(caught.value).startswith(message)
