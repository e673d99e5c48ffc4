"""Conditions and filters, bound to their names and values: quick functions from an item to true or false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from cdc.expressions import predicates
from cdc.expressions.condition_parser import parse_condition
from cdc.expressions.operand_errors import path_required, wrong_count, wrong_type
from cdc.expressions.parser import CONDITION_FUNCTIONS
from cdc.expressions.paths import DocumentPath, Getter, getter, path_text, top_level_names
from cdc.expressions.predicates import ORDERED_TYPES, PREFIX_TYPES, SIZELESS_TYPES, TYPES, kind_of
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
from cdc.model.values import AttributeValue, Item, compare

if TYPE_CHECKING:
    from cdc.expressions.substitutions import Substitutions

Predicate: TypeAlias = Callable[[Item], bool]

MAX_IN_OPERANDS = 100

_ACCEPTED_ORDERS: dict[str, tuple[int, ...]] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition or filter that is ready to be asked."""

    matches: Predicate
    """Tells whether an item fulfils the condition; `{}` stands for a missing item."""
    paths: tuple[DocumentPath, ...]
    """Every document path in it, in the order of the text."""

    @property
    def top_level_names(self) -> frozenset[str]:
        """The attributes that it looks at, or into."""
        return top_level_names(self.paths)


def bind_condition(
    text: str, substitutions: Substitutions, kind: Literal["Condition", "Filter"] = "Condition"
) -> Condition:
    """Parse a condition or filter expression and fill in its names and values.

    Raises ValidationException, `Invalid <kind>Expression: …`. (DynamoDB: ConditionExpression, FilterExpression.)
    """
    try:
        parsed = parse_condition(text)
        substitutions.use(parsed)
        binder = ConditionBinder(substitutions)
        return Condition(binder.bind(parsed.tree), tuple(binder.paths))
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid {kind}Expression: {error}") from error


class _Bound(NamedTuple):
    """An operand that can be read: what it is known to be before there is an item."""

    get: Getter
    path: DocumentPath | None = None
    literal: AttributeValue | None = None
    kind: str | None = None
    """The type of a literal, or of what `size` returns."""
    is_size: bool = False


class ConditionBinder:
    """Turns the nodes of a condition into predicates, checking operands on the way, in the order of the text."""

    __slots__ = ("_substitutions", "paths")

    def __init__(self, substitutions: Substitutions) -> None:
        self._substitutions = substitutions
        self.paths: list[DocumentPath] = []

    def bind(self, node: ConditionNode) -> Predicate:
        """Return the predicate of a node; raises InvalidExpressionError."""
        if isinstance(node, Function):
            return self._function(node)
        if isinstance(node, Comparison):
            return self._comparison(node)
        if isinstance(node, Junction):
            bound = []
            for condition in node.conditions:  # a loop, as a comprehension doubles the depth of recursion
                bound.append(self.bind(condition))  # noqa: PERF401
            return _all_of(bound) if node.operator == "AND" else _any_of(bound)
        if isinstance(node, Negation):
            return _not(self.bind(node.condition))
        return self._between(node) if isinstance(node, Between) else self._membership(node)

    def _operand(self, node: Operand) -> _Bound:
        if isinstance(node, Path):
            path = self._substitutions.path(node)
            self.paths.append(path)
            return _Bound(getter(path), path)
        if isinstance(node, Value):
            value = self._substitutions.value(node.name)
            return _Bound(lambda _item: value, None, value, kind_of(value))
        assert isinstance(node, Function), node  # the grammar has no arithmetic here
        return self._size(node)

    def _size(self, node: Function) -> _Bound:
        [operand] = self._arguments(node)
        if operand.kind in SIZELESS_TYPES:
            raise wrong_type("size", operand.kind)
        get = operand.get

        def size(item: Item) -> AttributeValue | None:
            value = get(item)
            size = None if value is None else predicates.size(value)
            return None if size is None else {"N": str(size)}

        return _Bound(size, kind="N", is_size=True)

    def _arguments(self, node: Function) -> list[_Bound]:
        arguments = [self._operand(argument) for argument in node.arguments]
        if len(arguments) != CONDITION_FUNCTIONS[node.name]:
            raise wrong_count(node.name, len(arguments))
        return arguments

    def _comparison(self, node: Comparison) -> Predicate:
        operator = node.operator
        left, right = self._operand(node.left), self._operand(node.right)
        _refuse_same(operator, left, right)
        if operator == "=":
            return _equal(left, right)
        if operator == "<>":
            return _different(left, right)
        _require_types(operator, ORDERED_TYPES, left, right)
        return _ordered(left.get, right.get, _ACCEPTED_ORDERS[operator])

    def _between(self, node: Between) -> Predicate:
        bound = self._operand(node.operand)
        lower, upper = self._operand(node.lower), self._operand(node.upper)
        _refuse_same("BETWEEN", bound, lower, upper)
        _require_types("BETWEEN", ORDERED_TYPES, bound, lower, upper)
        if lower.literal is not None and upper.literal is not None:
            _check_bounds(lower.literal, upper.literal)
        not_below = _ordered(bound.get, lower.get, (0, 1))
        not_above = _ordered(bound.get, upper.get, (-1, 0))
        return lambda item: not_below(item) and not_above(item)

    def _membership(self, node: Membership) -> Predicate:
        bound = self._operand(node.operand)
        options = [self._operand(option) for option in node.options]
        if len(options) > MAX_IN_OPERANDS:
            raise wrong_count("IN", len(options) + 1)
        _refuse_same("IN", bound, *options)
        get = bound.get
        literals = [option.literal for option in options if option.literal is not None]
        others = [option.get for option in options if option.literal is None]

        def is_member(item: Item) -> bool:
            value = get(item)
            return value is not None and (value in literals or any(value == other(item) for other in others))

        return is_member

    def _function(self, node: Function) -> Predicate:
        arguments = self._arguments(node)
        name = node.name
        if name in {"attribute_exists", "attribute_not_exists"}:
            return _existence(name, arguments[0])
        first, second = arguments
        _refuse_same(name, first, second)
        if name == "attribute_type":
            return _attribute_type(first, second)
        if name == "begins_with":
            _require_types(name, PREFIX_TYPES, first, second)
            return _both(predicates.begins_with, first.get, second.get)
        return _both(predicates.contains, first.get, second.get)


def _all_of(conditions: list[Predicate]) -> Predicate:
    def all_of(item: Item) -> bool:
        for condition in conditions:  # noqa: SIM110 - all() would add a frame to each level of recursion
            if not condition(item):
                return False
        return True

    return all_of


def _any_of(conditions: list[Predicate]) -> Predicate:
    def any_of(item: Item) -> bool:
        for condition in conditions:  # noqa: SIM110 - as above
            if condition(item):
                return True
        return False

    return any_of


def _not(condition: Predicate) -> Predicate:
    return lambda item: not condition(item)


def _equal(left: _Bound, right: _Bound) -> Predicate:
    get, other = left.get, right.get
    literal = right.literal
    if literal is not None:
        return lambda item: get(item) == literal

    def equal(item: Item) -> bool:
        value = get(item)
        return value is not None and value == other(item)

    return equal


def _different(left: _Bound, right: _Bound) -> Predicate:
    """Missing values differ from all others, and from each other; a size that can't be taken compares as false."""
    equal = _equal(left, right)
    sizes = [operand.get for operand in (left, right) if operand.is_size]
    if not sizes:
        return lambda item: not equal(item)
    return lambda item: not equal(item) and all(size(item) is not None for size in sizes)


def _ordered(left: Getter, right: Getter, accepted: tuple[int, ...]) -> Predicate:
    def ordered(item: Item) -> bool:
        value, other = left(item), right(item)
        return value is not None and other is not None and compare(value, other) in accepted

    return ordered


def _existence(name: str, operand: _Bound) -> Predicate:
    if operand.path is None:
        raise path_required(name)
    get = operand.get
    if name == "attribute_exists":
        return lambda item: get(item) is not None
    return lambda item: get(item) is None


def _attribute_type(operand: _Bound, expected: _Bound) -> Predicate:
    if expected.literal is None or expected.kind != "S":
        raise wrong_type("attribute_type", expected.kind or "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}")
    kind = expected.literal["S"]
    if kind not in TYPES:
        raise InvalidExpressionError(
            f"Invalid attribute type name found; type: {kind}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
        )
    get = operand.get
    return lambda item: kind in (get(item) or ())


def _both(test: Callable[[AttributeValue, AttributeValue], bool], left: Getter, right: Getter) -> Predicate:
    """Test two values that are both there."""

    def both(item: Item) -> bool:
        value, other = left(item), right(item)
        return value is not None and other is not None and test(value, other)

    return both


def _refuse_same(operator: str, first: _Bound, *others: _Bound) -> None:
    if first.path is not None and any(first.path == other.path for other in others):
        raise InvalidExpressionError(
            "The first operand must be distinct from the remaining operands for this operator or function; "
            f"operator: {operator}, first operand: {path_text(first.path)}"
        )


def _require_types(operator: str, types: frozenset[str], *operands: _Bound) -> None:
    """Refuse an operand whose type is known beforehand and is none of `types`."""
    for operand in operands:
        if operand.kind is not None and operand.kind not in types:
            raise wrong_type(operator, operand.kind)


def _check_bounds(lower: AttributeValue, upper: AttributeValue) -> None:
    [(lower_kind, lower_content)], [(upper_kind, upper_content)] = lower.items(), upper.items()
    operands = (
        f"lower bound operand: AttributeValue: {{{lower_kind}:{lower_content}}}, "
        f"upper bound operand: AttributeValue: {{{upper_kind}:{upper_content}}}"
    )
    if lower_kind != upper_kind:
        raise InvalidExpressionError(
            f"The BETWEEN operator requires same data type for lower and upper bounds; {operands}"
        )
    if compare(lower, upper) == 1:
        raise InvalidExpressionError(
            f"The BETWEEN operator requires upper bound to be greater than or equal to lower bound; {operands}"
        )
