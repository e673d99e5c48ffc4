"""ExpressionAttributeNames and ExpressionAttributeValues: checked, looked up, and refused when nothing uses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from cdc.expressions.syntax import InvalidExpressionError, Parsed
from cdc.model.errors import Family, ValidationException
from cdc.model.values import EMPTY_NAME, MAX_NAME_BYTES, NULL_NOT_TRUE, TOO_DEEP, AttributeValue, parse_value
from cdc.model.wire_types import MAP, STRING, refuse, utf8_size

if TYPE_CHECKING:
    from collections.abc import Mapping


MAX_PLACEHOLDER_BYTES = 255
MAX_SUBSTITUTION_BYTES = 2 * 1024 * 1024
"""Names, values and their placeholders together."""

_NAMES = "ExpressionAttributeNames"
_VALUES = "ExpressionAttributeValues"
_is_name = re.compile("#[A-Za-z0-9_]+").fullmatch
_is_value = re.compile(":[A-Za-z0-9_]+").fullmatch


class Substitutions:
    """What stands for the placeholders in the expressions of one request, and which placeholders were used so far."""

    __slots__ = ("_used", "names", "values")

    def __init__(
        self, names: Mapping[str, str] | None = None, values: Mapping[str, AttributeValue] | None = None
    ) -> None:
        self.names = names or {}
        self.values = values or {}
        self._used: set[str] = set()

    @classmethod
    def parse(
        cls, names: object, values: object, expressions: Mapping[str, object], *, wraps_null: bool = True
    ) -> Substitutions:
        """Check both maps as they came from the wire; None for one that did not come.

        `expressions` holds every expression parameter that the operation knows, in the order of its messages, with
        None for one that was not given: {"UpdateExpression": "SET a = :v", "ConditionExpression": None}.
        `wraps_null` is false for PutItem and UpdateItem, whose message for a NULL that is not true stands alone.

        Raises ValidationException; SerializationException for wrong JSON types. (DynamoDB: expressions.)
        """
        if names is not None and all(text is None for text in expressions.values()):
            raise ValidationException(f"{_NAMES} can only be specified when using expressions")
        if values is not None:
            _refuse_without_expression(expressions)
        checked_names, names_size = _check_names(names)
        checked_values, values_size = _check_values(values, wraps_null=wraps_null)
        if names_size + values_size > MAX_SUBSTITUTION_BYTES:
            raise ValidationException(
                f"The total size of {_NAMES} and {_VALUES} has exceeded the maximum allowed size; "
                f"size: {names_size + values_size}"
            )
        return cls(checked_names, checked_values)

    def use(self, parsed: Parsed[Any]) -> tuple[str, ...]:
        """Return the names that the `#placeholders` of an expression stand for, in its order.

        All of its placeholders count as used from now on, whether or not they will be evaluated. Raises
        InvalidExpressionError for an undefined name or, then, value.
        """
        if not (parsed.names or parsed.values):
            return ()
        self._used.update(parsed.names, parsed.values)
        for placeholder in parsed.names:
            if placeholder not in self.names:
                raise InvalidExpressionError(
                    "An expression attribute name used in the document path is not defined; "
                    f"attribute name: {placeholder}"
                )
        for placeholder in parsed.values:
            if placeholder not in self.values:
                raise InvalidExpressionError(
                    f"An expression attribute value used in expression is not defined; attribute value: {placeholder}"
                )
        return tuple(map(self.names.__getitem__, parsed.names))

    def refuse_unused(self) -> None:
        """Raise ValidationException if there is a name or value that no expression mentions. DynamoDB: expressions.

        The last of the checks: call it once all expressions of the request are bound.
        """
        if not self.names and not self.values:
            return
        for parameter, given in ((_NAMES, self.names), (_VALUES, self.values)):
            unused = [placeholder for placeholder in given if placeholder not in self._used]
            if unused:
                raise ValidationException(
                    f"Value provided in {parameter} unused in expressions: keys: {{{', '.join(unused)}}}"
                )


def refuse_mixed_parameters(legacy: Mapping[str, object], expressions: Mapping[str, object]) -> None:
    """Raise ValidationException if a request has parameters of both kinds; both maps in the order of the message.

    DynamoDB: expressions, legacy conditional parameters.
    """
    given_legacy = [name for name, value in legacy.items() if value is not None]
    given = [name for name, text in expressions.items() if text is not None]
    if given_legacy and given:
        raise ValidationException(
            "Can not use both expression and non-expression parameters in the same request: "
            f"Non-expression parameters: {{{', '.join(given_legacy)}}} "
            f"Expression parameters: {{{', '.join(given)}}}",
            family=Family.REQUEST,
        )


def _refuse_without_expression(expressions: Mapping[str, object]) -> None:
    """Refuse values when every expression that can hold one is absent; a projection can't."""
    holders = [parameter for parameter in expressions if parameter != "ProjectionExpression"]
    if all(expressions[parameter] is None for parameter in holders):
        raise ValidationException(
            f"{_VALUES} can only be specified when using expressions: "
            f"{' and '.join(holders)} {'are' if len(holders) > 1 else 'is'} null",
            family=Family.REQUEST,
        )


def _check_names(raw: object) -> tuple[dict[str, str], int]:
    """Return the checked names and their bytes, placeholders included."""
    if raw is None:
        return {}, 0
    if not isinstance(raw, dict):
        refuse(raw, MAP)
    for name in raw.values():
        if not isinstance(name, str):
            refuse(name, STRING)
    if not raw:
        raise ValidationException(f"{_NAMES} must not be empty")
    size = 0
    for placeholder, name in raw.items():
        _check_placeholder(_NAMES, placeholder, ok=_is_name(placeholder) is not None)
        if not name:
            raise ValidationException(EMPTY_NAME)
        bytes_of_name = utf8_size(name)
        if bytes_of_name > MAX_NAME_BYTES:
            raise ValidationException(
                f"{_NAMES} contains invalid value: Member must have length less than or equal to {MAX_NAME_BYTES} "
                f"for key {placeholder}"
            )
        size += len(placeholder) + bytes_of_name
    return raw, size


def _check_values(raw: object, *, wraps_null: bool) -> tuple[dict[str, AttributeValue], int]:
    """Return the checked, normalised values and their bytes, placeholders included."""
    if raw is None:
        return {}, 0
    if not isinstance(raw, dict):
        refuse(raw, MAP)
    if not raw:
        raise ValidationException(f"{_VALUES} must not be empty", family=Family.REQUEST)
    for placeholder in raw:
        _check_placeholder(_VALUES, placeholder, ok=_is_value(placeholder) is not None)
    values: dict[str, AttributeValue] = {}
    size = 0
    for placeholder, value in raw.items():
        try:
            values[placeholder], bytes_of_value = parse_value(value)
        except ValidationException as error:
            if error.message == TOO_DEEP or (error.message == NULL_NOT_TRUE and not wraps_null):
                raise
            raise ValidationException(
                f"{_VALUES} contains invalid value: {error.message} for key {placeholder}",
                family=Family.OTHER if error.family is Family.OTHER else Family.REQUEST,
            ) from error
        size += len(placeholder) + bytes_of_value
    return values, size


def _check_placeholder(parameter: str, placeholder: str, *, ok: bool) -> None:
    if not ok:
        raise ValidationException(f'{parameter} contains invalid key: Syntax error; key: "{placeholder}"')
    if len(placeholder) > MAX_PLACEHOLDER_BYTES:
        raise ValidationException(
            f"{parameter} contains invalid key: Member must have length less than or equal to "
            f'{MAX_PLACEHOLDER_BYTES}; key: "{placeholder}"'
        )
