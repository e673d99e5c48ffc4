"""Why a pattern does not match a record: the first leaf that does not, what it wants and what the record has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdc.mappings.filtering.hints import key_hint, value_hint
from cdc.mappings.filtering.match import elements, matcher_of, scalars
from cdc.mappings.filtering.pattern import Leaf
from cdc.mappings.filtering.words import listed, path_text, shown

if TYPE_CHECKING:
    from cdc.mappings.filtering.pattern import Branch, Node
    from cdc.mappings.filtering.words import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Miss:
    """A leaf that does not match."""

    path: str  # keys from the top of the record, with dots between; [*] for any element of an array
    wanted: str  # in words, as the rest
    found: str
    hint: str = ""  # what is likely to be wrong with the pattern, if something is

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.path}: wanted {self.wanted}, found {self.found}{hint}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What one filter says of a record."""

    number: int  # of the filter, from 1
    pattern: str
    miss: Miss | None  # None: it matches

    @property
    def matches(self) -> bool:
        """Whether it matches."""
        return self.miss is None


@dataclass(frozen=True, slots=True)
class _Gone:
    """Stands in the place of something that the record does not have."""

    found: str
    hint: str = ""


class _Several(list[object]):
    """What elements of an array have at one key: matched as an array, though the record has none in this place."""


def find_miss(branch: Branch, record: dict[str, Any]) -> Miss | None:
    """Find the first leaf of a pattern that does not match a record, in the order of the pattern."""
    return None if _matches(branch, record) else _branch_miss(branch, record, ())


def _matches(node: Node, value: object) -> bool:
    plain: object = {} if isinstance(value, _Gone) else [*value] if isinstance(value, _Several) else value
    return bool(matcher_of(node).match(plain))


def _miss(node: Node, value: object, path: Path) -> Miss:
    return _leaf_miss(node, value, path) if isinstance(node, Leaf) else _branch_miss(node, value, path)


def _branch_miss(branch: Branch, value: object, path: Path) -> Miss:
    if isinstance(value, list):
        return _array_miss(branch, value, path)
    for key, node in branch.members:
        child = _child(value, key, path)
        if not _matches(node, child):
            return _miss(node, child, (*path, key))
    return _choice_miss(branch, value, path)


def _choice_miss(branch: Branch, value: object, path: Path) -> Miss:
    """Say for each alternative of an `$or` why it does not match."""
    misses = [_branch_miss(alternative, value, path) for alternative in branch.either]
    found = "; ".join(f"{miss.path}: wanted {miss.wanted}, found {miss.found}" for miss in misses)
    hint = next((miss.hint for miss in misses if miss.hint), "")
    return Miss(path=path_text((*path, "$or")), wanted="one of its alternatives", found=f"none: {found}", hint=hint)


def _array_miss(branch: Branch, value: list[object], path: Path) -> Miss:
    """Find what no element of an array has, or say that no single one has all."""
    is_array = not isinstance(value, _Several) or any(isinstance(each, list) for each in value)
    place = (*path[:-1], f"{path[-1]}[*]") if is_array else path
    objects = [each for each in elements(value) if isinstance(each, dict)]
    if not objects:
        return _branch_miss(branch, _Gone(f"nothing: {path_text(path)} has no element that is an object"), place)
    for key, node in branch.members:
        if not any(_matches(node, each.get(key, {})) for each in objects):
            return _miss(node, _children(objects, key, path), (*place, key))
    for key, node in branch.members:  # absent from some elements, where it has to be absent from all
        children = _children(objects, key, path)
        if not _matches(node, children):
            return _miss(node, children, (*place, key))
    wanted = listed([_key(key) for key, _ in branch.members] + ["$or"] * bool(branch.either), "and")
    found = "no such element" if len(objects) == 1 else f"none such among its {len(objects)} elements"
    return Miss(path=path_text(path), wanted=f"an element that matches {wanted}", found=found)


def _child(value: object, key: str, path: Path) -> object:
    """Return what a record has at a key, or why it has nothing."""
    if isinstance(value, _Gone):
        return value
    place = path_text(path) or "the record"
    if not isinstance(value, dict):
        return _Gone(f"nothing: {place} is {shown(value)}, no object")
    if key in value:
        return value[key]
    others = f"it has {listed(map(_key, value), 'and')}" if value else "it is empty"
    return _Gone(f"nothing: {place} has no {_key(key)}, {others}", key_hint(key, value.keys()))


def _children(objects: list[dict[str, Any]], key: str, path: Path) -> object:
    """Return what the elements of an array have at a key, as an array."""
    found = _Several(each[key] for each in objects if key in each)
    return found or _Gone(f"nothing: no element of {path_text(path)} has {_key(key)}")


def _key(key: str) -> str:
    return path_text((key,))


def _leaf_miss(leaf: Leaf, value: object, path: Path) -> Miss:
    if isinstance(value, _Gone):
        found, hint = value.found, value.hint
    else:
        found, hint = _words(value), value_hint(leaf, value)
    return Miss(path=path_text(path), wanted=leaf.words, found=found, hint=hint)


def _words(value: object) -> str:
    """Say what the record has in the place of a leaf."""
    if isinstance(value, dict):
        return f"an object with {listed(map(_key, value), 'and')}" if value else "an empty object"
    if not isinstance(value, list):
        return shown(value)
    texts = [shown(each) for each in scalars(value)]
    return listed(texts, "and") if texts else "an array without values"
