"""Writes of statements as actions of the item operations: their keys, and what conditions mean for a missing item."""

from __future__ import annotations

import pytest

from cdc.model.errors import ConditionalCheckFailedException, DuplicateItemException, ValidationException
from cdc.model.keys import KeySchema
from cdc.partiql.prepared import prepare
from cdc.partiql.writing import (
    NO_CONDITION,
    NO_FULL_KEY,
    action_of,
    check_of,
    check_write,
    key_and_condition,
    refusal_of,
)
from cdc.tables.actions import Change, Delete, Put

SCHEMA = KeySchema("pk", "S", "sk", "N")
KEY = {"pk": {"S": "a"}, "sk": {"N": "1"}}


def bound(text):
    return prepare(text).bind(None)


@pytest.mark.parametrize(
    ("where", "places"),
    [("pk = 'a' AND sk = 1", 0), ("1.0 = sk AND v = 2 AND 'a' = pk", 1), ("pk = 'a' AND sk = 1 AND pk = 'b'", 1)],
)
def test_a_full_key_is_told_from_other_conditions(where, places):
    key, condition = key_and_condition(bound(f"DELETE FROM t WHERE {where}"), SCHEMA)
    assert key == KEY
    assert (condition is not None) == bool(places)


@pytest.mark.parametrize("where", ["", "WHERE pk = 'a'", "WHERE pk = 'a' AND sk > 1", "WHERE pk = 'a' OR sk = 1"])
def test_less_than_a_full_key_is_refused(where):
    with pytest.raises(ValidationException) as caught:
        key_and_condition(bound(f"DELETE FROM t {where}"), SCHEMA)
    assert caught.value.message == NO_FULL_KEY


@pytest.fixture
def definition(running, table):
    return running.reader.view().catalog.tables[table]


def test_an_insert_puts_where_nothing_is(definition):
    statement = bound("INSERT INTO abc VALUE {'pk': 'a', 'sk': 1}")
    put = action_of(statement, definition, show_item=True)
    assert isinstance(put, Put)
    assert (put.image.item, put.image.size, put.table_name) == (KEY, 7, "abc")
    assert put.condition is not None
    assert put.condition.matches({})
    assert not put.condition.matches(KEY)
    assert isinstance(refusal_of(statement, ConditionalCheckFailedException()), DuplicateItemException)


@pytest.mark.parametrize(("also", "present"), [("", True), ("AND v = 1", False), ("AND v IS MISSING", True)])
def test_an_update_changes_what_is_there_alone(definition, also, present):
    change = action_of(bound(f"UPDATE abc SET x = 1 WHERE pk = 'a' AND sk = 1 {also}"), definition, show_item=True)
    assert isinstance(change, Change)
    assert (change.key, change.show_item, change.counts_cost) == (KEY, True, False)
    assert change.condition is not None
    assert (change.condition.matches(KEY), change.condition.matches({})) == (present, False)


@pytest.mark.parametrize(("also", "present"), [("AND v = 1", False), ("AND v IS MISSING", True)])
def test_a_delete_does_not_mind_a_missing_item(definition, also, present):
    statement = bound(f"DELETE FROM abc WHERE pk = 'a' AND sk = 1 {also}")
    delete = action_of(statement, definition, show_item=False)
    assert isinstance(delete, Delete)
    assert delete.condition is not None
    assert (delete.condition.matches(KEY), delete.condition.matches({})) == (present, True)
    error = ConditionalCheckFailedException()
    assert refusal_of(statement, error) is error


def test_exists_is_a_check_of_an_item_that_is_there(definition):
    exists = "EXISTS(SELECT * FROM abc WHERE pk = 'a' AND sk = 1{})"
    check = check_of(bound(exists.format(" AND v IS MISSING")), definition, show_item=True)
    assert (check.key, check.show_item, check.condition.matches(KEY), check.condition.matches({})) == (
        KEY,
        True,
        True,
        False,
    )
    with pytest.raises(ValidationException, match=NO_CONDITION):
        check_of(bound(exists.format("")), definition, show_item=True)


def test_the_size_of_an_item_is_checked_without_its_table():
    statement = prepare("INSERT INTO t VALUE {'pk': ?}").bind([{"S": "x" * 409_599}])
    with pytest.raises(ValidationException, match="Item size has exceeded the maximum allowed size"):
        check_write(statement)
