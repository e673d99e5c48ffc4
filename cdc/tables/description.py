"""TableDescription: what CreateTable, DescribeTable, UpdateTable and DeleteTable answer about a table."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.model.arns import index_arn, stream_arn, table_arn
from cdc.model.catalog import CREATING
from cdc.tables.throughput import decreases_on, describe_maximum, shown_units, warm_units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.indexes import Index, IndexDefinition
    from cdc.model.options import Options


class Sizes(NamedTuple):
    """What a table and its indexes hold: number and bytes."""

    table: tuple[int, int]
    indexes: Mapping[int, tuple[int, int]]  # by id


def describe(
    catalog: Catalog,
    table: Table,
    options: Options,
    *,
    status: str,
    sizes: Sizes,
    now_ms: int,
    index_statuses: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """Describe a table. DynamoDB: TableDescription.

    `index_statuses` are those of indexes, by name, that are being changed by the request that this answers.
    """
    definition = table.definition
    items, size_bytes = sizes.table
    described: dict[str, Any] = {
        "TableName": table.name,
        "TableStatus": status,
        "CreationDateTime": table.created_ms / 1000,
        "TableArn": table_arn(options, table.name),
        "TableId": definition.table_id,
        "ItemCount": items,
        "TableSizeBytes": size_bytes,
        "ProvisionedThroughput": _throughput(definition, now_ms, *shown_units(definition)),
        "WarmThroughput": _warm_throughput(*warm_units(definition, definition.billing_mode)),
        "DeletionProtectionEnabled": definition.deletion_protection,
    }
    if status != "DELETING":
        described |= _keys(definition)
        described |= _global_indexes(table, options, sizes, now_ms, index_statuses)
    described |= _local_indexes(table, options, sizes)
    if definition.billing_summary:
        described["BillingModeSummary"] = _billing(definition, status)
    return described | _settings(definition) | _stream(catalog, table, options)


def _keys(definition: TableDefinition) -> dict[str, Any]:
    schema = [{"AttributeName": definition.hash_name, "KeyType": "HASH"}]
    if definition.range_name is not None:
        schema.append({"AttributeName": definition.range_name, "KeyType": "RANGE"})
    attributes = [{"AttributeName": name, "AttributeType": kind} for name, kind in definition.attributes]
    return {"AttributeDefinitions": attributes, "KeySchema": schema}


def _local_indexes(table: Table, options: Options, sizes: Sizes) -> dict[str, Any]:
    described = [_index(table, index, options, sizes) for index in table.indexes if index.local]
    return {"LocalSecondaryIndexes": described} if described else {}


def _global_indexes(
    table: Table, options: Options, sizes: Sizes, now_ms: int, statuses: Mapping[str, str]
) -> dict[str, Any]:
    described = []
    for index in table.indexes:
        if not index.local:
            definition = index.definition
            filling = table.is_filling(index)
            status = statuses.get(index.name, "CREATING" if filling else "ACTIVE")
            more: dict[str, Any] = {
                "IndexStatus": status,
                "ProvisionedThroughput": _throughput(definition, now_ms, definition.read_units, definition.write_units),
                "WarmThroughput": _warm_throughput(*warm_units(definition, table.definition.billing_mode)),
            }
            maximum = describe_maximum(definition)
            if maximum:
                more["OnDemandThroughput"] = maximum
            if status == "CREATING" and filling:  # it was added later: in the answer to that, it is still empty
                more["Backfilling"] = index.name not in statuses
                if not more["Backfilling"]:
                    more |= {"ItemCount": 0, "IndexSizeBytes": 0}
            described.append(_index(table, index, options, sizes) | more)
    return {"GlobalSecondaryIndexes": described} if described else {}


def _index(table: Table, index: Index, options: Options, sizes: Sizes) -> dict[str, Any]:
    definition = index.definition
    entries, size_bytes = sizes.indexes.get(index.id, (0, 0))
    return {
        "IndexName": index.name,
        "IndexArn": index_arn(options, table.name, index.name),
        "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in definition.key_schema],
        "Projection": describe_projection(definition),
        "ItemCount": entries,
        "IndexSizeBytes": size_bytes,
    }


def describe_projection(definition: IndexDefinition) -> dict[str, Any]:
    """Describe what an index has of its items. DynamoDB: Projection."""
    projection: dict[str, Any] = {"ProjectionType": definition.projection}
    if definition.non_key_attributes:
        projection["NonKeyAttributes"] = list(definition.non_key_attributes)
    return projection


def _throughput(definition: TableDefinition | IndexDefinition, now_ms: int, reads: int, writes: int) -> dict[str, Any]:
    throughput: dict[str, Any] = {
        "NumberOfDecreasesToday": decreases_on(definition, now_ms),
        "ReadCapacityUnits": reads,
        "WriteCapacityUnits": writes,
    }
    if definition.last_increase_ms is not None:
        throughput["LastIncreaseDateTime"] = definition.last_increase_ms / 1000
    if definition.last_decrease_ms is not None:
        throughput["LastDecreaseDateTime"] = definition.last_decrease_ms / 1000
    return throughput


def _warm_throughput(reads: int, writes: int) -> dict[str, Any]:
    return {"ReadUnitsPerSecond": reads, "WriteUnitsPerSecond": writes, "Status": "ACTIVE"}


def _settings(definition: TableDefinition) -> dict[str, Any]:
    """Describe what is kept and shown, and has no effect on one machine; and where a restored table came from."""
    described: dict[str, Any] = {}
    if definition.table_class is not None:
        described["TableClassSummary"] = {"TableClass": definition.table_class}
    if definition.kms_key_arn is not None:
        described["SSEDescription"] = {
            "Status": "ENABLED",
            "SSEType": "KMS",
            "KMSMasterKeyArn": definition.kms_key_arn,
        }
    maximum = describe_maximum(definition)
    if maximum:
        described["OnDemandThroughput"] = maximum
    if definition.restored_from is not None and definition.restored_ms is not None:
        described["RestoreSummary"] = {
            "SourceBackupArn": definition.restored_from,
            "SourceTableArn": definition.restored_table,
            "RestoreDateTime": definition.restored_ms / 1000,
            "RestoreInProgress": definition.status == CREATING,
        }
    return described


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
