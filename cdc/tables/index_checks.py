"""What CreateTable and UpdateTable demand of secondary indexes, in the service's order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.model.errors import ValidationException
from cdc.model.indexes import ALL, INCLUDE, IndexDefinition
from cdc.model.values import INVALID
from cdc.tables.key_checks import check_key_schema, names_of
from cdc.tables.throughput import (
    MAX_UNITS,
    ON_DEMAND,
    PROVISIONED,
    change_warmth,
    check_new_maximum,
    index_owner,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_LOCAL_INDEXES = 5
MAX_GLOBAL_INDEXES = 20
MAX_NON_KEY_ATTRIBUTES = 100
"""Of all indexes of a table that include some; one that two of them name counts twice."""

TOO_MANY_GLOBAL = f"{INVALID}GlobalSecondaryIndex count exceeds the per-table limit of {MAX_GLOBAL_INDEXES}"
NO_UNITS = f"{INVALID}ProvisionedThroughput must be specified for index: "


def new_definition(wanted: dict[str, Any], billing_mode: str | None, *, local: bool = False) -> IndexDefinition:
    """Build the definition of an index of a table with `billing_mode` from a request that passed its checks.

    Raises: ValidationException for a WarmThroughput of less than the index has anyway.
    """
    units = wanted.get("ProvisionedThroughput") or {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0}
    maximum = wanted.get("OnDemandThroughput") or {}
    definition = IndexDefinition(
        name=wanted["IndexName"],
        local=local,
        key_schema=tuple((element["AttributeName"], element["KeyType"]) for element in wanted["KeySchema"]),
        projection=wanted["Projection"]["ProjectionType"],
        non_key_attributes=tuple(wanted["Projection"].get("NonKeyAttributes") or ()),
        read_units=units["ReadCapacityUnits"],
        write_units=units["WriteCapacityUnits"],
        max_read_units=maximum.get("MaxReadRequestUnits"),
        max_write_units=maximum.get("MaxWriteRequestUnits"),
    )
    return change_warmth(definition, wanted, billing_mode or PROVISIONED, index_owner(definition.name))


def new_definitions(request: dict[str, Any]) -> list[IndexDefinition]:
    """Build the definitions of all indexes of a CreateTable; raises as `new_definition`."""
    mode = request.get("BillingMode")
    local = [new_definition(index, mode, local=True) for index in request.get("LocalSecondaryIndexes") or ()]
    return local + [new_definition(index, mode) for index in request.get("GlobalSecondaryIndexes") or ()]


def check_new_indexes(request: dict[str, Any]) -> None:
    """Check the indexes of a CreateTable whose own keys are right; raises ValidationException."""
    local, global_ = request.get("LocalSecondaryIndexes"), request.get("GlobalSecondaryIndexes")
    for indexes, kind in ((local, "Local"), (global_, "Global")):
        if indexes == []:
            raise ValidationException(f"{INVALID}List of {kind}SecondaryIndexes is empty")
    defined = names_of(request["AttributeDefinitions"])
    if local:
        _check_local(request["KeySchema"], local, defined)
    for index in global_ or ():
        check_key_schema(index["KeySchema"], defined, several=True)
        check_projection(index["Projection"])
        check_units(index, request.get("BillingMode"))
    _check_names([*(local or ()), *(global_ or ())])
    if len(local or ()) > MAX_LOCAL_INDEXES:
        raise ValidationException(
            f"{INVALID}Number of LocalSecondaryIndexes exceeds per-table limit of {MAX_LOCAL_INDEXES}"
        )
    if len(global_ or ()) > MAX_GLOBAL_INDEXES:
        raise ValidationException(TOO_MANY_GLOBAL)
    check_included(new_definitions(request))


def _check_local(table_schema: list[dict[str, str]], local: list[dict[str, Any]], defined: list[str]) -> None:
    if len(table_schema) == 1:
        raise ValidationException(
            f"{INVALID}Table KeySchema does not have a range key, "
            "which is required when specifying a LocalSecondaryIndex"
        )
    hash_name = table_schema[0]["AttributeName"]
    for index in local:
        schema, name = index["KeySchema"], index["IndexName"]
        check_key_schema(schema, defined)
        if len(schema) == 1:
            raise ValidationException(f"{INVALID}Index KeySchema does not have a range key for index: {name}")
        if schema[0]["AttributeName"] != hash_name:
            raise ValidationException(
                f"{INVALID}Index KeySchema does not have the same leading hash key as table KeySchema for index: "
                f"{name}. index hash key: {schema[0]['AttributeName']}, table hash key: {hash_name}"
            )
        check_projection(index["Projection"])


def check_projection(projection: dict[str, Any]) -> None:
    """Check type and attributes of a projection; raises ValidationException."""
    kind, included = projection.get("ProjectionType"), projection.get("NonKeyAttributes")
    if kind is None:
        raise ValidationException(f"{INVALID}Unknown ProjectionType: null")
    if kind == INCLUDE and included is None:
        raise ValidationException(f"{INVALID}ProjectionType is INCLUDE, but NonKeyAttributes is not specified")
    if kind != INCLUDE and included is not None:
        raise ValidationException(f"{INVALID}ProjectionType is {kind}, but NonKeyAttributes is specified")


def check_units(index: dict[str, Any], billing_mode: str | None) -> None:
    """Hold the throughput of a new global index against the table's billing mode; raises ValidationException."""
    check_mode(index, billing_mode)
    check_new_maximum(index, billing_mode, index_owner(index["IndexName"]))


def check_mode(index: dict[str, Any], billing_mode: str | None) -> None:
    """Check that a global index has units if the table's billing mode asks for them; raises ValidationException."""
    name, units = index["IndexName"], index.get("ProvisionedThroughput")
    if billing_mode == ON_DEMAND and units is not None:
        raise ValidationException(
            f"{INVALID}ProvisionedThroughput should not be specified for index: {name} when BillingMode is {ON_DEMAND}"
        )
    if billing_mode != ON_DEMAND and units is None:
        raise ValidationException(f"{NO_UNITS}{name}")


def check_unit_bounds(indexes: Iterable[dict[str, Any]]) -> None:
    """Refuse units of indexes that are out of all bounds; raises ValidationException."""
    for index in indexes:
        units = index.get("ProvisionedThroughput")
        for name in ("ReadCapacityUnits", "WriteCapacityUnits"):
            if units is not None and units[name] > MAX_UNITS:
                raise ValidationException(
                    f"Given value {units[name]} for {name} is out of bounds for index {index['IndexName']}"
                )


def check_included(definitions: Iterable[IndexDefinition]) -> None:
    """Refuse too many included attributes in all indexes of a table; raises ValidationException."""
    if sum(len(each.non_key_attributes) for each in definitions if each.projection != ALL) > MAX_NON_KEY_ATTRIBUTES:
        raise ValidationException(
            f"{INVALID}Number of NonKeyAttributes in all indexes exceeds the per-table limit of {MAX_NON_KEY_ATTRIBUTES}"
        )


def _check_names(indexes: list[dict[str, Any]]) -> None:
    seen: set[str] = set()
    for index in indexes:
        name = index["IndexName"]
        if name in seen:
            raise ValidationException(f"{INVALID}Duplicate index name: {name}")
        seen.add(name)


def check_index_updates(request: dict[str, Any]) -> None:
    """Check the index updates of an UpdateTable as far as they can be wrong for any table.

    Raises: ValidationException. (DynamoDB: UpdateTable, GlobalSecondaryIndexUpdates.)
    """
    updates = request.get("GlobalSecondaryIndexUpdates") or []
    seen: set[str] = set()
    for update in updates:
        actions = [action for action in map(update.get, ("Update", "Create", "Delete")) if action is not None]
        if len(actions) != 1:
            raise ValidationException(
                f"{INVALID}One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
                "GlobalSecondaryIndexUpdate.Delete must not be null"
            )
        check_unit_bounds(actions)
        name = actions[0]["IndexName"]
        if name in seen:
            raise ValidationException(
                f"{INVALID}Only one global secondary index update per index is allowed simultaneously. Index: {name}"
            )
        seen.add(name)
    defined = names_of(request.get("AttributeDefinitions") or [])
    for index in [update["Create"] for update in updates if update.get("Create") is not None]:
        check_key_schema(index["KeySchema"], defined, several=True)
        check_projection(index["Projection"])
