"""Projection expressions: which parts of an item a read returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from cdc.expressions.parser import Fault, Parser, remembered
from cdc.expressions.paths import DocumentPath, PathTree, path_tree, project, top_level_names
from cdc.expressions.syntax import InvalidExpressionError, Parsed, Path
from cdc.model.errors import ValidationException

if TYPE_CHECKING:
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


def bind_projection(text: str, substitutions: Substitutions) -> Projection:
    """Parse a projection expression and fill in its names.

    Raises ValidationException, `Invalid ProjectionExpression: …`. (DynamoDB: ProjectionExpression.)
    """
    try:
        parsed = parse_projection(text)
        substitutions.use(parsed)
        paths = tuple(substitutions.path(path) for path in parsed.tree)
        return Projection(paths, path_tree([(path, None) for path in paths]))
    except InvalidExpressionError as error:
        raise ValidationException(f"Invalid ProjectionExpression: {error}") from error


@remembered
def parse_projection(text: str) -> Parsed[tuple[Path, ...]]:
    """Parse a projection into its paths; raises InvalidExpressionError. DynamoDB: ProjectionExpression."""
    parser = _ProjectionParser(text)
    paths = parser.separated(parser.path)
    parser.end()
    return parser.finish(paths)


class _ProjectionParser(Parser):
    priorities: ClassVar = (Fault.RESERVED, Fault.DEPTH, Fault.INDEX)
