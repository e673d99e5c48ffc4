"""ExpressionAttributeNames and ExpressionAttributeValues: what is accepted, and the text of each refusal."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import Substitutions, bind_condition, bind_update, refuse_mixed_parameters
from cdc.model.errors import Family, SerializationException, ValidationException

GIVEN = {"ConditionExpression": "a = :v"}
ONLY = " can only be specified when using expressions"


def parse(names: object, values: object, expressions: dict[str, object] | None = None, **options: Any) -> Substitutions:
    return Substitutions.parse(names, values, expressions or GIVEN, **options)


def refusal(*arguments: Any, **options: Any) -> str:
    with pytest.raises(ValidationException) as caught:
        parse(*arguments, **options)
    return caught.value.message


def test_names_and_normalised_values_are_kept() -> None:
    substitutions = parse({"#a": "a.b", "#1_": "status"}, {":v": {"N": "1.0"}, ":_": {"SS": ["b", "a"]}})
    assert substitutions.names == {"#a": "a.b", "#1_": "status"}
    assert substitutions.values == {":v": {"N": "1"}, ":_": {"SS": ["a", "b"]}}


def test_absent_maps_are_empty() -> None:
    substitutions = Substitutions.parse(None, None, {"ConditionExpression": None})
    assert (substitutions.names, substitutions.values) == ({}, {})


@pytest.mark.parametrize(
    ("names", "values", "message"),
    [
        ({}, None, "ExpressionAttributeNames must not be empty"),
        (None, {}, "ExpressionAttributeValues must not be empty"),
        ({"a": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"'),
        ({"#": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#"'),
        ({"#a-b": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a-b"'),
        ({"#é": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#é"'),
        ({"#a\n": "a"}, None, 'ExpressionAttributeNames contains invalid key: Syntax error; key: "#a\n"'),
        (None, {"a": {"S": "x"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "a"'),
        (None, {"#a": {"S": "x"}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: "#a"'),
        (None, {":a": {}, ":": {}}, 'ExpressionAttributeValues contains invalid key: Syntax error; key: ":"'),
        ({"#a": ""}, None, "One or more parameter values were invalid: Empty attribute name"),
        (
            None,
            {":a": {"S": "x"}, ":v": {"N": "abc"}},
            (
                "ExpressionAttributeValues contains invalid value: "
                "The parameter cannot be converted to a numeric value: abc for key :v"
            ),
        ),
        (
            None,
            {":v": {"SS": []}},
            (
                "ExpressionAttributeValues contains invalid value: "
                "One or more parameter values were invalid: An string set  may not be empty for key :v"
            ),
        ),
        (
            None,
            {":v": {}},
            (
                "ExpressionAttributeValues contains invalid value: "
                "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes for key :v"
            ),
        ),
    ],
)
def test_invalid_maps_are_refused(names: object, values: object, message: str) -> None:
    assert refusal(names, values) == message


def test_a_null_that_is_not_true_is_wrapped_only_where_the_operation_wraps_it() -> None:
    bare = "One or more parameter values were invalid: Null attribute value types must have the value of true"
    wrapped = f"ExpressionAttributeValues contains invalid value: {bare} for key :v"
    assert refusal(None, {":v": {"NULL": False}}) == wrapped
    assert refusal(None, {":v": {"NULL": False}}, wraps_null=False) == bare


@pytest.mark.parametrize(
    ("values", "family"),
    [
        ({":v": {"SS": []}}, Family.REQUEST),
        ({":v": {"NS": ["1", "1.0"]}}, Family.REQUEST),
        ({":v": {"NULL": False}}, Family.REQUEST),
        ({}, Family.REQUEST),
        ({":v": {"N": "one"}}, Family.OTHER),
        ({":v": {}}, Family.OTHER),
    ],
)
@pytest.mark.parametrize("wraps_null", [False, True])
def test_what_a_wrong_value_is_about_is_kept_where_its_message_is_wrapped(
    values: object, family: Family, *, wraps_null: bool
) -> None:
    with pytest.raises(ValidationException) as caught:
        Substitutions.parse(None, values, {"ConditionExpression": "v = :v"}, wraps_null=wraps_null)
    assert caught.value.family is family


def test_a_value_nested_too_deep_is_never_wrapped() -> None:
    value: dict[str, Any] = {"S": "x"}
    for _ in range(32):
        value = {"L": [value]}
    assert refusal(None, {":v": value}).startswith("Nesting Levels have exceeded supported limits")


@pytest.mark.parametrize("map_of", ["names", "values"])
def test_a_placeholder_has_at_most_255_bytes(map_of: str) -> None:
    fitting, too_long = "x" * 254, "x" * 255
    if map_of == "names":
        assert parse({"#" + fitting: "a"}, None).names == {"#" + fitting: "a"}
        message = refusal({"#" + too_long: "a"}, None)
    else:
        assert parse(None, {":" + fitting: {"S": "a"}}).values == {":" + fitting: {"S": "a"}}
        message = refusal(None, {":" + too_long: {"S": "a"}})
    assert "contains invalid key: Member must have length less than or equal to 255" in message


def test_a_name_has_at_most_65535_bytes_and_all_together_two_megabytes() -> None:
    assert len(parse({"#a": "x" * 65_535}, None).names["#a"]) == 65_535
    assert "less than or equal to 65535 for key #a" in refusal({"#a": "x" * 65_536}, None)
    half = {"S": "x" * (1024 * 1024 - 2)}
    assert parse(None, {":a": half, ":b": half}).values == {":a": half, ":b": half}
    assert refusal({"#a": "a"}, {":a": half, ":b": half}).endswith("size: 2097155")


@pytest.mark.parametrize(
    ("names", "values"), [([], None), ("x", None), ({"#a": 1}, None), ({"#a": ["a"]}, None), (None, []), (None, 1)]
)
def test_wrong_json_types_are_serialization_errors(names: object, values: object) -> None:
    with pytest.raises(SerializationException):
        parse(names, values)


@pytest.mark.parametrize(
    ("expressions", "names_message", "values_message"),
    [
        (
            {"ConditionExpression": None},
            "ExpressionAttributeNames can only be specified when using expressions",
            "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null",
        ),
        (
            {"UpdateExpression": None, "ConditionExpression": None},
            "ExpressionAttributeNames can only be specified when using expressions",
            (
                "ExpressionAttributeValues can only be specified when using expressions: "
                "UpdateExpression and ConditionExpression are null"
            ),
        ),
        (
            {"ProjectionExpression": "a", "FilterExpression": None},
            None,
            "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null",
        ),
        (
            {"ProjectionExpression": None, "FilterExpression": None, "KeyConditionExpression": None},
            "ExpressionAttributeNames can only be specified when using expressions",
            (
                "ExpressionAttributeValues can only be specified when using expressions: "
                "FilterExpression and KeyConditionExpression are null"
            ),
        ),
        ({"UpdateExpression": None, "ConditionExpression": "a = :v"}, None, None),
    ],
)
def test_maps_without_an_expression_are_refused_before_their_content(
    expressions: dict[str, object], names_message: str | None, values_message: str | None
) -> None:
    for arguments, message in ((({}, None), names_message), ((None, {}), values_message)):
        expected = message or ("ExpressionAttribute" + ("Names" if arguments[1] is None else "Values"))
        assert refusal(*arguments, expressions).startswith(expected)
        if message is None:
            assert refusal(*arguments, expressions).endswith("must not be empty")


def test_unused_names_go_before_unused_values_and_all_are_listed() -> None:
    substitutions = Substitutions({"#a": "a", "#b": "b", "#c": "c"}, {":v": {"S": "x"}, ":w": {"S": "x"}})
    bind_condition("#a = :v", substitutions)
    with pytest.raises(ValidationException) as caught:
        substitutions.refuse_unused()
    assert caught.value.message == ("Value provided in ExpressionAttributeNames unused in expressions: keys: {#b, #c}")
    bind_update("REMOVE #b, #c", substitutions)
    with pytest.raises(ValidationException) as caught:
        substitutions.refuse_unused()
    assert caught.value.message == "Value provided in ExpressionAttributeValues unused in expressions: keys: {:w}"
    bind_condition("a = :v OR b = :w", substitutions)
    substitutions.refuse_unused()


def test_parameters_of_both_kinds_are_refused_with_both_lists() -> None:
    with pytest.raises(ValidationException) as caught:
        refuse_mixed_parameters(
            {"AttributeUpdates": {}, "Expected": {}, "ConditionalOperator": None},
            {"UpdateExpression": None, "ConditionExpression": "a = :v"},
        )
    assert caught.value.message == (
        "Can not use both expression and non-expression parameters in the same request: "
        "Non-expression parameters: {AttributeUpdates, Expected} Expression parameters: {ConditionExpression}"
    )
    refuse_mixed_parameters({"Expected": None}, {"ConditionExpression": "a = :v"})
    refuse_mixed_parameters({"Expected": {}}, {"ConditionExpression": None})
