"""Contributor insights are kept, shown and listed."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException
from cdc.tables.definitions import create_table
from cdc.tables.insights import (
    describe_contributor_insights,
    list_contributor_insights,
    update_contributor_insights,
)
from tests.table_definitions import index

NAMES = ("abc", "def", "ghi")


@pytest.fixture(autouse=True)
def _tables(running):
    for name in NAMES:
        running.run(
            create_table,
            TableName=name,
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            GlobalSecondaryIndexes=[index("one", "pk"), index("two", "pk")],
        )


@pytest.fixture
def update(running):
    return lambda name, action, **more: running.run(
        update_contributor_insights, TableName=name, ContributorInsightsAction=action, **more
    )


def test_they_are_disabled_enabled_and_disabled(running, update):
    def described():
        return running.run(describe_contributor_insights, TableName="abc")

    never = {"TableName": "abc", "ContributorInsightsRuleList": [], "ContributorInsightsStatus": "DISABLED"}
    assert described() == never
    assert update("abc", "ENABLE") == {"TableName": "abc", "ContributorInsightsStatus": "ENABLING"}
    changed = {"LastUpdateDateTime": 1_700_000_000.0}
    assert described() == never | changed | {"ContributorInsightsStatus": "ENABLED"}
    assert update("abc", "DISABLE") == {"TableName": "abc", "ContributorInsightsStatus": "DISABLING"}
    assert described() == never | changed


def test_tables_that_had_them_are_listed_in_pages(running, update):
    assert running.run(list_contributor_insights) == {"ContributorInsightsSummaries": []}
    for name in NAMES:
        update(name, "ENABLE")
    update("def", "DISABLE")
    first = running.run(list_contributor_insights, MaxResults=2)
    assert [
        (each["TableName"], each["ContributorInsightsStatus"]) for each in first["ContributorInsightsSummaries"]
    ] == [
        ("abc", "ENABLED"),
        ("def", "DISABLED"),
    ]
    rest = running.run(list_contributor_insights, NextToken=first["NextToken"])
    assert [each["TableName"] for each in rest["ContributorInsightsSummaries"]] == ["ghi"]
    assert "NextToken" not in rest
    one = running.run(list_contributor_insights, TableName="ghi")
    assert [each["TableName"] for each in one["ContributorInsightsSummaries"]] == ["ghi"]


def test_each_global_index_has_its_own(running, update):
    def status(**of):
        return running.run(describe_contributor_insights, TableName="abc", **of)["ContributorInsightsStatus"]

    answer = update("abc", "ENABLE", IndexName="two")
    assert answer == {"TableName": "abc", "IndexName": "two", "ContributorInsightsStatus": "ENABLING"}
    assert (status(), status(IndexName="one"), status(IndexName="two")) == ("DISABLED", "DISABLED", "ENABLED")
    assert running.run(describe_contributor_insights, TableName="abc", IndexName="two")["IndexName"] == "two"
    update("abc", "ENABLE")
    update("def", "DISABLE", IndexName="one")
    listed, page = [], {"NextToken": None}
    while "NextToken" in page:
        page = running.run(list_contributor_insights, MaxResults=1, NextToken=page["NextToken"])
        listed += page["ContributorInsightsSummaries"]
    assert [(each["TableName"], each.get("IndexName"), each["ContributorInsightsStatus"]) for each in listed] == [
        ("abc", None, "ENABLED"),
        ("abc", "two", "ENABLED"),
        ("def", "one", "DISABLED"),
    ]
    with pytest.raises(ResourceNotFoundException, match="Index: nope of table: abc not found"):
        update("abc", "ENABLE", IndexName="nope")
    with pytest.raises(ResourceNotFoundException, match="Index: nope of table: abc not found"):
        running.run(describe_contributor_insights, TableName="abc", IndexName="nope")


def test_a_mode_is_kept_and_shown(running, update):
    mode = {"ContributorInsightsMode": "THROTTLED_KEYS"}
    assert update("abc", "ENABLE", **mode).items() >= mode.items()
    update("abc", "DISABLE")
    assert running.run(describe_contributor_insights, TableName="abc").items() >= mode.items()
    assert running.run(list_contributor_insights)["ContributorInsightsSummaries"][0].items() >= mode.items()


def test_an_unknown_table_is_refused(running, update):
    with pytest.raises(ResourceNotFoundException, match="Table: nowhere not found"):
        running.run(describe_contributor_insights, TableName="nowhere")
    with pytest.raises(ResourceNotFoundException, match="Table: nowhere not found"):
        update("nowhere", "ENABLE")
