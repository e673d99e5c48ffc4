"""Document paths: which exclude each other, and what of an item lies at them."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.expressions.paths import path_text, path_tree, project, top_level_names
from cdc.expressions.syntax import InvalidExpressionError

if TYPE_CHECKING:
    from cdc.expressions.paths import DocumentPath

OVERLAP = "Two document paths overlap with each other; must remove or rewrite one of these paths; "
CONFLICT = "Two document paths conflict with each other; must remove or rewrite one of these paths; "


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([("a", "b"), ("a",)], OVERLAP + "path one: [a, b], path two: [a]"),
        ([("a",), ("a", 1)], OVERLAP + "path one: [a], path two: [a, [1]]"),
        ([("a",), ("b",), ("a",)], OVERLAP + "path one: [a], path two: [a]"),
        ([("a", 0, "b"), ("a", 0, "b")], OVERLAP + "path one: [a, [0], b], path two: [a, [0], b]"),
        ([("a", "b"), ("a", 0)], CONFLICT + "path one: [a, b], path two: [a, [0]]"),
        ([("a", "a", "b"), ("a", 1, "b")], CONFLICT + "path one: [a, a, b], path two: [a, [1], b]"),
        ([("a", "b", 0), ("a", "b", "c", 0)], CONFLICT + "path one: [a, b, [0]], path two: [a, b, c, [0]]"),
        ([("a", "b"), ("a", "b", "c", "d")], OVERLAP + "path one: [a, b], path two: [a, b, c, d]"),
        ([("a", 0, "b"), ("a", "b", "c")], CONFLICT + "path one: [a, [0], b], path two: [a, b, c]"),
        ([("a", "b"), ("a", 0), ("c",), ("c",)], OVERLAP + "path one: [c], path two: [c]"),
    ],
)
def test_paths_may_neither_overlap_nor_conflict(paths: list[DocumentPath], message: str) -> None:
    with pytest.raises(InvalidExpressionError) as caught:
        path_tree([(path, None) for path in paths])
    assert str(caught.value) == message


@given(st.lists(st.lists(st.sampled_from(["a", "b", 0, 1]), max_size=3).map(lambda steps: ("a", *steps)), max_size=4))
def test_a_tree_is_built_exactly_when_no_two_paths_exclude_each_other(paths: list[DocumentPath]) -> None:
    def exclude(a: DocumentPath, b: DocumentPath) -> bool:
        part = next((place for place, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
        return part is None or type(a[part]) is not type(b[part])

    possible = not any(exclude(a, b) for a, b in combinations(paths, 2))
    try:
        path_tree([(path, None) for path in paths])
    except InvalidExpressionError:
        assert not possible
    else:
        assert possible


def test_paths_that_part_at_some_step_go_together() -> None:
    paths: list[DocumentPath] = [("a", "b", 0), ("a", "b", 1), ("a", "c"), ("b",)]
    assert path_tree([(path, "x") for path in paths]) == {"a": {"b": {0: "x", 1: "x"}, "c": "x"}, "b": "x"}


def test_a_path_is_written_with_its_indexes_in_brackets() -> None:
    assert path_text(("ab", "bc", 1, "a")) == "[ab, bc, [1], a]"


def test_top_level_names_are_what_paths_start_from() -> None:
    assert top_level_names([("a", "b"), ("a", 0), ("c",)]) == {"a", "c"}


def test_a_projection_shares_what_it_takes_and_leaves_the_item_alone() -> None:
    item: dict[str, dict[str, Any]] = {"a": {"L": [{"S": "x"}]}, "b": {"S": "y"}}
    taken = project(item, path_tree([(("a",), None)]))
    assert taken == {"a": {"L": [{"S": "x"}]}}
    assert taken["a"] is item["a"]
    assert list(item) == ["a", "b"]
