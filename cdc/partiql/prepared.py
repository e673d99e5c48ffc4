"""Statements prepared: parsed and compiled once for their text, and bound to the parameters of each request."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cdc.expressions.condition import CompiledCondition, Condition, compile_condition_tree
from cdc.expressions.syntax import (
    Between,
    Comparison,
    Function,
    InvalidExpressionError,
    Junction,
    Membership,
    Path,
    Value,
)
from cdc.expressions.update import CompiledUpdate, compile_actions
from cdc.model.errors import ValidationException
from cdc.partiql.parser import parse_statement
from cdc.partiql.projection import Selection, selection_of
from cdc.partiql.syntax import Exists, Insert, Select, Update, target_of
from cdc.partiql.values import check_parameters, fill_item, fill_values

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from cdc.expressions import Update as BoundUpdate
    from cdc.expressions.operands import Values
    from cdc.expressions.syntax import ConditionNode
    from cdc.model.values import AttributeValue, Item
    from cdc.partiql.syntax import Parsed, Statement

MAX_REMEMBERED_STATEMENTS = 256
"""A program has a few dozen. What is kept of 8 KB text takes at most about 800 KB."""

_MIRRORED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class KeyTest:
    """A condition on one attribute such as keys can have; operands are placeholders."""

    name: str
    operator: str  # =, <, <=, >, >=, BETWEEN, begins_with or IN
    operands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Conjunct:
    """One of the conditions that WHERE joins by AND."""

    compiled: CompiledCondition
    test: KeyTest | None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement without its parameters."""

    parsed: Parsed
    conjuncts: tuple[Conjunct, ...]
    update: CompiledUpdate | None
    selection: Selection | None

    @property
    def statement(self) -> Statement:
        """The syntax tree."""
        return self.parsed.statement

    @property
    def is_read(self) -> bool:
        """Whether it is a SELECT; a condition of a transaction is counted with the writes."""
        return isinstance(self.statement, Select)

    def bind(self, raw_parameters: Sequence[Any] | None) -> Bound:
        """Fill in the parameters, as they came from the wire.

        Raises ValidationException: wrong number of parameters, values that are not acceptable.
        """
        parameters = check_parameters(raw_parameters, self.parsed.parameter_count)
        values = fill_values(self.parsed.templates, parameters)
        try:
            return Bound(
                self,
                values,
                tuple(conjunct.compiled.bind(values) for conjunct in self.conjuncts),
                None if self.update is None else self.update.bind(values),
                fill_item(self.statement.item, parameters) if isinstance(self.statement, Insert) else None,
            )
        except InvalidExpressionError as error:
            raise ValidationException(str(error)) from error


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement that is ready to be run."""

    prepared: Prepared
    values: Values
    conditions: tuple[Condition, ...]  # one for each conjunct
    update: BoundUpdate | None
    item: tuple[Item, int] | None  # of an INSERT, and its size in bytes

    @property
    def statement(self) -> Statement:
        """The syntax tree."""
        return self.prepared.statement

    def tests(self, name: str) -> Iterator[tuple[int, str, list[AttributeValue]]]:
        """Yield the tests of an attribute: place of the conjunct, operator and operands."""
        for place, conjunct in enumerate(self.prepared.conjuncts):
            test = conjunct.test
            if test is not None and test.name == name:
                yield place, test.operator, [self.values[operand] for operand in test.operands]

    def condition_without(self, places: Collection[int]) -> Condition | None:
        """Join the conditions but for those at `places`; None when there are none."""
        left = [condition for place, condition in enumerate(self.conditions) if place not in places]
        if len(left) < 2:
            return left[0] if left else None
        return Condition(
            lambda item: all(condition.matches(item) for condition in left),
            tuple(path for condition in left for path in condition.paths),
        )


def prepare(text: str) -> Prepared:
    """Parse and compile a statement, or look up what became of it; raises ValidationException."""
    outcome = _outcome(text)
    if isinstance(outcome, str):
        raise ValidationException(outcome)
    return outcome


def target_named(text: str) -> tuple[str, str | None] | None:
    """Tell which table, and index of it or none, a statement names; None if it can't be read."""
    outcome = _outcome(text)
    if isinstance(outcome, str):
        return None
    target = target_of(outcome.statement)
    return target.table_name, target.index_name


@lru_cache(maxsize=MAX_REMEMBERED_STATEMENTS)
def _outcome(text: str) -> Prepared | str:
    try:
        return _compile(parse_statement(text))
    except (ValidationException, InvalidExpressionError) as error:
        return str(error)


def _compile(parsed: Parsed) -> Prepared:
    statement = parsed.statement
    select = statement.select if isinstance(statement, Exists) else statement
    condition = None if isinstance(select, Insert) else select.condition
    paths = select.paths if isinstance(select, Select) else None
    return Prepared(
        parsed,
        tuple(Conjunct(compile_condition_tree(node), _key_test(node)) for node in _joined_by_and(condition)),
        compile_actions(statement.actions) if isinstance(statement, Update) else None,
        None if paths is None else selection_of(tuple(path.steps for path in paths)),
    )


def _joined_by_and(node: ConditionNode | None) -> Iterator[ConditionNode]:
    if isinstance(node, Junction) and node.operator == "AND":
        for inner in node.conditions:
            yield from _joined_by_and(inner)
    elif node is not None:
        yield node


def _key_test(node: ConditionNode) -> KeyTest | None:
    """Return the test that a condition is, if it is such as keys can have."""
    match node:
        case Comparison(operator, Path((str(name),)), Value(operand)) if operator in _MIRRORED:
            return KeyTest(name, operator, (operand,))
        case Comparison(operator, Value(operand), Path((str(name),))) if operator in _MIRRORED:
            return KeyTest(name, _MIRRORED[operator], (operand,))
        case Between(Path((str(name),)), Value(lower), Value(upper)):
            return KeyTest(name, "BETWEEN", (lower, upper))
        case Function("begins_with", (Path((str(name),)), Value(operand))):
            return KeyTest(name, "begins_with", (operand,))
        case Membership(Path((str(name),)), options):
            values = tuple(option.name for option in options if isinstance(option, Value))
            return KeyTest(name, "IN", values) if len(values) == len(options) else None
    return None
