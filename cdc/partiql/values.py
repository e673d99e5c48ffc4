"""Values of a statement: its templates with the request's parameters filled in, checked and normalised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions.operands import kind_of
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID, parse_item, parse_value
from cdc.partiql.syntax import Elements, Members, Parameter, Scalar, Template

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdc.model.values import AttributeValue, Item

WRONG_COUNT = "Number of parameters in request and statement don't match."
MIXED_SET = f"{INVALID}A set must have elements of one type, which is S, N or B"
NO_MAP = f"{INVALID}The VALUE of an INSERT statement must be a map"


def check_parameters(raw: Sequence[Any] | None, count: int) -> list[AttributeValue]:
    """Check the Parameters of a request, `count` of which the statement has; raises ValidationException."""
    given = raw or ()
    if len(given) != count:
        raise ValidationException(WRONG_COUNT)
    return [parse_value(value)[0] for value in given]


def fill_values(templates: Mapping[str, Template], parameters: list[AttributeValue]) -> dict[str, AttributeValue]:
    """Return the values of a statement by placeholder; raises ValidationException."""
    return {name: fill_value(template, parameters) for name, template in templates.items()}


def fill_value(template: Template, parameters: list[AttributeValue]) -> AttributeValue:
    """Return the normalised value of a template; raises ValidationException."""
    if isinstance(template, Parameter):
        return parameters[template.place]
    return parse_value(_fill(template, parameters))[0]


def fill_item(template: Template, parameters: list[AttributeValue]) -> tuple[Item, int]:
    """Return the item of a template, which must be a map, and its size in bytes; raises ValidationException."""
    filled = _fill(template, parameters)
    if "M" not in filled:
        raise ValidationException(NO_MAP)
    return parse_item(filled["M"])


def _fill(template: Template, parameters: list[AttributeValue]) -> AttributeValue:
    match template:
        case Parameter():
            return parameters[template.place]
        case Scalar():
            return {template.kind: template.content}
        case Members():
            return {"M": {name: _fill(inner, parameters) for name, inner in template.templates}}
        case Elements():
            elements = [_fill(inner, parameters) for inner in template.templates]
            return _set_of(elements) if template.is_set else {"L": elements}


def _set_of(elements: list[AttributeValue]) -> AttributeValue:
    """Make a set of its elements; the empty one is refused later, in the words for text."""
    kinds = {kind_of(element) for element in elements} or {"S"}
    kind = min(kinds)
    if len(kinds) > 1 or kind not in {"S", "N", "B"}:
        raise ValidationException(MIXED_SET)
    return {f"{kind}S": [element[kind] for element in elements]}
