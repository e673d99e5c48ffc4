"""JSON types of attribute values on the wire, and the SerializationException of a value that has the wrong one."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64
from typing import Any, Final, NoReturn

from cdc.model.errors import SerializationException

STRING: Final = "String"
BOOLEAN: Final = "Boolean"
BLOB: Final = "ByteBuffer"
LIST: Final = "List"
MAP: Final = "Map"
ATTRIBUTE_VALUE: Final = "AttributeValue"

_SCALARS = {"S": STRING, "N": STRING, "B": BLOB, "BOOL": BOOLEAN, "NULL": BOOLEAN}
_SETS = {"SS": STRING, "NS": STRING, "BS": BLOB}
_KINDS = frozenset({*_SCALARS, *_SETS, "L", "M"})

_AV_CLASS = "com.amazonaws.dynamodb.v20120810.AttributeValue"
_ARRAY_REFUSALS = {
    STRING: "Unrecognized collection type class java.lang.String",
    BOOLEAN: "Unrecognized collection type class java.lang.Boolean",
    BLOB: "Unrecognized collection type class java.nio.ByteBuffer",
    MAP: f"Unrecognized collection type java.util.Map<java.lang.String, {_AV_CLASS}>",
    ATTRIBUTE_VALUE: f"Unrecognized collection type class {_AV_CLASS}",
}
_BASE64_ALPHABET = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")


def refuse(raw: object, expected: str) -> NoReturn:
    """Raise the SerializationException of a JSON value that stands where an `expected` one should."""
    raise SerializationException(_refusal(raw, expected))


def _refusal(raw: object, expected: str) -> str:
    if isinstance(raw, dict):
        return "Start of structure or map found where not expected."
    if isinstance(raw, list):
        return _ARRAY_REFUSALS.get(expected, "Unexpected field type")
    if expected == BLOB:
        return "only base-64-encoded strings are convertible to bytes"
    if expected == ATTRIBUTE_VALUE:
        return "Unexpected value type in payload"
    if expected in (LIST, MAP) or raw is None:
        return "Unexpected field type"
    return f"{_token(raw)} cannot be converted to {expected}"


def _token(raw: object) -> str:
    """Return the service's name of a scalar JSON token."""
    if isinstance(raw, bool):
        return "TRUE_VALUE" if raw else "FALSE_VALUE"
    if isinstance(raw, str):
        return "STRING_VALUE"
    return "NUMBER_VALUE" if isinstance(raw, int) else "DECIMAL_VALUE"


def refuse_member(name: object) -> NoReturn:
    """Raise the SerializationException of an attribute value with a member that is no data type beside one that is."""
    raise SerializationException(f"Unrecognized member of AttributeValue: {name}")


def utf8_size(text: str) -> int:
    """Return the UTF-8 length of `text`; raises SerializationException for a lone surrogate, which has none."""
    if text.isascii():
        return len(text)
    try:
        return len(text.encode())
    except UnicodeEncodeError:
        raise SerializationException("Unexpected token received from parser") from None


def decode_base64(raw: object) -> bytes:
    """Decode standard base64 with padding, in its one canonical spelling; raises SerializationException otherwise."""
    if not isinstance(raw, str):
        refuse(raw, BLOB)
    try:
        data = a2b_base64(raw, strict_mode=True)
    except ValueError:
        raise SerializationException(_base64_fault(raw)) from None
    if len(raw) != (len(data) + 2) // 3 * 4:  # the strict mode lets one "=" too many pass
        raise SerializationException(_base64_fault(raw))
    spare = len(data) % 3
    # Only the last four characters can hold bits that are in no byte.
    if spare and b2a_base64(data[-spare:], newline=False) != raw[-4:].encode():
        raise SerializationException("Invalid last non-pad Base64 character dectected")
    return data


def _base64_fault(text: str) -> str:
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    stray = next((character for character in text.rstrip("=") if character not in _BASE64_ALPHABET), "=")
    return f"Invalid Base64 character: '{stray}'"


def check_map(raw: object) -> None:
    """Check the JSON types of a whole map of attribute values, such as Item or Key, and of nothing else.

    The service checks the types of a request before anything else in it; parsing, which does both at once, calls this
    when it has found another fault. Raises SerializationException.
    """
    _walk(_members(raw))


def check_value(raw: object) -> None:
    """Check the JSON types of one attribute value; raises SerializationException."""
    _walk([raw])


def _walk(values: list[Any]) -> None:
    """Check values depth first, with a list of our own: a hostile body nests deeper than Python's stack."""
    pending = list(reversed(values))
    while pending:
        raw = pending.pop()
        if raw is None:
            continue
        if not isinstance(raw, dict):
            refuse(raw, ATTRIBUTE_VALUE)
        unknown = [kind for kind, content in raw.items() if content is not None and kind not in _KINDS]
        present = {kind: content for kind, content in raw.items() if content is not None and kind in _KINDS}
        if unknown and present:  # with nothing else, it counts as an empty value, which is no fault of a type
            refuse_member(unknown[0])
        for kind, content in present.items():
            pending.extend(reversed(_check_content(kind, content)))


def _check_content(kind: str, content: object) -> list[Any]:
    """Check one member of an attribute value and return the values inside."""
    if kind == "M":
        return _members(content)
    if kind == "L":
        return _elements(content)
    if kind in _SETS:
        for element in _elements(content):
            _check_scalar(element, _SETS[kind])
    else:
        _check_scalar(content, _SCALARS[kind])
    return []


def _check_scalar(raw: object, expected: str) -> None:
    if expected == BLOB:
        decode_base64(raw)
    elif not isinstance(raw, bool if expected == BOOLEAN else str):
        refuse(raw, expected)
    elif isinstance(raw, str):
        utf8_size(raw)


def _members(raw: object) -> list[Any]:
    if not isinstance(raw, dict):
        refuse(raw, MAP)
    for name in raw:
        if not isinstance(name, str):
            refuse(name, STRING)
        utf8_size(name)
    return list(raw.values())


def _elements(raw: object) -> list[Any]:
    if not isinstance(raw, list):
        refuse(raw, LIST)
    return raw
