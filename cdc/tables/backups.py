"""On-demand backups: CreateBackup, ListBackups, DescribeBackup, DeleteBackup and RestoreTableFromBackup.

A backup is a copy of a table as it was when CreateBackup was committed (`cdc.store.copies`), in the same file. Copying
goes on behind the answer, and so does filling a table from a backup.
"""

from __future__ import annotations

from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import part_arn, part_id_of, table_arn, table_name_of
from cdc.model.catalog import SERVED
from cdc.model.errors import BackupInUseException, BackupNotFoundException, TableInUseException
from cdc.store import backups as store
from cdc.store import copies
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.description import describe_projection
from cdc.tables.recovery import backed_up_table
from cdc.tables.throughput import describe_maximum

if TYPE_CHECKING:
    from cdc.model.catalog import TableDefinition
    from cdc.model.indexes import IndexDefinition
    from cdc.model.options import Options
    from cdc.store.backups import Backup
    from cdc.store.copies import Copy
    from cdc.store.reading import Reader, View
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

LIST_PAGE = 100
"""Backups that ListBackups gives at most and by default."""


def create_backup(request: dict[str, Any], options: Options) -> Write:
    """Check a CreateBackup. DynamoDB: CreateBackup."""
    shapes.CREATE_BACKUP.check(request)
    table_name, name = table_name_of(request["TableName"]), request["BackupName"]

    def run(transaction: Transaction) -> bytes:
        table = backed_up_table(transaction.catalog, table_name, transaction.now_ms)
        if table.definition.status not in SERVED:
            raise TableInUseException(f"Table is not in a state that can be backed up: {table_name}")
        copy_id = copies.begin_copy(transaction, table.id)
        backup_id = new_part_id(transaction, "backup", copy_id)
        store.insert_backup(transaction, backup_id, name, table, copy_id)
        backup, copy = _found(transaction.cursor, backup_id)
        answer = orjson.dumps({"BackupDetails": _details(backup, copy, options)})
        copies.copy_some(transaction, copy_id)  # the first step at once: it is the last one, too, of a small table
        return answer

    return Write(run)


def list_backups(request: dict[str, Any], options: Options) -> Read:
    """Check a ListBackups. DynamoDB: ListBackups."""
    shapes.LIST_BACKUPS.check(request)
    name, limit = request.get("TableName"), request.get("Limit") or LIST_PAGE
    start = part_id_of(request.get("ExclusiveStartBackupArn") or "", "backup") or ""
    of_user = request.get("BackupType") in {None, "USER", "ALL"}  # the only backups there are
    low, high = request.get("TimeRangeLowerBound"), request.get("TimeRangeUpperBound")

    def is_wanted(backup: Backup) -> bool:
        seconds = backup.created_ms / 1000
        return (
            backup.backup_id > start
            and (name is None or backup.definition.name == table_name_of(name))
            and (low is None or seconds >= low)
            and (high is None or seconds < high)
        )

    def run(view: View) -> bytes:
        found = [backup for backup in store.list_backups(view.connection) if of_user and is_wanted(backup)]
        summaries = [_summary(backup, copies.find_copy(view.connection, backup.copy_id), options) for backup in found]
        answer: dict[str, Any] = {"BackupSummaries": summaries[:limit]}
        if len(summaries) > limit:
            answer["LastEvaluatedBackupArn"] = summaries[limit - 1]["BackupArn"]
        return orjson.dumps(answer)

    return Read(run)


def describe_backup(request: dict[str, Any], options: Options) -> Read:
    """Check a DescribeBackup. DynamoDB: DescribeBackup."""
    shapes.DESCRIBE_BACKUP.check(request)
    arn = request["BackupArn"]

    def run(view: View) -> bytes:
        return _describe(*found_backup(view.connection, arn), options)

    return Read(run, quick=True)


def delete_backup(request: dict[str, Any], options: Options) -> Write:
    """Check a DeleteBackup. DynamoDB: DeleteBackup."""
    shapes.DELETE_BACKUP.check(request)
    arn = request["BackupArn"]

    def run(transaction: Transaction) -> bytes:
        backup, copy = found_backup(transaction.cursor, arn)
        refuse_unfinished(arn, copy)
        if any(restore.copy_id == backup.copy_id for restore in store.restores(transaction.cursor)):
            raise BackupInUseException(f"Backup is being restored to a table: {arn}")
        answer = _describe(backup, copy, options, status="DELETED")
        store.delete_backup(transaction, backup.backup_id)
        copies.drop_copy(transaction, backup.copy_id)
        return answer

    return Write(run)


def new_part_id(transaction: Transaction, kind: str, number: int) -> str:
    """Make the id of a backup, export or import, of a number that none of its kind has: in the order of their making."""
    tail = blake2b(f"{transaction.file_id}/{kind}/{number}".encode(), digest_size=4).hexdigest()
    return f"{transaction.now_ms:014d}-{tail}"


def found_backup(connection: Any, arn: str) -> tuple[Backup, Copy]:
    """Look a backup up by its ARN.

    Raises: BackupNotFoundException.
    """
    backup_id = part_id_of(arn, "backup")
    if backup_id is None or store.find_backup(connection, backup_id) is None:
        raise BackupNotFoundException(f"Backup not found: {arn}")
    return _found(connection, backup_id)


def refuse_unfinished(arn: str, copy: Copy) -> None:
    """Refuse to use a backup that is being created.

    Raises: BackupInUseException.
    """
    if not copy.complete:
        raise BackupInUseException(f"Backup is being created: {arn}")


def copy_step(writer: Writer, reader: Reader) -> bool:
    """Copy some items for each backup and export in progress; tell whether there is more to do."""
    unfinished = copies.copies_in_progress(reader.view().connection)
    for copy in unfinished:
        writer.call(partial(copies.copy_some, copy_id=copy.id))
    return bool(unfinished)


def _found(connection: Any, backup_id: str) -> tuple[Backup, Copy]:
    backup = store.find_backup(connection, backup_id)
    assert backup is not None
    copy = copies.find_copy(connection, backup.copy_id)
    assert copy is not None, "a backup has a copy"
    return backup, copy


def _details(backup: Backup, copy: Copy, options: Options, status: str | None = None) -> dict[str, Any]:
    return {
        "BackupArn": part_arn(options, backup.definition.name, "backup", backup.backup_id),
        "BackupName": backup.name,
        "BackupSizeBytes": copy.size_bytes,
        "BackupStatus": status or ("AVAILABLE" if copy.complete else "CREATING"),
        "BackupType": "USER",
        "BackupCreationDateTime": backup.created_ms / 1000,
    }


def _summary(backup: Backup, copy: Copy | None, options: Options) -> dict[str, Any]:
    assert copy is not None, "a backup has a copy"
    table = {
        "TableName": backup.definition.name,
        "TableId": backup.definition.table_id,
        "TableArn": table_arn(options, backup.definition.name),
    }
    return table | _details(backup, copy, options)


def _describe(backup: Backup, copy: Copy, options: Options, status: str | None = None) -> bytes:
    definition = backup.definition
    keys = [{"AttributeName": definition.hash_name, "KeyType": "HASH"}]
    if definition.range_name is not None:
        keys.append({"AttributeName": definition.range_name, "KeyType": "RANGE"})
    source = {
        "TableName": definition.name,
        "TableId": definition.table_id,
        "TableArn": table_arn(options, definition.name),
        "TableSizeBytes": copy.size_bytes,
        "KeySchema": keys,
        "TableCreationDateTime": backup.table_created_ms / 1000,
        "ItemCount": copy.item_count,
        "BillingMode": definition.billing_mode,
        **_throughput(definition),
    }
    features: dict[str, Any] = {}
    if backup.view_type is not None:
        features["StreamDescription"] = {"StreamEnabled": True, "StreamViewType": backup.view_type}
    local = [_index(index) for index in backup.indexes if index.local]
    if local:
        features["LocalSecondaryIndexes"] = local
    of_all_items = [_index(index) | _throughput(index) for index in backup.indexes if not index.local]
    if of_all_items:
        features["GlobalSecondaryIndexes"] = of_all_items
    if definition.ttl_attribute is not None:
        ttl = {"TimeToLiveStatus": "ENABLED", "AttributeName": definition.ttl_attribute}
        features["TimeToLiveDescription"] = ttl
    if definition.kms_key_arn is not None:
        sse = {"Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": definition.kms_key_arn}
        features["SSEDescription"] = sse
    description = {
        "BackupDetails": _details(backup, copy, options, status),
        "SourceTableDetails": source,
        "SourceTableFeatureDetails": features,
    }
    return orjson.dumps({"BackupDescription": description})


def _throughput(definition: TableDefinition | IndexDefinition) -> dict[str, Any]:
    units = {"ReadCapacityUnits": definition.read_units, "WriteCapacityUnits": definition.write_units}
    maximum = describe_maximum(definition)
    return {"ProvisionedThroughput": units} | ({"OnDemandThroughput": maximum} if maximum else {})


def _index(index: IndexDefinition) -> dict[str, Any]:
    return {
        "IndexName": index.name,
        "KeySchema": [{"AttributeName": name, "KeyType": role} for name, role in index.key_schema],
        "Projection": describe_projection(index),
    }
