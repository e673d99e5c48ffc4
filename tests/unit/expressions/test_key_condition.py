"""Key conditions: the key ranges they give, and the refusal of what no key can have."""

from __future__ import annotations

from typing import Any

import pytest

from cdc.expressions import KeyRange, Substitutions, bind_key_condition
from cdc.model.errors import ValidationException
from cdc.model.keys import KeySchema

HASH_ONLY = KeySchema("p", "S")
BOTH = KeySchema("p", "S", "q", "N")
TEXT_SORTED = KeySchema("p", "S", "q", "S")
NAMES = {"#p": "p", "#q": "q"}
X, ONE, TWO, PREFIX = {"S": "x"}, {"N": "1"}, {"N": "2"}, {"S": "ab"}
VALUES: dict[str, dict[str, Any]] = {
    ":x": X,
    ":one": ONE,
    ":two": TWO,
    ":prefix": PREFIX,
    ":empty": {"S": ""},
    ":long": {"S": "x" * 2049},
    ":half": {"S": "x" * 1025},
    ":list": {"L": []},
}


def resolve(text: str, schema: KeySchema = BOTH) -> KeyRange:
    return bind_key_condition(text, Substitutions(NAMES, VALUES)).resolve(schema.hashes, schema.ranges)


@pytest.mark.parametrize(
    ("text", "schema", "expected"),
    [
        ("p = :x", HASH_ONLY, KeyRange((X,))),
        ("p = :x", BOTH, KeyRange((X,))),
        (":x = #p", BOTH, KeyRange((X,))),
        ("(p = :x)", BOTH, KeyRange((X,))),
        ("p = :x AND q = :one", BOTH, KeyRange((X,), "=", (ONE,))),
        ("#q < :one AND #p = :x", BOTH, KeyRange((X,), "<", (ONE,))),
        ("(p = :x) and (q <= :one)", BOTH, KeyRange((X,), "<=", (ONE,))),
        ("(p = :x AND (q > :one))", BOTH, KeyRange((X,), ">", (ONE,))),
        ("p = :x AND q >= :one", BOTH, KeyRange((X,), ">=", (ONE,))),
        ("p = :x AND :one <= q", BOTH, KeyRange((X,), ">=", (ONE,))),
        ("p = :x AND :one < q", BOTH, KeyRange((X,), ">", (ONE,))),
        ("p = :x AND :one > q", BOTH, KeyRange((X,), "<", (ONE,))),
        ("p = :x AND :one >= q", BOTH, KeyRange((X,), "<=", (ONE,))),
        ("p = :x AND :one = q", BOTH, KeyRange((X,), "=", (ONE,))),
        ("q BETWEEN :one AND :two AND p = :x", BOTH, KeyRange((X,), "BETWEEN", (ONE, TWO))),
        ("p = :x AND begins_with(q, :prefix)", TEXT_SORTED, KeyRange((X,), "begins_with", (PREFIX,))),
    ],
)
def test_key_conditions_give_key_ranges(text: str, schema: KeySchema, expected: KeyRange) -> None:
    assert resolve(text, schema) == expected


OPERATOR = "Invalid operator used in KeyConditionExpression: "
CONDITION = "Invalid condition in KeyConditionExpression: "
FAMILY = "Invalid KeyConditionExpression: KeyConditionExpressions "
EMPTY = (
    "One or more parameter values are not valid. "
    "The AttributeValue for a key attribute cannot contain an empty string value. Key: "
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("p = :x OR q = :one", OPERATOR + "OR"),
        ("p = :x AND (q = :one OR q = :two)", OPERATOR + "OR"),
        ("NOT p = :x", OPERATOR + "NOT"),
        ("p IN (:x)", OPERATOR + "IN"),
        ("p <> :x", OPERATOR + "<>"),
        ("attribute_exists(p)", OPERATOR + "attribute_exists"),
        ("p = :x AND attribute_not_exists(q)", OPERATOR + "attribute_not_exists"),
        ("contains(p, :x)", OPERATOR + "contains"),
        ("p = :x AND q > :one AND q < :two", FAMILY + "must only contain one condition per key"),
        ("p = :x AND size(q) > :one", FAMILY + "cannot contain nested operations"),
        ("p.a = :x", FAMILY + "cannot have conditions on nested attributes"),
        ("p = :x AND q[0] = :one", FAMILY + "cannot have conditions on nested attributes"),
        (":x = :prefix", CONDITION + "No key attribute specified"),
        ("p = q", CONDITION + "Multiple attribute names used in one condition"),
        ("p = :x AND q BETWEEN a AND b", CONDITION + "Multiple attribute names used in one condition"),
        (":one BETWEEN p AND :two", CONDITION + "BETWEEN operator must have the key attribute as its first operand"),
        (
            "begins_with(:prefix, q)",
            CONDITION + "begins_with operator must have the key attribute as its first operand",
        ),
        ("p = :x AND q = :one AND r = :two", "Conditions can be of length 1 or 2 only"),
        # what is wrong in any condition comes first, with its prefix
        ("", "Invalid KeyConditionExpression: The expression can not be empty;"),
        ("p = p OR q = :one", "Invalid KeyConditionExpression: The first operand must be distinct"),
        ("p = :nope OR q = :one", "Invalid KeyConditionExpression: An expression attribute value used"),
        ("q > :list", "Invalid KeyConditionExpression: Incorrect operand type for operator or function"),
        ("q BETWEEN :two AND :one", "Invalid KeyConditionExpression: The BETWEEN operator requires upper bound"),
        ("((p = :x))", "Invalid KeyConditionExpression: The expression has redundant parentheses;"),
        ("key = :x", "Invalid KeyConditionExpression: Attribute name is a reserved keyword; reserved keyword: key"),
    ],
)
def test_what_no_key_can_have_is_refused_without_a_schema(text: str, message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        bind_key_condition(text, Substitutions(NAMES, VALUES))
    assert caught.value.message.startswith(message)


MISMATCH = "One or more parameter values were invalid: Condition parameter type does not match schema type"


@pytest.mark.parametrize(
    ("text", "schema", "message"),
    [
        ("q = :one", BOTH, "Query condition missed key schema element: p"),
        ("r = :one", BOTH, "Query condition missed key schema element: p"),
        ("p = :x AND r = :one", BOTH, "Query condition missed key schema element: q"),
        ("q = :one AND r = :one", BOTH, "Query condition missed key schema element: p"),
        ("p = :x AND q = :one", HASH_ONLY, "Query key condition not supported"),
        ("p < :x", BOTH, "Query key condition not supported"),
        ("p BETWEEN :prefix AND :x", BOTH, "Query key condition not supported"),
        ("begins_with(p, :x) AND q = :one", BOTH, "Query key condition not supported"),
        ("p = :one", BOTH, MISMATCH),
        ("p = :x AND q = :x", BOTH, MISMATCH),
        ("p = :x AND begins_with(q, :prefix)", BOTH, MISMATCH),
        ("p = :empty", BOTH, EMPTY + "p"),
        ("p = :x AND q > :empty", TEXT_SORTED, EMPTY + "q"),
        (
            "p = :long",
            BOTH,
            (
                "One or more parameter values were invalid: "
                "Size of hashkey has exceeded the maximum size limit of2048 bytes"
            ),
        ),
        (
            "p = :x AND q = :half",
            TEXT_SORTED,
            (
                "One or more parameter values were invalid: "
                "Aggregated size of all range keys has exceeded the size limit of 1024 bytes"
            ),
        ),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(text: str, schema: KeySchema, message: str) -> None:
    with pytest.raises(ValidationException) as caught:
        resolve(text, schema)
    assert caught.value.message == message


def test_all_placeholders_of_a_key_condition_count_as_used() -> None:
    substitutions = Substitutions({"#p": "p"}, {":x": X})
    bind_key_condition("#p = :x", substitutions)
    substitutions.refuse_unused()
