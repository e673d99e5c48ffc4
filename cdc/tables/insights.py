"""Contributor insights: a setting that is kept and shown; there are no graphs to look at here."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import table_name_of
from cdc.model.errors import ValidationException
from cdc.store import catalog as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.lifecycle import existing_table, settled_table

if TYPE_CHECKING:
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

LIST_PAGE = 100
"""Tables that ListContributorInsights gives at most and by default."""
_STATUS = {True: "ENABLED", False: "DISABLED"}
_CHANGING = {True: "ENABLING", False: "DISABLING"}


def describe_contributor_insights(request: dict[str, Any], _options: Options) -> Read:
    """Check a DescribeContributorInsights. DynamoDB: DescribeContributorInsights."""
    shapes.DESCRIBE_CONTRIBUTOR_INSIGHTS.check(request)
    name = table_name_of(request["TableName"])

    def run(view: View) -> bytes:
        definition = existing_table(view.catalog, name, view.now_ms).definition
        described: dict[str, Any] = {
            "TableName": name,
            "ContributorInsightsRuleList": [],
            "ContributorInsightsStatus": _STATUS[definition.insights_enabled],
        }
        if definition.insights_since_ms is not None:
            described["LastUpdateDateTime"] = definition.insights_since_ms / 1000
        return orjson.dumps(described)

    return Read(run, quick=True)


def update_contributor_insights(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateContributorInsights. DynamoDB: UpdateContributorInsights."""
    shapes.UPDATE_CONTRIBUTOR_INSIGHTS.check(request)
    name, enabled = table_name_of(request["TableName"]), request["ContributorInsightsAction"] == "ENABLE"

    def run(transaction: Transaction) -> bytes:
        table = settled_table(transaction, name)
        changed = replace(table.definition, insights_enabled=enabled, insights_since_ms=transaction.now_ms)
        store.replace_definition(transaction, table.id, changed)
        return orjson.dumps({"TableName": name, "ContributorInsightsStatus": _CHANGING[enabled]})

    return Write(run)


def list_contributor_insights(request: dict[str, Any], _options: Options) -> Read:
    """Check a ListContributorInsights: the tables for which insights were ever enabled or disabled.

    DynamoDB: ListContributorInsights.
    """
    shapes.LIST_CONTRIBUTOR_INSIGHTS.check(request)
    only, after = request.get("TableName"), request.get("NextToken") or ""
    limit = LIST_PAGE if request.get("MaxResults") is None else request["MaxResults"]
    if limit < 1:
        raise ValidationException(f"MaxResults is {limit}: expected a number from 1 to {LIST_PAGE}")

    def run(view: View) -> bytes:
        tables = {
            name: table.definition
            for name, table in sorted(view.catalog.tables.items())
            if table.definition.insights_since_ms is not None and (only is None or name == table_name_of(only))
        }
        names = list(tables)
        start = bisect_right(names, after)
        page = names[start : start + limit]
        summaries = [
            {"TableName": name, "ContributorInsightsStatus": _STATUS[tables[name].insights_enabled]} for name in page
        ]
        answer: dict[str, Any] = {"ContributorInsightsSummaries": summaries}
        if start + limit < len(names):
            answer["NextToken"] = page[-1]
        return orjson.dumps(answer)

    return Read(run, quick=True)
