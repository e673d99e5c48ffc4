"""Contributor insights: a setting that is kept and shown; there are no graphs to look at here."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from cdc.model.arns import table_name_of
from cdc.model.errors import ResourceNotFoundException, ValidationException
from cdc.store import catalog as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.lifecycle import existing_table, settled_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.indexes import Index, IndexDefinition
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

LIST_PAGE = 100
"""Tables and indexes that ListContributorInsights gives at most and by default."""
_STATUS = {True: "ENABLED", False: "DISABLED"}
_CHANGING = {True: "ENABLING", False: "DISABLING"}
_Definition: TypeAlias = "TableDefinition | IndexDefinition"


def describe_contributor_insights(request: dict[str, Any], _options: Options) -> Read:
    """Check a DescribeContributorInsights. DynamoDB: DescribeContributorInsights."""
    shapes.DESCRIBE_CONTRIBUTOR_INSIGHTS.check(request)
    name, index_name = table_name_of(request["TableName"]), request.get("IndexName")

    def run(view: View) -> bytes:
        table = existing_table(view.catalog, name, view.now_ms)
        definition = table.definition if index_name is None else _index_of(table, index_name).definition
        described = {
            "ContributorInsightsRuleList": [],
            **_summary(name, index_name, definition, _STATUS[definition.insights_enabled]),
        }
        if definition.insights_since_ms is not None:
            described["LastUpdateDateTime"] = definition.insights_since_ms / 1000
        return orjson.dumps(described)

    return Read(run, quick=True)


def update_contributor_insights(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateContributorInsights. DynamoDB: UpdateContributorInsights."""
    shapes.UPDATE_CONTRIBUTOR_INSIGHTS.check(request)
    name, index_name = table_name_of(request["TableName"]), request.get("IndexName")
    enabled, mode = request["ContributorInsightsAction"] == "ENABLE", request.get("ContributorInsightsMode")

    def run(transaction: Transaction) -> bytes:
        table, now_ms = settled_table(transaction, name), transaction.now_ms
        changed: _Definition
        if index_name is None:
            was = table.definition
            changed = replace(
                was, insights_enabled=enabled, insights_since_ms=now_ms, insights_mode=mode or was.insights_mode
            )
            store.replace_definition(transaction, table.id, changed)
        else:
            index = _index_of(table, index_name)
            of_index = index.definition
            changed = replace(
                of_index,
                insights_enabled=enabled,
                insights_since_ms=now_ms,
                insights_mode=mode or of_index.insights_mode,
            )
            store.replace_index_definition(transaction, index.id, changed)
        return orjson.dumps(_summary(name, index_name, changed, _CHANGING[enabled]))

    return Write(run)


def list_contributor_insights(request: dict[str, Any], _options: Options) -> Read:
    """Check a ListContributorInsights: the tables and indexes for which insights were ever enabled or disabled.

    DynamoDB: ListContributorInsights.
    """
    shapes.LIST_CONTRIBUTOR_INSIGHTS.check(request)
    only = request.get("TableName")
    after = tuple((request.get("NextToken") or "").split("/"))
    limit = LIST_PAGE if request.get("MaxResults") is None else request["MaxResults"]
    if limit < 1:
        raise ValidationException(f"MaxResults is {limit}: expected a number from 1 to {LIST_PAGE}")

    def run(view: View) -> bytes:
        found = {
            (name, index_name): definition
            for name, index_name, definition in _definitions(view.catalog)
            if definition.insights_since_ms is not None and (only is None or name == table_name_of(only))
        }
        names = sorted(found)
        start = bisect_right(names, after)
        page = names[start : start + limit]
        summaries = [
            _summary(
                name, index_name or None, found[name, index_name], _STATUS[found[name, index_name].insights_enabled]
            )
            for name, index_name in page
        ]
        answer: dict[str, Any] = {"ContributorInsightsSummaries": summaries}
        if start + limit < len(names):
            answer["NextToken"] = "/".join(page[-1])
        return orjson.dumps(answer)

    return Read(run, quick=True)


def _index_of(table: Table, name: str) -> Index:
    """Look a global index up.

    Raises: ResourceNotFoundException.
    """
    index = table.index(name)
    if index is None or index.local:
        raise ResourceNotFoundException(f"Requested resource not found: Index: {name} of table: {table.name} not found")
    return index


def _definitions(catalog: Catalog) -> Iterator[tuple[str, str, _Definition]]:
    """Give every table and index: names, the index's empty for the table itself, and the definition."""
    for name, table in catalog.tables.items():
        yield name, "", table.definition
        for index in table.indexes:
            yield name, index.name, index.definition


def _summary(name: str, index_name: str | None, definition: _Definition, status: str) -> dict[str, Any]:
    """Describe in short. DynamoDB: ContributorInsightsSummary."""
    summary = {"TableName": name, "ContributorInsightsStatus": status}
    if index_name is not None:
        summary["IndexName"] = index_name
    if definition.insights_mode is not None:
        summary["ContributorInsightsMode"] = definition.insights_mode
    return summary
