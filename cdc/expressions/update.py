"""Update expressions, bound to their names and values: from an item to the item as it shall be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdc.expressions import effects
from cdc.expressions.effects import Effect, Source, apply_effects
from cdc.expressions.operand_errors import path_required, wrong_count, wrong_type
from cdc.expressions.parser import CONDITION_FUNCTIONS, UPDATE_FUNCTIONS
from cdc.expressions.paths import DocumentPath, PathTree, getter, path_tree, project
from cdc.expressions.predicates import SET_TYPES, kind_of
from cdc.expressions.syntax import Action, Arithmetic, Function, InvalidExpressionError, Operand, Parsed, Path, Value
from cdc.expressions.update_parser import parse_update
from cdc.model.errors import ValidationException

if TYPE_CHECKING:
    from cdc.expressions.substitutions import Substitutions
    from cdc.model.values import AttributeValue, Item

_CLEARING = frozenset({"REMOVE", "DELETE"})
_OPERAND_TYPES = {"ADD": SET_TYPES | {"N"}, "DELETE": SET_TYPES}
_LONG_TYPE_NAMES = {
    "S": "STRING",
    "N": "NUMBER",
    "B": "BINARY",
    "BOOL": "BOOLEAN",
    "NULL": "NULL",
    "L": "LIST",
    "M": "MAP",
}

# What UpdateItem adds to the size of an item, in bytes, before it compares it with the limit.
_BASE_COST = 3
_WRITING_COST = 19
_REMOVING_COST = 2
_LIST_INDEX_COST = 1
_ARITHMETIC_COST = 50


@dataclass(frozen=True, slots=True)
class Update:
    """An update that is ready to be applied."""

    paths: tuple[DocumentPath, ...]
    """What it changes, in the order of the text."""
    read_paths: tuple[DocumentPath, ...]
    """What its right-hand sides read."""
    creates_item: bool
    """Whether it makes an item where there is none: it has a SET or an ADD."""
    write_cost: int
    """Bytes to add to the new item without its key when checking the limit of an UpdateItem. (spec: item sizes.)"""
    _effects: PathTree
    _effects_on_missing: PathTree

    def apply(self, item: Item, *, exists: bool = True) -> Item:
        """Return the updated item; `item` is left as it was, and what did not change is shared.

        When the item does not exist, `item` is its key, and REMOVE and DELETE find nothing to do.

        Raises ValidationException: invalid document paths, missing or wrong-typed operands, numbers out of bounds.
        (DynamoDB: UpdateItem.)
        """
        return apply_effects(item, self._effects if exists else self._effects_on_missing)

    def project(self, item: Item) -> Item:
        """Return what lies at the updated paths, inside its parents. DynamoDB: UPDATED_OLD and UPDATED_NEW."""
        return project(item, self._effects)


def bind_update(text: str, substitutions: Substitutions) -> Update:
    """Parse an update expression and fill in its names and values.

    Raises ValidationException, `Invalid UpdateExpression: …`. (DynamoDB: UpdateExpression.)
    """
    try:
        parsed = parse_update(text)
        substitutions.use(parsed)
        return _Binder(substitutions).update(parsed)
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid UpdateExpression: {error}") from error


class _Binder:
    """Turns actions into effects. Faults are reported by kind, not by place: see the comments in `update`."""

    def __init__(self, substitutions: Substitutions) -> None:
        self._substitutions = substitutions
        self._read_paths: list[DocumentPath] = []
        self._cost = _BASE_COST
        self._misused = ""

    def update(self, parsed: Parsed[tuple[Action, ...]]) -> Update:
        for name in parsed.names:  # all names before any value
            self._substitutions.name(name)
        for value in parsed.values:
            self._substitutions.value(value)
        actions = parsed.tree
        paths = tuple(self._substitutions.path(action.path) for action in actions)
        if len(paths) > 1:
            path_tree([(path, None) for path in paths])  # refuses overlaps and conflicts before wrong operands
        for action in actions:  # operands of ADD and DELETE before functions
            self._check_operand(action)
        leaves = [(path, self._effect(action, path)) for action, path in zip(actions, paths, strict=True)]
        if self._misused:
            raise InvalidExpressionError(
                f"The function is not allowed in an update expression; function: {self._misused}"
            )
        tree = path_tree(leaves)
        writing = [leaf for action, leaf in zip(actions, leaves, strict=True) if action.section not in _CLEARING]
        return Update(
            paths=paths,
            read_paths=tuple(self._read_paths),
            creates_item=bool(writing),
            write_cost=self._cost,
            _effects=tree,
            _effects_on_missing=tree if len(writing) == len(leaves) else path_tree(writing),
        )

    def _check_operand(self, action: Action) -> None:
        types = _OPERAND_TYPES.get(action.section)
        if types is None:
            return
        kind = kind_of(self._literal(action))
        if kind not in types:
            raise InvalidExpressionError(
                "Incorrect operand type for operator or function; "
                f"operator: {action.section}, operand type: {_LONG_TYPE_NAMES[kind]}"
            )

    def _literal(self, action: Action) -> AttributeValue:
        assert isinstance(action.operand, Value)
        return self._substitutions.value(action.operand.name)

    def _effect(self, action: Action, path: DocumentPath) -> Effect:
        if action.section == "REMOVE":
            self._cost += _REMOVING_COST
            return effects.removing
        self._cost += _WRITING_COST
        if action.section == "ADD":
            return effects.adding(self._literal(action))
        if action.section == "DELETE":
            return effects.deleting(self._literal(action))
        assert action.operand is not None
        if isinstance(path[-1], int):
            self._cost += _LIST_INDEX_COST
        if _has_arithmetic(action.operand):
            self._cost += _ARITHMETIC_COST
        return effects.setting(path, self._source(action.operand))

    def _source(self, node: Operand) -> Source:
        if isinstance(node, Value):
            value = self._substitutions.value(node.name)
            return lambda _item: value
        if isinstance(node, Path):
            return self._reading(node)
        if isinstance(node, Arithmetic):
            left, right = self._source(node.left), self._source(node.right)
            self._require_type(node.operator, "N", (node.left, node.right))
            return effects.arithmetic(node.operator, left, right)
        return self._function(node)

    def _reading(self, node: Path) -> Source:
        path = self._substitutions.path(node)
        self._read_paths.append(path)
        get = getter(path)

        def read(item: Item) -> AttributeValue:
            value = get(item)
            if value is None:
                raise ValidationException(effects.MISSING_ATTRIBUTE)
            return value

        return read

    def _function(self, node: Function) -> Source:
        name, arguments = node.name, node.arguments
        expected = UPDATE_FUNCTIONS.get(name) or CONDITION_FUNCTIONS[name]
        sources = [self._source(argument) for argument in arguments]
        if len(arguments) != expected:
            raise wrong_count(name, len(arguments))
        if name == "list_append":
            self._require_type(name, "L", arguments)
            return effects.list_append(*sources)
        if name != "if_not_exists":
            self._misused = self._misused or name
            return sources[0]
        if not isinstance(arguments[0], Path):
            raise path_required(name)
        get = getter(self._substitutions.path(arguments[0]))
        fallback = sources[1]

        def present_or_fallback(item: Item) -> AttributeValue:
            value = get(item)
            return fallback(item) if value is None else value

        return present_or_fallback

    def _require_type(self, operator: str, kind: str, operands: tuple[Operand, ...]) -> None:
        """Refuse a literal of another type; what is computed is checked when it is."""
        for operand in operands:
            if isinstance(operand, Value):
                actual = kind_of(self._substitutions.value(operand.name))
                if actual != kind:
                    raise wrong_type(operator, actual)


def _has_arithmetic(node: Operand) -> bool:
    if isinstance(node, Function):
        return any(map(_has_arithmetic, node.arguments))
    return isinstance(node, Arithmetic)
