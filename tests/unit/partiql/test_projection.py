"""What SELECT returns of an item."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.partiql.projection import selection_of

ITEM: dict[str, dict[str, Any]] = {
    "a": {"N": "1"},
    "m": {"M": {"n": {"S": "x"}, "l": {"L": [{"S": "0"}, {"M": {"b": {"S": "y"}}}]}}},
}


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        ([("a",)], {"a": {"N": "1"}}),
        ([("a",), ("none",), ("m", "none")], {"a": {"N": "1"}}),
        ([("none",)], {}),
        ([("m", "n")], {"n": {"S": "x"}}),
        ([("m", "l", 0)], {"l[0]": {"S": "0"}}),
        ([("m", "l", 1, "b"), ("m", "l", 0)], {"b": {"S": "y"}, "l[0]": {"S": "0"}}),
        ([("a", 0)], {}),
    ],
)
def test_values_come_back_under_their_last_names(paths, found):
    assert selection_of(tuple(paths)).apply(ITEM) == found


def test_the_attributes_that_are_looked_into_are_known():
    assert selection_of((("m", "n"), ("a",))).top_level_names == {"m", "a"}
