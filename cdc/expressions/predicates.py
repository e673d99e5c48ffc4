"""What the functions of conditions mean for attribute values. Expressions, PartiQL and legacy conditions share them."""

from __future__ import annotations

from base64 import b64decode

from cdc.model.values import AttributeValue, value_size

ORDERED_TYPES = frozenset({"S", "N", "B"})
"""Types that <, <=, >, >= and BETWEEN compare."""

PREFIX_TYPES = frozenset({"S", "B"})
SET_TYPES = frozenset({"SS", "NS", "BS"})
TYPES = frozenset({"B", "NULL", "SS", "BOOL", "L", "BS", "N", "NS", "S", "M"})
SIZED_TYPES = TYPES - {"N", "BOOL", "NULL"}


def begins_with(value: AttributeValue, prefix: AttributeValue) -> bool:
    """Tell whether a string or binary starts with another; false for other types. DynamoDB: begins_with."""
    if "S" in value and "S" in prefix:
        return bool(value["S"].startswith(prefix["S"]))
    if "B" in value and "B" in prefix:
        return b64decode(value["B"]).startswith(b64decode(prefix["B"]))
    return False


def contains(container: AttributeValue, value: AttributeValue) -> bool:
    """Tell whether a string or binary has a part, or a set or list an element, equal to `value`. DynamoDB: contains."""
    [(kind, content)] = container.items()
    if kind == "L":
        return value in content
    [(value_kind, part)] = value.items()
    if kind == "B" == value_kind:
        return b64decode(part) in b64decode(content)
    if kind == value_kind == "S" or (kind in SET_TYPES and kind[0] == value_kind):
        return part in content
    return False


def size(value: AttributeValue) -> int | None:
    """Return what `size` gives: UTF-16 units, bytes or elements; None for a number, BOOL or NULL. DynamoDB: size."""
    [(kind, content)] = value.items()
    if kind not in SIZED_TYPES:
        return None
    if kind == "B":
        return value_size(value)
    if kind == "S" and not content.isascii():
        content = content.encode("utf-16-le", "surrogatepass")[::2]
    return len(content)
