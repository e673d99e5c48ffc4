"""Key-condition expressions: the partition that a query reads, and the range of sort keys in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdc.expressions.condition import compile_condition
from cdc.expressions.condition_parser import parse_condition
from cdc.expressions.operands import Values, compiled_once, resolve_path
from cdc.expressions.syntax import (
    Between,
    Comparison,
    ConditionNode,
    Function,
    InvalidExpressionError,
    Junction,
    Membership,
    Negation,
    Operand,
    Path,
    Value,
)
from cdc.model.errors import ValidationException
from cdc.model.keys import check_contents
from cdc.model.values import INVALID, AttributeValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.expressions.substitutions import Substitutions
    from cdc.model.keys import KeyAttributes
    from cdc.model.values import Item

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
KEY_OPERATORS = frozenset({*_MIRRORED, "BETWEEN", "begins_with"})
_FAMILY = "Invalid KeyConditionExpression: KeyConditionExpressions"
_CONDITION = "Invalid condition in KeyConditionExpression:"
_MISSED = "Query condition missed key schema element: {name}"
_NOT_EQUAL = (
    "RANGE key attributes {missing} must have equality conditions specified in the query "
    "because a condition is present on key attribute {name}"
)
TOO_MANY = "Conditions can be of length 1 or 2 only"
TABLE_CONDITIONS = 2
"""A table's key has two attributes at most."""


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What a query reads: one partition, or the part of it whose sort keys are in a range."""

    hash_values: tuple[AttributeValue, ...]
    """Of each attribute of the partition key; several in an index alone."""
    operator: str | None = None
    """=, <, <=, >, >=, BETWEEN or begins_with, for the sort key; None for all that the others select."""
    operands: tuple[AttributeValue, ...] = ()
    """Two for BETWEEN, one for any other operator."""
    equal: tuple[AttributeValue, ...] = ()
    """Of the sort key's attributes before the one with the operator; in an index alone."""


@dataclass(frozen=True, slots=True)
class KeyTest:
    """The condition on one attribute: a comparison, or one that no key can have; operands are placeholders."""

    operator: str
    operands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """Conditions on attributes, not yet held against the keys of a table or index."""

    _tests: dict[str, KeyTest]
    _values: Values

    def resolve(self, hashes: KeyAttributes, ranges: KeyAttributes) -> KeyRange:
        """Return the key range in a table or index with these key attributes.

        Raises ValidationException if the conditions do not fit its keys. (DynamoDB: Query, KeyConditionExpression.)
        """
        if len(self._tests) > TABLE_CONDITIONS >= len(hashes) + len(ranges):
            raise ValidationException(TOO_MANY)
        if not ranges and len(self._tests) > len(hashes):
            raise ValidationException("Query key condition not supported")
        key: Item = {}
        for name, key_type in hashes:
            operator, [key[name], *_] = self._test(name, key_type)
            if operator != "=":
                raise ValidationException("Query key condition not supported")
        hash_values = tuple(key.values())
        used = self._used_ranges(hashes, ranges)
        if not used:
            check_contents(hashes, (), key)
            return KeyRange(hash_values)
        *equal, (last, last_type) = used
        for name, key_type in equal:
            operator, [key[name], *_] = self._test(name, key_type)
            if operator != "=":
                raise ValidationException(_NOT_EQUAL.format(missing=name, name=last))
        equal_values = tuple(key.values())[len(hashes) :]
        operator, operands = self._test(last, last_type)
        for operand in operands:
            check_contents(hashes, used, {**key, last: operand})
        return KeyRange(hash_values, operator, tuple(operands), equal_values)

    def _used_ranges(self, hashes: KeyAttributes, ranges: KeyAttributes) -> KeyAttributes:
        """Return the sort key's attributes that have conditions: its first ones, without a gap."""
        count = len(self._tests) - len(hashes)
        names = [name for name, _ in ranges]
        conditioned = [name for name in names if name in self._tests]
        if len(conditioned) < count:  # another attribute has one
            missing = next((name for name in names if name not in self._tests), None)
            if missing is None:
                raise ValidationException("Query key condition not supported")
            raise ValidationException(_MISSED.format(name=missing))
        if conditioned != names[:count]:
            missing = ", ".join(name for name in names[: names.index(conditioned[-1])] if name not in conditioned)
            raise ValidationException(_NOT_EQUAL.format(missing=missing, name=conditioned[-1]))
        return ranges[:count]

    def _test(self, name: str, key_type: str) -> tuple[str, list[AttributeValue]]:
        """Return operator and operands of the condition on a key attribute."""
        test = self._tests.get(name)
        if test is None:
            raise ValidationException(_MISSED.format(name=name))
        operands = [self._values[placeholder] for placeholder in test.operands]
        if test.operator not in KEY_OPERATORS:
            raise ValidationException("Attempted conditional constraint is not an indexable operation")
        if any(key_type not in operand for operand in operands):
            raise ValidationException(f"{INVALID}Condition parameter type does not match schema type")
        return test.operator, operands


def bind_key_condition(
    text: str, substitutions: Substitutions, most_conditions: int = TABLE_CONDITIONS
) -> KeyCondition:
    """Parse a key-condition expression and fill in its names and values.

    Raises ValidationException. (DynamoDB: Query, KeyConditionExpression.)
    """
    try:
        names = substitutions.use(parse_condition(text))
        values = substitutions.values
        for check in compile_condition(text, names).checks:  # whatever no condition may have is refused first
            check(values)
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid KeyConditionExpression: {error}") from error
    tests = _compile(text, names)
    if len(tests) > most_conditions:
        raise ValidationException(TOO_MANY)
    return KeyCondition(tests, values)


@compiled_once
def _compile(text: str, names: tuple[str, ...]) -> dict[str, KeyTest]:
    """Return the conditions by attribute; raises ValidationException if they are not such as keys can have."""
    parsed = parse_condition(text)
    by_placeholder = dict(zip(parsed.names, names, strict=True))
    tests: dict[str, KeyTest] = {}
    for node in _joined_by_and(parsed.tree):
        name, test = _key_test(node, by_placeholder)
        if name in tests:
            raise ValidationException(f"{_FAMILY} must only contain one condition per key")
        tests[name] = test
    return tests


def _joined_by_and(tree: ConditionNode) -> Iterator[Comparison | Between | Function]:
    """Go through the conditions of a key condition; raises ValidationException for one that no key can have."""
    nodes = tree.conditions if isinstance(tree, Junction) and tree.operator == "AND" else (tree,)
    for node in nodes:
        operator = _operator(node)
        if isinstance(node, Membership | Negation | Junction) or operator not in KEY_OPERATORS:
            raise ValidationException(f"Invalid operator used in KeyConditionExpression: {operator}")
        yield node


def _operator(node: ConditionNode) -> str:
    if isinstance(node, Comparison | Junction):
        return node.operator
    if isinstance(node, Function):
        return node.name
    if isinstance(node, Between):
        return "BETWEEN"
    return "NOT" if isinstance(node, Negation) else "IN"


def _key_test(node: Comparison | Between | Function, names: dict[str, str]) -> tuple[str, KeyTest]:
    """Return the attribute that a condition is on, and the condition."""
    operator, operands = _operator(node), _operands(node)
    if not isinstance(node, Comparison) and not isinstance(operands[0], Path):
        raise ValidationException(f"{_CONDITION} {operator} operator must have the key attribute as its first operand")
    values = tuple(operand.name for operand in operands if isinstance(operand, Value))
    name = _attribute(operands, names)
    if isinstance(operands[0], Value):
        operator = _MIRRORED[operator]
    return name, KeyTest(operator, values)


def _operands(node: Comparison | Between | Function) -> tuple[Operand, ...]:
    if isinstance(node, Comparison):
        return node.left, node.right
    if isinstance(node, Between):
        return node.operand, node.lower, node.upper
    return node.arguments


def _attribute(operands: tuple[Operand, ...], names: dict[str, str]) -> str:
    """Return the one attribute among the operands."""
    name = None
    for operand in operands:
        if isinstance(operand, Path):
            if name is not None:
                raise ValidationException(f"{_CONDITION} Multiple attribute names used in one condition")
            path = resolve_path(operand, names)
            if len(path) > 1:
                raise ValidationException(f"{_FAMILY} cannot have conditions on nested attributes")
            name = str(path[0])
        elif isinstance(operand, Function):
            raise ValidationException(f"{_FAMILY} cannot contain nested operations")
    if name is None:
        raise ValidationException(f"{_CONDITION} No key attribute specified")
    return name
