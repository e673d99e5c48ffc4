"""What CreateTable and UpdateTable demand of keys, indexes, throughput and streams, in the service's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.model.catalog import TableDefinition
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID
from cdc.tables.index_checks import check_index_updates, check_new_indexes, check_unit_bounds
from cdc.tables.key_checks import check_keys
from cdc.tables.throughput import ON_DEMAND, PROVISIONED, check_changed_throughput, check_new_throughput

if TYPE_CHECKING:
    from cdc.model.catalog import Table

NOTHING_TO_UPDATE = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates "
    "or SSESpecification or ReplicaUpdates is required"
)
STREAM_AND_THROUGHPUT = f"{INVALID}You cannot modify stream status while updating table IOPS"
_UPDATES = (
    "ProvisionedThroughput",
    "BillingMode",
    "StreamSpecification",
    "TableClass",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexUpdates",
)


class StreamChange(NamedTuple):
    """What a StreamSpecification asks for."""

    view_type: str | None  # of the stream to enable; None: disable


def new_definition(request: dict[str, Any], table_id: str, now_ms: int) -> TableDefinition:
    """Build the definition of a table from a CreateTable that `check_create` passed."""
    names = [element["AttributeName"] for element in request["KeySchema"]]
    units = request.get("ProvisionedThroughput") or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    on_demand = request.get("BillingMode") == ON_DEMAND
    return TableDefinition(
        name=request["TableName"],
        table_id=table_id,
        attributes=tuple((each["AttributeName"], each["AttributeType"]) for each in request["AttributeDefinitions"]),
        hash_name=names[0],
        range_name=names[1] if len(names) > 1 else None,
        billing_mode=ON_DEMAND if on_demand else PROVISIONED,
        billing_summary=on_demand,
        on_demand_since_ms=now_ms if on_demand else None,
        read_units=units["ReadCapacityUnits"],
        write_units=units["WriteCapacityUnits"],
        table_class=request.get("TableClass"),
        deletion_protection=bool(request.get("DeletionProtectionEnabled")),
    )


def check_create(request: dict[str, Any]) -> StreamChange | None:
    """Check a CreateTable whose shape is right; return the stream that it asks for, if any.

    Raises: ValidationException. (DynamoDB: CreateTable, errors in order.)
    """
    check_new_throughput(request)
    check_unit_bounds(request.get("GlobalSecondaryIndexes") or ())
    check_keys(request)
    check_new_indexes(request)
    change = _stream_change(request, "Table is being created with a stream")
    return None if change is None or change.view_type is None else change


def check_update(request: dict[str, Any]) -> StreamChange | None:
    """Check what an UpdateTable can say wrong for any table; return the change of the stream that it asks for, if any.

    Raises: ValidationException. (DynamoDB: UpdateTable.)
    """
    if all(request.get(name) in (None, []) for name in _UPDATES):
        raise ValidationException(NOTHING_TO_UPDATE)
    check_changed_throughput(request)
    check_index_updates(request)
    change = _stream_change(request, "Table is being updated with a stream")
    if change is not None and request.get("ProvisionedThroughput") is not None:
        raise ValidationException(STREAM_AND_THROUGHPUT)
    return change


def _stream_change(request: dict[str, Any], situation: str) -> StreamChange | None:
    wanted = request.get("StreamSpecification")
    if wanted is None:
        return None
    view_type = wanted.get("StreamViewType")
    if wanted["StreamEnabled"] and view_type is None:
        raise ValidationException(f"{INVALID}{situation} enabled, UpdateViewType must be specified")
    if not wanted["StreamEnabled"] and view_type is not None:
        raise ValidationException(f"{INVALID}{situation} disabled, UpdateViewType should not be specified")
    return StreamChange(view_type)


def check_stream_change(table: Table, change: StreamChange | None) -> None:
    """Check that a table's stream can be changed so; raises ValidationException."""
    if change is None:
        return
    if change.view_type is not None and table.stream is not None:
        raise ValidationException(f"Table already has an enabled stream: TableName: {table.name}")
    if change.view_type is None and table.stream is None:
        raise ValidationException(f"Table has no enabled stream to disable: TableName: {table.name}")
