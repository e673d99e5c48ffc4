"""Projection expressions: which parts of an item a read returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cdc.expressions.operands import compiled_once, resolve_path
from cdc.expressions.parser import Fault, Parser, remembered
from cdc.expressions.paths import DocumentPath, PathTree, path_tree, project, top_level_names
from cdc.expressions.syntax import InvalidExpressionError, Parsed, Path, Step
from cdc.model.errors import ValidationException
from cdc.model.values import EMPTY_NAME, INVALID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.expressions.substitutions import Substitutions
    from cdc.model.values import Item


@dataclass(frozen=True, slots=True)
class Projection:
    """A projection that is ready to be applied."""

    paths: tuple[DocumentPath, ...]
    _tree: PathTree

    @property
    def top_level_names(self) -> frozenset[str]:
        """The attributes that it takes, whole or in part."""
        return top_level_names(self.paths)

    def apply(self, item: Item) -> Item:
        """Return the projected part of an item, sharing its values; `{}` if there is none of it."""
        return project(item, self._tree)


def project_attributes(names: Iterable[str]) -> Projection:
    """Make a projection of whole attributes. DynamoDB: AttributesToGet, a legacy parameter.

    Raises ValidationException for a name that occurs twice, or is empty.
    """
    leaves: dict[Step, None] = {}
    for name in names:
        if not name:
            raise ValidationException(EMPTY_NAME)
        if name in leaves:
            raise ValidationException(f"{INVALID}Duplicate value in attribute name: {name}")
        leaves[name] = None
    return Projection(tuple((name,) for name in leaves), leaves)


def bind_projection(text: str, substitutions: Substitutions) -> Projection:
    """Parse a projection expression and fill in its names.

    Raises ValidationException, `Invalid ProjectionExpression: …`. (DynamoDB: ProjectionExpression.)
    """
    try:
        return _compile(text, substitutions.use(parse_projection(text)))
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid ProjectionExpression: {error}") from error


@compiled_once
def _compile(text: str, names: tuple[str, ...]) -> Projection:
    parsed = parse_projection(text)
    by_placeholder = dict(zip(parsed.names, names, strict=True))
    paths = tuple(resolve_path(path, by_placeholder) for path in parsed.tree)
    return Projection(paths, path_tree([(path, None) for path in paths]))


@remembered
def parse_projection(text: str) -> Parsed[tuple[Path, ...]]:
    """Parse a projection into its paths; raises InvalidExpressionError. DynamoDB: ProjectionExpression."""
    parser = _ProjectionParser(text)
    paths = parser.separated(parser.path)
    parser.end()
    return parser.finish(paths)


class _ProjectionParser(Parser):
    priorities: ClassVar = (Fault.RESERVED, Fault.DEPTH, Fault.INDEX)
