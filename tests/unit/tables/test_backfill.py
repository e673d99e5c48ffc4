"""Filling an index beside everything else: a step at a time, on the index that still wants it, until there is none."""

from __future__ import annotations

import pytest

from cdc.store import index_items
from cdc.tables import backfill
from cdc.tables.backfill import backfill_step
from cdc.tables.definitions import create_table, describe_table, update_table
from cdc.tables.write import put_item
from tests.table_definitions import attributes, definition, index

ITEMS = 7


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(index_items, "BACKFILL_ITEMS", 2)


@pytest.fixture
def table(running):
    running.run(create_table, TableName="tab", **definition("pk:S"))
    for number in range(ITEMS):
        running.run(put_item, TableName="tab", Item={"pk": {"S": f"k{number}"}, "x": {"S": "v"}})
    return "tab"


def add(running, table="tab"):
    update = {"Create": index("late", "x")}
    request = {"AttributeDefinitions": attributes("x:S"), "GlobalSecondaryIndexUpdates": [update]}
    return running.run(update_table, TableName=table, **request)["TableDescription"]


def drop(running):
    running.run(update_table, TableName="tab", GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])


def step(running):
    return backfill_step(running.writer, running.reader)


def described(running, table="tab"):
    table = running.run(describe_table, TableName=table)["Table"]
    [found] = table["GlobalSecondaryIndexes"]
    return table["TableStatus"], found["IndexStatus"], found.get("Backfilling"), found["ItemCount"]


def test_steps_fill_an_index_and_its_description_follows(running, table, caplog):
    caplog.set_level("INFO", logger="cdc.tables.backfill")
    answer = add(running)
    [begun] = answer["GlobalSecondaryIndexes"]
    assert answer["TableStatus"] == "UPDATING"
    assert (begun["IndexStatus"], begun["Backfilling"], begun["ItemCount"]) == ("CREATING", False, 0)
    seen = [described(running)]
    while step(running):
        seen.append(described(running))
    assert seen == [*(("UPDATING", "CREATING", True, count) for count in (2, 4, 6)), ("ACTIVE", "ACTIVE", None, ITEMS)]
    assert caplog.messages == [f"index late of table {table} has all its entries"]


@pytest.mark.usefixtures("table")
def test_without_an_index_that_wants_filling_there_is_nothing_to_do(running):
    assert not step(running)


@pytest.mark.usefixtures("table")
def test_an_index_that_was_deleted_between_look_and_write_is_left_alone(running, monkeypatch):
    add(running)
    looked = backfill._wanting

    def look_and_delete(catalog, index_id=None):
        found = looked(catalog, index_id)
        if index_id is None:
            drop(running)
        return found

    monkeypatch.setattr(backfill, "_wanting", look_and_delete)
    assert step(running)
    monkeypatch.undo()
    assert not step(running)
    assert "GlobalSecondaryIndexes" not in running.run(describe_table, TableName="tab")["Table"]


@pytest.mark.usefixtures("table")
def test_indexes_of_several_tables_are_filled_until_none_wants_it(running):
    running.run(create_table, TableName="other", **definition("pk:S"))
    for number in range(ITEMS):
        running.run(put_item, TableName="other", Item={"pk": {"S": f"k{number}"}, "x": {"S": "v"}})
    add(running)
    add(running, table="other")
    while step(running):
        pass
    assert described(running) == described(running, "other") == ("ACTIVE", "ACTIVE", None, ITEMS)
