"""What updates do to an item: effects at document paths, applied to a copy. Expressions, PartiQL and legacy share them.

An item is changed as a whole: every effect sees the item and its list indexes as they were before the update. What no
path touches is shared with the old item, never copied.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from cdc.expressions.operands import Reader, Values
from cdc.model import numbers
from cdc.model.errors import ValidationException
from cdc.model.values import MAX_DEPTH, TOO_DEEP, AttributeValue, Item

if TYPE_CHECKING:
    from cdc.expressions.paths import DocumentPath, PathTree

Source: TypeAlias = Callable[[Values, Item], AttributeValue]
"""Computes a value from the item as it was."""

Effect: TypeAlias = Callable[[Values, Item, AttributeValue | None], AttributeValue | None]
"""Gives the new value at a path from the item and the value there as they were; None for no value."""

INVALID_PATH = "The document path provided in the update expression is invalid for update"
MISSING_ATTRIBUTE = "The provided expression refers to an attribute that does not exist in the item"
WRONG_TYPE = "An operand in the update expression has an incorrect data type"

_SORT_KEYS: dict[str, Callable[[str], Any]] = {"SS": str, "NS": Decimal, "BS": b64decode}


def apply_effects(effects: PathTree, values: Values, item: Item) -> Item:
    """Return the item with the effects at their paths, which are the leaves of the tree.

    Raises ValidationException: parents that are missing or of the wrong type, operands that are, and numbers out of
    bounds. (DynamoDB: UpdateItem.)
    """
    return _edit_members(item, effects, values, item)


def _edit_members(members: Item, effects: PathTree, values: Values, item: Item) -> Item:
    edited = members.copy()
    for name, effect in effects.items():
        assert isinstance(name, str)
        value = members.get(name)
        changed = _edit_inside(value, effect, values, item) if isinstance(effect, dict) else effect(values, item, value)
        if changed is None:
            edited.pop(name, None)
        else:
            edited[name] = changed
    return edited


def _edit_inside(value: AttributeValue | None, effects: PathTree, values: Values, item: Item) -> AttributeValue:
    """Return a map or list with effects inside of it."""
    by_name = isinstance(next(iter(effects)), str)
    if value is not None and by_name and "M" in value:
        return {"M": _edit_members(value["M"], effects, values, item)}
    if value is not None and not by_name and "L" in value:
        return {"L": _edit_elements(value["L"], effects, values, item)}
    raise ValidationException(INVALID_PATH)


def _edit_elements(
    elements: list[AttributeValue], effects: PathTree, values: Values, item: Item
) -> list[AttributeValue]:
    """Return a list with new elements in place of old ones, without the removed, and with new ones at its end."""
    edited: list[AttributeValue | None] = [*elements]
    for index in sorted(index for index in effects if isinstance(index, int)):
        effect = effects[index]
        value = elements[index] if index < len(elements) else None
        changed = _edit_inside(value, effect, values, item) if isinstance(effect, dict) else effect(values, item, value)
        if index < len(elements):
            edited[index] = changed
        else:
            edited.append(changed)
    return [element for element in edited if element is not None]


def setting(path: DocumentPath, source: Source) -> Effect:
    """Put a computed value at the path. DynamoDB: SET."""
    if len(path) == 1:
        return lambda values, item, _old: source(values, item)

    def set_inside(values: Values, item: Item, _old: AttributeValue | None) -> AttributeValue:
        value = source(values, item)
        if len(path) - 1 + _depth(value) > MAX_DEPTH:
            raise ValidationException(TOO_DEEP)
        return value

    return set_inside


def _depth(value: AttributeValue) -> int:
    [(kind, content)] = value.items()
    if kind == "L":
        return 1 + max(map(_depth, content), default=0)
    if kind == "M":
        return 1 + max(map(_depth, content.values()), default=0)
    return 1


def removing(_values: Values, _item: Item, _old: AttributeValue | None) -> None:
    """Leave nothing at the path. DynamoDB: REMOVE."""


def adding(source: Source, mismatch: str = WRONG_TYPE) -> Effect:
    """Add to a number, or put elements into a set; either begins with nothing if missing. DynamoDB: ADD.

    A list is added at the end of a list, which only AttributeUpdates lets through.
    """

    def add(values: Values, item: Item, old: AttributeValue | None) -> AttributeValue:
        operand = source(values, item)
        if old is None:
            return operand
        [(kind, content)] = operand.items()
        if kind not in old:
            raise ValidationException(mismatch)
        if kind == "N":
            return {"N": numbers.add(old["N"], content)}
        if kind == "L":
            return {"L": old["L"] + content}
        return {kind: sorted({*old[kind], *content}, key=_SORT_KEYS[kind])}

    return add


def deleting(source: Source, mismatch: str = WRONG_TYPE) -> Effect:
    """Take elements out of a set; an empty one does not stay. DynamoDB: DELETE."""

    def delete(values: Values, item: Item, old: AttributeValue | None) -> AttributeValue | None:
        if old is None:
            return None
        [(kind, content)] = source(values, item).items()
        if kind not in old:
            raise ValidationException(mismatch)
        left = [element for element in old[kind] if element not in content]
        return {kind: left} if left else None

    return delete


def arithmetic(operator: str, left: Source, right: Source) -> Source:
    """Compute a sum, or a difference for the operator `-`. DynamoDB: SET."""
    compute = numbers.add if operator == "+" else numbers.subtract

    def total(values: Values, item: Item) -> AttributeValue:
        first, second = left(values, item).get("N"), right(values, item).get("N")
        if first is None or second is None:
            raise ValidationException(WRONG_TYPE)
        return {"N": compute(first, second)}

    return total


def list_append(left: Source, right: Source) -> Source:
    """Compute a list with the elements of two. DynamoDB: list_append."""

    def joined(values: Values, item: Item) -> AttributeValue:
        head, tail = left(values, item).get("L"), right(values, item).get("L")
        if head is None or tail is None:
            raise ValidationException(WRONG_TYPE)
        return {"L": head + tail}

    return joined


def if_not_exists(read: Reader, fallback: Source) -> Source:
    """Compute what is there, or else something else. DynamoDB: if_not_exists."""

    def present_or_fallback(values: Values, item: Item) -> AttributeValue:
        value = read(values, item)
        return fallback(values, item) if value is None else value

    return present_or_fallback


def reading(read: Reader) -> Source:
    """Compute what is there, which must be something. DynamoDB: SET."""

    def present(values: Values, item: Item) -> AttributeValue:
        value = read(values, item)
        if value is None:
            raise ValidationException(MISSING_ATTRIBUTE)
        return value

    return present
