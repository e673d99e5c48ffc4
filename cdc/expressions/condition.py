"""Conditions and filters, bound to their names and values: quick functions from an item to true or false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from cdc.expressions import predicates
from cdc.expressions.condition_parser import parse_condition
from cdc.expressions.operands import (
    AS_WRITTEN,
    Check,
    Reader,
    Values,
    compiled_once,
    path_reader,
    path_required,
    refuse,
    require_type,
    resolve_path,
    wrong_count,
    wrong_type,
)
from cdc.expressions.parser import CONDITION_FUNCTIONS
from cdc.expressions.paths import DocumentPath, path_text, top_level_names
from cdc.expressions.predicates import ORDERED_TYPES, PREFIX_TYPES, SIZED_TYPES, TYPES
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
from cdc.model.errors import Family, ValidationException
from cdc.model.values import AttributeValue, Item, compare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.expressions.substitutions import Substitutions

_Predicate: TypeAlias = Callable[[Values, Item], bool]

MAX_IN_OPERANDS = 100

_ACCEPTED_ORDERS: dict[str, tuple[int, ...]] = {"<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition or filter that is ready to be asked."""

    matches: Callable[[Item], bool]
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
        return compile_condition(text, substitutions.use(parse_condition(text))).bind(substitutions.values)
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid {kind}Expression: {error}", family=Family.REQUEST) from error


class CompiledCondition(NamedTuple):
    """A condition without its values."""

    predicate: _Predicate
    checks: tuple[Check, ...]
    paths: tuple[DocumentPath, ...]

    def bind(self, values: Values) -> Condition:
        """Fill in the values; raises InvalidExpressionError for those that an operator or function does not take."""
        for check in self.checks:
            check(values)
        return Condition(partial(self.predicate, values), self.paths)


@compiled_once
def compile_condition(text: str, names: tuple[str, ...]) -> CompiledCondition:
    """Compile a condition whose `#names`, in order of occurrence, stand for these."""
    parsed = parse_condition(text)
    return compile_condition_tree(parsed.tree, dict(zip(parsed.names, names, strict=True)))


def compile_condition_tree(tree: ConditionNode, names: Mapping[str, str] = AS_WRITTEN) -> CompiledCondition:
    """Compile a condition from its syntax tree, as PartiQL and legacy conditions make it too."""
    compiler = _Compiler(names)
    return CompiledCondition(compiler.compile(tree), tuple(compiler.checks), tuple(compiler.paths))


@dataclass(frozen=True, slots=True)
class _Operand:
    """An operand that can be read, and what is known of it without an item: a path, a value or a size."""

    read: Reader
    path: DocumentPath | None = None
    placeholder: str | None = None

    @property
    def is_size(self) -> bool:
        return self.path is None and self.placeholder is None


# Faults in one comparison or function are reported in this order, those of different ones in the order of the text.
_COUNT, _DISTINCTNESS, _TYPE = range(3)


class _Compiler:
    """Turns the nodes of a condition into predicates, and notes what to check."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._leaf_checks: list[tuple[int, Check]] = []
        self.checks: list[Check] = []
        self.paths: list[DocumentPath] = []

    def compile(self, node: ConditionNode) -> _Predicate:
        """Return the predicate of a node."""
        if isinstance(node, Junction):
            compiled = []
            for condition in node.conditions:  # a loop, as a comprehension doubles the depth of recursion
                compiled.append(self.compile(condition))  # noqa: PERF401
            return _all_of(compiled) if node.operator == "AND" else _any_of(compiled)
        if isinstance(node, Negation):
            return _not(self.compile(node.condition))
        predicate = self._leaf(node)
        self.checks += [check for _, check in sorted(self._leaf_checks, key=itemgetter(0))]
        self._leaf_checks.clear()
        return predicate

    def _leaf(self, node: Comparison | Between | Membership | Function) -> _Predicate:
        if isinstance(node, Comparison):
            return self._comparison(node)
        if isinstance(node, Between):
            return self._between(node)
        return self._membership(node) if isinstance(node, Membership) else self._function(node)

    def _check(self, rank: int, check: Check) -> None:
        self._leaf_checks.append((rank, check))

    def _operand(self, node: Operand) -> _Operand:
        if isinstance(node, Path):
            path = resolve_path(node, self._names)
            self.paths.append(path)
            return _Operand(path_reader(path), path)
        if isinstance(node, Value):
            placeholder = node.name
            return _Operand(lambda values, _item: values[placeholder], None, placeholder)
        assert isinstance(node, Function), node  # the grammar has no arithmetic here
        [operand, *_] = self._arguments(node)
        self._require_types("size", SIZED_TYPES, operand)
        return _Operand(_size(operand.read))

    def _arguments(self, node: Function) -> list[_Operand]:
        arguments = [self._operand(argument) for argument in node.arguments]
        if len(arguments) != CONDITION_FUNCTIONS[node.name]:
            self._check(_COUNT, refuse(wrong_count(node.name, len(arguments))))
        return arguments

    def _comparison(self, node: Comparison) -> _Predicate:
        left, right = self._operand(node.left), self._operand(node.right)
        self._refuse_same(node.operator, left, right)
        if node.operator == "=":
            return _equal(left.read, right.read)
        if node.operator == "<>":
            return _different(left, right)
        self._require_types(node.operator, ORDERED_TYPES, left, right)
        return _ordered(left.read, right.read, _ACCEPTED_ORDERS[node.operator])

    def _between(self, node: Between) -> _Predicate:
        operand, lower, upper = self._operand(node.operand), self._operand(node.lower), self._operand(node.upper)
        self._refuse_same("BETWEEN", operand, lower, upper)
        self._require_types("BETWEEN", ORDERED_TYPES, operand, lower, upper)
        if lower.placeholder is not None and upper.placeholder is not None:
            self._check(_TYPE, _bounds_in_order(lower.placeholder, upper.placeholder))
        return _all_of([_ordered(operand.read, lower.read, (0, 1)), _ordered(operand.read, upper.read, (-1, 0))])

    def _membership(self, node: Membership) -> _Predicate:
        operand = self._operand(node.operand)
        options = [self._operand(option) for option in node.options]
        if len(options) > MAX_IN_OPERANDS:
            self._check(_COUNT, refuse(wrong_count("IN", len(options))))
        self._refuse_same("IN", operand, *options)
        return _is_among(operand.read, [option.read for option in options])

    def _function(self, node: Function) -> _Predicate:
        name = node.name
        arguments = self._arguments(node)
        first, second = arguments[0], arguments[-1]  # a wrong number of them is refused later
        if name in {"attribute_exists", "attribute_not_exists"}:
            if first.path is None:
                self._check(_TYPE, refuse(path_required(name)))
            return _exists(first.read) if name == "attribute_exists" else _not(_exists(first.read))
        if second is not first:
            self._refuse_same(name, first, second)
        if name == "attribute_type":
            self._check(_TYPE, _type_name(second))
            return _has_type(first.read, second.read)
        if name == "begins_with":
            self._require_types(name, PREFIX_TYPES, first, second)
            return _both(predicates.begins_with, first.read, second.read)
        return _both(predicates.contains, first.read, second.read)

    def _refuse_same(self, operator: str, first: _Operand, *others: _Operand) -> None:
        if first.path is not None and any(first.path == other.path for other in others):
            self._check(
                _DISTINCTNESS,
                refuse(
                    "The first operand must be distinct from the remaining operands for this operator or function; "
                    f"operator: {operator}, first operand: {path_text(first.path)}"
                ),
            )

    def _require_types(self, operator: str, types: frozenset[str], *operands: _Operand) -> None:
        """Refuse an operand whose type is known before there is an item and is none of `types`."""
        for operand in operands:
            if operand.placeholder is not None:
                self._check(_TYPE, require_type(operator, types, operand.placeholder))
            elif operand.is_size and "N" not in types:
                self._check(_TYPE, refuse(wrong_type(operator, "N")))


def _all_of(conditions: list[_Predicate]) -> _Predicate:
    def all_of(values: Values, item: Item) -> bool:
        for condition in conditions:  # noqa: SIM110 - all() would add a frame to each level of recursion
            if not condition(values, item):
                return False
        return True

    return all_of


def _any_of(conditions: list[_Predicate]) -> _Predicate:
    def any_of(values: Values, item: Item) -> bool:
        for condition in conditions:  # noqa: SIM110 - as above
            if condition(values, item):
                return True
        return False

    return any_of


def _not(condition: _Predicate) -> _Predicate:
    return lambda values, item: not condition(values, item)


def _exists(read: Reader) -> _Predicate:
    return lambda values, item: read(values, item) is not None


def _equal(left: Reader, right: Reader) -> _Predicate:
    def equal(values: Values, item: Item) -> bool:
        value = left(values, item)
        return value is not None and value == right(values, item)

    return equal


def _is_among(read: Reader, options: list[Reader]) -> _Predicate:
    def is_among(values: Values, item: Item) -> bool:
        value = read(values, item)
        return value is not None and any(value == option(values, item) for option in options)

    return is_among


def _different(left: _Operand, right: _Operand) -> _Predicate:
    """Missing values differ from all others, and from each other; a size that can't be taken compares as false."""
    different = _not(_equal(left.read, right.read))
    return _all_of([different, *(_exists(operand.read) for operand in (left, right) if operand.is_size)])


def _ordered(left: Reader, right: Reader, accepted: tuple[int, ...]) -> _Predicate:
    def ordered(values: Values, item: Item) -> bool:
        value, other = left(values, item), right(values, item)
        return value is not None and other is not None and compare(value, other) in accepted

    return ordered


def _has_type(left: Reader, right: Reader) -> _Predicate:
    return _both(lambda value, name: name["S"] in value, left, right)


def _both(test: Callable[[AttributeValue, AttributeValue], bool], left: Reader, right: Reader) -> _Predicate:
    """Test two values that are both there."""

    def both(values: Values, item: Item) -> bool:
        value, other = left(values, item), right(values, item)
        return value is not None and other is not None and test(value, other)

    return both


def _size(read: Reader) -> Reader:
    def size(values: Values, item: Item) -> AttributeValue | None:
        value = read(values, item)
        count = None if value is None else predicates.size(value)
        return None if count is None else {"N": str(count)}

    return size


def _type_name(operand: _Operand) -> Check:
    """Check the second operand of attribute_type."""
    placeholder = operand.placeholder
    if placeholder is None:
        kind = "N" if operand.is_size else "{NS,SS,L,BS,N,M,B,BOOL,NULL,S}"
        return refuse(wrong_type("attribute_type", kind))
    require_string = require_type("attribute_type", ("S",), placeholder)

    def check(values: Values) -> None:
        require_string(values)
        name = values[placeholder]["S"]
        if name not in TYPES:
            raise InvalidExpressionError(
                f"Invalid attribute type name found; type: {name}, valid types: {{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}"
            )

    return check


def _bounds_in_order(lower: str, upper: str) -> Check:
    """Check the bounds of a BETWEEN, both of which are values."""

    def check(values: Values) -> None:
        [(lower_kind, lower_content)], [(upper_kind, upper_content)] = values[lower].items(), values[upper].items()
        if lower_kind != upper_kind:
            rule = "same data type for lower and upper bounds"
        elif compare(values[lower], values[upper]) == 1:
            rule = "upper bound to be greater than or equal to lower bound"
        else:
            return
        raise InvalidExpressionError(
            f"The BETWEEN operator requires {rule}; "
            f"lower bound operand: AttributeValue: {{{lower_kind}:{lower_content}}}, "
            f"upper bound operand: AttributeValue: {{{upper_kind}:{upper_content}}}"
        )

    return check
