"""Document paths: which of them exclude each other, and what of an item lies at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from cdc.expressions.syntax import InvalidExpressionError, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cdc.model.values import AttributeValue, Item

DocumentPath: TypeAlias = tuple[Step, ...]
"""The name of an attribute, then names of map members and indexes of list elements."""

PathTree: TypeAlias = dict[Step, Any]
"""Paths by their common beginnings: a branch is a PathTree, all of its steps names or all indexes; the rest is a leaf."""


def path_text(path: DocumentPath) -> str:
    """Write a path as messages show it: `[a, [0], b]`."""
    return "[" + ", ".join(step if isinstance(step, str) else f"[{step}]" for step in path) + "]"


def path_tree(leaves: Sequence[tuple[DocumentPath, Any]]) -> PathTree:
    """Build a tree; raises InvalidExpressionError if paths overlap, or conflict: list and map in the same place.

    DynamoDB: update expressions, projection expressions.
    """
    tree: PathTree = {}
    for path, leaf in leaves:
        branch: Any = tree
        for step in path[:-1]:
            branch = branch.setdefault(step, {}) if _fits(branch, step) else None
        if not _fits(branch, path[-1]) or path[-1] in branch:
            raise InvalidExpressionError(_exclusion([path for path, _ in leaves]))
        branch[path[-1]] = leaf
    return tree


def _fits(branch: Any, step: Step) -> bool:
    """Tell whether a step may start here: not from a leaf, nor where the other steps are of the other kind."""
    if not isinstance(branch, dict):
        return False
    return not branch or type(next(iter(branch))) is type(step)


def _exclusion(paths: list[DocumentPath]) -> str:
    """Say which two of the paths exclude each other. An overlap goes before a conflict."""
    conflict = ""
    for place, later in enumerate(paths):
        for earlier in paths[:place]:
            verb = _relation(earlier, later)
            if verb is None or (verb == "conflict" and conflict):
                continue
            text = (
                f"Two document paths {verb} with each other; must remove or rewrite one of these paths; "
                f"path one: {path_text(earlier)}, path two: {path_text(later)}"
            )
            if verb == "overlap":
                return text
            conflict = text
    return conflict


def _relation(a: DocumentPath, b: DocumentPath) -> str | None:
    for left, right in zip(a, b, strict=False):
        if type(left) is not type(right):
            return "conflict"
        if left != right:
            return None
    return "overlap"


def project(members: Item, tree: PathTree) -> Item:
    """Return what lies at the paths, inside its parents; list elements move together in their order.

    Nothing is left of a parent in which nothing was found. (DynamoDB: ProjectionExpression, UPDATED_NEW.)
    """
    found: Item = {}
    for name, branch in tree.items():
        assert isinstance(name, str)
        value = members.get(name)
        if value is not None and isinstance(branch, dict):
            value = _project_inside(value, branch)
        if value is not None:
            found[name] = value
    return found


def _project_inside(value: AttributeValue, tree: PathTree) -> AttributeValue | None:
    if isinstance(next(iter(tree)), str):
        members = project(value["M"], tree) if "M" in value else None
        return {"M": members} if members else None
    elements = value.get("L", [])
    found = []
    for index in sorted(index for index in tree if isinstance(index, int) and index < len(elements)):
        element, branch = elements[index], tree[index]
        if isinstance(branch, dict):
            element = _project_inside(element, branch)
        if element is not None:
            found.append(element)
    return {"L": found} if found else None


def top_level_names(paths: Iterable[DocumentPath]) -> frozenset[str]:
    """Return the attributes that paths start from."""
    return frozenset(path[0] for path in paths if isinstance(path[0], str))
