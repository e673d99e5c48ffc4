"""Operators of the pattern language: what stands after each name, and what is refused (EventBridge: event patterns)."""

from __future__ import annotations

import difflib
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from cdc.mappings.filtering.errors import PatternError
from cdc.mappings.filtering.pattern import (
    COMPARISONS,
    AnythingBut,
    Cidr,
    Equal,
    EqualIgnoringCase,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
    is_number,
)
from cdc.mappings.filtering.words import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.filtering.pattern import Alternative
    from cdc.mappings.filtering.words import Path

IGNORE_CASE = "equals-ignore-case"


def parse_operator(value: dict[str, Any], path: Path) -> Alternative:
    """Read one alternative that is an object, such as `{"prefix": "us-"}`.

    Raises: PatternError.
    """
    if len(value) != 1:
        right = 'one operator in an object, as in [{"prefix": "a"}, {"suffix": "z"}]'
        raise PatternError(path, f"{shown(value)} has {len(value)} operators", right)
    ((name, operand),) = value.items()
    if name not in _PARSERS:
        raise PatternError(path, f"there is no operator {shown(name)}", _known(name, _PARSERS))
    return _PARSERS[name](operand, path)


def _prefix(operand: Any, path: Path) -> Alternative:
    text, ignores_case = _affix("prefix", operand, path)
    return Prefix(text, ignores_case)


def _suffix(operand: Any, path: Path) -> Alternative:
    text, ignores_case = _affix("suffix", operand, path)
    return Suffix(text, ignores_case)


def _affix(name: str, operand: Any, path: Path) -> tuple[str, bool]:
    """Return the text of a prefix or suffix, and whether case is ignored."""
    if isinstance(operand, str):
        return operand, False
    if isinstance(operand, dict) and operand.keys() == {IGNORE_CASE} and isinstance(operand[IGNORE_CASE], str):
        return operand[IGNORE_CASE], True
    right = f'a text, as in {{"{name}": "a"}} or {{"{name}": {{"{IGNORE_CASE}": "a"}}}}'
    raise PatternError(path, shown({name: operand}), right)


def _ignore_case(operand: Any, path: Path) -> Alternative:
    if not isinstance(operand, str):
        raise PatternError(path, shown({IGNORE_CASE: operand}), f'a text, as in {{"{IGNORE_CASE}": "a"}}')
    return EqualIgnoringCase(operand)


def _wildcard(operand: Any, path: Path) -> Alternative:
    wrong = shown({"wildcard": operand})
    if not isinstance(operand, str):
        raise PatternError(path, wrong, 'a text, as in {"wildcard": "a*z"}')
    parts, signs, before = [""], iter(operand), ""
    for sign in signs:
        if sign == "*" == before:
            raise PatternError(path, f"{wrong} has two stars in a row", "one star, which stands for any text")
        before = sign
        if sign == "*":
            parts.append("")
            continue
        if sign == "\\":
            sign = next(signs, "")  # noqa: PLW2901  # what is escaped takes its place
            if sign not in {"*", "\\"}:
                raise PatternError(path, f"{wrong} escapes {shown(sign)}", r"\* for a star or \\ for a backslash")
        parts[-1] += sign
    return Wildcard(operand, tuple(parts))


def _exists(operand: Any, path: Path) -> Alternative:
    if not isinstance(operand, bool):
        raise PatternError(path, shown({"exists": operand}), '{"exists": true} or {"exists": false}')
    return Exists(operand)


def _cidr(operand: Any, path: Path) -> Alternative:
    try:
        address, _, bits = operand.partition("/")
        if bits.isascii() and bits.isdigit() and "%" not in address:
            return Cidr(ip_network(operand, strict=False))
    except (AttributeError, ValueError):
        pass
    raise PatternError(path, shown({"cidr": operand}), 'a network, as in {"cidr": "10.0.0.0/24"}')


def _numeric(operand: Any, path: Path) -> Alternative:
    wrong = shown({"numeric": operand})
    right = 'signs and numbers in turn, as in {"numeric": ["=", 5]} or {"numeric": [">", 0, "<=", 5]}'
    if not isinstance(operand, list) or len(operand) not in {2, 4}:
        raise PatternError(path, wrong, right)
    bounds = tuple(zip(operand[::2], operand[1::2], strict=True))
    for sign, number in bounds:
        if sign == "!=":
            raise PatternError(path, f"{wrong} has !=", f'{{"anything-but": {shown(number)}}} for any other value')
        if not isinstance(sign, str) or sign not in COMPARISONS:
            raise PatternError(path, f"{wrong} has {shown(sign)} for a sign", f"one of {' '.join(COMPARISONS)}")
        if not is_number(number):
            raise PatternError(path, f"{wrong} has {shown(number)} for a number", right)
    if len(bounds) == 2:
        (lower, low), (upper, high) = bounds
        if lower not in {">", ">="} or upper not in {"<", "<="}:
            raise PatternError(path, wrong, 'of two bounds the lower one first, as in {"numeric": [">", 0, "<=", 5]}')
        if low >= high:
            raise PatternError(path, f"{wrong} leaves no number", "a lower bound that is less than the upper one")
    return Numeric(bounds)


def _anything_but(operand: Any, path: Path) -> Alternative:
    if isinstance(operand, dict):
        return AnythingBut(_rejected_texts(operand, path))
    values = operand if isinstance(operand, list) else [operand]
    if values and (all(isinstance(each, str) for each in values) or all(map(is_number, values))):
        return AnythingBut(tuple(map(Equal, values)))
    right = 'a text, a number, or a list of texts or of numbers, as in {"anything-but": ["a", "b"]}'
    raise PatternError(path, shown({"anything-but": operand}), right)


def _rejected_texts(operand: dict[str, Any], path: Path) -> tuple[Alternative, ...]:
    """Read what stands in an `anything-but`: an operator with a text, or with a list of texts."""
    wrong = shown({"anything-but": operand})
    if len(operand) != 1:
        raise PatternError(path, wrong, 'one operator, as in {"anything-but": {"prefix": "a"}}')
    ((name, texts),) = operand.items()
    if name not in _REJECTING:
        raise PatternError(path, f"{wrong} has {shown(name)}", _known(name, _REJECTING))
    values = texts if isinstance(texts, list) else [texts]
    empty_too = name not in {"prefix", "suffix"}  # every text starts with ""
    if not values or not all(isinstance(each, str) and (each or empty_too) for each in values):
        right = f'a text or a list of texts, as in {{"anything-but": {{"{name}": ["a", "b"]}}}}'
        raise PatternError(path, wrong, right if empty_too else f"{right}, none of them empty")
    return tuple(_PARSERS[name](each, path) for each in values)


def _known(name: str, names: dict[str, Any] | tuple[str, ...]) -> str:
    close = difflib.get_close_matches(name.lower(), names, n=1)
    return close[0] if close else f"one of {', '.join(names)}; keys of a record stand in an object, not in a list"


_PARSERS: dict[str, Callable[[Any, Path], Alternative]] = {
    "prefix": _prefix,
    "suffix": _suffix,
    IGNORE_CASE: _ignore_case,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "exists": _exists,
    "wildcard": _wildcard,
    "cidr": _cidr,
}
_REJECTING = ("prefix", "suffix", IGNORE_CASE, "wildcard")
OPERATORS = frozenset(_PARSERS)
