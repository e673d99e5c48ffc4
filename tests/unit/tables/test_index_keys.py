"""What writes demand of index keys: type, contents and length, in the words of puts and of updates."""

from __future__ import annotations

import re

import pytest

from cdc.model.errors import ValidationException
from cdc.model.keys import HASH_TOO_LONG, RANGE_TOO_LONG
from cdc.tables.definitions import create_table
from cdc.tables.write import put_item, update_item
from tests.table_definitions import definition, index

OOMPV = "One or more parameter values were invalid: "
NOT_VALID = "One or more parameter values are not valid. "
EMPTY = "The AttributeValue for a key attribute cannot contain an empty {} value."
KEY = {"pk": {"S": "p"}}


@pytest.fixture
def table(running):
    described = definition(
        "pk:S", "a:S b:B c:N d:S", global_=[index("one", "a b"), index("two", "d c"), index("both", "a d", hashes=2)]
    )
    running.run(create_table, TableName="tab", **described)
    return "tab"


@pytest.fixture
def put_refusal(running, table):
    def refusal(**attributes):
        with pytest.raises(ValidationException) as caught:
            running.run(put_item, TableName=table, Item=KEY | attributes)
        return caught.value.message

    return refusal


def mismatch(name, expected, actual, index_name):
    return f"{OOMPV}Type mismatch for Index Key {name} Expected: {expected} Actual: {actual} IndexName: {index_name}"


def empty_put(kind, index_name, name):
    return (
        f"{NOT_VALID}A value specified for a secondary index key is not supported. {EMPTY.format(kind)} "
        f"IndexName: {index_name}, IndexKey: {name}"
    )


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"b": {"S": "x"}}, mismatch("b", "B", "S", "one")),
        ({"c": {"SS": ["x"]}}, mismatch("c", "N", "SS", "two")),
        ({"c": {"NULL": True}}, mismatch("c", "N", "NULL", "two")),
        ({"a": {"M": {}}, "c": {"S": "x"}}, mismatch("a", "S", "M", "both")),
        ({"b": {"N": "1"}, "c": {"S": "x"}}, mismatch("b", "B", "N", "one")),
        ({"a": {"S": ""}}, empty_put("string", "both", "a")),
        ({"b": {"B": ""}}, empty_put("binary", "one", "b")),
        ({"a": {"S": ""}, "b": {"N": "1"}}, empty_put("string", "both", "a")),
        ({"a": {"S": "x" * 2049}}, HASH_TOO_LONG),
        ({"a": {"S": "x" * 1025}, "d": {"S": "x" * 1024}}, HASH_TOO_LONG),
        ({"b": {"B": "AAAA" * 342}}, RANGE_TOO_LONG),
    ],
)
def test_a_put_is_refused_for_the_first_index_by_name(put_refusal, attributes, message):
    assert put_refusal(**attributes) == message


@pytest.mark.parametrize(
    "attributes",
    [{}, {"a": {"S": "x" * 2048}}, {"b": {"B": "AAAA" * 341}}, {"a": {"S": "x" * 1024}, "d": {"S": "x" * 1024}}],
)
def test_a_put_without_some_or_any_key_or_with_the_longest_is_accepted(running, table, attributes):
    assert running.run(put_item, TableName=table, Item=KEY | attributes) == {}


def test_a_fault_of_the_tables_own_key_comes_first(put_refusal):
    assert put_refusal(pk={"N": "1"}, a={"N": "1"}) == f"{OOMPV}Type mismatch for key pk expected: S actual: N"


@pytest.fixture
def update(running, table):
    """Update an item that has a number `e`, an empty `f` and a long `g`."""
    old = {"e": {"N": "1"}, "f": {"S": ""}, "g": {"S": "x" * 2049}}
    running.run(put_item, TableName=table, Item=KEY | old)

    def run(expression, **values):
        given = {f":{name}": value for name, value in values.items()}
        more = {"ExpressionAttributeValues": given} if given else {}
        return running.run(update_item, TableName=table, Key=KEY, UpdateExpression=expression, **more)

    return run


UNSUPPORTED = "The update expression attempted to update the secondary index key to unsupported type"
EMPTY_UPDATE = (
    f"{NOT_VALID}The update expression attempted to update a secondary index key to a value that is not supported. "
)
TOO_LONG = "The update expression attempted to update the secondary index key beyond allowed size limits"


@pytest.mark.parametrize(
    ("expression", "values", "message"),
    [
        ("SET a = :v", {"v": {"N": "1"}}, mismatch("a", "S", "N", "both")),
        ("SET a = :v", {"v": {"S": ""}}, EMPTY_UPDATE + EMPTY.format("string")),
        ("SET b = :v", {"v": {"B": ""}}, EMPTY_UPDATE + EMPTY.format("binary")),
        ("SET a = e", {}, UNSUPPORTED),
        ("SET a = f", {}, EMPTY_UPDATE + EMPTY.format("string")),
        ("SET a = g", {}, TOO_LONG),
        ("SET a = :v", {"v": {"S": "x" * 2049}}, TOO_LONG),
        ("ADD d :v", {"v": {"N": "1"}}, mismatch("d", "S", "N", "both")),
        ("DELETE a :v", {"v": {"SS": ["x"]}}, mismatch("a", "S", "SS", "both")),
    ],
)
def test_an_update_is_refused_for_what_it_makes_of_a_key(update, expression, values, message):
    with pytest.raises(ValidationException, match=f"^{re.escape(message)}$"):
        update(expression, **values)


@pytest.mark.parametrize(
    ("expression", "values"),
    [("SET a = :v", {"v": {"S": "x"}}), ("ADD c :v", {"v": {"N": "1"}}), ("REMOVE a", {}), ("SET h = f", {})],
)
def test_an_update_to_a_fit_key_or_of_something_else_is_accepted(update, expression, values):
    assert update(expression, **values) == {}
