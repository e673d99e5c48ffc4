"""AttributeUpdates: what they make of an item and of none, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import bind_attribute_updates
from cdc.model.errors import ValidationException

INVALID = "One or more parameter values were invalid: "
ITEM: dict[str, dict[str, Any]] = {
    "pk": {"S": "x"},
    "n": {"N": "5"},
    "l": {"L": [{"N": "1"}]},
    "ss": {"SS": ["a", "b"]},
}


def one(action: str | None, value: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"Action": action, "Value": value}


@pytest.mark.parametrize(
    ("updates", "changed"),
    [
        ({"n": one(None, {"S": "y"})}, {"n": {"S": "y"}}),
        ({"n": one("PUT", {"NULL": True})}, {"n": {"NULL": True}}),
        ({"#new.": one("PUT", {"S": "y"})}, {"#new.": {"S": "y"}}),
        ({"n": one("ADD", {"N": "-6"})}, {"n": {"N": "-1"}}),
        ({"m": one("ADD", {"N": "1.0"})}, {"m": {"N": "1"}}),
        ({"ss": one("ADD", {"SS": ["0", "a"]})}, {"ss": {"SS": ["0", "a", "b"]}}),
        ({"l": one("ADD", {"L": [{"S": "y"}]})}, {"l": {"L": [{"N": "1"}, {"S": "y"}]}}),
        ({"k": one("ADD", {"L": [{"S": "y"}]})}, {"k": {"L": [{"S": "y"}]}}),
        ({"n": one("DELETE")}, {"n": None}),
        ({"none": one("DELETE")}, {}),
        ({"ss": one("DELETE", {"SS": ["a", "c"]})}, {"ss": {"SS": ["b"]}}),
        ({"ss": one("DELETE", {"SS": ["a", "b"]})}, {"ss": None}),
        ({"none": one("DELETE", {"SS": ["a"]})}, {}),
        ({"n": one("DELETE"), "l": one("PUT", {"S": "y"})}, {"n": None, "l": {"S": "y"}}),
    ],
)
def test_an_update_changes_the_item_to(updates, changed):
    update = bind_attribute_updates(updates)
    assert update is not None
    assert update.apply(ITEM) == {name: value for name, value in (ITEM | changed).items() if value is not None}


@pytest.mark.parametrize(
    ("updates", "creates"),
    [
        ({"a": one("PUT", {"N": "1"}), "b": one("DELETE")}, {"pk": {"S": "x"}, "a": {"N": "1"}}),
        ({"a": one("ADD", {"N": "1"})}, {"pk": {"S": "x"}, "a": {"N": "1"}}),
        ({"b": one("DELETE")}, None),
    ],
)
def test_only_putting_and_adding_makes_an_item(updates, creates):
    update = bind_attribute_updates(updates)
    assert update is not None
    assert update.creates_item == (creates is not None)
    if creates is not None:
        assert update.apply({"pk": {"S": "x"}}, exists=False) == creates


def test_no_updates_are_none():
    assert bind_attribute_updates({}) is None


def test_what_is_updated_is_known_and_costs_as_in_an_expression():
    update = bind_attribute_updates({"a": one("PUT", {"N": "1"}), "b": one("DELETE")})
    assert update is not None
    assert (update.paths, update.read_paths, update.write_cost) == ((("a",), ("b",)), (), 3 + 19 + 2)
    assert update.project({"a": {"N": "1"}, "c": {"N": "2"}}) == {"a": {"N": "1"}}


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ({"a": {}}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        ({"a": one("ADD")}, f"{INVALID}Only DELETE action is allowed when no attribute value is specified"),
        ({"a": one("DELETE", {"S": "x"})}, f"{INVALID}DELETE action with value is not supported for the type S"),
        ({"a": one("DELETE", {"L": []})}, f"{INVALID}DELETE action with value is not supported for the type L"),
        ({"a": one("ADD", {"S": "x"})}, f"{INVALID}ADD action is not supported for the type S"),
        ({"a": one("ADD", {"M": {}})}, f"{INVALID}ADD action is not supported for the type M"),
        ({"a": one("PUT", {"N": "x"})}, "The parameter cannot be converted to a numeric value: x"),
        ({"": one("DELETE")}, f"{INVALID}Empty attribute name"),
    ],
)
def test_actions_that_a_value_does_not_take_are_refused(updates, message):
    with pytest.raises(ValidationException) as caught:
        bind_attribute_updates(updates)
    assert caught.value.message == message


@pytest.mark.parametrize(
    "updates",
    [
        {"n": one("ADD", {"SS": ["a"]})},
        {"ss": one("ADD", {"N": "1"})},
        {"ss": one("ADD", {"L": []})},
        {"ss": one("DELETE", {"NS": ["1"]})},
        {"n": one("DELETE", {"NS": ["1"]})},
    ],
)
def test_what_is_stored_with_another_type_is_no_operand(updates):
    update = bind_attribute_updates(updates)
    assert update is not None
    with pytest.raises(ValidationException, match=r"^Type mismatch for attribute to update$"):
        update.apply(ITEM)
