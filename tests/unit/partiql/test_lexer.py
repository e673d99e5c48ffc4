"""Tokens of statements: what is told apart, and where it stands."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.partiql.lexer import END, NAME, NUMBER, STRING, WORD, place, tokenise


def tokens(text):
    return [(token.kind, token.text) for token in tokenise(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("select Select SELECT", [("SELECT", "select"), ("SELECT", "Select"), ("SELECT", "SELECT")]),
        ("value all_ $a _b2", [(WORD, "value"), (WORD, "all_"), (WORD, "$a"), (WORD, "_b2")]),
        ("'a' 'it''s' ''", [(STRING, "a"), (STRING, "it's"), (STRING, "")]),
        ('"a" "a""b" "select"', [(NAME, "a"), (NAME, 'a"b'), (NAME, "select")]),
        ("'a\"b' \"a'b\"", [(STRING, 'a"b'), (NAME, "a'b")]),
        ("1 1. .5 1.5e-3 2E+7", [(NUMBER, text) for text in ("1", "1.", ".5", "1.5e-3", "2E+7")]),
        ("-1", [("-", "-"), (NUMBER, "1")]),
        ("<<1>>", [("<<", "<<"), (NUMBER, "1"), (">>", ">>")]),
        ("a<=b!=c", [(WORD, "a"), ("<=", "<="), (WORD, "b"), ("!=", "!="), (WORD, "c")]),
        ("<>>=<", [("<>", "<>"), (">=", ">="), ("<", "<")]),
        ("?,*[]{}():;.", [(symbol, symbol) for symbol in "?,*[]{}():;."]),
        ("a -- the rest\nb /* and\nmore */ c", [(WORD, "a"), (WORD, "b"), (WORD, "c")]),
        ("'-- no comment'", [(STRING, "-- no comment")]),
        ("'é'", [(STRING, "é")]),
    ],
)
def test_a_statement_is_split_into(text, expected):
    assert tokens(text) == expected


def test_the_last_token_is_the_end():
    assert tokenise("a ")[-1] == (END, "", 2, 2)


@pytest.mark.parametrize("text", ["'a", 'select "a', "'a''", "'", "a /* b"])
def test_of_a_quote_that_does_not_end_nothing_is_said(text):
    with pytest.raises(ValidationException, match=r"^Statement wasn't well formed, can't be processed: $"):
        tokenise(text)


@pytest.mark.parametrize(
    ("text", "at"), [("a §", "1:3"), ("a\n  é", "2:3"), ("-- c\n#", "2:1"), ("`x`", "1:1"), ("-- §\n\\", "2:1")]
)
def test_an_illegal_character_is_shown_by_its_place(text, at):
    with pytest.raises(ValidationException, match=f"processed: Unexpected character at {at}:1$"):
        tokenise(text)


def test_lines_and_columns_are_counted_from_one():
    assert [place("ab\ncd\n", offset) for offset in (0, 1, 3, 4, 6)] == ["1:1", "1:2", "2:1", "2:2", "3:1"]
