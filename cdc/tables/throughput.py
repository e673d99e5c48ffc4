"""Billing mode and provisioned throughput: their rules, and what UpdateTable makes of a table's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from cdc.model.errors import ValidationException
from cdc.model.options import DAY_SECONDS
from cdc.model.values import INVALID

if TYPE_CHECKING:
    from cdc.model.catalog import TableDefinition
    from cdc.model.indexes import IndexDefinition

Definition = TypeVar("Definition", "TableDefinition", "IndexDefinition")

PROVISIONED = "PROVISIONED"
ON_DEMAND = "PAY_PER_REQUEST"
MAX_UNITS = 10**12
"""Capacity units that a request may name."""

UNITS_ON_DEMAND = (
    f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is PAY_PER_REQUEST"
)
_DAY_MS = DAY_SECONDS * 1000


def check_new_throughput(request: dict[str, Any]) -> None:
    """Check billing mode and throughput of a CreateTable; raises ValidationException. DynamoDB: CreateTable."""
    units = request.get("ProvisionedThroughput")
    if request.get("BillingMode") == ON_DEMAND:
        if units is not None:
            raise ValidationException(UNITS_ON_DEMAND)
    elif units is None:
        raise ValidationException(
            f"{INVALID}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
    _check_bounds(units)


def check_changed_throughput(request: dict[str, Any]) -> None:
    """Check what an UpdateTable can say wrong of throughput for any table; raises ValidationException."""
    mode, units = request.get("BillingMode"), request.get("ProvisionedThroughput")
    if mode == ON_DEMAND and units is not None:
        raise ValidationException(UNITS_ON_DEMAND)
    if mode == PROVISIONED and units is None:
        raise ValidationException(f"{INVALID}ProvisionedThroughput must be specified when BillingMode is PROVISIONED")
    _check_bounds(units)


def _check_bounds(units: dict[str, int] | None) -> None:
    for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
        if units is not None and units[name] > MAX_UNITS:
            raise ValidationException(f"Given value {units[name]} for {name} is out of bounds")


def change_throughput(definition: TableDefinition, request: dict[str, Any], now_ms: int) -> TableDefinition:
    """Apply billing mode and throughput of an UpdateTable that `check_changed_throughput` passed.

    Raises: ValidationException. (DynamoDB: UpdateTable, BillingMode and ProvisionedThroughput.)
    """
    units = request.get("ProvisionedThroughput")
    mode = request.get("BillingMode") or definition.billing_mode
    if units is None:
        return _to_on_demand(definition, now_ms) if mode != definition.billing_mode else definition
    if mode == ON_DEMAND:
        raise ValidationException(UNITS_ON_DEMAND)
    read_units, write_units = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    if definition.billing_mode == ON_DEMAND:
        return replace(definition, billing_mode=PROVISIONED, read_units=read_units, write_units=write_units)
    return _change_units(definition, read_units, write_units, now_ms)


def _to_on_demand(definition: TableDefinition, now_ms: int) -> TableDefinition:
    return replace(
        definition,
        billing_mode=ON_DEMAND,
        billing_summary=True,
        on_demand_since_ms=now_ms,
        read_units=0,
        write_units=0,
    )


def _change_units(definition: TableDefinition, read_units: int, write_units: int, now_ms: int) -> TableDefinition:
    _refuse_same_units("table", definition, read_units, write_units)
    return with_units(definition, read_units, write_units, now_ms)


def change_index_units(definition: IndexDefinition, units: dict[str, int], now_ms: int) -> IndexDefinition:
    """Give a global index of a provisioned table other units.

    Raises: ValidationException when they are the ones that it has.
    """
    read_units, write_units = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    _refuse_same_units(f"index {definition.name}", definition, read_units, write_units)
    return with_units(definition, read_units, write_units, now_ms)


def _refuse_same_units(
    owner: str, definition: TableDefinition | IndexDefinition, read_units: int, write_units: int
) -> None:
    reads, writes = definition.read_units, definition.write_units
    if (read_units, write_units) == (reads, writes):
        kind = owner.partition(" ")[0]
        raise ValidationException(
            f"The provisioned throughput for the {owner} will not change. "
            "The requested value equals the current value. "
            f"Current ReadCapacityUnits provisioned for the {kind}: {reads}. Requested ReadCapacityUnits: {read_units}. "
            f"Current WriteCapacityUnits provisioned for the {kind}: {writes}. "
            f"Requested WriteCapacityUnits: {write_units}. Refer to the Amazon DynamoDB Developer Guide "
            "for current limits and how to request higher limits."
        )


def with_units(definition: Definition, read_units: int, write_units: int, now_ms: int) -> Definition:
    """Return a definition with other units, and when and how they were changed."""
    changed = replace(definition, read_units=read_units, write_units=write_units)
    if read_units > definition.read_units or write_units > definition.write_units:
        changed = replace(changed, last_increase_ms=now_ms)
    if read_units < definition.read_units or write_units < definition.write_units:
        decreases = decreases_on(definition, now_ms) + 1
        changed = replace(changed, last_decrease_ms=now_ms, decreases_today=decreases)
    return changed


def decreases_on(definition: TableDefinition | IndexDefinition, now_ms: int) -> int:
    """Count the decreases of throughput on the day, in UTC, that `now_ms` falls on."""
    last_ms = definition.last_decrease_ms
    return definition.decreases_today if last_ms is not None and last_ms // _DAY_MS == now_ms // _DAY_MS else 0


def while_changing(before: TableDefinition, after: TableDefinition, now_ms: int) -> TableDefinition:
    """Return `after` as the table shows it while its units are being changed: the old ones, with the new dates."""
    if before.billing_mode != PROVISIONED or after.billing_mode != PROVISIONED:
        return after
    return with_old_units(before, after, now_ms)


def with_old_units(before: Definition, after: Definition, now_ms: int) -> Definition:
    """Return a changed definition with the units that it had."""
    # Counted by today's date, which `last_decrease_ms` may now be of.
    decreases = decreases_on(before, now_ms)
    return replace(after, read_units=before.read_units, write_units=before.write_units, decreases_today=decreases)
