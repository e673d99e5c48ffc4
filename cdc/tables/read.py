"""Reads: GetItem, Query and Scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions import bind_key_condition, bind_projection
from cdc.model.errors import ValidationException
from cdc.model.keys import check_key, encode_key, encode_scalar, partition_prefix, successor_of_prefix
from cdc.model.values import canonical_bytes, load_item, parse_item
from cdc.store import items
from cdc.store.reading import Read
from cdc.tables import shapes
from cdc.tables.capacity import consumed, read_units
from cdc.tables.pages import check_select, encode_start_key, parse_page, parse_start_key, read_page
from cdc.tables.requests import answer, find_table, of_shape, refuse_key_paths, substitutions

if TYPE_CHECKING:
    from cdc.expressions import KeyRange
    from cdc.model.catalog import Table
    from cdc.model.keys import KeySchema
    from cdc.model.options import Options
    from cdc.model.values import Item
    from cdc.store.reading import View

_HASHES = 1 << 32
_QUERY_EXPRESSIONS = ("FilterExpression", "KeyConditionExpression")


@of_shape(shapes.GET_ITEM)
def get_item(request: dict[str, Any], _options: Options) -> Read:
    """Check a GetItem. DynamoDB: GetItem."""
    bound = substitutions(request, "ProjectionExpression")
    keys, _ = parse_item(request["Key"])
    text = request.get("ProjectionExpression")
    projection = None if text is None else bind_projection(text, bound)
    bound.refuse_unused()
    name, mode = request["TableName"], request.get("ReturnConsumedCapacity")
    consistent = bool(request.get("ConsistentRead"))

    def run(view: View) -> bytes:
        table = find_table(view.catalog, name)
        check_key(table.schema, keys)
        if projection is not None:
            refuse_key_paths(table.schema, projection.paths)
        stored = items.fetch(view.cursor, table.id, encode_key(table.schema, keys))
        item = None if stored is None else stored.item
        if item is not None and projection is not None:
            item = canonical_bytes(projection.apply(load_item(item)))
        capacity = None
        if mode is not None:
            size = 0 if stored is None else stored.size
            capacity = consumed(mode, table.name, read_units(size, consistent=consistent))
        return answer(item, capacity, b"Item")

    return Read(run, quick=True)


@of_shape(shapes.QUERY)
def query(request: dict[str, Any], _options: Options) -> Read:
    """Check a Query of a table. DynamoDB: Query."""
    bound = substitutions(request, *_QUERY_EXPRESSIONS, "ProjectionExpression")
    asked = parse_page(request, bound, parse_start_key(request))
    text = request.get("KeyConditionExpression")
    if text is None:
        raise ValidationException(
            "Either the KeyConditions or KeyConditionExpression parameter must be specified in the request."
        )
    condition = bind_key_condition(text, bound)
    bound.refuse_unused()
    check_select(request)
    name, forward = request["TableName"], request.get("ScanIndexForward", True) is not False

    def run(view: View) -> bytes:
        table = find_table(view.catalog, name)
        if asked.start_key is not None:
            start = encode_start_key(table, asked.start_key, scan=False)
        keys = condition.resolve(table.schema)
        if asked.filter is not None:
            _refuse_key_filter(table.schema, asked.filter.top_level_names)
        low, high = key_bounds(table.schema, keys)
        if asked.start_key is not None:
            _check_start(table.schema, keys, asked.start_key, start, (low, high))
            low, high = (start + b"\0", high) if forward else (low, start)
        return read_page(view, table, asked, low, high, forward=forward)

    return Read(run)


def key_bounds(schema: KeySchema, keys: KeyRange) -> tuple[bytes, bytes]:
    """Turn a key condition into encoded keys [low, high)."""
    prefix = partition_prefix(schema, keys.hash_value)
    end = successor_of_prefix(prefix) or items.HIGHEST_KEY
    if keys.operator is None:
        return prefix, end
    assert schema.range_type is not None
    bounds = [prefix + encode_scalar(schema.range_type, value[schema.range_type]) for value in keys.operands]
    first, last = bounds[0], bounds[-1]
    match keys.operator:
        case "=" | "BETWEEN":
            return first, last + b"\0"
        case "<":
            return prefix, first
        case "<=":
            return prefix, first + b"\0"
        case ">":
            return first + b"\0", end
        case ">=":
            return first, end
        case _:
            return first, successor_of_prefix(first) or end


def _refuse_key_filter(schema: KeySchema, names: frozenset[str]) -> None:
    for name, _ in schema.attributes():
        if name in names:
            raise ValidationException(
                f"Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
            )


def _check_start(schema: KeySchema, keys: KeyRange, start_key: Item, start: bytes, bounds: tuple[bytes, bytes]) -> None:
    """Hold ExclusiveStartKey against the key condition. DynamoDB: Query, ExclusiveStartKey."""
    if schema.range_name is None:
        [(name, kind)] = schema.attributes()
        value = f"{name}=AttributeValue: {{{kind}:{start_key[name][kind]}}}"
        raise ValidationException(f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{value}}}")
    if start_key[schema.hash_name] != keys.hash_value:
        raise ValidationException("The provided starting key is outside query boundaries based on provided conditions")
    if keys.operator == "=":
        raise ValidationException("The query can return at most one row and cannot be restarted")
    if not bounds[0] <= start < bounds[1]:
        raise ValidationException("The provided starting key does not match the range key predicate")


@of_shape(shapes.SCAN)
def scan(request: dict[str, Any], _options: Options) -> Read:
    """Check a Scan of a table. DynamoDB: Scan."""
    bound = substitutions(request, "FilterExpression", "ProjectionExpression")
    start_key = parse_start_key(request)
    segment, segments = _parse_segment(request)
    asked = parse_page(request, bound, start_key)
    bound.refuse_unused()
    check_select(request)
    name = request["TableName"]
    low_hash, high_hash = -(-segment * _HASHES // segments), -(-(segment + 1) * _HASHES // segments)
    low = low_hash.to_bytes(4, "big")
    high = items.HIGHEST_KEY if high_hash == _HASHES else high_hash.to_bytes(4, "big")

    def run(view: View) -> bytes:
        table = find_table(view.catalog, name)
        first = low if asked.start_key is None else _resume(table, asked.start_key) + b"\0"
        if not low <= first < high:
            raise ValidationException(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                f"correct Segment. TotalSegments: {segments} Segment: {segment}"
            )
        return read_page(view, table, asked, first, high)

    return Read(run)


def _resume(table: Table, start_key: Item) -> bytes:
    return encode_start_key(table, start_key, scan=True)


def _parse_segment(request: dict[str, Any]) -> tuple[int, int]:
    segment, segments = request.get("Segment"), request.get("TotalSegments")
    if segment is None and segments is None:
        return 0, 1
    if segments is None:
        raise ValidationException(
            "The TotalSegments parameter is required but was not present in the request when Segment parameter is present"
        )
    if segment is None:
        raise ValidationException(
            "The Segment parameter is required but was not present in the request when parameter TotalSegments is present"
        )
    if segment >= segments:
        raise ValidationException(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: "
            f"Segment: {segment} is not less than TotalSegments: {segments}"
        )
    return segment, segments
