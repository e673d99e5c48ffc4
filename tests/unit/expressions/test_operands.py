"""Readers of paths, and what is remembered of a compiled expression."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions.operands import compiled_once, path_reader, resolve_path
from cdc.expressions.syntax import Path

ITEM: dict[str, dict[str, Any]] = {"a": {"L": [{"M": {"b": {"S": "x"}}}]}, "s": {"S": "text"}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("s",), {"S": "text"}),
        (("a", 0, "b"), {"S": "x"}),
        (("nowhere",), None),
        (("nowhere", "b"), None),
        (("a", 1), None),
        (("a", 1, "b"), None),
        (("a", "b"), None),
        (("a", 0, 0), None),
        (("s", 0), None),
        (("s", "S"), None),
    ],
)
def test_a_path_reads_the_value_there_or_nothing(path: tuple[str | int, ...], expected: dict[str, Any] | None) -> None:
    assert path_reader(path)({}, ITEM) == expected


def test_a_name_that_looks_like_a_path_or_placeholder_is_taken_literally() -> None:
    assert resolve_path(Path(("#a", 0, "b")), {"#a": "#b.c[1]"}) == ("#b.c[1]", 0, "b")


def test_compiling_happens_once_for_the_same_text_and_names_unless_the_names_are_long() -> None:
    calls = []

    @compiled_once
    def compile_names(text: str, names: tuple[str, ...]) -> str:
        calls.append((text, names))
        return text.join(names)

    long = "x" * 4097
    for names in ((), ("a", "b"), ("a", "b"), (), (long,), (long,)):
        compile_names("-", names)
    assert [names for _, names in calls] == [(), ("a", "b"), (long,), (long,)]
