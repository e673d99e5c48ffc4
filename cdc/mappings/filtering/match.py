"""From the tree of a pattern to functions that match it, quick enough for every record of a stream.

Where a record has an array, one of its elements has to match, and all keys of an object of the pattern in the same
element; as in EventBridge's engine. So a match needs to know more than yes or no: an element that matches only because
something is absent from it says nothing, unless it is absent from all elements.

The work is bounded by the size of the pattern times that of the record, and times their depth where absence counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.mappings.filtering.pattern import AnythingBut, Branch, Equal, Leaf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from cdc.mappings.filtering.pattern import Alternative, Node, Scalar

    Test = Callable[[Scalar], bool]

NO = 0
ABSENT = 1
"""Matches, but only because of what is absent."""
PRESENT = 2
"""Bit of a match by something that is there."""
NOTHING: dict[str, object] = {}
"""What stands in the place of something absent: leaves find no value in it and branches no key, as in any object."""


class Matcher(NamedTuple):
    """How one node of a pattern is matched."""

    match: Callable[[Any], int]
    """From what stands in its place in a record, decoded from JSON, to NO or what it matches by."""
    absent: Callable[[list[object]], bool] | None
    """Whether it matches by absence alone in all of these places at once; None: it never does."""


def matcher_of(node: Node) -> Matcher:
    """Build the functions that match a node of a pattern."""
    return _leaf(node) if isinstance(node, Leaf) else _branch(node)


def elements(values: list[object]) -> Iterator[object]:
    """Give the elements of an array in order, and of arrays in it, however deep."""
    stack = [iter(values)]
    while stack:
        for value in stack[-1]:
            if isinstance(value, list):
                stack.append(iter(value))
                break
            yield value
        else:
            stack.pop()


def scalars(values: list[object]) -> Iterator[Scalar]:
    """Give the elements of an array that are values themselves."""
    for value in elements(values):
        if not isinstance(value, dict):
            yield value  # type: ignore[misc]  # what else JSON has


def _leaf(leaf: Leaf) -> Matcher:
    test, takes_absence = _test(leaf.alternatives), leaf.takes_absence
    otherwise = ABSENT if takes_absence else NO

    def match(value: Any) -> int:
        kind = value.__class__
        if kind is str:  # as nearly all values of a record
            return PRESENT if test(value) else NO
        if kind is dict:
            return otherwise
        if kind is not list:
            return PRESENT if test(value) else NO
        result = otherwise
        for each in scalars(value):
            if test(each):
                return PRESENT
            result = NO
        return result

    def absent(places: list[object]) -> bool:
        return next(scalars(places), NOTHING) is NOTHING

    return Matcher(match, absent if takes_absence else None)


def _branch(branch: Branch) -> Matcher:  # noqa: C901  # one function a level: a second one costs it a third more
    members = tuple((key, matcher_of(node)) for key, node in branch.members)
    either = tuple(_branch(alternative) for alternative in branch.either)
    absent = _absent(members, either)
    keys = tuple((key, matcher.match) for key, matcher in members)
    alternatives = tuple(matcher.match for matcher in either)

    def match(value: Any) -> int:
        if value.__class__ is not dict:
            if value.__class__ is list:
                return match_array(value)
            value = NOTHING
        result, get = ABSENT, value.get
        for key, match_member in keys:
            found = match_member(get(key, NOTHING))
            if not found:
                return NO
            result |= found
        if alternatives:
            found = max([match_alternative(value) for match_alternative in alternatives])
            if not found:
                return NO
            result |= found
        return result

    def match_array(value: list[object]) -> int:
        for element in elements(value):
            if match(element) & PRESENT:
                return PRESENT
        return ABSENT if absent is not None and absent(value) else NO

    return Matcher(match, absent)


def _absent(members: Sequence[tuple[str, Matcher]], either: Sequence[Matcher]) -> Callable[[list[object]], bool] | None:
    """Build what tells whether all members, and one of the alternatives, match by absence alone."""
    inner = tuple((key, matcher.absent) for key, matcher in members if matcher.absent is not None)
    choices = tuple(matcher.absent for matcher in either if matcher.absent is not None)
    if len(inner) < len(members) or (either and not choices):
        return None

    def absent(places: list[object]) -> bool:
        objects = [each for each in elements(places) if isinstance(each, dict)]
        for key, member in inner:
            if not member([each[key] for each in objects if key in each]):
                return False
        return not choices or any(choice(places) for choice in choices)

    return absent


def _test(alternatives: Sequence[Alternative]) -> Test:
    """Build one test of a value from alternatives, the plain values among them as a set."""
    equal = [each.value for each in alternatives if isinstance(each, Equal)]
    flags = frozenset(value for value in equal if isinstance(value, bool))
    values = frozenset(value for value in equal if not isinstance(value, bool))
    tests = tuple(_single(each) for each in alternatives if not isinstance(each, Equal))
    if not tests and not flags and all(isinstance(value, str) for value in values):
        return values.__contains__

    def test(value: Scalar) -> bool:
        # Apart, since True is 1 in a set.
        if value in flags if value.__class__ is bool else value in values:
            return True
        for single in tests:  # noqa: SIM110  # a third quicker than any()
            if single(value):
                return True
        return False

    return test


def _single(alternative: Alternative) -> Test:
    if isinstance(alternative, AnythingBut):
        rejects = _test(alternative.rejected)
        return lambda value: not rejects(value)
    assert not isinstance(alternative, Equal)
    return alternative.matches
