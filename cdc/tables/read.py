"""Reads: GetItem, Query and Scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions import TABLE_CONDITIONS
from cdc.model.errors import DETECTED, ValidationException
from cdc.model.indexes import MAX_KEY_ATTRIBUTES
from cdc.model.keys import check_key, encode_key
from cdc.model.values import canonical_bytes, load_item, parse_item
from cdc.store import items
from cdc.store.reading import Read
from cdc.tables import shapes
from cdc.tables.capacity import consumed, read_units
from cdc.tables.legacy import key_condition, legacy_filter, legacy_projection, read_projection
from cdc.tables.pages import check_select, page_answer, parse_page, parse_start_key, read_page, source_of
from cdc.tables.requests import answer, find_table, of_shape, refuse_key_paths, substitutions

if TYPE_CHECKING:
    from cdc.expressions import KeyRange
    from cdc.model.options import Options
    from cdc.model.values import Item
    from cdc.store.reading import View
    from cdc.tables.sources import Source

_HASHES = 1 << 32
_QUERY_EXPRESSIONS = ("ProjectionExpression", "FilterExpression", "KeyConditionExpression")
_QUERY_LEGACY = ("AttributesToGet", "QueryFilter", "ConditionalOperator", "KeyConditions")
_SCAN_EXPRESSIONS = ("ProjectionExpression", "FilterExpression")
_SCAN_LEGACY = ("AttributesToGet", "ScanFilter", "ConditionalOperator")


@of_shape(shapes.GET_ITEM)
def get_item(request: dict[str, Any], _options: Options) -> Read:
    """Check a GetItem. DynamoDB: GetItem."""
    bound = substitutions(request, "ProjectionExpression", legacy=("AttributesToGet",))
    keys, _ = parse_item(request["Key"])
    projection = read_projection(request, bound)
    bound.refuse_unused()
    name, mode = request["TableName"], request.get("ReturnConsumedCapacity")
    consistent = bool(request.get("ConsistentRead"))

    def run(view: View) -> bytes:
        table = find_table(view.catalog, name)
        check_key(table.schema, keys)
        if projection is not None:
            refuse_key_paths(table, projection.paths)
        stored = items.fetch(view.cursor, table.id, encode_key(table.schema, keys))
        item = None if stored is None else stored.item
        if item is not None and projection is not None:
            item = canonical_bytes(projection.apply(load_item(item)))
        capacity = None
        if mode is not None:
            size = 0 if stored is None else stored.size
            capacity = consumed(mode, name, read_units(size, consistent=consistent))
        return answer(item, capacity, name=b"Item")

    return Read(run, quick=True)


@of_shape(shapes.QUERY)
def query(request: dict[str, Any], _options: Options) -> Read:
    """Check a Query of a table or an index. DynamoDB: Query."""
    bound = substitutions(request, *_QUERY_EXPRESSIONS, legacy=_QUERY_LEGACY)
    filtering, projecting = legacy_filter(request, "QueryFilter"), legacy_projection(request)
    asked = parse_page(request, bound, parse_start_key(request), filtering, projecting)
    condition = key_condition(request, bound, TABLE_CONDITIONS if asked.index_name is None else MAX_KEY_ATTRIBUTES)
    bound.refuse_unused()
    check_select(request, detected=DETECTED)
    name, forward = request["TableName"], request.get("ScanIndexForward", True) is not False
    filter_name = "Filter Expression" if request.get("FilterExpression") is not None else "QueryFilter"

    def run(view: View) -> bytes:
        source = source_of(find_table(view.catalog, name), asked)
        start = None if asked.start_key is None else source.encode_start(asked.start_key, scan=False)
        keys = condition.resolve(source.hashes, source.ranges)
        if asked.filter is not None:
            _refuse_key_filter(source, asked.filter.top_level_names, filter_name)
        low, high = source.bounds(keys)
        if asked.start_key is not None and start is not None:
            _check_start(source, keys, asked.start_key, start, (low, high))
            low, high = (start + b"\0", high) if forward else (low, start)
        page = read_page(view, source, asked, low, high, forward=forward)
        if page.last is not None and _finds_one_at_most(source, keys):
            page.last = None  # what a client was given here would be refused as its start key
        return page_answer(source, asked, page)

    return Read(run)


def _finds_one_at_most(source: Source, keys: KeyRange) -> bool:
    return source.index is None and (not source.ranges or keys.operator == "=")


def _refuse_key_filter(source: Source, names: frozenset[str], filter_name: str) -> None:
    for name, _ in (*source.hashes, *source.ranges):
        if name in names:
            raise ValidationException(
                f"{filter_name} can only contain non-primary key attributes: Primary key attribute: {name}"
            )


def _check_start(source: Source, keys: KeyRange, start_key: Item, start: bytes, bounds: tuple[bytes, bytes]) -> None:
    """Hold ExclusiveStartKey against the key condition. DynamoDB: Query, ExclusiveStartKey."""
    if source.index is None and not source.ranges:
        [(name, kind)] = source.hashes
        value = f"{name}=AttributeValue: {{{kind}:{start_key[name][kind]}}}"
        raise ValidationException(f"The provided exclusive start key is invalid: ExclusiveStartKey: {{{value}}}")
    names = [name for name, _ in (*source.hashes, *source.ranges)]
    equal = (*keys.hash_values, *keys.equal)
    if any(start_key[name] != value for name, value in zip(names, equal, strict=False)):
        raise ValidationException("The provided starting key is outside query boundaries based on provided conditions")
    if keys.operator == "=" and source.index is None:
        raise ValidationException("The query can return at most one row and cannot be restarted")
    if not bounds[0] <= start < bounds[1]:
        raise ValidationException("The provided starting key does not match the range key predicate")


@of_shape(shapes.SCAN)
def scan(request: dict[str, Any], _options: Options) -> Read:
    """Check a Scan of a table or an index. DynamoDB: Scan."""
    bound = substitutions(request, *_SCAN_EXPRESSIONS, legacy=_SCAN_LEGACY)
    filtering, projecting = legacy_filter(request, "ScanFilter"), legacy_projection(request)
    start_key = parse_start_key(request)
    segment, segments = _parse_segment(request)
    asked = parse_page(request, bound, start_key, filtering, projecting)
    bound.refuse_unused()
    check_select(request)
    name = request["TableName"]
    low_hash, high_hash = -(-segment * _HASHES // segments), -(-(segment + 1) * _HASHES // segments)
    low = low_hash.to_bytes(4, "big")
    high = items.HIGHEST_KEY if high_hash == _HASHES else high_hash.to_bytes(4, "big")

    def run(view: View) -> bytes:
        source = source_of(find_table(view.catalog, name), asked)
        first = low if asked.start_key is None else source.encode_start(asked.start_key, scan=True) + b"\0"
        if not low <= first < high:
            raise ValidationException(
                "The provided starting key is invalid: Invalid ExclusiveStartKey. Please use ExclusiveStartKey with "
                f"correct Segment. TotalSegments: {segments} Segment: {segment}"
            )
        return page_answer(source, asked, read_page(view, source, asked, first, high))

    return Read(run)


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
