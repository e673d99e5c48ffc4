"""Tokens of an expression, and the window that a syntax error shows."""

from __future__ import annotations

import pytest

from cdc.expressions.lexer import syntax_error, tokenise

KEYWORDS = frozenset({"AND", "SET"})


def kinds(text: str) -> list[str]:
    return [token.kind for token in tokenise(text, KEYWORDS)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["end"]),
        (" \t\r\n ", ["end"]),
        ("a1_B", ["word", "end"]),
        ("and AND aNd sets", ["AND", "AND", "AND", "word", "end"]),
        ("#n :v #1 :_ ", ["#", ":", "#", ":", "end"]),
        ("#a.b[10]", ["#", ".", "word", "[", "digits", "]", "end"]),
        ("<><=>=<>=", ["<>", "<=", ">=", "<>", "=", "end"]),
        ("a+b-c,(d)", ["word", "+", "word", "-", "word", ",", "(", "word", ")", "end"]),
        ("1a", ["digits", "word", "end"]),
    ],
)
def test_text_is_split_into_tokens_with_keywords_in_any_case(text: str, expected: list[str]) -> None:
    assert kinds(text) == expected


@pytest.mark.parametrize("text", ["_a", "!", "'", '"', "é", "\N{NO-BREAK SPACE}", "#", ":", "\\", "*", "/", "\0"])
def test_what_no_expression_may_hold_is_an_illegal_token(text: str) -> None:
    assert kinds(text)[0] == "illegal"


@pytest.mark.parametrize(
    ("text", "index", "token", "near"),
    [
        ("INVALID SYNTAX HERE", 0, "INVALID", "INVALID SYNTAX"),
        ("!!! INVALID !!!", 0, "!", "!!"),
        ("SET path = VALUE 1", 4, "1", "VALUE 1"),
        ("a = 0)", 2, "0", "= 0)"),
        ("a =  ", 2, "<EOF>", "="),
        ("  ", 0, "<EOF>", ""),
        ("a", 0, "a", "a"),
    ],
)
def test_a_syntax_error_shows_the_token_between_its_neighbours(text: str, index: int, token: str, near: str) -> None:
    error = syntax_error(text, tokenise(text, KEYWORDS), index)
    assert str(error) == f'Syntax error; token: "{token}", near: "{near}"'
