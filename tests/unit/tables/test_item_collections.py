"""Item collections are told of for tables with local indexes alone, once for each, with bounds that hold."""

from __future__ import annotations

import pytest

from cdc.tables import item_collections
from cdc.tables.definitions import create_table
from cdc.tables.item_collections import CollectionMetrics, collection_metrics
from cdc.tables.write import put_item
from tests.table_definitions import definition, index

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}


@pytest.fixture
def tables(running):
    local = [index("loc", "pk a")]
    running.run(create_table, TableName="with", **definition("pk:S sk:S", "a:S", local=local))
    running.run(create_table, TableName="without", **definition("pk:S sk:S", "a:S", global_=[index("glo", "a")]))
    return running.reader.view().catalog.tables


def test_only_a_table_with_a_local_index_has_collections(running, tables):
    def run(transaction):
        return [collection_metrics(transaction, tables[name], KEY) for name in ("with", "without")]

    assert running.writer.call(run) == [{"ItemCollectionKey": {"pk": KEY["pk"]}, "SizeEstimateRangeGB": [0, 1]}, None]


def test_the_upper_bound_holds_for_items_and_entries_together(running, tables, monkeypatch):
    monkeypatch.setattr(item_collections, "GB", 100)
    running.run(put_item, TableName="with", Item=KEY | {"a": {"S": "x" * 100}})  # 109 bytes, and as many in the index
    found = running.writer.call(lambda transaction: collection_metrics(transaction, tables["with"], KEY))
    assert found["SizeEstimateRangeGB"] == [0, 3]


def test_a_collection_that_several_writes_touch_is_listed_once(running, tables):
    collections = CollectionMetrics()

    def run(transaction):
        for name in ("with", "without"):
            for pk, sk in (("p", "1"), ("p", "2"), ("q", "1")):
                collections.add(transaction, tables[name], {"pk": {"S": pk}, "sk": {"S": sk}})

    running.writer.call(run)
    assert {
        name: [each["ItemCollectionKey"]["pk"]["S"] for each in found] for name, found in collections.by_table.items()
    } == {"with": ["p", "q"]}
