"""Effects on values: sums, sets, lists and the limit of nesting."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import effects
from cdc.expressions.paths import path_tree
from cdc.model.errors import ValidationException

Value = dict[str, Any]


def constant(value: Value) -> effects.Source:
    return lambda _values, _item: value


@pytest.mark.parametrize(
    ("old", "operand", "new"),
    [
        (None, {"N": "5"}, {"N": "5"}),
        ({"N": "1.5"}, {"N": "-2"}, {"N": "-0.5"}),
        ({"N": "0.1"}, {"N": "0.2"}, {"N": "0.3"}),
        (None, {"SS": ["b"]}, {"SS": ["b"]}),
        ({"SS": ["b", "d"]}, {"SS": ["a", "b", "c"]}, {"SS": ["a", "b", "c", "d"]}),
        ({"NS": ["-1", "9"]}, {"NS": ["10", "-20"]}, {"NS": ["-20", "-1", "9", "10"]}),
        ({"BS": ["AA==", "/w=="]}, {"BS": ["fw=="]}, {"BS": ["AA==", "fw==", "/w=="]}),
    ],
)
def test_add_sums_numbers_and_unites_sets_in_their_normal_order(old: Value | None, operand: Value, new: Value) -> None:
    assert effects.adding(constant(operand))({}, {}, old) == new


@pytest.mark.parametrize(
    ("old", "operand", "new"),
    [
        (None, {"SS": ["a"]}, None),
        ({"SS": ["a", "b"]}, {"SS": ["a", "c"]}, {"SS": ["b"]}),
        ({"NS": ["1", "2"]}, {"NS": ["1", "2", "3"]}, None),
        ({"BS": ["AA==", "/w=="]}, {"BS": ["AA=="]}, {"BS": ["/w=="]}),
    ],
)
def test_delete_takes_elements_away_and_leaves_no_empty_set(
    old: Value | None, operand: Value, new: Value | None
) -> None:
    assert effects.deleting(constant(operand))({}, {}, old) == new


@pytest.mark.parametrize(
    ("effect", "operand", "old"),
    [
        (effects.adding, {"N": "1"}, {"S": "1"}),
        (effects.adding, {"SS": ["a"]}, {"S": "a"}),
        (effects.adding, {"SS": ["1"]}, {"NS": ["1"]}),
        (effects.deleting, {"SS": ["a"]}, {"L": []}),
        (effects.deleting, {"NS": ["1"]}, {"SS": ["1"]}),
    ],
)
def test_add_and_delete_refuse_a_stored_value_of_another_type(effect: Any, operand: Value, old: Value) -> None:
    with pytest.raises(ValidationException) as caught:
        effect(constant(operand))({}, {}, old)
    assert caught.value.message == "An operand in the update expression has an incorrect data type"


def nested(levels: int) -> Value:
    """Build a value of so many levels: a scalar has one."""
    value: Value = {"S": "x"}
    for level in range(levels - 1):
        value = {"L": [value]} if level % 2 else {"M": {"a": value, "b": {"L": []}}}
    return value


@pytest.mark.parametrize("steps", [2, 5, 31])
def test_a_value_is_not_put_so_deep_that_the_item_has_more_than_32_levels(steps: int) -> None:
    path = ("a",) * steps
    effects.setting(path, constant(nested(33 - steps)))({}, {}, None)
    with pytest.raises(ValidationException, match="Nesting Levels have exceeded supported limits"):
        effects.setting(path, constant(nested(34 - steps)))({}, {}, None)


def test_what_no_effect_touches_is_shared_and_the_old_item_stays() -> None:
    old: dict[str, Value] = {"a": {"M": {"x": {"L": [{"S": "kept"}]}, "y": {"S": "old"}}}, "b": {"L": [{"S": "kept"}]}}
    tree = path_tree([(("a", "y"), effects.setting(("a", "y"), constant({"S": "new"})))])
    new = effects.apply_effects(tree, {}, old)
    assert new["a"]["M"] == {"x": {"L": [{"S": "kept"}]}, "y": {"S": "new"}}
    assert new["b"] is old["b"]
    assert new["a"]["M"]["x"] is old["a"]["M"]["x"]
    assert old["a"]["M"]["y"] == {"S": "old"}
