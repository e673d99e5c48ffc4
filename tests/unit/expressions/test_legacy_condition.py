"""Expected, filters and KeyConditions: what they are true of, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import bind_conditions, bind_key_conditions, parse_conditions, parse_expected
from cdc.model.errors import ServiceError, ValidationException
from cdc.model.keys import KeySchema

INVALID = "One or more parameter values were invalid: "
ITEM: dict[str, dict[str, Any]] = {
    "n": {"N": "5"},
    "s": {"S": "hello"},
    "b": {"B": "aGVsbG8="},
    "ss": {"SS": ["a", "b"]},
    "l": {"L": [{"N": "1"}, {"S": "x"}]},
    "#odd.name": {"S": "x"},
}


def compared(name: str, operator: str, *arguments: dict[str, Any]) -> dict[str, Any]:
    condition: dict[str, Any] = {"ComparisonOperator": operator}
    if arguments:
        condition["AttributeValueList"] = list(arguments)
    return {name: condition}


def holds(conditions: dict[str, Any], operator: str | None = None, parse=parse_conditions) -> bool:
    condition = bind_conditions(parse(conditions), operator)
    assert condition is not None
    return condition.matches(ITEM)


def n(number: object) -> dict[str, str]:
    return {"N": str(number)}


def s(text: str) -> dict[str, str]:
    return {"S": text}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (compared("n", "EQ", n("5.0")), True),
        (compared("n", "EQ", s("5")), False),
        (compared("none", "EQ", n(5)), False),
        (compared("ss", "EQ", {"SS": ["b", "a"]}), True),
        (compared("l", "EQ", {"L": [n(1), s("x")]}), True),
        (compared("#odd.name", "EQ", s("x")), True),
        (compared("n", "NE", n(5)), False),
        (compared("n", "NE", s("5")), True),
        (compared("none", "NE", n(5)), True),
        (compared("n", "LT", n(6)), True),
        (compared("n", "LT", s("6")), False),
        (compared("n", "LE", n(5)), True),
        (compared("n", "GT", n(5)), False),
        (compared("n", "GE", n(5)), True),
        (compared("none", "GE", n(5)), False),
        (compared("n", "BETWEEN", n(5), n(5)), True),
        (compared("s", "BETWEEN", s("i"), s("j")), False),
        (compared("n", "IN", n(1), n(5)), True),
        (compared("none", "IN", n(1)), False),
        (compared("n", "IN", n(1)), False),
        (compared("none", "NULL"), True),
        (compared("n", "NULL"), False),
        (compared("n", "NOT_NULL"), True),
        (compared("none", "NOT_NULL"), False),
        (compared("s", "BEGINS_WITH", s("he")), True),
        (compared("b", "BEGINS_WITH", {"B": "aGU="}), True),
        (compared("n", "BEGINS_WITH", s("5")), False),
        (compared("s", "CONTAINS", s("ell")), True),
        (compared("ss", "CONTAINS", s("b")), True),
        (compared("l", "CONTAINS", n(1)), True),
        (compared("none", "CONTAINS", n(1)), False),
        (compared("ss", "NOT_CONTAINS", s("b")), False),
        (compared("ss", "NOT_CONTAINS", s("c")), True),
        (compared("n", "NOT_CONTAINS", s("c")), True),
        (compared("none", "NOT_CONTAINS", s("c")), True),
    ],
)
def test_a_comparison_is_true_of(condition, expected):
    assert holds(condition) is expected
    assert holds(condition, parse=parse_expected) is expected


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        ({"n": {"Value": n(5)}}, True),
        ({"n": {"Value": n(5), "Exists": True}}, True),
        ({"n": {"Value": n(6)}}, False),
        ({"none": {"Value": n(6)}}, False),
        ({"none": {"Exists": False}}, True),
        ({"n": {"Exists": False, "Value": None, "ComparisonOperator": None}}, False),
        ({"n": {"ComparisonOperator": "GT", "Value": n(4)}}, True),
        ({"none": {"ComparisonOperator": "NULL"}}, True),
    ],
)
def test_what_is_expected_may_be_a_value_or_none(expected, result):
    assert holds(expected, parse=parse_expected) is result


@pytest.mark.parametrize(("operator", "expected"), [(None, False), ("AND", False), ("OR", True)])
def test_conditions_are_joined_by_the_conditional_operator(operator, expected):
    assert holds(compared("n", "EQ", n(5)) | compared("s", "EQ", s("x")), operator) is expected


@pytest.mark.parametrize("operator", ["AND", "OR"])
def test_an_operator_needs_conditions_to_join(operator):
    for conditions, message in (
        ({}, "ConditionalOperator cannot be used without Filter or Expected"),
        (
            compared("n", "NULL"),
            "ConditionalOperator can only be used when Filter or Expected has two or more elements",
        ),
    ):
        with pytest.raises(ValidationException) as caught:
            bind_conditions(parse_conditions(conditions), operator)
        assert caught.value.message == message


def test_no_conditions_are_none():
    assert bind_conditions([], None) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "Value must be provided when Exists is null for Attribute: a"),
        ({"Exists": True}, "Value must be provided when Exists is true for Attribute: a"),
        ({"Exists": False, "Value": n(1)}, "Value cannot be used when Exists is false for Attribute: a"),
        (
            {"Value": n(1), "AttributeValueList": [n(1)], "ComparisonOperator": "EQ"},
            "Value and AttributeValueList cannot be used together for Attribute: a",
        ),
        (
            {"Exists": False, "ComparisonOperator": "NULL"},
            "Exists and ComparisonOperator cannot be used together for Attribute: a",
        ),
        (
            {"ComparisonOperator": "LT"},
            "Value or AttributeValueList must be used with ComparisonOperator: LT for Attribute: a",
        ),
        (
            {"AttributeValueList": [n(1)]},
            "AttributeValueList can only be used with a ComparisonOperator for Attribute: a",
        ),
        (
            {"ComparisonOperator": "LT", "AttributeValueList": []},
            "Invalid number of argument(s) for the LT ComparisonOperator",
        ),
        (
            {"ComparisonOperator": "BETWEEN", "Value": n(1)},
            "Invalid number of argument(s) for the BETWEEN ComparisonOperator",
        ),
    ],
)
def test_members_of_expected_that_do_not_go_together_are_refused(given, message):
    with pytest.raises(ValidationException) as caught:
        parse_expected({"a": given})
    assert caught.value.message == INVALID + message


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        (compared("a", "EQ"), f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        (compared("a", "NULL", n(1)), f"{INVALID}Invalid number of argument(s) for the NULL ComparisonOperator"),
        (compared("a", "EQ", n(1), n(2)), f"{INVALID}Invalid number of argument(s) for the EQ ComparisonOperator"),
        (compared("a", "IN"), f"{INVALID}Invalid number of argument(s) for the IN ComparisonOperator"),
        (compared("a", "BETWEEN", n(1)), f"{INVALID}Invalid number of argument(s) for the BETWEEN ComparisonOperator"),
        (compared("a", "IN", n(1), s("a")), f"{INVALID}AttributeValues inside AttributeValueList must be of same type"),
        (
            compared("a", "LT", {"SS": ["a"]}),
            f"{INVALID}ComparisonOperator LT is not valid for SS AttributeValue type",
        ),
        (
            compared("a", "BEGINS_WITH", n(1)),
            f"{INVALID}ComparisonOperator BEGINS_WITH is not valid for N AttributeValue type",
        ),
        (
            compared("a", "IN", {"BOOL": True}),
            f"{INVALID}ComparisonOperator IN is not valid for BOOL AttributeValue type",
        ),
        (
            compared("a", "BETWEEN", n(2), n(1)),
            "The BETWEEN condition was provided a range where the lower bound is greater than the upper bound",
        ),
        (compared("", "NULL"), f"{INVALID}Empty attribute name"),
        (compared("a", "EQ", {"NS": []}), f"{INVALID}An number set  may not be empty"),
        (
            compared("a", "EQ", {}),
            "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes",
        ),
    ],
)
def test_arguments_that_an_operator_does_not_take_are_refused(condition, message):
    for parse in (parse_conditions, parse_expected):
        if parse is parse_expected and condition in (compared("a", "EQ"), compared("a", "IN")):
            continue  # refused before, in other words
        with pytest.raises(ValidationException) as caught:
            parse(condition)
        assert caught.value.message == message


def test_an_operand_over_the_number_of_them_is_refused_as_in_an_expression():
    many = parse_conditions(compared("n", "IN", *map(n, range(101))))
    with pytest.raises(ValidationException, match=r"^Incorrect number of operands .* IN, number of operands: 101$"):
        bind_conditions(many, None)


SCHEMA = KeySchema("pk", "S", "sk", "N")
HASH = compared("pk", "EQ", s("a"))


@pytest.mark.parametrize(
    ("conditions", "operator", "operands"),
    [
        (HASH, None, ()),
        (HASH | compared("sk", "EQ", n(1)), "=", (n(1),)),
        (compared("sk", "LE", n(1)) | HASH, "<=", (n(1),)),
        (HASH | compared("sk", "BETWEEN", n(1), n(2)), "BETWEEN", (n(1), n(2))),
    ],
)
def test_key_conditions_give_the_range_that_a_query_reads(conditions, operator, operands):
    keys = bind_key_conditions(parse_conditions(conditions)).resolve(SCHEMA.hashes, SCHEMA.ranges)
    assert (keys.hash_values, keys.operator, keys.operands) == ((s("a"),), operator, operands)


def test_begins_with_is_a_range_of_text():
    keys = bind_key_conditions(parse_conditions(HASH | compared("t", "BEGINS_WITH", s("x"))))
    assert keys.resolve((("pk", "S"),), (("t", "S"),)).operator == "begins_with"


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({}, "Conditions can be of length 1 or 2 only"),
        (
            HASH | compared("sk", "EQ", n(1)) | compared("a", "EQ", n(1)),
            "Conditions can be of length 1 or 2 only",
        ),
        (compared("sk", "EQ", n(1)), "Query condition missed key schema element: pk"),
        (HASH | compared("a", "EQ", n(1)), "Query condition missed key schema element: sk"),
        (compared("pk", "LT", s("a")), "Query key condition not supported"),
        (compared("pk", "EQ", n(1)), f"{INVALID}Condition parameter type does not match schema type"),
        (compared("pk", "NULL"), "Attempted conditional constraint is not an indexable operation"),
        (HASH | compared("sk", "NE", n(1)), "Attempted conditional constraint is not an indexable operation"),
        (HASH | compared("sk", "IN", n(1)), "Attempted conditional constraint is not an indexable operation"),
    ],
)
def test_conditions_that_keys_can_not_have_are_refused(conditions, message):
    with pytest.raises(ServiceError) as caught:
        bind_key_conditions(parse_conditions(conditions)).resolve(SCHEMA.hashes, SCHEMA.ranges)
    assert caught.value.message == message
