"""TableDescription: what CreateTable, DescribeTable, UpdateTable and DeleteTable answer about a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.model.arns import stream_arn, table_arn
from cdc.tables.throughput import ON_DEMAND, decreases_on

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.options import Options

WARM_READS_ON_DEMAND = 12_000
"""Read units per second that an on-demand table is said to bear from the start."""
WARM_WRITES_ON_DEMAND = 4_000
"""Write units per second that an on-demand table is said to bear from the start."""


def describe(
    catalog: Catalog, table: Table, options: Options, *, status: str, size: tuple[int, int], now_ms: int
) -> dict[str, Any]:
    """Describe a table with `size`, its items and their bytes. DynamoDB: TableDescription."""
    definition = table.definition
    items, size_bytes = size
    described: dict[str, Any] = {
        "TableName": table.name,
        "TableStatus": status,
        "CreationDateTime": table.created_ms / 1000,
        "TableArn": table_arn(options, table.name),
        "TableId": definition.table_id,
        "ItemCount": items,
        "TableSizeBytes": size_bytes,
        "ProvisionedThroughput": _throughput(definition, now_ms),
        "WarmThroughput": _warm_throughput(definition),
        "DeletionProtectionEnabled": definition.deletion_protection,
    }
    if status != "DELETING":
        described |= _keys(definition)
    if definition.billing_summary:
        described["BillingModeSummary"] = _billing(definition, status)
    if definition.table_class is not None:
        described["TableClassSummary"] = {"TableClass": definition.table_class}
    return described | _stream(catalog, table, options)


def _keys(definition: TableDefinition) -> dict[str, Any]:
    schema = [{"AttributeName": definition.hash_name, "KeyType": "HASH"}]
    if definition.range_name is not None:
        schema.append({"AttributeName": definition.range_name, "KeyType": "RANGE"})
    attributes = [{"AttributeName": name, "AttributeType": kind} for name, kind in definition.attributes]
    return {"AttributeDefinitions": attributes, "KeySchema": schema}


def _throughput(definition: TableDefinition, now_ms: int) -> dict[str, Any]:
    throughput: dict[str, Any] = {
        "NumberOfDecreasesToday": decreases_on(definition, now_ms),
        "ReadCapacityUnits": definition.read_units,
        "WriteCapacityUnits": definition.write_units,
    }
    if definition.last_increase_ms is not None:
        throughput["LastIncreaseDateTime"] = definition.last_increase_ms / 1000
    if definition.last_decrease_ms is not None:
        throughput["LastDecreaseDateTime"] = definition.last_decrease_ms / 1000
    return throughput


def _warm_throughput(definition: TableDefinition) -> dict[str, Any]:
    reads, writes = definition.read_units, definition.write_units
    if definition.billing_mode == ON_DEMAND:
        reads, writes = WARM_READS_ON_DEMAND, WARM_WRITES_ON_DEMAND
    return {"ReadUnitsPerSecond": reads, "WriteUnitsPerSecond": writes, "Status": "ACTIVE"}


def _billing(definition: TableDefinition, status: str) -> dict[str, Any]:
    summary: dict[str, Any] = {"BillingMode": definition.billing_mode}
    if definition.on_demand_since_ms is not None and status != "CREATING":
        summary["LastUpdateToPayPerRequestDateTime"] = definition.on_demand_since_ms / 1000
    return summary


def _stream(catalog: Catalog, table: Table, options: Options) -> dict[str, Any]:
    """Describe the table's newest stream, also when it is disabled; nothing of an earlier table of the name."""
    streams = [stream for stream in catalog.streams_of(table.name) if stream.table_id == table.id]
    if not streams:
        return {}
    latest = table.stream or streams[-1]
    described: dict[str, Any] = {
        "LatestStreamLabel": latest.label,
        "LatestStreamArn": stream_arn(options, table.name, latest.label),
    }
    if table.stream is not None:
        described["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": latest.view_type}
    return described
