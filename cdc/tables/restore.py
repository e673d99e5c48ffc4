"""RestoreTableFromBackup: a new table, filled from a backup a bounded write at a time."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from cdc.model.arns import table_arn
from cdc.model.catalog import CREATING, TableDefinition
from cdc.model.errors import TableAlreadyExistsException, ValidationException
from cdc.model.indexes import IndexDefinition
from cdc.model.values import INVALID, load_item
from cdc.store import backups as store
from cdc.store import catalog, copies
from cdc.store.reading import Write
from cdc.tables import table_shapes as shapes
from cdc.tables.actions import Image
from cdc.tables.backups import found_backup, refuse_unfinished
from cdc.tables.definitions import all_creating, answer_change, new_table_id
from cdc.tables.encryption import change_encryption, check_encryption
from cdc.tables.index_checks import check_projection, check_unit_bounds, check_units, new_definition
from cdc.tables.lifecycle import is_taken, made_active, settle
from cdc.tables.throughput import (
    ON_DEMAND,
    PROVISIONED,
    check_new_maximum,
    check_new_throughput,
    describe_maximum,
)
from cdc.tables.write import change_item

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.catalog import Table
    from cdc.model.options import Options
    from cdc.store.reading import Reader
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

RESTORE_ROWS = 250
RESTORE_BYTES = 1 << 20
"""What one write of a restore brings into a table, at most: some 5 ms."""


def restore_table_from_backup(request: dict[str, Any], options: Options) -> Write:
    """Check a RestoreTableFromBackup. DynamoDB: RestoreTableFromBackup.

    The table has the keys, the indexes, the billing mode and the encryption of the one that was backed up, unless
    overridden; of the indexes, some may be left out. It has no stream, no TTL and no tags, and is not protected.
    """
    shapes.RESTORE_TABLE_FROM_BACKUP.check(request)
    check_encryption({"SSESpecification": request.get("SSESpecificationOverride")})
    name, arn, table_id = request["TargetTableName"], request["BackupArn"], new_table_id()

    def run(transaction: Transaction) -> bytes:
        backup, copy = found_backup(transaction.cursor, arn)
        refuse_unfinished(arn, copy)
        if is_taken(transaction, name):
            raise TableAlreadyExistsException(f"Table already exists: {name}")
        overridden = _overridden(backup.definition, request, transaction.now_ms, options)
        indexes = _wanted_indexes(backup, overridden, request)
        definition = replace(
            overridden,
            name=name,
            table_id=table_id,
            attributes=_used_attributes(overridden, indexes),
            status=CREATING,
            restored_from=arn,
            restored_table=table_arn(options, backup.definition.name),
            restored_ms=transaction.now_ms,
        )
        settle(transaction, name)
        own_id = catalog.insert_table(transaction, definition)
        for index in indexes:
            catalog.insert_index(transaction, own_id, index, backfill=False)
        store.begin_restore(transaction, own_id, copy.id)
        table = transaction.catalog.tables[name]
        answer = answer_change(transaction, options, table, CREATING, index_statuses=all_creating(table))
        _restore_some(transaction, own_id)  # the first step at once: it is the last one, too, of a small backup
        return answer

    return Write(run)


def _overridden(source: TableDefinition, request: dict[str, Any], now_ms: int, options: Options) -> TableDefinition:
    """Build the definition of the new table from that of the source and what the request overrides.

    Raises: ValidationException.
    """
    mode = request.get("BillingModeOverride") or source.billing_mode
    units = request.get("ProvisionedThroughputOverride")
    if units is None and mode == PROVISIONED and source.billing_mode == PROVISIONED:
        units = {"ReadCapacityUnits": source.read_units, "WriteCapacityUnits": source.write_units}
    maximum = request.get("OnDemandThroughputOverride")
    throughput = {"BillingMode": mode, "ProvisionedThroughput": units, "OnDemandThroughput": maximum}
    check_new_throughput(throughput)
    check_new_maximum(throughput, mode)
    on_demand = mode == ON_DEMAND
    definition = TableDefinition(
        name=source.name,
        table_id=source.table_id,
        attributes=source.attributes,
        hash_name=source.hash_name,
        range_name=source.range_name,
        billing_mode=mode,
        billing_summary=on_demand,
        on_demand_since_ms=now_ms if on_demand else None,
        read_units=0 if units is None else units["ReadCapacityUnits"],
        write_units=0 if units is None else units["WriteCapacityUnits"],
        table_class=source.table_class,
        max_read_units=(maximum or {}).get("MaxReadRequestUnits", source.max_read_units if on_demand else None),
        max_write_units=(maximum or {}).get("MaxWriteRequestUnits", source.max_write_units if on_demand else None),
        kms_key_arn=source.kms_key_arn,
    )
    return change_encryption(definition, {"SSESpecification": request.get("SSESpecificationOverride")}, options)


def _wanted_indexes(backup: store.Backup, table: TableDefinition, request: dict[str, Any]) -> list[IndexDefinition]:
    """Give the definitions of the new table's indexes: the source's, or those of them that the request lists.

    Raises: ValidationException for one that the source does not have so.
    """
    found: list[IndexDefinition] = []
    for local, member in ((True, "LocalSecondaryIndexOverride"), (False, "GlobalSecondaryIndexOverride")):
        sources = {index.name: _with_units(index, table) for index in backup.indexes if index.local == local}
        listed = request.get(member)
        if listed is None:
            found += sources.values()
            continue
        for wanted in listed:
            found.append(_wanted_index(sources.pop(wanted["IndexName"], None), table, wanted, member))
    return found


def _wanted_index(
    source: IndexDefinition | None, table: TableDefinition, wanted: dict[str, Any], member: str
) -> IndexDefinition:
    """Build the definition of a listed index, whose throughput may differ from the source's."""
    name = wanted["IndexName"]
    if source is None:
        raise ValidationException(
            f"{INVALID}{member} names an index that the backup does not have, or names it twice: {name}"
        )
    check_projection(wanted["Projection"])
    if not source.local:
        units = {"ReadCapacityUnits": source.read_units, "WriteCapacityUnits": source.write_units}
        own = {"OnDemandThroughput": describe_maximum(source)}
        if table.billing_mode == PROVISIONED:
            own = {"ProvisionedThroughput": units}
        wanted = own | {member: value for member, value in wanted.items() if value is not None}
        check_units(wanted, table.billing_mode)
        check_unit_bounds([wanted])
    definition = new_definition(wanted, table.billing_mode, local=source.local)
    if (definition.key_schema, definition.projection, set(definition.non_key_attributes)) != (
        source.key_schema,
        source.projection,
        set(source.non_key_attributes),
    ):
        raise ValidationException(
            f"{INVALID}{member} has another KeySchema or Projection than the backup's index: {name}"
        )
    return definition


def _used_attributes(table: TableDefinition, indexes: Iterable[IndexDefinition]) -> tuple[tuple[str, str], ...]:
    """Give the attribute definitions of a table but for those that no key uses any more."""
    used = {table.hash_name, table.range_name, *(name for index in indexes for name, _ in index.key_schema)}
    return tuple((name, kind) for name, kind in table.attributes if name in used)


def _with_units(index: IndexDefinition, table: TableDefinition) -> IndexDefinition:
    """Return the definition of an index with units that fit the table's billing mode: its own, or the table's."""
    fresh = IndexDefinition(
        name=index.name,
        local=index.local,
        key_schema=index.key_schema,
        projection=index.projection,
        non_key_attributes=index.non_key_attributes,
        read_units=index.read_units,
        write_units=index.write_units,
        max_read_units=index.max_read_units,
        max_write_units=index.max_write_units,
    )
    if table.billing_mode == ON_DEMAND or index.local:
        return replace(fresh, read_units=0, write_units=0)
    fresh = replace(fresh, max_read_units=None, max_write_units=None)
    return fresh if index.read_units else replace(fresh, read_units=table.read_units, write_units=table.write_units)


def restore_step(writer: Writer, reader: Reader) -> bool:
    """Bring some items into each table that is being filled; tell whether there is more to do."""
    unfinished = store.restores(reader.view().connection)
    for restore in unfinished:
        writer.call(partial(_restore_some, table_id=restore.table_id))
    return bool(unfinished)


def _restore_some(transaction: Transaction, table_id: int) -> None:
    """Go on where the last write ended, which may have been before a restart; the table is ACTIVE when it is filled."""
    restore = next((each for each in store.restores(transaction.cursor) if each.table_id == table_id), None)
    table = _table_of(transaction, table_id)
    if restore is None or table is None:
        return
    room, rows, reached = RESTORE_BYTES, 0, b""
    connection = transaction.core.connection
    with closing(copies.read_copy(connection, restore.copy_id, restore.after_key)) as items:
        for key, size, item in items:
            image = Image(load_item(item), item, size)
            change_item(transaction, table, key, image.item, None, image)
            room, rows, reached = room - size, rows + 1, key
            if room < 0 or rows == RESTORE_ROWS:
                store.reach_restore(transaction, table_id, reached)
                return
    store.end_restore(transaction, table_id)
    catalog.replace_definition(transaction, table_id, made_active(table.definition))


def _table_of(transaction: Transaction, table_id: int) -> Table | None:
    return next((table for table in transaction.catalog.tables.values() if table.id == table_id), None)
