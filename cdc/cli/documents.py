"""JSON documents in a file: one a line, or one after the other over as many lines as they like."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.cli.rows import BadLineError, text_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Document(NamedTuple):
    """A value, where it stands, and its text."""

    line: int  # that it begins on
    value: Any
    text: str


_BLANK = re.compile(r"\s*")


def documents(source: Iterable[bytes]) -> Iterator[Document]:
    """Read the documents of a file. Where the first line is one, each line is, and it is given as soon as it is read.

    Raises: BadLineError.
    """
    lines = text_lines(source)
    first = next(((number, text) for number, text in lines if not text.isspace()), None)
    if first is None:
        return
    if not _is_whole(first[1]):
        yield from _joined(first, lines)
        return
    for number, text in chain([first], lines):
        if text.isspace():
            continue
        document, end = _decode(text, 0, number)
        if _skip_blank(text, end) < len(text):
            raise BadLineError(number, f"more than one JSON document: {text[end:].strip()[:40]}")
        yield document


def _is_whole(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _joined(first: tuple[int, str], others: Iterator[tuple[int, str]]) -> Iterator[Document]:
    """Read documents that go on over the ends of lines."""
    number, text = first
    text += "".join(other for _, other in others)
    position = _skip_blank(text, 0)
    while position < len(text):
        document, end = _decode(text, position, number + text.count("\n", 0, position))
        yield document
        position = _skip_blank(text, end)


def _decode(text: str, start: int, line: int) -> tuple[Document, int]:
    """Read the document that begins at `start`, on that line; return where it ends."""
    start = _skip_blank(text, start)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise BadLineError(line + text.count("\n", start, error.pos), f"not JSON: {error.msg}") from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, NaN, or nested too deeply
        raise BadLineError(line, f"JSON that can't be read: {error}") from None
    return Document(line, value, text[start:end]), end


def _skip_blank(text: str, start: int) -> int:
    match = _BLANK.match(text, start)
    assert match is not None
    return match.end()


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
