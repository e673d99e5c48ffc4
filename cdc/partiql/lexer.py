"""The lexis of PartiQL statements: from text to tokens that know where they stand."""

from __future__ import annotations

import re
from typing import NamedTuple

from cdc.model.errors import ValidationException

WORD = "word"
"""A bare name, or a keyword that is none of `RESERVED`."""

NAME = "name"
"""A name in double quotes."""

STRING = "string"
NUMBER = "number"
END = "end"

RESERVED = frozenset(
    {
        *("SELECT", "FROM", "WHERE", "ORDER", "INSERT", "UPDATE", "SET", "REMOVE", "DELETE", "RETURNING", "EXISTS"),
        *("AND", "OR", "NOT", "BETWEEN", "IN", "IS", "MISSING", "NULL", "TRUE", "FALSE"),
    }
)
"""Keywords that are no names unless they are quoted. The others are told from names by their place."""

_SKIPPED = r"(?>(?:\s|--[^\n]*|/\*.*?\*/)*)"
_skipped = re.compile(_SKIPPED, re.DOTALL).match
_token = re.compile(
    _SKIPPED
    + r"""(?:
        (?P<word>[A-Za-z_$][A-Za-z0-9_$]*)
      | (?P<string>'(?:[^']|'')*')
      | (?P<name>"(?:[^"]|"")*")
      | (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
      | (?P<symbol><<|>>|<>|!=|<=|>=|[=<>()\[\]{},.:?*+;-])
      | (?P<end>\Z)
    )""",
    re.VERBOSE | re.DOTALL,
).match


class Token(NamedTuple):
    """One token; `kind` is a constant of this module, or the keyword in capitals, or the symbol itself."""

    kind: str
    text: str  # as it is meant: without quotes
    start: int
    end: int


def malformed(detail: str) -> ValidationException:
    """Build the error of a statement that can't be read. DynamoDB: ExecuteStatement."""
    return ValidationException(f"Statement wasn't well formed, can't be processed: {detail}")


def tokenise(statement: str) -> list[Token]:
    """Split a statement into tokens, the last of them END; raises ValidationException."""
    tokens = []
    position = 0
    while True:
        match = _token(statement, position)
        if match is None:
            raise _illegal(statement, position)
        group = match.lastgroup or END
        start, position = match.span(group)
        tokens.append(Token(*_kind_and_text(group, match[group]), start, position))
        if group == END:
            return tokens


def _kind_and_text(group: str, text: str) -> tuple[str, str]:
    if group == WORD:
        upper = text.upper()
        return (upper if upper in RESERVED else WORD), text
    if group in {STRING, NAME}:
        quote = text[0]
        return group, text[1:-1].replace(quote * 2, quote)
    return (text if group == "symbol" else group), text


def _illegal(statement: str, position: int) -> ValidationException:
    """Build the error of what is no token: a quote that doesn't end, which the service says nothing about, or a character."""
    skipped = _skipped(statement, position)
    assert skipped is not None  # nothing at all is skipped then
    start = skipped.end()
    if statement[start] in "'\"" or statement.startswith("/*", start):
        return malformed("")
    return malformed(f"Unexpected character at {place(statement, start)}:1")


def place(statement: str, offset: int) -> str:
    """Write where a character stands, as `line:column`, both counted from 1."""
    line_start = statement.rfind("\n", 0, offset)
    return f"{statement.count(chr(10), 0, offset) + 1}:{offset - line_start}"
