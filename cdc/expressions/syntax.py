"""What an expression says: the nodes of its syntax tree, as written, before names and values are filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

Step: TypeAlias = str | int
"""Of a document path: the name of an attribute or map member, or the index of a list element."""


class InvalidExpressionError(Exception):
    """What is wrong with an expression; callers put `Invalid <Kind>Expression: ` before it."""


@dataclass(frozen=True, slots=True)
class Path:
    """A document path; a step that starts with `#` is still to be looked up."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """A placeholder for a value, `:v`."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A call, which is a condition or an operand by its name."""

    name: str
    arguments: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """A sum or a difference, in update expressions only."""

    operator: str
    left: Operand
    right: Operand


Operand: TypeAlias = Path | Value | Function | Arithmetic


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left operator right`, the operator being one of = <> < <= > >=."""

    operator: str
    left: Operand
    right: Operand


@dataclass(frozen=True, slots=True)
class Between:
    """`operand BETWEEN lower AND upper`."""

    operand: Operand
    lower: Operand
    upper: Operand


@dataclass(frozen=True, slots=True)
class Membership:
    """`operand IN (option, …)`."""

    operand: Operand
    options: tuple[Operand, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """`NOT condition`."""

    condition: ConditionNode


@dataclass(frozen=True, slots=True)
class Junction:
    """Two or more conditions joined by one operator, AND or OR."""

    operator: str
    conditions: tuple[ConditionNode, ...]


ConditionNode: TypeAlias = Comparison | Between | Membership | Function | Negation | Junction


@dataclass(frozen=True, slots=True)
class Action:
    """One clause of an update expression: its section, what it changes, and to, by or without what."""

    section: str
    path: Path
    operand: Operand | None = None


Tree = TypeVar("Tree")


@dataclass(frozen=True, slots=True)
class Parsed(Generic[Tree]):
    """A tree with the placeholders that occur in its text, in order: `#names` and `:values`."""

    tree: Tree
    names: tuple[str, ...]
    values: tuple[str, ...]
