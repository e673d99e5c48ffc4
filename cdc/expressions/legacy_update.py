"""Updates without expressions: AttributeUpdates, as the effects that update expressions have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions import effects
from cdc.expressions.operands import kind_of
from cdc.expressions.predicates import SET_TYPES
from cdc.expressions.update import BASE_COST, REMOVING_COST, WRITING_COST, CompiledUpdate, Update
from cdc.model.errors import ValidationException
from cdc.model.values import EMPTY_NAME, INVALID, AttributeValue, parse_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.expressions.effects import Effect, Source
    from cdc.expressions.paths import PathTree
    from cdc.model.values import Item

_ADDED_TYPES = SET_TYPES | {"N", "L"}
_MISMATCH = "Type mismatch for attribute to update"


def bind_attribute_updates(updates: Mapping[str, Mapping[str, Any]]) -> Update | None:
    """Make an update of AttributeUpdates, whose JSON types and enumerations are right; None when there are none.

    Raises ValidationException. (DynamoDB: UpdateItem, AttributeUpdates.)
    """
    leaves: PathTree = {}
    writing: PathTree = {}
    literals: Item = {}
    for name, given in updates.items():
        action, value = _parse(name, given)
        leaves[name] = effect = _effect(name, action, value)
        if action != "DELETE":
            writing[name] = effect
        if value is not None:
            literals[name] = value
    if not leaves:
        return None
    return CompiledUpdate(
        paths=tuple((name,) for name in leaves),
        read_paths=(),
        literals=tuple((name, name) for name in literals),
        checks=(),
        write_cost=BASE_COST + WRITING_COST * len(writing) + REMOVING_COST * (len(leaves) - len(writing)),
        effects=leaves,
        effects_on_missing=writing,
    ).bind(literals)


def _parse(name: str, given: Mapping[str, Any]) -> tuple[str, AttributeValue | None]:
    """Return the checked action and value of one attribute."""
    if not name:
        raise ValidationException(EMPTY_NAME)
    action, raw = given.get("Action") or "PUT", given.get("Value")
    if raw is None:
        if action != "DELETE":
            raise ValidationException(f"{INVALID}Only DELETE action is allowed when no attribute value is specified")
        return action, None
    value, _ = parse_value(raw)
    kind = kind_of(value)
    if action == "DELETE" and kind not in SET_TYPES:
        raise ValidationException(f"{INVALID}DELETE action with value is not supported for the type {kind}")
    if action == "ADD" and kind not in _ADDED_TYPES:
        raise ValidationException(f"{INVALID}ADD action is not supported for the type {kind}")
    return action, value


def _effect(name: str, action: str, value: AttributeValue | None) -> Effect:
    if value is None:
        return effects.removing
    source: Source = lambda _values, _item: value  # noqa: E731
    if action == "PUT":
        return effects.setting((name,), source)
    if action == "ADD":
        return effects.adding(source, _MISMATCH)
    return effects.deleting(source, _MISMATCH)
