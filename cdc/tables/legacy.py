"""What a request may say by an expression or by a legacy parameter: its condition, update, filter and projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions import (
    Condition,
    KeyCondition,
    Projection,
    Substitutions,
    Update,
    bind_attribute_updates,
    bind_condition,
    bind_conditions,
    bind_key_condition,
    bind_key_conditions,
    bind_projection,
    bind_update,
    parse_conditions,
    parse_expected,
    project_attributes,
)
from cdc.model.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Mapping


def write_condition(request: Mapping[str, Any], bound: Substitutions) -> Condition | None:
    """Bind Expected or ConditionExpression; raises ValidationException. DynamoDB: PutItem, UpdateItem, DeleteItem."""
    if "Expected" in request or "ConditionalOperator" in request:
        expected = parse_expected(request.get("Expected") or {})
        condition = bind_conditions(expected, request.get("ConditionalOperator"))
        if condition is not None:
            return condition
    text = request.get("ConditionExpression")
    return None if text is None else bind_condition(text, bound)


def item_update(request: Mapping[str, Any], bound: Substitutions) -> Update | None:
    """Bind AttributeUpdates or UpdateExpression; raises ValidationException. DynamoDB: UpdateItem."""
    updates = request.get("AttributeUpdates")
    if updates is not None:
        return bind_attribute_updates(updates)
    text = request.get("UpdateExpression")
    return None if text is None else bind_update(text, bound)


def legacy_projection(request: Mapping[str, Any]) -> Projection | None:
    """Bind AttributesToGet; raises ValidationException. DynamoDB: Query, Scan."""
    names = request.get("AttributesToGet")
    return None if names is None else project_attributes(names)


def read_projection(request: Mapping[str, Any], bound: Substitutions) -> Projection | None:
    """Bind AttributesToGet or ProjectionExpression; raises ValidationException. DynamoDB: GetItem, BatchGetItem."""
    projection = legacy_projection(request)
    if projection is not None:
        return projection
    text = request.get("ProjectionExpression")
    return None if text is None else bind_projection(text, bound)


def legacy_filter(request: Mapping[str, Any], parameter: str) -> Condition | None:
    """Bind QueryFilter or ScanFilter; raises ValidationException. DynamoDB: Query, Scan."""
    return bind_conditions(parse_conditions(request.get(parameter) or {}), request.get("ConditionalOperator"))


def key_condition(request: Mapping[str, Any], bound: Substitutions, most_conditions: int) -> KeyCondition:
    """Bind KeyConditions or KeyConditionExpression; raises ValidationException. DynamoDB: Query."""
    conditions, text = request.get("KeyConditions"), request.get("KeyConditionExpression")
    if conditions is not None:
        return bind_key_conditions(parse_conditions(conditions), most_conditions)
    if text is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    return bind_key_condition(text, bound, most_conditions)
