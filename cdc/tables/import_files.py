"""Files of an import: their lines, decompressed, and the items in them; DynamoDB JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import decompressobj
from zlib import error as ZlibError  # noqa: N812  # it is a class

import orjson

from cdc.model.errors import ServiceError
from cdc.model.keys import check_item_keys
from cdc.model.values import MAX_ITEM_BYTES, Item, parse_item
from cdc.tables.buckets import BucketError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdc.model.keys import KeySchema

FILE_MAX_BYTES = 1 << 30
"""Of one file, decompressed: it is held in memory while it is read."""
FIELD_MAX_CHARACTERS = 1 << 20
"""Of one field of CSV; an item holds 400 KB."""
_GZIP = 31
"""zlib's number for the gzip format."""
_MAY_BE_SEVERAL = re.compile(rb"}\s*{")
_SPACE = re.compile(r"\s*")
_decoder = json.JSONDecoder()


class ItemError(Exception):
    """A line holds no item that the table can have; the message says why."""


@dataclass(frozen=True, slots=True)
class Format:
    """How the files of an import are written."""

    csv: bool  # else DynamoDB JSON, objects {"Item": ...}, mostly one a line
    gzip: bool
    delimiter: str = ","
    headers: tuple[str, ...] = ()  # of CSV; else they are each file's first line

    def rows(self, name: str, data: bytes) -> Iterator[Any]:
        """Yield what there is of each item in a file: its JSON, or the fields of CSV by their headers.

        Raises: BucketError for a file that can't be decompressed or is no text.
        """
        if self.gzip:
            data = _decompressed(name, data)
        if not self.csv:
            for line in filter(None, (line.strip() for line in data.splitlines())):
                yield from _objects(line) if _MAY_BE_SEVERAL.search(line) else (line,)
            return
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise BucketError("InvalidFile", f"{name} is not text in UTF-8: {error.reason}") from error
        csv.field_size_limit(FIELD_MAX_CHARACTERS)
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=self.delimiter)
        try:
            headers: Any = self.headers or next(lines, ())
            yield from (dict(zip(headers, fields, strict=False)) for fields in lines if fields)
        except csv.Error as error:
            raise BucketError("InvalidFile", f"{name} is not valid CSV: {error}") from error

    def item(self, row: Any, schema: KeySchema, types: Mapping[str, str]) -> tuple[Item, int]:
        """Make an item, and its size, of a line; `types` are those of the attributes that are not text in CSV.

        Raises: ItemError.
        """
        try:
            item, size = parse_item(_of_csv(row, types) if self.csv else _of_json(row))
            check_item_keys(schema, item)
        except ServiceError as error:
            raise ItemError(error.message or error.code) from error
        if size > MAX_ITEM_BYTES:
            raise ItemError("Item size has exceeded the maximum allowed size")
        return item, size


def _decompressed(name: str, data: bytes) -> bytes:
    """Decompress a file of one gzip member or several."""
    parts, room = [], FILE_MAX_BYTES
    while data:
        decoder = decompressobj(_GZIP)
        try:
            part = decoder.decompress(data, room)
        except ZlibError as error:
            raise BucketError("InvalidFile", f"{name} is not gzip: {error}") from error
        room -= len(part)
        if room <= 0:
            raise BucketError("FileTooLarge", f"{name} has more than {FILE_MAX_BYTES} bytes: divide it into several")
        if not decoder.eof:
            raise BucketError("InvalidFile", f"{name} ends in the middle of its gzip data")
        parts.append(part)
        data = decoder.unused_data
    return b"".join(parts)


def _objects(line: bytes) -> Iterator[bytes]:
    """Divide a line of several objects; what is no JSON stays in one piece."""
    try:
        text, start = line.decode(), 0
        while start < len(text):
            _, end = _decoder.raw_decode(text, start)
            yield text[start:end].encode()
            start = _SPACE.match(text, end).end()  # type: ignore[union-attr]  # it matches anything
    except UnicodeDecodeError:
        yield line
    except json.JSONDecodeError:
        yield text[start:].encode()


def _of_json(line: bytes) -> Any:
    try:
        record = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise ItemError(f"no JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("Item"), dict):
        raise ItemError('expected an object {"Item": {...}} in DynamoDB JSON')
    return record["Item"]


def _of_csv(row: Mapping[str, str], types: Mapping[str, str]) -> Any:
    """Take fields as text, but for those of the table's keys, which have their types; an empty one is no attribute."""
    return {name: {types.get(name, "S"): field} for name, field in row.items() if name and field}
