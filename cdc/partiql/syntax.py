"""What a statement says: its syntax tree. Conditions and updates in it are trees of `cdc.expressions.syntax`.

A value in a tree is a placeholder, as in expressions; its template says what stands for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cdc.expressions.syntax import Action, ConditionNode, Path


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `?`, by its place among them."""

    place: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """A literal string, number, boolean or null, as an attribute value on the wire."""

    kind: str
    content: str | bool


@dataclass(frozen=True, slots=True)
class Elements:
    """A list in brackets, or a set in `<<` and `>>`."""

    is_set: bool
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """A map in braces."""

    templates: tuple[tuple[str, Template], ...]


Template: TypeAlias = Parameter | Scalar | Elements | Members


@dataclass(frozen=True, slots=True)
class Target:
    """The table, or an index of it, that a statement is about."""

    table_name: str
    index_name: str | None = None


@dataclass(frozen=True, slots=True)
class Ordering:
    """One key of ORDER BY."""

    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Returning:
    """What a write gives back: of the item before or after, all or only what was modified."""

    modified: bool
    new: bool

    def __str__(self) -> str:
        """Write it as in a statement."""
        return f"RETURNING {'MODIFIED' if self.modified else 'ALL'} {'NEW' if self.new else 'OLD'} *"


@dataclass(frozen=True, slots=True)
class Select:
    """`SELECT paths FROM target WHERE condition ORDER BY orderings`."""

    target: Target
    paths: tuple[Path, ...] | None  # None: all
    condition: ConditionNode | None
    orderings: tuple[Ordering, ...] = ()


@dataclass(frozen=True, slots=True)
class Exists:
    """`EXISTS(select)`, a condition of a transaction."""

    select: Select


@dataclass(frozen=True, slots=True)
class Insert:
    """`INSERT INTO target VALUE item`."""

    target: Target
    item: Template


@dataclass(frozen=True, slots=True)
class Update:
    """`UPDATE target SET … REMOVE … WHERE condition RETURNING returning`."""

    target: Target
    actions: tuple[Action, ...]
    condition: ConditionNode | None
    returning: Returning | None


@dataclass(frozen=True, slots=True)
class Delete:
    """`DELETE FROM target WHERE condition RETURNING returning`."""

    target: Target
    condition: ConditionNode | None
    returning: Returning | None


Statement: TypeAlias = Select | Exists | Insert | Update | Delete


def target_of(statement: Statement) -> Target:
    """Return the table or index that a statement is about."""
    return statement.select.target if isinstance(statement, Exists) else statement.target


@dataclass(frozen=True, slots=True)
class Parsed:
    """A statement with the templates of the values in it, by placeholder, and the number of its parameters."""

    statement: Statement
    templates: dict[str, Template]
    parameter_count: int
