"""Values of statements: literals and parameters, as attribute values."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.partiql.syntax import Elements, Members, Parameter, Scalar
from cdc.partiql.values import MIXED_SET, NO_MAP, WRONG_COUNT, check_parameters, fill_item, fill_value, fill_values

ONE = {"N": "1"}


def listed(*templates):
    return Elements(is_set=False, templates=templates)


def a_set(*templates):
    return Elements(is_set=True, templates=templates)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        (Scalar("N", "1.50"), {"N": "1.5"}),
        (Scalar("NULL", content=True), {"NULL": True}),
        (Parameter(1), {"B": "eA=="}),
        (listed(Parameter(0), listed()), {"L": [ONE, {"L": []}]}),
        (a_set(Scalar("S", "b"), Scalar("S", "a")), {"SS": ["a", "b"]}),
        (a_set(Scalar("N", "10"), Parameter(0)), {"NS": ["1", "10"]}),
        (a_set(Parameter(1)), {"BS": ["eA=="]}),
        (Members((("a", Parameter(0)), ("", Scalar("S", "")))), {"M": {"a": ONE, "": {"S": ""}}}),
    ],
)
def test_a_template_is_filled_with_parameters(template, value):
    parameters = check_parameters([{"N": "1.0"}, {"B": "eA=="}], 2)
    assert fill_value(template, parameters) == value
    assert fill_values({":0": template}, parameters) == {":0": value}


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (a_set(), "One or more parameter values were invalid: An string set  may not be empty"),
        (a_set(Scalar("S", "a"), Scalar("N", "1")), MIXED_SET),
        (a_set(listed()), MIXED_SET),
        (
            a_set(Scalar("S", "a"), Scalar("S", "a")),
            "One or more parameter values were invalid: Input collection [a, a]",
        ),
        (Scalar("N", "1e200"), "Number overflow."),
    ],
)
def test_values_that_no_attribute_has_are_refused(template, message):
    with pytest.raises(ValidationException) as caught:
        fill_value(template, [])
    assert caught.value.message.startswith(message)


@pytest.mark.parametrize(("raw", "count"), [(None, 1), ([ONE], 0), ([ONE], 2)])
def test_there_are_as_many_parameters_as_the_statement_has(raw, count):
    with pytest.raises(ValidationException) as caught:
        check_parameters(raw, count)
    assert caught.value.message == WRONG_COUNT


def test_parameters_are_values():
    assert check_parameters(None, 0) == []
    with pytest.raises(ValidationException, match="is empty"):
        check_parameters([{}], 1)


def test_an_item_is_a_map_and_has_a_size():
    assert fill_item(Members((("a", Scalar("S", "xy")),)), []) == ({"a": {"S": "xy"}}, 3)
    assert fill_item(Parameter(0), [{"M": {"a": ONE}}]) == ({"a": ONE}, 3)
    with pytest.raises(ValidationException) as caught:
        fill_item(Parameter(0), [ONE])
    assert caught.value.message == NO_MAP
    with pytest.raises(ValidationException, match="Empty attribute name"):
        fill_item(Members((("", Scalar("S", "xy")),)), [])
