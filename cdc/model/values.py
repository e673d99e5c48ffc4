"""Attribute values and items: parsed from the wire, normalised, measured, compared, and stored as canonical bytes.

A value stays the plain dict of DynamoDB's JSON, with one member that names its type, `{"S": "x"}`; an item is a dict of
them by attribute name. They are spliced from and to stored bytes, and a layer of classes would cost more than the rest
of a request. What parsing returns is *normalised*:

- `N` is plain decimal text (see `cdc.model.numbers`), `B` canonical base64;
- `SS` is sorted, `NS` sorted as numbers, `BS` sorted by its bytes;
- `NULL` is true, and nothing is empty, repeated or nested that must not be.

So equality of values, types included, is Python's `==`. Nobody changes a value in place: parts are shared.
"""

from __future__ import annotations

from base64 import b64decode
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from cdc.model import numbers, wire_types
from cdc.model.errors import Family, ValidationException
from cdc.model.numbers import normalise
from cdc.model.wire_types import decode_base64, refuse, utf8_size

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AttributeValue: TypeAlias = dict[str, Any]
Item: TypeAlias = dict[str, AttributeValue]

MAX_ITEM_BYTES = 409_600
"""Names and values of an item; 400 KB."""

MAX_NAME_BYTES = 65_535
"""One attribute's name, on any level."""

MAX_DEPTH = 32
"""Levels of a value: an item's own attributes are level 1."""

INVALID = "One or more parameter values were invalid: "
EMPTY_NAME = INVALID + "Empty attribute name"
NAME_TOO_LONG = INVALID + f"Attribute name is too large, must be less than {MAX_NAME_BYTES + 1} bytes"
EMPTY_VALUE = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL_TYPES = (
    "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
)
NULL_NOT_TRUE = INVALID + "Null attribute value types must have the value of true"
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

_Parsed: TypeAlias = tuple[Any, int]


def parse_item(raw: object) -> tuple[Item, int]:
    """Check and normalise a map of attribute values from the wire; return it with its size in bytes.

    `raw` is left as it was. Raises SerializationException for a wrong JSON type anywhere in it, before
    ValidationException for anything else. The limit of an item's size is the caller's to check, because its text
    differs by operation. (DynamoDB: AttributeValue; item sizes.)
    """
    try:
        item, size = _parse_members(raw, 1)
    except ValidationException:
        wire_types.check_map(raw)
        raise
    if "" in item:
        raise ValidationException(EMPTY_NAME)
    return item, size


def parse_value(raw: object) -> tuple[AttributeValue, int]:
    """Check and normalise one attribute value from the wire; return it with its size in bytes. Raises as `parse_item`.

    For ExpressionAttributeValues the caller wraps the message; `TOO_DEEP` and (on writes) `NULL_NOT_TRUE` stay bare.
    """
    try:
        return _parse_value(raw, 1)
    except ValidationException:
        wire_types.check_value(raw)
        raise


def _parse_members(raw: object, depth: int) -> tuple[Item, int]:
    """Parse a map of values that stand on level `depth`; the size is that of all names and values."""
    if not isinstance(raw, dict):
        refuse(raw, wire_types.MAP)
    item: Item = {}
    size = 0
    for name, value in raw.items():
        if not isinstance(name, str):
            refuse(name, wire_types.STRING)
        size += len(name) if name.isascii() else utf8_size(name)
        if depth <= MAX_DEPTH and isinstance(value, dict) and len(value) == 1 and "S" in value:
            text = value["S"]
            if isinstance(text, str):  # half of all values: spare them the calls
                size += len(text) if text.isascii() else utf8_size(text)
                item[name] = {"S": text}
                continue
        item[name], value_bytes = _parse_value(value, depth)
        size += value_bytes
    if size > MAX_NAME_BYTES and any(utf8_size(name) > MAX_NAME_BYTES for name in item):
        raise ValidationException(NAME_TOO_LONG)
    return item, size


def _parse_value(raw: object, depth: int) -> tuple[AttributeValue, int]:
    if depth > MAX_DEPTH:
        raise ValidationException(TOO_DEEP)
    if not isinstance(raw, dict) or len(raw) != 1:
        return _parse_unusual(raw, depth)
    [(kind, content)] = raw.items()
    parse = _PARSERS.get(kind)
    if parse is None or content is None:
        return _parse_unusual(raw, depth)
    content, size = parse(content, depth)
    return {kind: content}, size


def _parse_unusual(raw: object, depth: int) -> tuple[AttributeValue, int]:
    """Parse a value that has not one member: null-valued members count as absent, and all else is refused."""
    if raw is None:
        raise ValidationException(EMPTY_VALUE)
    if not isinstance(raw, dict):
        refuse(raw, wire_types.ATTRIBUTE_VALUE)
    present = {kind: content for kind, content in raw.items() if content is not None}
    unknown = [kind for kind in present if kind not in _PARSERS]
    if len(unknown) == len(present):
        raise ValidationException(EMPTY_VALUE)
    if unknown:
        wire_types.refuse_member(unknown[0])
    if len(present) == 1:
        return _parse_value(present, depth)
    for kind, content in present.items():  # a fault inside, such as a bad number, is reported first
        _PARSERS[kind](content, depth)
    raise ValidationException(SEVERAL_TYPES)


def _parse_string(content: object, _depth: int) -> _Parsed:
    if not isinstance(content, str):
        refuse(content, wire_types.STRING)
    return content, utf8_size(content)


def _parse_number(content: object, _depth: int) -> _Parsed:
    if not isinstance(content, str):
        refuse(content, wire_types.STRING)
    text = normalise(content)
    return text, numbers.size(text)


def _parse_binary(content: object, _depth: int) -> _Parsed:
    return content, len(decode_base64(content))


def _parse_bool(content: object, _depth: int) -> _Parsed:
    if not isinstance(content, bool):
        refuse(content, wire_types.BOOLEAN)
    return content, 1


def _parse_null(content: object, _depth: int) -> _Parsed:
    if not isinstance(content, bool):
        refuse(content, wire_types.BOOLEAN)
    if not content:
        raise ValidationException(NULL_NOT_TRUE, family=Family.REQUEST)
    return True, 1


def _parse_list(content: object, depth: int) -> _Parsed:
    if not isinstance(content, list):
        refuse(content, wire_types.LIST)
    elements = []
    size = 3 + len(content)
    for raw in content:
        element, element_bytes = _parse_value(raw, depth + 1)
        elements.append(element)
        size += element_bytes
    return elements, size


def _parse_map(content: object, depth: int) -> _Parsed:
    members, size = _parse_members(content, depth + 1)
    return members, size + 3 + len(members)


def _parse_string_set(content: object, _depth: int) -> _Parsed:
    elements = _set_elements(content, wire_types.STRING, "An string set  may not be empty")
    size = sum(map(utf8_size, elements))
    if len(set(elements)) != len(elements):
        raise _duplicates(f"{INVALID}Input collection [{', '.join(elements)}] contains duplicates.")
    return sorted(elements), size  # by code points, which is the order of UTF-8


def _parse_number_set(content: object, _depth: int) -> _Parsed:
    elements = _set_elements(content, wire_types.STRING, "An number set  may not be empty")
    texts = [normalise(element) for element in elements]
    if len(set(texts)) != len(texts):
        raise _duplicates("Input collection contains duplicates")
    return sorted(texts, key=Decimal), sum(map(numbers.size, texts))


def _parse_binary_set(content: object, _depth: int) -> _Parsed:
    elements = _set_elements(content, wire_types.BLOB, "Binary sets should not be empty")
    decoded = {element: decode_base64(element) for element in elements}
    if len(decoded) != len(elements):
        raise _duplicates(f"{INVALID}Input collection [{', '.join(elements)}]of type BS contains duplicates.")
    return sorted(elements, key=decoded.__getitem__), sum(map(len, decoded.values()))


def _duplicates(message: str) -> ValidationException:
    return ValidationException(message, family=Family.SET)


def _set_elements(content: object, expected: str, empty: str) -> list[str]:
    """Return the elements of a set, all of them strings; `empty` is the message for a set without any."""
    if not isinstance(content, list):
        refuse(content, wire_types.LIST)
    if not content:
        raise ValidationException(INVALID + empty, family=Family.SET)
    for element in content:
        if not isinstance(element, str):
            refuse(element, expected)
    return content


_PARSERS: dict[str, Callable[[Any, int], _Parsed]] = {
    "S": _parse_string,
    "N": _parse_number,
    "B": _parse_binary,
    "BOOL": _parse_bool,
    "NULL": _parse_null,
    "L": _parse_list,
    "M": _parse_map,
    "SS": _parse_string_set,
    "NS": _parse_number_set,
    "BS": _parse_binary_set,
}


def item_size(item: Item) -> int:
    """Return the bytes of a normalised item, names and values (DynamoDB: item sizes)."""
    size = 0
    for name, value in item.items():
        size += len(name) if name.isascii() else utf8_size(name)
        text = value.get("S")  # half of all values: spare them the calls
        size += len(text) if text is not None and text.isascii() else value_size(value)
    return size


def value_size(value: AttributeValue) -> int:
    """Return the bytes of a normalised value (DynamoDB: item sizes)."""
    [(kind, content)] = value.items()
    return SIZES[kind](content)


def _binary_size(text: str) -> int:
    return len(text) // 4 * 3 - text.count("=", -2)


def _constant_size(_content: bool) -> int:  # noqa: FBT001 - the content of BOOL and NULL is the argument
    return 1


SIZES: Mapping[str, Callable[[Any], int]] = {
    "S": utf8_size,
    "N": numbers.size,
    "B": _binary_size,
    "BOOL": _constant_size,
    "NULL": _constant_size,
    "L": lambda elements: 3 + len(elements) + sum(map(value_size, elements)),
    "M": lambda members: 3 + len(members) + item_size(members),
    "SS": lambda elements: sum(map(utf8_size, elements)),
    "NS": lambda elements: sum(map(numbers.size, elements)),
    "BS": lambda elements: sum(map(_binary_size, elements)),
}
"""What gives the bytes of a normalised value's content, by its type."""


def compare(a: AttributeValue, b: AttributeValue) -> int | None:
    """Return -1, 0 or 1 as normalised `a` sorts before, with or after `b`; None unless both are S, both N or both B.

    Strings compare by UTF-8 bytes, binaries by unsigned bytes. (DynamoDB: comparison operators.)
    """
    [(kind, left)] = a.items()
    if kind not in b or kind not in {"S", "N", "B"}:
        return None
    right = b[kind]
    if left == right:
        return 0
    if kind == "N":
        return numbers.compare(left, right)
    if kind == "B":
        left, right = b64decode(left), b64decode(right)
    return -1 if left < right else 1


def canonical_bytes(item: Item) -> bytes:
    """Return the one JSON text of a normalised item, names sorted at every level: what is stored and compared."""
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def load_item(stored: bytes) -> Item:
    """Return the item of its canonical bytes, which are trusted: nothing is checked again."""
    item: Item = orjson.loads(stored)
    return item
