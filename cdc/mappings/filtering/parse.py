"""From the text of a pattern to its tree, or the reason why it is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.mappings.filtering.errors import PatternError
from cdc.mappings.filtering.operators import OPERATORS, parse_operator
from cdc.mappings.filtering.pattern import Branch, Equal, Leaf
from cdc.mappings.filtering.words import shown

if TYPE_CHECKING:
    from cdc.mappings.filtering.pattern import Alternative, Node
    from cdc.mappings.filtering.words import Path

PATTERN_CHARACTERS = 4096
"""Lambda's bound: Filter, Pattern."""
DEPTH_MAX = 100
"""Objects within each other: a value 32 levels deep in an item, DynamoDB's bound, has fewer than 70 keys above it."""
OR = "$or"
EXAMPLE = '{"eventName": ["INSERT"]}'


def parse(text: str) -> Branch:
    """Read a pattern. Of a key that stands twice in one object, the last one counts, as in AWS.

    Raises: PatternError.
    """
    if len(text) > PATTERN_CHARACTERS:
        raise PatternError((), f"has {len(text):,} characters", f"at most {PATTERN_CHARACTERS:,}")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        wrong = f"not JSON at character {error.pos + 1} ({error.msg})"
        raise PatternError((), wrong, f"an object such as {EXAMPLE}") from None
    if not isinstance(value, dict):
        raise PatternError((), f"{shown(value)} is no object", f"an object such as {EXAMPLE}")
    return _branch(value, ())


def _branch(value: dict[str, Any], path: Path) -> Branch:
    if len(path) >= DEPTH_MAX:  # an alternative of an `$or` is two steps from the object around it
        raise PatternError((), f"more than {DEPTH_MAX} objects within each other", "fewer; no record is so deep")
    if not value:
        raise PatternError(path, "{} is empty", f"keys with what they have to match, as in {EXAMPLE}")
    members: list[tuple[str, Node]] = []
    either: tuple[Branch, ...] = ()
    for key, content in value.items():
        place = (*path, key)
        if key == OR and _is_choice(content):
            either = _choice(content, place)
        else:
            members.append((key, _node(content, place)))
    return Branch(tuple(members), either)


def _node(value: object, path: Path) -> Node:
    if isinstance(value, dict):
        return _branch(value, path)
    if not isinstance(value, list):
        raise PatternError(path, f"{shown(value)} stands alone", f"a list of alternatives, as in [{shown(value)}]")
    if not value:
        raise PatternError(path, "[] is empty", 'a list of alternatives, as in ["INSERT"]')
    return Leaf(tuple(_alternative(each, path) for each in value))


def _alternative(value: Any, path: Path) -> Alternative:
    if isinstance(value, dict):
        return parse_operator(value, path)
    if isinstance(value, list):
        right = "texts, numbers, true, false, null and operators in the one around it"
        raise PatternError(path, f"{shown(value)} is a list in a list", right)
    return Equal(value)


def _is_choice(value: object) -> bool:
    """Tell an `$or` between patterns from alternatives for a key of that name: objects that are no operators are meant so."""
    return isinstance(value, list) and any(isinstance(each, dict) and each.keys() - OPERATORS for each in value)


def _choice(value: list[Any], path: Path) -> tuple[Branch, ...]:
    right = 'two or more objects, as in {"$or": [{"a": ["x"]}, {"b": ["y"]}]}'
    if len(value) == 1:
        raise PatternError(path, "has one alternative", right)
    branches = []
    for number, each in enumerate(value):
        place = (*path, str(number))
        if not isinstance(each, dict):
            raise PatternError(place, f"{shown(each)} is no object", right)
        operator = next((key for key in each if key in OPERATORS), None)
        if operator is not None:
            raise PatternError(place, f"{operator} is an operator", "keys of a record with what they have to match")
        branches.append(_branch(each, place))
    return tuple(branches)
