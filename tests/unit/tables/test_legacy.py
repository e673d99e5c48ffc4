"""Requests may say a thing by an expression or by a legacy parameter, and mean the same."""

from __future__ import annotations

import pytest

from cdc.expressions import Substitutions
from cdc.model.errors import ValidationException
from cdc.tables.legacy import (
    item_update,
    key_condition,
    legacy_filter,
    legacy_projection,
    read_projection,
    write_condition,
)

ONE = {"N": "1"}
ITEM = {"a": ONE, "b": {"S": "x"}}
EQUAL = {"ComparisonOperator": "EQ", "AttributeValueList": [ONE]}


def bound():
    return Substitutions(values={":v": ONE})


@pytest.mark.parametrize("request_", [{"Expected": {"a": {"Value": ONE}}}, {"ConditionExpression": "a = :v"}])
def test_a_condition_comes_either_way(request_):
    condition = write_condition(request_, bound())
    assert condition is not None
    assert condition.matches(ITEM)
    assert not condition.matches({})


@pytest.mark.parametrize("request_", [{}, {"Expected": {}}, {"Expected": None, "ConditionalOperator": None}])
def test_nothing_expected_is_no_condition(request_):
    assert write_condition(request_, bound()) is None


def test_an_operator_without_anything_expected_is_refused_also_beside_an_expression():
    with pytest.raises(ValidationException, match="without Filter or Expected"):
        write_condition({"ConditionalOperator": "OR", "ConditionExpression": "a = :v"}, bound())


@pytest.mark.parametrize("request_", [{"AttributeUpdates": {"b": {"Value": ONE}}}, {"UpdateExpression": "SET b = :v"}])
def test_an_update_comes_either_way(request_):
    update = item_update(request_, bound())
    assert update is not None
    assert update.apply(ITEM) == {"a": ONE, "b": ONE}
    assert item_update({}, bound()) is item_update({"AttributeUpdates": {}}, bound()) is None


@pytest.mark.parametrize("request_", [{"AttributesToGet": ["a"]}, {"ProjectionExpression": "a"}])
def test_a_projection_comes_either_way(request_):
    projection = read_projection(request_, bound())
    assert projection is not None
    assert projection.apply(ITEM) == {"a": ONE}
    assert read_projection({}, bound()) is None
    assert (legacy_projection(request_) is None) == ("ProjectionExpression" in request_)


def test_a_legacy_filter_is_called_as_the_operation_calls_it():
    condition = legacy_filter({"ScanFilter": {"a": EQUAL}}, "ScanFilter")
    assert condition is not None
    assert condition.matches(ITEM)
    assert legacy_filter({"ScanFilter": {"a": EQUAL}}, "QueryFilter") is None


@pytest.mark.parametrize("request_", [{"KeyConditions": {"a": EQUAL}}, {"KeyConditionExpression": "a = :v"}])
def test_a_key_condition_comes_either_way(request_):
    assert key_condition(request_, bound(), 2).resolve((("a", "N"),), ()).hash_values == (ONE,)


def test_a_key_condition_has_to_come():
    with pytest.raises(
        ValidationException, match=r"^Either the KeyConditions or KeyConditionExpression parameter must"
    ):
        key_condition({}, bound(), 2)
