"""Items from the lines of a JSON-lines or CSV file, in DynamoDB's types, each with the number of its line."""

from __future__ import annotations

import csv
import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.cli.errors import CommandError
from cdc.cli.values import parse_item

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    Item = dict[str, Any]

SAMPLE_ROWS = 1000
"""Rows of a CSV file that decide which columns hold numbers."""
FIELD_MAX_CHARACTERS = 1 << 20
"""Of one field; an item holds 400 KB."""
NUMBER_MAX_DIGITS = 38
COLUMN_TYPES = ("S", "N", "BOOL")

# As JSON writes numbers: a leading zero or plus is an identifier's, such as a zip code's or a telephone number's.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_BOOLS = {"true": True, "false": False, "1": True, "0": False}


class Row(NamedTuple):
    """An item and the line that it ends on."""

    line: int
    item: Item


class BadLineError(Exception):
    """A line that is no item."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.reason = reason


class CsvOptions(NamedTuple):
    """How the fields of a CSV file become values."""

    types: Mapping[str, str]  # types that are known: of key attributes and of --columns
    missing: frozenset[str]  # fields that stand for no value


def json_rows(source: Iterable[bytes], *, typed: bool) -> Iterator[Row]:
    """Read an item from each line that is not blank.

    Raises: BadLineError.
    """
    for number, text in text_lines(source):
        if text.isspace():
            continue
        try:
            yield Row(number, parse_item(text, typed=typed))
        except CommandError as error:
            raise BadLineError(number, error.message) from None


def csv_rows(source: Iterable[bytes], options: CsvOptions) -> Iterator[Row]:
    """Read an item from each row below the header; a field without a value is left out.

    A column of no known type is N when each value in the first rows is a number, else S.

    Raises: BadLineError.
    """
    csv.field_size_limit(FIELD_MAX_CHARACTERS)
    records = _csv_records(source)
    names = _header(records)
    unknown = next((name for name in options.types if name not in names), None)
    if unknown is not None:
        raise BadLineError(1, f"there is no column {unknown}; there are {', '.join(names)}")
    sample, bad = _sample(records)
    types = [options.types.get(name) or _inferred(column, options, sample) for column, name in enumerate(names)]
    for line, fields in chain(sample, () if bad else records):
        if len(fields) != len(names):
            raise BadLineError(line, f"{len(fields)} fields, where the header has {len(names)}")
        item = {}
        for name, kind, field in zip(names, types, fields, strict=True):
            if field not in options.missing:
                item[name] = {kind: _value(line, name, kind, field)}
        yield Row(line, item)
    if bad is not None:
        raise bad


def _sample(
    records: Iterator[tuple[int, list[str]]],
) -> tuple[list[tuple[int, list[str]]], BadLineError | None]:
    """Read the first rows; when one of them is none, those before it, and why it isn't."""
    sample: list[tuple[int, list[str]]] = []
    try:
        sample.extend(islice(records, SAMPLE_ROWS))
    except BadLineError as error:
        return sample, error
    return sample, None


def text_lines(source: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Give the lines of a file as text, with their numbers.

    Raises: BadLineError when one is not UTF-8.
    """
    encoding = "utf-8-sig"  # a mark at the very beginning is no text
    for number, raw in enumerate(source, start=1):
        try:
            yield number, raw.decode(encoding)
        except UnicodeDecodeError as error:
            raise BadLineError(number, f"not UTF-8 at byte {error.start + 1}") from None
        encoding = "utf-8"


def _csv_records(source: Iterable[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, with the line that each ends on."""
    reader = csv.reader((text for _, text in text_lines(source)), strict=True)
    while True:
        try:
            fields = next(reader, None)
        except csv.Error as error:
            raise BadLineError(reader.line_num, f"not CSV: {error}") from None
        if fields is None:
            return
        if fields:
            yield reader.line_num, fields


def _header(records: Iterator[tuple[int, list[str]]]) -> list[str]:
    line, names = next(records, (1, []))
    if not names:
        raise BadLineError(line, "expected a header with the names of the columns")
    for column, name in enumerate(names, start=1):
        if not name:
            raise BadLineError(line, f"column {column} has no name")
        if names.count(name) > 1:
            raise BadLineError(line, f"two columns have the name {name}")
    return names


def _inferred(column: int, options: CsvOptions, sample: Sequence[tuple[int, list[str]]]) -> str:
    fields = (fields[column] for _, fields in sample if column < len(fields))
    values = [field for field in fields if field not in options.missing]
    return "N" if values and all(map(_is_number, values)) else "S"


def _is_number(text: str) -> bool:
    match = _NUMBER.fullmatch(text)
    if match is None:
        return False
    digits = (match[1] + (match[2] or "")[1:]).strip("0")
    return len(digits) <= NUMBER_MAX_DIGITS


def _value(line: int, name: str, kind: str, field: str) -> object:
    if kind == "S":
        return field
    if kind == "N":
        if not _is_number(field):
            reason = f"{field[:40]!r} in column {name} is no number: give --columns {name}:S, or --missing for its text"
            raise BadLineError(line, reason)
        return field
    if field.lower() not in _BOOLS:
        raise BadLineError(line, f"{field[:40]!r} in column {name} is neither true nor false")
    return _BOOLS[field.lower()]
