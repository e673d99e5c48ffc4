"""Every operation by its name on the wire, and the answer for those that this version does not have."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from cdc.model.errors import UnknownOperationException, ValidationException
from cdc.partiql.batch import batch_execute_statement
from cdc.partiql.execute import execute_statement
from cdc.partiql.transaction import execute_transaction
from cdc.streams import reading as streams
from cdc.tables import (
    account,
    backups,
    batch,
    definitions,
    exports,
    imports,
    insights,
    read,
    recovery,
    restore,
    tags,
    transact,
    ttl,
    write,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdc.model.options import Options
    from cdc.store.reading import Read, Write

    Operation = Callable[[dict[str, Any], Options], Read | Write]

TABLES = "DynamoDB_20120810"
STREAMS = "DynamoDBStreams_20120810"

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "CreateTable": definitions.create_table,
        "DescribeTable": definitions.describe_table,
        "ListTables": definitions.list_tables,
        "UpdateTable": definitions.update_table,
        "DeleteTable": definitions.delete_table,
        "PutItem": write.put_item,
        "GetItem": read.get_item,
        "UpdateItem": write.update_item,
        "DeleteItem": write.delete_item,
        "Query": read.query,
        "Scan": read.scan,
        "BatchWriteItem": batch.batch_write_item,
        "BatchGetItem": batch.batch_get_item,
        "TransactWriteItems": transact.transact_write_items,
        "TransactGetItems": transact.transact_get_items,
        "UpdateTimeToLive": ttl.update_time_to_live,
        "DescribeTimeToLive": ttl.describe_time_to_live,
        "TagResource": tags.tag_resource,
        "UntagResource": tags.untag_resource,
        "ListTagsOfResource": tags.list_tags_of_resource,
        "CreateBackup": backups.create_backup,
        "ListBackups": backups.list_backups,
        "DescribeBackup": backups.describe_backup,
        "DeleteBackup": backups.delete_backup,
        "RestoreTableFromBackup": restore.restore_table_from_backup,
        "ExportTableToPointInTime": exports.export_table_to_point_in_time,
        "DescribeExport": exports.describe_export,
        "ListExports": exports.list_exports,
        "ImportTable": imports.import_table,
        "DescribeImport": imports.describe_import,
        "ListImports": imports.list_imports,
        "DescribeLimits": account.describe_limits,
        "DescribeEndpoints": account.describe_endpoints,
        "DescribeContinuousBackups": recovery.describe_continuous_backups,
        "UpdateContinuousBackups": recovery.update_continuous_backups,
        "DescribeContributorInsights": insights.describe_contributor_insights,
        "UpdateContributorInsights": insights.update_contributor_insights,
        "ListContributorInsights": insights.list_contributor_insights,
        "ExecuteStatement": execute_statement,
        "BatchExecuteStatement": batch_execute_statement,
        "ExecuteTransaction": execute_transaction,
        "ListStreams": streams.list_streams,
        "DescribeStream": streams.describe_stream,
        "GetShardIterator": streams.get_shard_iterator,
        "GetRecords": streams.get_records,
    }
)
_OF_STREAMS = frozenset({"ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"})

TARGETS: Mapping[str, Operation] = MappingProxyType(
    {f"{STREAMS if name in _OF_STREAMS else TABLES}.{name}": operation for name, operation in OPERATIONS.items()}
)
"""Operations by the value of `X-Amz-Target`."""

NOT_YET = frozenset(
    {
        "RestoreTableToPointInTime",
        *("CreateGlobalTable", "DescribeGlobalTable", "DescribeGlobalTableSettings", "ListGlobalTables"),
        *("UpdateGlobalTable", "UpdateGlobalTableSettings", "DescribeTableReplicaAutoScaling"),
        "UpdateTableReplicaAutoScaling",
        *("DescribeKinesisStreamingDestination", "DisableKinesisStreamingDestination"),
        *("EnableKinesisStreamingDestination", "UpdateKinesisStreamingDestination"),
        *("DeleteResourcePolicy", "GetResourcePolicy", "PutResourcePolicy", "SearchVectors"),
        *("CancelBulkOperation", "DescribeBulkOperation", "ListBulkOperations", "StartBulkPutItems"),
    }
)
"""Operations of DynamoDB that this version refuses."""


def find_operation(target: str) -> Operation:
    """Look an operation up by the value of `X-Amz-Target`.

    Raises: ValidationException for one that this version does not have; UnknownOperationException.
    """
    operation = TARGETS.get(target)
    if operation is not None:
        return operation
    service, _, name = target.partition(".")
    if service == TABLES and name in NOT_YET:
        raise ValidationException(f"{name} is not supported by this version of cdc")
    raise UnknownOperationException
