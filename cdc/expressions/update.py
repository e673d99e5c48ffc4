"""Update expressions, bound to their names and values: from an item to the item as it shall be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdc.expressions import effects
from cdc.expressions.effects import Effect, Source, apply_effects
from cdc.expressions.operands import (
    AS_WRITTEN,
    Check,
    Reader,
    Values,
    compiled_once,
    kind_of,
    path_reader,
    path_required,
    refuse,
    require_type,
    resolve_path,
    wrong_count,
)
from cdc.expressions.parser import CONDITION_FUNCTIONS, UPDATE_FUNCTIONS
from cdc.expressions.paths import DocumentPath, PathTree, path_tree, project
from cdc.expressions.predicates import SET_TYPES
from cdc.expressions.syntax import Action, Arithmetic, Function, InvalidExpressionError, Operand, Path, Value
from cdc.expressions.update_parser import parse_update
from cdc.model.errors import Family, ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cdc.expressions.substitutions import Substitutions
    from cdc.model.values import Item

WRITING = frozenset({"SET", "ADD"})
SET_FUNCTIONS: Mapping[str, Callable[[Source], Effect]] = {"set_add": effects.adding, "set_delete": effects.deleting}
"""Of PartiQL: ADD and DELETE on the value of any attribute. They are the whole right-hand side of a SET."""
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
BASE_COST = 3
WRITING_COST = 19
REMOVING_COST = 2
_LIST_INDEX_COST = 1
_ARITHMETIC_COST = 50


@dataclass(frozen=True, slots=True)
class Update:
    """An update that is ready to be applied."""

    _compiled: CompiledUpdate
    _values: Values

    @property
    def paths(self) -> tuple[DocumentPath, ...]:
        """What it changes, in the order of the text."""
        return self._compiled.paths

    @property
    def read_paths(self) -> tuple[DocumentPath, ...]:
        """What its right-hand sides read, in the order of the text."""
        return self._compiled.read_paths

    @property
    def literals(self) -> Item:
        """The attributes that it sets to a value of the request, or adds one to or deletes one from, and the values."""
        return {name: self._values[placeholder] for name, placeholder in self._compiled.literals}

    @property
    def creates_item(self) -> bool:
        """Whether it makes an item where there is none: it has a SET or an ADD."""
        return bool(self._compiled.effects_on_missing)

    @property
    def write_cost(self) -> int:
        """Bytes that UpdateItem adds to the new item without its key, to hold against the limit of an item's size."""
        return self._compiled.write_cost

    def apply(self, item: Item, *, exists: bool = True) -> Item:
        """Return the updated item; `item` is left as it was, and what did not change is shared.

        When the item does not exist, `item` is its key, and REMOVE and DELETE find nothing to do.

        Raises ValidationException: invalid document paths, missing or wrong-typed operands, numbers out of bounds.
        (DynamoDB: UpdateItem.)
        """
        compiled = self._compiled
        return apply_effects(compiled.effects if exists else compiled.effects_on_missing, self._values, item)

    def project(self, item: Item) -> Item:
        """Return what lies at the updated paths, inside its parents. DynamoDB: UPDATED_OLD and UPDATED_NEW."""
        return project(item, self._compiled.effects)


def bind_update(text: str, substitutions: Substitutions) -> Update:
    """Parse an update expression and fill in its names and values.

    Raises ValidationException, `Invalid UpdateExpression: …`. (DynamoDB: UpdateExpression.)
    """
    try:
        return _compile(text, substitutions.use(parse_update(text))).bind(substitutions.values)
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid UpdateExpression: {error}", family=Family.REQUEST) from error


@dataclass(frozen=True, slots=True)
class CompiledUpdate:
    """An update without its values."""

    paths: tuple[DocumentPath, ...]
    read_paths: tuple[DocumentPath, ...]
    literals: tuple[tuple[str, str], ...]
    checks: tuple[Check, ...]
    write_cost: int
    effects: PathTree
    effects_on_missing: PathTree

    def bind(self, values: Values) -> Update:
        """Fill in the values; raises InvalidExpressionError for those that an operator or function does not take."""
        for check in self.checks:
            check(values)
        return Update(self, values)


@compiled_once
def _compile(text: str, names: tuple[str, ...]) -> CompiledUpdate:
    """Compile an update; raises InvalidExpressionError for paths that overlap or conflict."""
    parsed = parse_update(text)
    return compile_actions(parsed.tree, dict(zip(parsed.names, names, strict=True)))


def compile_actions(actions: Sequence[Action], names: Mapping[str, str] = AS_WRITTEN) -> CompiledUpdate:
    """Compile an update from its actions, as PartiQL makes them too; raises as `_compile`."""
    compiler = _Compiler(names)
    for action in actions:  # operands of ADD and DELETE go before those of functions
        compiler.check_operand(action)
    leaves = [compiler.leaf(action) for action in actions]
    writing = [leaf for action, leaf in zip(actions, leaves, strict=True) if action.section in WRITING]
    return CompiledUpdate(
        paths=tuple(path for path, _ in leaves),
        read_paths=tuple(compiler.read_paths),
        literals=tuple(_literals(actions, leaves)),
        checks=(*compiler.checks, *compiler.misuses),
        write_cost=BASE_COST + sum(map(_cost, actions)),
        effects=path_tree(leaves),
        effects_on_missing=path_tree(writing),
    )


def _literals(actions: Sequence[Action], leaves: list[tuple[DocumentPath, Effect]]) -> Iterator[tuple[str, str]]:
    """Find the attributes that take a value as it is, each with the value's placeholder."""
    for action, (path, _) in zip(actions, leaves, strict=True):
        if len(path) == 1 and isinstance(action.operand, Value):
            yield str(path[0]), action.operand.name


class _Compiler:
    """Turns actions into effects, and notes what to check."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self.read_paths: list[DocumentPath] = []
        self.checks: list[Check] = []
        self.misuses: list[Check] = []

    def check_operand(self, action: Action) -> None:
        """Note the check of the type that ADD or DELETE takes, whose wording is its own."""
        types = _OPERAND_TYPES.get(action.section)
        if types is None:
            return
        assert isinstance(action.operand, Value)
        placeholder = action.operand.name

        def check(values: Values) -> None:
            kind = kind_of(values[placeholder])
            if kind not in types:
                raise InvalidExpressionError(
                    "Incorrect operand type for operator or function; "
                    f"operator: {action.section}, operand type: {_LONG_TYPE_NAMES[kind]}"
                )

        self.checks.append(check)

    def leaf(self, action: Action) -> tuple[DocumentPath, Effect]:
        """Return where an action takes effect, and the effect."""
        path = resolve_path(action.path, self._names)
        if action.operand is None:
            return path, effects.removing
        if isinstance(action.operand, Function) and action.operand.name in SET_FUNCTIONS:
            return path, self._set_function(action.operand)
        source = self._source(action.operand)
        if action.section == "ADD":
            return path, effects.adding(source)
        if action.section == "DELETE":
            return path, effects.deleting(source)
        return path, effects.setting(path, source)

    def _set_function(self, node: Function) -> Effect:
        attribute, value = node.arguments
        assert isinstance(attribute, Path)
        assert isinstance(value, Value)
        self.checks.append(require_type(node.name, SET_TYPES, value.name))
        read, change = self._reader(attribute), SET_FUNCTIONS[node.name](self._source(value))
        return lambda values, item, _old: change(values, item, read(values, item))

    def _source(self, node: Operand) -> Source:
        if isinstance(node, Value):
            placeholder = node.name
            return lambda values, _item: values[placeholder]
        if isinstance(node, Path):
            return effects.reading(self._reader(node))
        if isinstance(node, Arithmetic):
            left, right = self._source(node.left), self._source(node.right)
            self._require_type(node.operator, "N", (node.left, node.right))
            return effects.arithmetic(node.operator, left, right)
        return self._function(node)

    def _reader(self, node: Path) -> Reader:
        path = resolve_path(node, self._names)
        self.read_paths.append(path)
        return path_reader(path)

    def _function(self, node: Function) -> Source:
        name, arguments = node.name, node.arguments
        sources = [self._source(argument) for argument in arguments]
        expected = UPDATE_FUNCTIONS.get(name) or CONDITION_FUNCTIONS[name]
        if len(arguments) != expected:
            self.checks.append(refuse(wrong_count(name, len(arguments))))
        elif name == "list_append":
            self._require_type(name, "L", arguments)
            return effects.list_append(*sources)
        elif name != "if_not_exists":
            self.misuses.append(refuse(f"The function is not allowed in an update expression; function: {name}"))
        elif isinstance(arguments[0], Path):
            return effects.if_not_exists(path_reader(resolve_path(arguments[0], self._names)), sources[1])
        else:
            self.checks.append(refuse(path_required(name)))
        return sources[0]  # never asked, as a check fails before

    def _require_type(self, operator: str, kind: str, operands: tuple[Operand, ...]) -> None:
        """Refuse a value of another type; what is read or computed is checked when it is."""
        for operand in operands:
            if isinstance(operand, Value):
                self.checks.append(require_type(operator, (kind,), operand.name))


def _cost(action: Action) -> int:
    if action.operand is None:
        return REMOVING_COST
    if action.section != "SET":
        return WRITING_COST
    cost = WRITING_COST
    if isinstance(action.path.steps[-1], int):
        cost += _LIST_INDEX_COST
    if _has_arithmetic(action.operand):
        cost += _ARITHMETIC_COST
    return cost


def _has_arithmetic(node: Operand) -> bool:
    if isinstance(node, Function):
        return any(map(_has_arithmetic, node.arguments))
    return isinstance(node, Arithmetic)
