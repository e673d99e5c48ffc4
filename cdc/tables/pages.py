"""Pages of items: one bounded stretch of keys, cut at Limit or 1 MB, filtered and projected. Query and Scan share it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import orjson

from cdc.expressions import bind_condition, bind_projection
from cdc.model.errors import ValidationException
from cdc.model.values import EMPTY_VALUE, NULL_NOT_TRUE, SEVERAL_TYPES, Item, canonical_bytes, load_item, parse_item
from cdc.store.items import RANGE_ROWS
from cdc.tables.capacity import consumed, read_units
from cdc.tables.requests import refuse_key_paths
from cdc.tables.sources import INVALID_START, find_source, with_attributes

if TYPE_CHECKING:
    from collections.abc import Generator

    from cdc.expressions import Condition, DocumentPath, Projection, Substitutions
    from cdc.model.catalog import Table
    from cdc.store.items import Row
    from cdc.store.reading import View
    from cdc.tables.sources import Source

PAGE_BYTES = 1 << 20
"""Bytes of items, before the filter, that one page evaluates at most."""


class Projecting(Protocol):
    """What a page gives of each item."""

    @property
    def paths(self) -> tuple[DocumentPath, ...]:
        """Every document path in it."""

    @property
    def top_level_names(self) -> frozenset[str]:
        """The attributes that it takes, whole or in part."""

    def apply(self, item: Item) -> Item:
        """Return the part of an item."""


class PageRequest(NamedTuple):
    """What Query and Scan ask for alike."""

    table_name: str  # as the request has it, perhaps an ARN
    index_name: str | None
    limit: int | None
    count_only: bool
    whole_items: bool  # Select is ALL_ATTRIBUTES
    consistent: bool
    capacity_mode: str | None
    filter: Condition | None
    projection: Projecting | None
    start_key: Item | None


@dataclass(slots=True)
class Page:
    """What a page came to."""

    items: list[bytes]
    count: int = 0  # that passed the filter
    scanned: int = 0
    size: int = 0  # bytes read from the source
    fetch_units: float = 0.0  # of what a local index had to fetch from the table
    last: Row | None = None  # set when the read stopped before the end


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
            raise ValidationException(f"{INVALID_START}: {error.message}") from error
        raise


def parse_page(
    request: dict[str, Any],
    bound: Substitutions,
    start_key: Item | None,
    condition: Condition | None = None,
    projection: Projection | None = None,
) -> PageRequest:
    """Bind the expressions that Query and Scan have in common.

    `start_key` is what `parse_start_key` returned, and `condition` and `projection` what there is of them in legacy
    parameters, all of which are looked at before expressions. Raises: ValidationException.
    """
    projection_text, filter_text = request.get("ProjectionExpression"), request.get("FilterExpression")
    select = request.get("Select")
    return PageRequest(
        table_name=request["TableName"],
        index_name=request.get("IndexName"),
        limit=request.get("Limit"),
        count_only=select == "COUNT",
        whole_items=select == "ALL_ATTRIBUTES",
        consistent=bool(request.get("ConsistentRead")),
        capacity_mode=request.get("ReturnConsumedCapacity"),
        start_key=start_key,
        projection=projection if projection_text is None else bind_projection(projection_text, bound),
        filter=condition if filter_text is None else bind_condition(filter_text, bound, "Filter"),
    )


def check_select(request: dict[str, Any], detected: str = "") -> None:
    """Hold Select against the projection. DynamoDB: Query and Scan, Select.

    `detected` stands before the message about a missing projection, which Query words so and Scan not.
    Raises: ValidationException.
    """
    select = request.get("Select")
    given = [name for name in ("ProjectionExpression", "AttributesToGet") if request.get(name) is not None]
    if select == "SPECIFIC_ATTRIBUTES" and not given:
        raise ValidationException(
            f"{detected}Must specify the AttributesToGet or ProjectionExpression when choosing to get SPECIFIC_ATTRIBUTES"
        )
    if select == "ALL_PROJECTED_ATTRIBUTES" and request.get("IndexName") is None:
        raise ValidationException("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName")
    if given and select not in {None, "SPECIFIC_ATTRIBUTES"}:
        what = "only the Count" if select == "COUNT" else select
        raise ValidationException(f"Cannot specify the {given[0]} when choosing to get {what}")


def source_of(table: Table, asked: PageRequest) -> Source:
    """Find the table or index that a page is read from, and see that it can be read as asked.

    Raises: ValidationException.
    """
    source = find_source(table, asked.index_name, consistent=asked.consistent, whole=asked.whole_items)
    if asked.filter is not None:
        refuse_key_paths(table, asked.filter.paths)
    if asked.projection is not None:
        refuse_key_paths(table, asked.projection.paths)
        source = with_attributes(source, asked.projection.top_level_names)
    return source


def read_page(view: View, source: Source, asked: PageRequest, low: bytes, high: bytes, *, forward: bool = True) -> Page:
    """Read what lies in [low, high) up to the end of the page."""
    return cut_page(source.rows(view.connection, low, high, forward=forward, at_once=rows_at_once(asked)), asked)


def rows_at_once(asked: PageRequest) -> int:
    """Tell how many rows to fetch at once, which is no more than are evaluated."""
    return RANGE_ROWS if asked.limit is None else min(asked.limit, RANGE_ROWS)


def cut_page(rows: Generator[Row, None, None], asked: PageRequest) -> Page:
    """Take rows up to the end of the page, and close them."""
    page, limit = Page([]), asked.limit
    whole = asked.filter is None and asked.projection is None and not asked.count_only
    # In variables, as a page may have tens of thousands of rows. It is cut by what was read: of an item that a local
    # index had to fetch, its bytes and not the entry's.
    scanned = size = weight = 0
    try:
        for row in rows:
            _, row_size, item, fetched = row
            weight += fetched or row_size
            if weight > PAGE_BYTES and scanned:
                break
            page.last = row
            scanned += 1
            size += row_size
            if fetched:
                page.fetch_units += read_units(fetched, consistent=asked.consistent)
            if whole:
                page.items.append(item)
            else:
                _take(page, asked, item)
            if scanned == limit:
                break
        else:
            page.last = None
    finally:
        rows.close()
    page.scanned, page.size = scanned, size
    if whole:
        page.count = scanned
    return page


def _take(page: Page, asked: PageRequest, item: bytes) -> None:
    if asked.filter is None and asked.projection is None:
        page.count += 1
        return
    loaded = load_item(item)
    if asked.filter is not None and not asked.filter.matches(loaded):
        return
    page.count += 1
    if not asked.count_only:
        projection = asked.projection
        page.items.append(item if projection is None else canonical_bytes(projection.apply(loaded)))


def page_capacity(source: Source, asked: PageRequest, page: Page) -> dict[str, Any] | None:
    """Tell what a page consumed: of an index in the index, and in the table what was fetched from it."""
    units = read_units(page.size, consistent=asked.consistent)
    if source.index is None:
        return consumed(asked.capacity_mode, asked.table_name, units)
    return consumed(asked.capacity_mode, asked.table_name, page.fetch_units, [(source.index, units)])


def page_answer(source: Source, asked: PageRequest, page: Page) -> bytes:
    """Write the answer of a Query or Scan."""
    parts = [] if asked.count_only else [b'"Items":[' + b",".join(page.items) + b"]"]
    parts.append(b'"Count":%d,"ScannedCount":%d' % (page.count, page.scanned))
    if page.last is not None:
        parts.append(b'"LastEvaluatedKey":' + orjson.dumps(source.start_key_of(page.last)))
    capacity = page_capacity(source, asked, page)
    if capacity is not None:
        parts.append(b'"ConsumedCapacity":' + orjson.dumps(capacity))
    return b"{" + b",".join(parts) + b"}"
