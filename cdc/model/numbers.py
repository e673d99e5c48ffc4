"""DynamoDB numbers: their normalised plain-decimal text, their size, their order and their exact sums."""

from __future__ import annotations

import re
from decimal import Context, Decimal

from cdc.model.errors import ValidationException

MAX_DIGITS = 38
"""Significant digits of a number; zeros at either end do not count."""

_MAX_POINT = 126
_MIN_POINT = -129
"""A number is 0.ddd x 10^point with a first digit other than 0: 9.99E+125 has point 126, 1E-130 has -129."""

NOT_NUMERIC = "The parameter cannot be converted to a numeric value"
TOO_MANY_DIGITS = "Attempting to store more than 38 significant digits in a Number"
OVERFLOW = "Number overflow. Attempting to store a number with magnitude larger than supported range"
UNDERFLOW = "Number underflow. Attempting to store a number with magnitude smaller than supported range"

# What is normal already, and short enough to need no further check.
_is_normal = re.compile(r"0|-?[1-9][0-9]{0,37}|-?(?:0|[1-9][0-9]{0,18})\.[0-9]{0,18}[1-9]").fullmatch
_parts = re.compile(r"([+-]?)([0-9]*)(?:\.([0-9]*))?(?:[eE]([+-]?)([0-9]+))?").fullmatch

# 126 digits before the point, 130 + 37 behind it and a carry: no sum is ever rounded.
_EXACT = Context(prec=300)

_ZERO_KEY = b"\x80"
_NINES_COMPLEMENT = bytes((0x99 - byte) & 0xFF for byte in range(256))
_END_OF_NEGATIVE = b"\xff"


def normalise(text: str) -> str:
    """Return the plain decimal text of a number: no exponent, no plus, no zeros that mean nothing.

    Raises ValidationException when `text` is no number, has more than 38 significant digits, or lies outside
    1E-130 … 9.99E+125. (DynamoDB: data types, Number.)
    """
    if text.isdigit() and text[0] != "0" and len(text) <= MAX_DIGITS and text.isascii():
        return text  # 0.1 µs; the expression below needs 0.3
    if _is_normal(text):
        return text
    match = _parts(text)
    if match is None or not (match[2] or match[3]):
        raise ValidationException(f"{NOT_NUMERIC}: {text}" if text else NOT_NUMERIC)
    sign, integer, fraction, exponent_sign, exponent = match.groups(default="")
    written = integer + fraction
    digits = written.lstrip("0")
    significant = digits.rstrip("0")
    if not significant:
        return "0"
    # Ten digits of an exponent are out of reach for any text that fits a request: no need to read more of them.
    shift = int(exponent.lstrip("0")[:10] or "0")
    point = len(integer) - (len(written) - len(digits)) + (-shift if exponent_sign == "-" else shift)
    _check_bounds(significant, point)
    return ("-" if sign == "-" else "") + _plain(significant, point)


def _check_bounds(significant: str, point: int) -> None:
    if point > _MAX_POINT:
        raise ValidationException(OVERFLOW)
    if point < _MIN_POINT:
        raise ValidationException(UNDERFLOW)
    if len(significant) > MAX_DIGITS:
        raise ValidationException(TOO_MANY_DIGITS)


def _plain(significant: str, point: int) -> str:
    """Write 0.`significant` x 10^`point` without an exponent."""
    if point <= 0:
        return "0." + "0" * -point + significant
    if point >= len(significant):
        return significant + "0" * (point - len(significant))
    return significant[:point] + "." + significant[point:]


def size(text: str) -> int:
    """Return the bytes that a normalised number counts for in an item.

    One, and one for every two significant digits, counted apart before and behind the point; one more if negative.
    (DynamoDB: item sizes.)
    """
    if text.isdigit():
        return 1 + (len(text.rstrip("0")) + 1) // 2
    overhead = 1
    if text[0] == "-":
        text = text[1:]
        overhead = 2
    if "." not in text:
        return overhead + (len(text.rstrip("0")) + 1) // 2
    integer, _, fraction = text.partition(".")
    if integer == "0":
        return overhead + (len(fraction.lstrip("0")) + 1) // 2
    return overhead + (len(integer) + 1) // 2 + (len(fraction) + 1) // 2


def sort_key(text: str) -> bytes:
    """Encode a normalised number so that the order of the bytes is the order of the numbers.

    A number is 0.aabbcc… x 100^k, with -64 ≤ k ≤ 63. A positive one is the byte 0xC0 + k, then its digits as they are
    read in hexadecimal, two a byte. Zero is 0x80 alone: a prefix of the smallest positive ones, so below them. A
    negative one is 0x3F - k, the nines' complement of its digits, and 0xFF, so that the shorter one sorts last.
    """
    if text.isdigit():  # a whole number, as most keys are: half the time
        whole = bytes.fromhex(text if len(text) & 1 == 0 else "0" + text)
        return bytes((0xC0 + len(whole),)) + whole.rstrip(b"\0") if text != "0" else _ZERO_KEY
    negative = text[0] == "-"
    integer, _, fraction = (text[1:] if negative else text).partition(".")
    if len(integer) & 1:
        integer = "0" + integer
    if len(fraction) & 1:
        fraction += "0"
    padded = bytes.fromhex(integer + fraction)
    mantissa = padded.lstrip(b"\0")
    if not mantissa:
        return _ZERO_KEY
    exponent = len(integer) // 2 - (len(padded) - len(mantissa))
    mantissa = mantissa.rstrip(b"\0")
    if negative:
        return bytes((0x3F - exponent,)) + mantissa.translate(_NINES_COMPLEMENT) + _END_OF_NEGATIVE
    return bytes((0xC0 + exponent,)) + mantissa


def from_sort_key(key: bytes) -> str:
    """Return the normalised number that `sort_key` encoded."""
    if key == _ZERO_KEY:
        return "0"
    head = key[0]
    if head < 0x80:
        return "-" + _from_mantissa(key[1:-1].translate(_NINES_COMPLEMENT), 0x3F - head)
    return _from_mantissa(key[1:], head - 0xC0)


def _from_mantissa(mantissa: bytes, exponent: int) -> str:
    digits = mantissa.hex()
    significant = digits.lstrip("0")
    return _plain(significant.rstrip("0"), 2 * exponent - (len(digits) - len(significant)))


def add(a: str, b: str) -> str:
    """Return the exact sum of two normalised numbers, normalised; raises ValidationException as `normalise` does."""
    return normalise(str(_EXACT.add(Decimal(a), Decimal(b))))


def subtract(a: str, b: str) -> str:
    """Return exactly `a` less `b`, normalised; raises ValidationException as `normalise` does."""
    return normalise(str(_EXACT.subtract(Decimal(a), Decimal(b))))


def compare(a: str, b: str) -> int:
    """Return -1, 0 or 1 as the normalised number `a` is below, equal to or above `b`."""
    if a == b:
        return 0
    return -1 if Decimal(a) < Decimal(b) else 1
