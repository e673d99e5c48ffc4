"""Conditions without expressions: Expected, QueryFilter, ScanFilter and KeyConditions, as syntax trees of conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdc.expressions.condition import Condition, compile_condition_tree
from cdc.expressions.key_condition import TABLE_CONDITIONS, TOO_MANY, KeyCondition, KeyTest
from cdc.expressions.operands import kind_of
from cdc.expressions.predicates import ORDERED_TYPES, PREFIX_TYPES, TYPES
from cdc.expressions.syntax import (
    Between,
    Comparison,
    ConditionNode,
    Function,
    InvalidExpressionError,
    Junction,
    Membership,
    Negation,
    Path,
    Value,
)
from cdc.model.errors import ValidationException
from cdc.model.values import EMPTY_NAME, INVALID, AttributeValue, compare, parse_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_COMPARATORS = {"EQ": "=", "NE": "<>", "LE": "<=", "LT": "<", "GE": ">=", "GT": ">"}
_KEY_OPERATORS = _COMPARATORS | {"BEGINS_WITH": "begins_with"}

_SCALARS = frozenset({"S", "N", "B"})
_TYPES = {"EQ": TYPES, "NE": TYPES, "BEGINS_WITH": PREFIX_TYPES, "BETWEEN": ORDERED_TYPES}
"""Types that an operator takes; S, N and B if it is not here."""

_COUNTS = {"NULL": 0, "NOT_NULL": 0, "BETWEEN": 2}
"""Arguments that an operator takes; one if it is not here, and any number of them for IN."""

_UNORDERED_BOUNDS = "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound"


@dataclass(frozen=True, slots=True)
class LegacyCondition:
    """One checked condition on an attribute."""

    name: str
    operator: str  # a ComparisonOperator
    arguments: tuple[AttributeValue, ...]


def parse_expected(expected: Mapping[str, Mapping[str, Any]]) -> list[LegacyCondition]:
    """Check Expected, whose JSON types and enumerations are right.

    Raises ValidationException. (DynamoDB: legacy conditional parameters, Expected.)
    """
    return [_parse_one_expected(name, _without_nulls(given)) for name, given in expected.items()]


def parse_conditions(conditions: Mapping[str, Mapping[str, Any]]) -> list[LegacyCondition]:
    """Check KeyConditions, QueryFilter or ScanFilter, whose JSON types and enumerations are right.

    Raises ValidationException. (DynamoDB: legacy conditional parameters.)
    """
    parsed = []
    for name, given in conditions.items():
        _refuse_empty_name(name)
        parsed.append(_parse_comparison(name, given["ComparisonOperator"], given.get("AttributeValueList") or []))
    return parsed


def bind_conditions(conditions: Iterable[LegacyCondition], operator: str | None) -> Condition | None:
    """Make one condition of checked ones, joined by a ConditionalOperator; None when there are none.

    Raises ValidationException. (DynamoDB: legacy conditional parameters, ConditionalOperator.)
    """
    nodes: list[ConditionNode] = []
    values: dict[str, AttributeValue] = {}
    for condition in conditions:
        placeholders = [Value(f":{len(values) + place}") for place in range(len(condition.arguments))]
        values |= zip([value.name for value in placeholders], condition.arguments, strict=True)
        nodes.append(_node(condition, placeholders))
    if operator is not None and len(nodes) < 2:
        raise ValidationException(
            "ConditionalOperator can only be used when Filter or Expected has two or more elements"
            if nodes
            else "ConditionalOperator cannot be used without Filter or Expected"
        )
    if not nodes:
        return None
    tree = nodes[0] if len(nodes) == 1 else Junction(operator or "AND", tuple(nodes))
    try:
        return compile_condition_tree(tree).bind(values)
    except InvalidExpressionError as error:
        raise ValidationException(str(error)) from error


def bind_key_conditions(conditions: Iterable[LegacyCondition], most_conditions: int = TABLE_CONDITIONS) -> KeyCondition:
    """Make the key condition of a query; raises ValidationException. DynamoDB: Query, KeyConditions."""
    tests: dict[str, KeyTest] = {}
    values: dict[str, AttributeValue] = {}
    for condition in conditions:
        placeholders = [f":{len(values) + place}" for place in range(len(condition.arguments))]
        values |= zip(placeholders, condition.arguments, strict=True)
        operator = _KEY_OPERATORS.get(condition.operator, condition.operator)
        tests[condition.name] = KeyTest(operator, tuple(placeholders))
    if not 1 <= len(tests) <= most_conditions:
        raise ValidationException(TOO_MANY)
    return KeyCondition(tests, values)


def _parse_one_expected(name: str, given: dict[str, Any]) -> LegacyCondition:
    _refuse_empty_name(name)
    has_list, has_value = "AttributeValueList" in given, "Value" in given
    operator = given.get("ComparisonOperator")
    fault = None
    if has_list and has_value:
        fault = "Value and AttributeValueList cannot be used together"
    elif operator is not None and "Exists" in given:
        fault = "Exists and ComparisonOperator cannot be used together"
    elif operator is not None and not (has_list or has_value or operator in {"NULL", "NOT_NULL"}):
        fault = f"Value or AttributeValueList must be used with ComparisonOperator: {operator}"
    elif operator is None and has_list:
        fault = "AttributeValueList can only be used with a ComparisonOperator"
    elif operator is None:
        fault = _fault_of_exists(given)
    if fault is not None:
        raise ValidationException(f"{INVALID}{fault} for Attribute: {name}")
    arguments = given["AttributeValueList"] if has_list else [given["Value"]] if has_value else []
    if operator is not None:
        return _parse_comparison(name, operator, arguments)
    values = tuple(parse_value(raw)[0] for raw in arguments)
    return LegacyCondition(name, "EQ" if values else "NULL", values)


def _fault_of_exists(given: dict[str, Any]) -> str | None:
    """Say what is wrong with Value and Exists, which stand without a ComparisonOperator."""
    exists = given.get("Exists")
    if exists is False:
        return "Value cannot be used when Exists is false" if "Value" in given else None
    if "Value" in given:
        return None
    return f"Value must be provided when Exists is {'null' if exists is None else 'true'}"


def _parse_comparison(name: str, operator: str, raw_arguments: list[Any]) -> LegacyCondition:
    arguments = tuple(parse_value(raw)[0] for raw in raw_arguments)
    count = _COUNTS.get(operator, 1)
    if len(arguments) < count or (len(arguments) > count and operator != "IN"):
        raise ValidationException(f"{INVALID}Invalid number of argument(s) for the {operator} ComparisonOperator")
    if arguments:
        _check_types(operator, arguments)
    return LegacyCondition(name, operator, arguments)


def _check_types(operator: str, arguments: tuple[AttributeValue, ...]) -> None:
    kind = kind_of(arguments[0])
    if any(kind not in argument for argument in arguments):
        raise ValidationException(f"{INVALID}AttributeValues inside AttributeValueList must be of same type")
    if kind not in _TYPES.get(operator, _SCALARS):
        raise ValidationException(f"{INVALID}ComparisonOperator {operator} is not valid for {kind} AttributeValue type")
    if operator == "BETWEEN" and compare(*arguments) == 1:
        raise ValidationException(_UNORDERED_BOUNDS)


def _node(condition: LegacyCondition, values: list[Value]) -> ConditionNode:
    """Write a condition as a syntax tree."""
    path = Path((condition.name,))
    match condition.operator:
        case "NULL":
            return Function("attribute_not_exists", (path,))
        case "NOT_NULL":
            return Function("attribute_exists", (path,))
        case "IN":
            return Membership(path, tuple(values))
        case "BETWEEN":
            return Between(path, *values)
        case "BEGINS_WITH":
            return Function("begins_with", (path, *values))
        case "CONTAINS":
            return Function("contains", (path, *values))
        case "NOT_CONTAINS":  # true of an attribute of another type, and of none
            return Negation(Function("contains", (path, *values)))
        case operator:
            return Comparison(_COMPARATORS[operator], path, *values)


def _without_nulls(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out null members, which count as absent."""
    return {member: value for member, value in given.items() if value is not None}


def _refuse_empty_name(name: str) -> None:
    if not name:
        raise ValidationException(EMPTY_NAME)
