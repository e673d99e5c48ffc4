"""Writes as values: what an update makes of nothing, the bounds of sizes, and conditions held against stored items."""

from __future__ import annotations

import pytest

from cdc.expressions import Substitutions, bind_condition, bind_update
from cdc.model.errors import ConditionalCheckFailedException, Family, ValidationException
from cdc.model.values import MAX_ITEM_BYTES, parse_item
from cdc.store.items import StoredItem
from cdc.tables.actions import (
    Change,
    Check,
    Delete,
    Put,
    check_item_size,
    check_updated_size,
    image_of,
    require,
    updated,
)

KEY = {"pk": {"S": "a"}}
STORED = StoredItem(1, 5, b'{"pk":{"S":"a"},"v":{"N":"1"}}')


def bound(text, **values):
    return bind_update(text, Substitutions(values={f":{name}": value for name, value in values.items()}))


@pytest.mark.parametrize(
    ("before", "update", "after"),
    [
        (None, None, KEY),
        (KEY | {"v": {"S": "x"}}, None, KEY | {"v": {"S": "x"}}),
        (None, bound("SET v = :v", v={"N": "1"}), KEY | {"v": {"N": "1"}}),
        (None, bound("ADD v :v", v={"N": "1"}), KEY | {"v": {"N": "1"}}),
        (None, bound("REMOVE v"), None),
        (None, bound("DELETE v :v", v={"SS": ["x"]}), None),
        (None, bound("REMOVE v SET w = :v", v={"N": "1"}), KEY | {"w": {"N": "1"}}),
        (KEY | {"v": {"S": "x"}}, bound("REMOVE v"), KEY),
    ],
)
def test_an_update_makes_an_item_of_nothing_only_by_setting_or_adding(before, update, after):
    assert updated(KEY, before, update) == after


def test_an_item_of_400_kb_is_the_largest():
    check_item_size(MAX_ITEM_BYTES)
    with pytest.raises(ValidationException, match=r"^Item size has exceeded the maximum allowed size$"):
        check_item_size(MAX_ITEM_BYTES + 1)


def test_an_updated_item_is_bounded_with_and_without_the_cost_of_its_update():
    update = bound("SET v = :v", v={"N": "1"})
    check_updated_size(MAX_ITEM_BYTES, 3, None)
    check_updated_size(MAX_ITEM_BYTES - 19, 3, update)
    check_updated_size(MAX_ITEM_BYTES, 100, update)
    for size, keys_size, applied in (
        (MAX_ITEM_BYTES - 18, 3, update),
        (MAX_ITEM_BYTES + 1, 100, update),
        (MAX_ITEM_BYTES + 1, 3, None),
    ):
        with pytest.raises(ValidationException, match=r"^Item size to update has exceeded the maximum allowed size$"):
            check_updated_size(size, keys_size, applied)


def test_an_image_is_normalised_measured_and_canonical():
    image = image_of({"v": {"N": "1.0"}, "pk": {"S": "a"}})
    assert image == ({"v": {"N": "1"}, "pk": {"S": "a"}}, b'{"pk":{"S":"a"},"v":{"N":"1"}}', 6)


EXISTS = bind_condition("attribute_exists(v)", Substitutions(), "Condition")
ABSENT = bind_condition("attribute_not_exists(v)", Substitutions(), "Condition")


@pytest.mark.parametrize("fault", [{"SS": []}, {"L": [{"NS": ["1", "1.0"]}]}])
def test_a_wrong_set_is_a_fault_of_the_request_in_an_item_alone(fault):
    with pytest.raises(ValidationException) as caught:
        image_of(KEY | {"v": fault})
    assert caught.value.family is Family.REQUEST
    with pytest.raises(ValidationException) as caught:
        parse_item({"pk": fault})
    assert caught.value.family is Family.SET
    with pytest.raises(ValidationException) as caught:
        image_of(KEY | {"v": {"N": "one"}})
    assert caught.value.family is Family.OTHER


@pytest.mark.parametrize(
    "action",
    [
        lambda condition, shown: Put("t", image_of(KEY), condition, shown),
        lambda condition, shown: Delete("t", KEY, condition, shown),
        lambda condition, shown: Change("t", KEY, None, condition, shown),
        lambda condition, shown: Check("t", KEY, condition, shown),
    ],
)
def test_a_condition_is_held_against_the_stored_item_or_an_empty_one(action):
    require(action(EXISTS, True), STORED)
    require(action(ABSENT, True), None)
    for shown, extra in ((True, {"Item": {"pk": {"S": "a"}, "v": {"N": "1"}}}), (False, {})):
        with pytest.raises(ConditionalCheckFailedException) as caught:
            require(action(EXISTS, shown), None)
        assert caught.value.extra == {}
        with pytest.raises(ConditionalCheckFailedException) as caught:
            require(action(ABSENT, shown), STORED)
        assert caught.value.extra == extra


def test_without_a_condition_every_item_will_do():
    require(Put("t", image_of(KEY)), None)
    require(Delete("t", KEY), STORED)
