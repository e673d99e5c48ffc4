"""Pages of items: one bounded stretch of keys, cut at Limit or 1 MB, filtered and projected. Query and Scan share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from cdc.expressions import bind_condition, bind_projection
from cdc.model.errors import ValidationException
from cdc.model.keys import MISMATCH, check_key, decode_key, encode_key
from cdc.model.values import EMPTY_VALUE, NULL_NOT_TRUE, SEVERAL_TYPES, Item, canonical_bytes, load_item, parse_item
from cdc.store.items import scan_range
from cdc.tables.capacity import consumed, read_units
from cdc.tables.requests import refuse_key_paths

if TYPE_CHECKING:
    from cdc.expressions import Condition, Projection, Substitutions
    from cdc.model.catalog import Table
    from cdc.store.reading import View

PAGE_BYTES = 1 << 20
"""Bytes of items, before the filter, that one page evaluates at most."""
_INVALID_START = "The provided starting key is invalid"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """What Query and Scan ask for alike."""

    limit: int | None
    count_only: bool
    consistent: bool
    capacity_mode: str | None
    filter: Condition | None
    projection: Projection | None
    start_key: Item | None


@dataclass(slots=True)
class _Page:
    items: list[bytes]
    count: int = 0
    scanned: int = 0
    size: int = 0
    last_key: bytes | None = None  # set when the read stopped before the end


def parse_start_key(request: dict[str, Any]) -> Item | None:
    """Check the values of ExclusiveStartKey. DynamoDB: Query and Scan, ExclusiveStartKey.

    Raises: ValidationException.
    """
    raw = request.get("ExclusiveStartKey")
    if raw is None:
        return None
    try:
        return parse_item(raw)[0]
    except ValidationException as error:
        wrapped = (EMPTY_VALUE, SEVERAL_TYPES, NULL_NOT_TRUE)
        sets = ("An string set  may not be empty", "Binary sets should not be empty")
        if error.message in wrapped or error.message.endswith(sets):
            raise ValidationException(f"{_INVALID_START}: {error.message}") from error
        raise


def parse_page(request: dict[str, Any], bound: Substitutions, start_key: Item | None) -> PageRequest:
    """Bind the expressions that Query and Scan have in common; `start_key` is what `parse_start_key` returned.

    Raises: ValidationException.
    """
    projection, filter_text = request.get("ProjectionExpression"), request.get("FilterExpression")
    return PageRequest(
        limit=request.get("Limit"),
        count_only=request.get("Select") == "COUNT",
        consistent=bool(request.get("ConsistentRead")),
        capacity_mode=request.get("ReturnConsumedCapacity"),
        start_key=start_key,
        projection=None if projection is None else bind_projection(projection, bound),
        filter=None if filter_text is None else bind_condition(filter_text, bound, "Filter"),
    )


def check_select(request: dict[str, Any]) -> None:
    """Hold Select against the projection. DynamoDB: Query and Scan, Select.

    Raises: ValidationException.
    """
    select, projection = request.get("Select"), request.get("ProjectionExpression")
    if select == "SPECIFIC_ATTRIBUTES" and projection is None:
        raise ValidationException(
            "Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES":
        raise ValidationException("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if projection is not None and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        what = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the ProjectionExpression when choosing to get {what}")


def encode_start_key(table: Table, start_key: Item, *, scan: bool) -> bytes:
    """Check ExclusiveStartKey against the schema and encode it.

    Raises: ValidationException, in the words of Query or of Scan.
    """
    names = {name for name, _ in table.schema.attributes()}
    if set(start_key) != names:
        raise ValidationException(f"{_INVALID_START}: {MISMATCH}" if scan else _INVALID_START)
    try:
        check_key(table.schema, start_key)
    except ValidationException as error:
        raise ValidationException(f"{_INVALID_START}: {error.message}" if scan else error.message) from error
    return encode_key(table.schema, start_key)


def read_page(view: View, table: Table, asked: PageRequest, low: bytes, high: bytes, *, forward: bool = True) -> bytes:
    """Read the keys in [low, high) up to the end of the page and write the answer."""
    if asked.filter is not None:
        refuse_key_paths(table.schema, asked.filter.paths)
    if asked.projection is not None:
        refuse_key_paths(table.schema, asked.projection.paths)
    page = _Page([])
    rows = scan_range(view.connection, table.id, low, high, forward=forward)
    try:
        for key, size, item in rows:
            if page.scanned and page.size + size > PAGE_BYTES:
                break
            page.scanned += 1
            page.size += size
            page.last_key = key
            _take(page, asked, item)
            if page.scanned == asked.limit:
                break
        else:
            page.last_key = None
    finally:
        rows.close()  # type: ignore[attr-defined]  # a generator
    return _answer(table, asked, page)


def _take(page: _Page, asked: PageRequest, item: bytes) -> None:
    if asked.filter is None and asked.projection is None:
        page.count += 1
        if not asked.count_only:
            page.items.append(item)
        return
    loaded = load_item(item)
    if asked.filter is not None and not asked.filter.matches(loaded):
        return
    page.count += 1
    if not asked.count_only:
        projection = asked.projection
        page.items.append(item if projection is None else canonical_bytes(projection.apply(loaded)))


def _answer(table: Table, asked: PageRequest, page: _Page) -> bytes:
    parts = [] if asked.count_only else [b'"Items":[' + b",".join(page.items) + b"]"]
    parts.append(b'"Count":%d,"ScannedCount":%d' % (page.count, page.scanned))
    if page.last_key is not None:
        parts.append(b'"LastEvaluatedKey":' + orjson.dumps(decode_key(table.schema, page.last_key)))
    units = read_units(page.size, consistent=asked.consistent)
    capacity = consumed(asked.capacity_mode, table.name, units)
    if capacity is not None:
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(capacity))
    return b"{" + b",".join(parts) + b"}"
