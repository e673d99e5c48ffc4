"""Point-in-time recovery: DescribeContinuousBackups and UpdateContinuousBackups.

The setting is kept and shown, and ExportTableToPointInTime asks for it as AWS does. A table can't be brought back to an
earlier moment here: RestoreTableToPointInTime is refused.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import table_name_of
from cdc.model.errors import ServiceError, TableNotFoundException
from cdc.model.options import DAY_SECONDS
from cdc.store import catalog as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.lifecycle import existing_table

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table, TableDefinition
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

DEFAULT_DAYS = 35
"""RecoveryPeriodInDays where none was asked for, which is also the longest."""


def describe_continuous_backups(request: dict[str, Any], _options: Options) -> Read:
    """Check a DescribeContinuousBackups. DynamoDB: DescribeContinuousBackups."""
    shapes.DESCRIBE_CONTINUOUS_BACKUPS.check(request)
    name = table_name_of(request["TableName"])

    def run(view: View) -> bytes:
        table = backed_up_table(view.catalog, name, view.now_ms)
        return _describe(table.definition, view.now_ms)

    return Read(run, quick=True)


def update_continuous_backups(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateContinuousBackups. DynamoDB: UpdateContinuousBackups."""
    shapes.UPDATE_CONTINUOUS_BACKUPS.check(request)
    name, wanted = table_name_of(request["TableName"]), request["PointInTimeRecoverySpecification"]
    enabled, days = wanted["PointInTimeRecoveryEnabled"], wanted.get("RecoveryPeriodInDays")

    def run(transaction: Transaction) -> bytes:
        definition = backed_up_table(transaction.catalog, name, transaction.now_ms).definition
        since_ms = definition.recovery_since_ms or transaction.now_ms
        kept = days or (definition.recovery_days if definition.recovery_since_ms is not None else DEFAULT_DAYS)
        changed = replace(definition, recovery_since_ms=since_ms if enabled else None, recovery_days=kept)
        if changed != definition:
            store.replace_definition(transaction, transaction.catalog.tables[name].id, changed)
        return _describe(changed, transaction.now_ms)

    return Write(run)


def backed_up_table(catalog: Catalog, name: str, now_ms: int) -> Table:
    """Look a table up for an operation on backups, which have an error of their own.

    Raises: TableNotFoundException.
    """
    try:
        return existing_table(catalog, name, now_ms)
    except ServiceError:
        raise TableNotFoundException(f"Table not found: {name}") from None


def _describe(definition: TableDefinition, now_ms: int) -> bytes:
    recovery: dict[str, Any] = {"PointInTimeRecoveryStatus": "DISABLED"}
    if definition.recovery_since_ms is not None:
        oldest_ms = now_ms - definition.recovery_days * DAY_SECONDS * 1000
        recovery = {
            "PointInTimeRecoveryStatus": "ENABLED",
            "RecoveryPeriodInDays": definition.recovery_days,
            "EarliestRestorableDateTime": max(definition.recovery_since_ms, oldest_ms) / 1000,
            "LatestRestorableDateTime": now_ms / 1000,
        }
    description = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery}
    return orjson.dumps({"ContinuousBackupsDescription": description})
