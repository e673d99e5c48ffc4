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
TABLE = "table"
"""The owner of throughput in messages, where it is no index."""
WARM_READS_ON_DEMAND = 12_000
"""Read units per second that an on-demand table or index is said to bear from the start."""
WARM_WRITES_ON_DEMAND = 4_000
"""Write units per second that an on-demand table or index is said to bear from the start."""
MAXIMA = {"MaxReadRequestUnits": "max_read_units", "MaxWriteRequestUnits": "max_write_units"}
"""Members of OnDemandThroughput, with the fields that keep them."""
NO_MAXIMUM = -1
"""The value of one of them that takes it away."""
WARMTH = {"ReadUnitsPerSecond": "warm_read_units", "WriteUnitsPerSecond": "warm_write_units"}
"""Members of WarmThroughput, with the fields that keep them."""
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


def check_new_maximum(new: dict[str, Any], billing_mode: str | None, owner: str = TABLE) -> None:
    """Check OnDemandThroughput of a new table or global index; raises ValidationException. DynamoDB: CreateTable."""
    wanted = _maximum(new)
    if wanted and billing_mode != ON_DEMAND:
        raise ValidationException(
            f"{INVALID}{next(iter(wanted))} for OnDemandThroughput cannot be specified when table BillingMode is "
            f"{PROVISIONED}."
        )
    _check_maximum(wanted, owner, lowest=1)


def index_owner(name: str) -> str:
    """Name an index as the owner of throughput in messages."""
    return f"index {name}"


def _maximum(holder: dict[str, Any]) -> dict[str, int]:
    """Return what OnDemandThroughput names, reads first; nothing when it is absent or empty."""
    given = holder.get("OnDemandThroughput") or {}
    return {name: given[name] for name in MAXIMA if given.get(name) is not None}


def _check_maximum(wanted: dict[str, int], owner: str, lowest: int) -> None:
    for name, units in wanted.items():
        if (units < lowest or units == 0) or units > MAX_UNITS:
            raise ValidationException(
                f"{INVALID}Requested {name} for OnDemandThroughput for {owner} is outside of valid range"
            )


def change_maximum(definition: Definition, change: dict[str, Any], billing_mode: str, owner: str = TABLE) -> Definition:
    """Apply OnDemandThroughput, of an UpdateTable, to a table or global index that has `billing_mode` afterwards.

    Members that are not named stay, and -1 takes one away. Raises: ValidationException. (DynamoDB: UpdateTable.)
    """
    wanted = _maximum(change)
    if not wanted:
        return definition
    if billing_mode != ON_DEMAND:
        raise ValidationException(
            f"{INVALID}{next(iter(wanted))} for OnDemandThroughput cannot be specified when the table BillingMode is "
            f"{PROVISIONED}"
        )
    _check_maximum(wanted, owner, lowest=NO_MAXIMUM)
    fields = {MAXIMA[name]: None if units == NO_MAXIMUM else units for name, units in wanted.items()}
    return replace(definition, **fields)  # type: ignore[arg-type]  # whole numbers, by their fields


def with_echoed_maximum(definition: Definition, change: dict[str, Any]) -> Definition:
    """Return a changed definition as UpdateTable answers it: each -1 that took something away is repeated."""
    echoed = {MAXIMA[name]: units for name, units in _maximum(change).items() if units == NO_MAXIMUM}
    return replace(definition, **echoed)  # type: ignore[arg-type]  # as above


def describe_maximum(definition: TableDefinition | IndexDefinition) -> dict[str, int]:
    """Describe OnDemandThroughput; empty when it isn't shown."""
    found = {name: getattr(definition, field) for name, field in MAXIMA.items()}
    return {name: units for name, units in found.items() if units is not None}


def change_warmth(definition: Definition, change: dict[str, Any], billing_mode: str, owner: str = TABLE) -> Definition:
    """Apply WarmThroughput of a CreateTable or UpdateTable; it is shown, and has no effect on one machine.

    Raises: ValidationException. (DynamoDB: WarmThroughput.)
    """
    given = change.get("WarmThroughput") or {}
    for (name, field), current in zip(WARMTH.items(), warm_units(definition, billing_mode), strict=True):
        units = given.get(name)
        if units is None:
            continue
        if units < current:
            raise ValidationException(
                f"{INVALID}Requested {name} for WarmThroughput for {owner} is lower than current WarmThroughput, "
                "decreasing WarmThroughput is not supported"
            )
        definition = replace(definition, **{field: units})
    return definition


def warm_units(definition: TableDefinition | IndexDefinition, billing_mode: str) -> tuple[int, int]:
    """Return the read and write units per second that a table or global index is said to bear at once."""
    reads, writes = definition.read_units, definition.write_units
    if billing_mode == ON_DEMAND:
        reads, writes = WARM_READS_ON_DEMAND, WARM_WRITES_ON_DEMAND
    return max(reads, definition.warm_read_units or 0), max(writes, definition.warm_write_units or 0)


def shown_units(definition: TableDefinition) -> tuple[int, int]:
    """Return the read and write units that a table shows, which are the old ones while they are being changed."""
    return definition.shown_units or (definition.read_units, definition.write_units)


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
        return replace(
            definition,
            billing_mode=PROVISIONED,
            read_units=read_units,
            write_units=write_units,
            max_read_units=None,
            max_write_units=None,
        )
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
    _refuse_same_units(TABLE, definition, read_units, write_units)
    return with_units(definition, read_units, write_units, now_ms)


def change_index_units(definition: IndexDefinition, units: dict[str, int], now_ms: int) -> IndexDefinition:
    """Give a global index of a provisioned table other units.

    Raises: ValidationException when they are the ones that it has.
    """
    read_units, write_units = units["ReadCapacityUnits"], units["WriteCapacityUnits"]
    _refuse_same_units(index_owner(definition.name), definition, read_units, write_units)
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
