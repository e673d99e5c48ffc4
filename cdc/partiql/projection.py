"""What SELECT returns of an item: attributes, and nested values under their last names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdc.expressions.operands import path_reader
from cdc.expressions.paths import DocumentPath, top_level_names

if TYPE_CHECKING:
    from cdc.expressions.operands import Reader
    from cdc.model.values import Item


@dataclass(frozen=True, slots=True)
class Selection:
    """The paths of a SELECT, ready to be applied."""

    paths: tuple[DocumentPath, ...]
    _readers: tuple[tuple[str, Reader], ...]

    @property
    def top_level_names(self) -> frozenset[str]:
        """The attributes that it takes, whole or in part."""
        return top_level_names(self.paths)

    def apply(self, item: Item) -> Item:
        """Return what lies at the paths; `{}` if there is none of it."""
        found = ((name, read({}, item)) for name, read in self._readers)
        return {name: value for name, value in found if value is not None}


def selection_of(paths: tuple[DocumentPath, ...]) -> Selection:
    """Make a selection of paths."""
    return Selection(paths, tuple((_last_name(path), path_reader(path)) for path in paths))


def _last_name(path: DocumentPath) -> str:
    """Name what lies at a path: the last name in it, and the list indexes behind that, as in `a.b[0]`."""
    last = max(place for place, step in enumerate(path) if isinstance(step, str))
    return "".join(step if isinstance(step, str) else f"[{step}]" for step in path[last:])
