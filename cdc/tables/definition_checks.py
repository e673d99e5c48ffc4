"""What CreateTable and UpdateTable demand of keys, indexes, throughput and streams, in the service's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.model.catalog import TableDefinition
from cdc.model.errors import ValidationException
from cdc.model.values import INVALID
from cdc.tables.encryption import check_encryption
from cdc.tables.index_checks import check_index_updates, check_new_indexes, check_unit_bounds
from cdc.tables.key_checks import check_keys
from cdc.tables.tag_rules import check_tags, new_tags
from cdc.tables.throughput import (
    ON_DEMAND,
    PROVISIONED,
    change_warmth,
    check_changed_throughput,
    check_new_maximum,
    check_new_throughput,
)

if TYPE_CHECKING:
    from cdc.model.catalog import Table

NOTHING_TO_UPDATE = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates "
    "or SSESpecification or ReplicaUpdates is required"
)
STREAM_AND_THROUGHPUT = f"{INVALID}You cannot modify stream status while updating table IOPS"
_KINDS = {
    "StreamSpecification": ("StreamSpecification",),
    "TableClass": ("TableClass",),
    "SSESpecification": ("SSESpecification",),
    # The units and the warmth of indexes may change with those of the table, and units have to with its billing mode.
    "ProvisionedThroughput": (
        "ProvisionedThroughput",
        "BillingMode",
        "OnDemandThroughput",
        "WarmThroughput",
        "GlobalSecondaryIndexUpdates",
    ),
}
"""The kinds of changes, of which an UpdateTable makes one, each with its members. Protection may change with any."""


class StreamChange(NamedTuple):
    """What a StreamSpecification asks for."""

    view_type: str | None  # of the stream to enable; None: disable


def new_definition(request: dict[str, Any], table_id: str, now_ms: int) -> TableDefinition:
    """Build the definition of a table from a CreateTable that `check_create` passed; its encryption is added later."""
    names = [element["AttributeName"] for element in request["KeySchema"]]
    units = request.get("ProvisionedThroughput") or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    on_demand = request.get("BillingMode") == ON_DEMAND
    maximum = request.get("OnDemandThroughput") or {}
    definition = TableDefinition(
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
        max_read_units=maximum.get("MaxReadRequestUnits"),
        max_write_units=maximum.get("MaxWriteRequestUnits"),
        tags=new_tags(request.get("Tags") or ()),
    )
    return change_warmth(definition, request, definition.billing_mode)


def check_create(request: dict[str, Any]) -> StreamChange | None:
    """Check a CreateTable whose shape is right; return the stream that it asks for, if any.

    Raises: ValidationException. (DynamoDB: CreateTable, errors in order.)
    """
    check_new_throughput(request)
    check_unit_bounds(request.get("GlobalSecondaryIndexes") or ())
    check_new_maximum(request, request.get("BillingMode"))
    check_keys(request)
    check_new_indexes(request)
    change = _stream_change(request, "Table is being created with a stream")
    check_encryption(request)
    check_tags(request.get("Tags") or ())
    return None if change is None or change.view_type is None else change


def check_update(request: dict[str, Any]) -> StreamChange | None:
    """Check what an UpdateTable can say wrong for any table; return the change of the stream that it asks for, if any.

    Raises: ValidationException. (DynamoDB: UpdateTable.)
    """
    kinds = [kind for kind, members in _KINDS.items() if any(_is_given(request, name) for name in members)]
    if not kinds and request.get("DeletionProtectionEnabled") is None:
        raise ValidationException(NOTHING_TO_UPDATE)
    check_changed_throughput(request)
    check_index_updates(request)
    check_encryption(request)
    change = _stream_change(request, "Table is being updated with a stream")
    if change is not None and request.get("ProvisionedThroughput") is not None:
        raise ValidationException(STREAM_AND_THROUGHPUT)
    # A BillingMode that stays as it is may come with a stream; whether it does is seen at the table.
    if len(kinds) > 1 and kinds != ["StreamSpecification", "ProvisionedThroughput"]:
        raise ValidationException(
            f"{INVALID}An UpdateTable makes one kind of change, and this one has {' and '.join(kinds)}: "
            "make one request for each"
        )
    return change


def _is_given(request: dict[str, Any], name: str) -> bool:
    """Tell whether a member is there; OnDemandThroughput without members counts as absent."""
    value = request.get(name)
    if name == "OnDemandThroughput":
        return value is not None and any(each is not None for each in value.values())
    return value not in (None, [])


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
