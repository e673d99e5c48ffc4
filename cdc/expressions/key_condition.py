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
from cdc.model.keys import KeySchema, check_key
from cdc.model.values import INVALID, AttributeValue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.expressions.substitutions import Substitutions

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_FAMILY = "Invalid KeyConditionExpression: KeyConditionExpressions"
_CONDITION = "Invalid condition in KeyConditionExpression:"


@dataclass(frozen=True, slots=True)
class KeyRange:
    """What a query reads: one partition, or the part of it whose sort keys are in a range."""

    hash_value: AttributeValue
    operator: str | None = None
    """=, <, <=, >, >=, BETWEEN or begins_with, for the sort key; None for the whole partition."""
    operands: tuple[AttributeValue, ...] = ()
    """Two for BETWEEN, one for any other operator."""


@dataclass(frozen=True, slots=True)
class _KeyTest:
    """The condition on one attribute; operands are placeholders."""

    operator: str
    operands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeyCondition:
    """One or two conditions on attributes, not yet held against the keys of a table or index."""

    _tests: dict[str, _KeyTest]
    _values: Values

    def resolve(self, schema: KeySchema) -> KeyRange:
        """Return the key range in a table or index with this schema.

        Raises ValidationException if the conditions do not fit its keys. (DynamoDB: Query, KeyConditionExpression.)
        """
        if schema.range_name is None and len(self._tests) > 1:
            raise ValidationException("Query key condition not supported")
        operator, [hash_value, *_] = self._test(schema.hash_name, schema.hash_type)
        if operator != "=":
            raise ValidationException("Query key condition not supported")
        key = {schema.hash_name: hash_value}
        if len(self._tests) == 1:
            check_key(KeySchema(schema.hash_name, schema.hash_type), key)
            return KeyRange(hash_value)
        assert schema.range_name is not None
        assert schema.range_type is not None
        operator, operands = self._test(schema.range_name, schema.range_type)
        for operand in operands:
            check_key(schema, {**key, schema.range_name: operand})
        return KeyRange(hash_value, operator, tuple(operands))

    def _test(self, name: str, key_type: str) -> tuple[str, list[AttributeValue]]:
        """Return operator and operands of the condition on a key attribute."""
        test = self._tests.get(name)
        if test is None:
            raise ValidationException(f"Query condition missed key schema element: {name}")
        operands = [self._values[placeholder] for placeholder in test.operands]
        if any(key_type not in operand for operand in operands):
            raise ValidationException(f"{INVALID}Condition parameter type does not match schema type")
        return test.operator, operands


def bind_key_condition(text: str, substitutions: Substitutions) -> KeyCondition:
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
    return KeyCondition(_compile(text, names), values)


@compiled_once
def _compile(text: str, names: tuple[str, ...]) -> dict[str, _KeyTest]:
    """Return the conditions by attribute; raises ValidationException if they are not such as keys can have."""
    parsed = parse_condition(text)
    by_placeholder = dict(zip(parsed.names, names, strict=True))
    tests: dict[str, _KeyTest] = {}
    for node in _joined_by_and(parsed.tree):
        name, test = _key_test(node, by_placeholder)
        if name in tests:
            raise ValidationException(f"{_FAMILY} must only contain one condition per key")
        tests[name] = test
    if len(tests) > 2:
        raise ValidationException("Conditions can be of length 1 or 2 only")
    return tests


def _joined_by_and(tree: ConditionNode) -> Iterator[Comparison | Between | Function]:
    """Go through the conditions of a key condition; raises ValidationException for one that no key can have."""
    nodes = tree.conditions if isinstance(tree, Junction) and tree.operator == "AND" else (tree,)
    for node in nodes:
        operator = _operator(node)
        if isinstance(node, Membership | Negation | Junction) or operator not in {*_MIRRORED, "BETWEEN", "begins_with"}:
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


def _key_test(node: Comparison | Between | Function, names: dict[str, str]) -> tuple[str, _KeyTest]:
    """Return the attribute that a condition is on, and the condition."""
    operator, operands = _operator(node), _operands(node)
    if not isinstance(node, Comparison) and not isinstance(operands[0], Path):
        raise ValidationException(f"{_CONDITION} {operator} operator must have the key attribute as its first operand")
    values = tuple(operand.name for operand in operands if isinstance(operand, Value))
    name = _attribute(operands, names)
    if isinstance(operands[0], Value):
        operator = _MIRRORED[operator]
    return name, _KeyTest(operator, values)


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
