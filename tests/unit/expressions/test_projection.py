"""Projections: what they take from an item, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import Substitutions, bind_projection, project_attributes
from cdc.model.errors import ValidationException

ITEM: dict[str, dict[str, Any]] = {
    "pk": {"S": "x"},
    "a": {"N": "1"},
    "l": {"L": [{"N": "0"}, {"M": {"a": {"N": "1"}, "b": {"N": "2"}, "c": {"N": "3"}}}, {"N": "2"}, {"N": "3"}]},
    "m": {"M": {"x": {"S": "X"}, "y": {"M": {"z": {"S": "Z"}, "w": {"S": "W"}}}, "e": {"M": {}}}},
    "a.b": {"S": "dot"},
}
NAMES = {"#dot": "a.b", "#a": "a", "#b": "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a", {"a": {"N": "1"}}),
        ("a, nowhere", {"a": {"N": "1"}}),
        ("nowhere", {}),
        ("#dot", {"a.b": {"S": "dot"}}),
        ("#a.#b", {}),
        ("l[3], l[0]", {"l": {"L": [{"N": "0"}, {"N": "3"}]}}),
        ("l[1].a, l[1].b", {"l": {"L": [{"M": {"a": {"N": "1"}, "b": {"N": "2"}}}]}}),
        ("l[1].c, l[9], l[2]", {"l": {"L": [{"M": {"c": {"N": "3"}}}, {"N": "2"}]}}),
        ("l[9]", {}),
        ("l[0].a", {}),
        ("l.a", {}),
        ("m[0]", {}),
        ("m.y.z", {"m": {"M": {"y": {"M": {"z": {"S": "Z"}}}}}}),
        ("m.x, m.y.w", {"m": {"M": {"x": {"S": "X"}, "y": {"M": {"w": {"S": "W"}}}}}}),
        ("m.e", {"m": {"M": {"e": {"M": {}}}}}),
        ("m.e.z, m.nowhere", {}),
        (" pk ,a ", {"pk": {"S": "x"}, "a": {"N": "1"}}),
    ],
)
def test_a_projection_takes_the_named_parts_inside_their_parents(text: str, expected: dict[str, Any]) -> None:
    assert bind_projection(text, Substitutions(NAMES)).apply(ITEM) == expected


def test_paths_and_their_attributes_are_resolved() -> None:
    projection = bind_projection("m.#a, #dot, l[0]", Substitutions(NAMES))
    assert projection.paths == (("m", "a"), ("a.b",), ("l", 0))
    assert projection.top_level_names == {"m", "a.b", "l"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "The expression can not be empty;"),
        ("a b", 'Syntax error; token: "b", near: "a b"'),
        ("a,", 'Syntax error; token: "<EOF>", near: ","'),
        (":v", 'Syntax error; token: ":v", near: ":v"'),
        ("size(a)", 'Syntax error; token: "(", near: "size(a"'),
        ("(a)", 'Syntax error; token: "(", near: "(a"'),
        ("_a", 'Syntax error; token: "_", near: "_a"'),
        ("a, name", "Attribute name is a reserved keyword; reserved keyword: name"),
        (
            "#nope",
            "An expression attribute name used in the document path is not defined; attribute name: #nope",
        ),
        (
            "a, #a",
            (
                "Two document paths overlap with each other; must remove or rewrite one of these paths; "
                "path one: [a], path two: [a]"
            ),
        ),
        (
            "m.a, m[0]",
            (
                "Two document paths conflict with each other; must remove or rewrite one of these paths; "
                "path one: [m, a], path two: [m, [0]]"
            ),
        ),
    ],
)
def test_refusals(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        bind_projection(text, Substitutions(NAMES))
    assert caught.value.message == f"Invalid ProjectionExpression: {message}"


def test_attributes_to_get_are_taken_whole_and_by_their_very_names():
    projection = project_attributes(["a.b", "a", "nowhere", "#a"])
    assert projection.apply(ITEM | {"#a": {"S": "odd"}}) == {"a.b": {"S": "dot"}, "a": {"N": "1"}, "#a": {"S": "odd"}}
    assert projection.top_level_names == {"a.b", "a", "nowhere", "#a"}


@pytest.mark.parametrize(
    ("names", "fault"), [(["a", "b", "a"], "Duplicate value in attribute name: a"), ([""], "Empty attribute name")]
)
def test_attributes_to_get_are_named_once_and_not_empty(names, fault):
    with pytest.raises(ValidationException) as caught:
        project_attributes(names)
    assert caught.value.message == f"One or more parameter values were invalid: {fault}"
