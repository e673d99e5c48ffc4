"""The lexis of expressions: from text to tokens, and the syntax error that points at one of them."""

from __future__ import annotations

import re
from typing import NamedTuple

from cdc.expressions.syntax import InvalidExpressionError

WORD = "word"
NAME = "#"
VALUE = ":"
DIGITS = "digits"
ILLEGAL = "illegal"
END = "end"

_token = re.compile(
    r"""[ \t\r\n]*(?:
        (?P<word>[A-Za-z][A-Za-z0-9_]*)
      | (?P<name>\#[A-Za-z0-9_]+)
      | (?P<value>:[A-Za-z0-9_]+)
      | (?P<digits>[0-9]+)
      | (?P<symbol><>|<=|>=|[=<>()\[\].,+-])
      | (?P<end>\Z)
      | (?P<illegal>.)
    )""",
    re.VERBOSE | re.DOTALL,
).match

_KINDS = {"name": NAME, "value": VALUE, "digits": DIGITS, "end": END, "illegal": ILLEGAL}


class Token(NamedTuple):
    """One token; `kind` is a constant of this module, or the keyword in capitals, or the symbol itself."""

    kind: str
    text: str
    start: int
    end: int


def tokenise(text: str, keywords: frozenset[str]) -> list[Token]:
    """Split an expression into tokens, the last of them END; `keywords` in any case stand out from other words."""
    tokens = []
    position = 0
    while True:
        match = _token(text, position)
        assert match is not None  # any character is at least illegal
        group = match.lastgroup or END
        token = match[group]
        start, position = match.span(group)
        if group == "end":
            tokens.append(Token(END, "<EOF>", start, start))
            return tokens
        kind = _KINDS.get(group, token)
        if group == "word":
            kind = token.upper() if token.upper() in keywords else WORD
        tokens.append(Token(kind, token, start, position))


def syntax_error(text: str, tokens: list[Token], index: int) -> InvalidExpressionError:
    """Build the error for the token at `index`, with a window that runs from the token before it to the one after.

    DynamoDB: expressions, `Syntax error; token: "1", near: "VALUE 1"`.
    """
    token = tokens[index]
    first = tokens[index - 1] if index else token
    if token.kind == END:
        end = first.end
    elif token.kind == ILLEGAL:
        end = token.end + 1
    else:
        end = tokens[index + 1].end
    return InvalidExpressionError(f'Syntax error; token: "{token.text}", near: "{text[first.start : end].rstrip()}"')
