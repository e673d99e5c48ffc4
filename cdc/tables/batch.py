"""BatchWriteItem and BatchGetItem: several items of several tables in one request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from cdc.expressions import Projection, refuse_mixed_parameters
from cdc.model.errors import ValidationException
from cdc.model.keys import check_batch_put_keys, check_key, encode_key
from cdc.model.values import SEVERAL_TYPES, Item, canonical_bytes, load_item, parse_item
from cdc.store import items
from cdc.store.reading import Read, Write
from cdc.tables import shapes
from cdc.tables.actions import ITEM_TOO_LARGE, Image, check_item_size, image_of
from cdc.tables.capacity import Bill, read_units, write_units
from cdc.tables.entries import check_local_sizes
from cdc.tables.index_keys import check_put_index_keys
from cdc.tables.item_collections import CollectionMetrics
from cdc.tables.legacy import read_projection
from cdc.tables.requests import find_table, of_shape, refuse_key_paths, substitutions
from cdc.tables.write import change_item, larger_size

if TYPE_CHECKING:
    from collections.abc import Collection

    from cdc.model.catalog import Catalog, Table
    from cdc.model.options import Options
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction

MAX_WRITES = 25
MAX_READS = 100
RESPONSE_BYTES = 16 << 20
"""What a BatchGetItem answers at most; the rest is in UnprocessedKeys."""
_DUPLICATES = "Provided list of item keys contains duplicates"


@dataclass(frozen=True, slots=True)
class _Change:
    """One checked element of a BatchWriteItem."""

    table_name: str
    item: Item  # the item of a put, the key of a delete
    image: Image | None  # of a put


@of_shape(shapes.BATCH_WRITE_ITEM)
def batch_write_item(request: dict[str, Any], _options: Options) -> Write:
    """Check a BatchWriteItem. Its writes share one transaction here, so they succeed or fail together.

    DynamoDB: BatchWriteItem.
    """
    changes = [_parse_write(name, write) for name, writes in request["RequestItems"].items() for write in writes]
    if len(changes) > MAX_WRITES:
        raise ValidationException("Too many items requested for the BatchWriteItem call")
    mode, metrics_wanted = request.get("ReturnConsumedCapacity"), request.get("ReturnItemCollectionMetrics") == "SIZE"

    def run(transaction: Transaction) -> bytes:
        located = _locate(transaction.catalog, changes)
        bill, collections = Bill(), CollectionMetrics()
        for change, (table, key) in zip(changes, located, strict=True):
            old = items.fetch(transaction.cursor, table.id, key)
            index_units = change_item(transaction, table, key, change.item, old, change.image)
            bill.add(change.table_name, write_units(larger_size(old, change.image)), index_units)
            if metrics_wanted:
                collections.add(transaction, table, change.item)
        answer: dict[str, Any] = {"UnprocessedItems": {}}
        return orjson.dumps(answer | extras(bill.capacities(mode), collections))

    return Write(run, sum(len(change.image.stored) for change in changes if change.image is not None))


def extras(capacities: list[dict[str, Any]] | None, collections: CollectionMetrics | None = None) -> dict[str, Any]:
    """Give what a request on several tables answers of capacity and item collections, when asked for."""
    found: dict[str, Any] = {} if capacities is None else {"ConsumedCapacity": capacities}
    if collections is not None and collections.by_table:
        found["ItemCollectionMetrics"] = collections.by_table
    return found


def _parse_write(table_name: str, write: dict[str, Any]) -> _Change:
    put, delete = write.get("PutRequest"), write.get("DeleteRequest")
    if (put is None) == (delete is None):
        raise ValidationException(SEVERAL_TYPES)
    if put is not None:
        image = image_of(put["Item"])
        check_item_size(image.size)
        return _Change(table_name, image.item, image)
    assert delete is not None
    key, _ = parse_item(delete["Key"])
    return _Change(table_name, key, None)


def _locate(catalog: Catalog, changes: list[_Change]) -> list[tuple[Table, bytes]]:
    """Find every change's table and encoded key before the first is made."""
    tables = [find_table(catalog, change.table_name) for change in changes]
    located = [(table, _located_key(table, change)) for table, change in zip(tables, changes, strict=True)]
    if len({(table.id, key) for table, key in located}) < len(located):
        raise ValidationException(_DUPLICATES)
    return located


def _located_key(table: Table, change: _Change) -> bytes:
    if change.image is None:
        check_key(table.schema, change.item)
        return encode_key(table.schema, change.item)
    check_batch_put_keys(table.schema, change.item)
    key = encode_key(table.schema, change.item)
    if table.indexes:
        check_put_index_keys(table, change.item)
        check_local_sizes(table, change.item, change.image.size, key, ITEM_TOO_LARGE)
    return key


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a BatchGetItem wants of one table."""

    table_name: str
    asked: dict[str, Any]  # as it came, for UnprocessedKeys
    keys: list[Item]
    projection: Projection | None
    consistent: bool


@of_shape(shapes.BATCH_GET_ITEM)
def batch_get_item(request: dict[str, Any], _options: Options) -> Read:
    """Check a BatchGetItem. DynamoDB: BatchGetItem."""
    _refuse_mixed_tables(request["RequestItems"].values())
    wanted = [_parse_keys(name, asked) for name, asked in request["RequestItems"].items()]
    if sum(len(part.keys) for part in wanted) > MAX_READS:
        raise ValidationException("Too many items requested for the BatchGetItem call")
    mode = request.get("ReturnConsumedCapacity")

    def run(view: View) -> bytes:
        tables = [find_table(view.catalog, part.table_name) for part in wanted]
        for table, part in zip(tables, wanted, strict=True):
            for key in part.keys:
                check_key(table.schema, key)
            if part.projection is not None:
                refuse_key_paths(table, part.projection.paths)
        responses: list[bytes] = []
        unprocessed: dict[str, Any] = {}
        bill = Bill()
        room = RESPONSE_BYTES
        for table, part in zip(tables, wanted, strict=True):
            found, left, cost, used = _read_part(view, table, part, room)
            room -= used
            responses.append(orjson.dumps(part.table_name) + b":[" + b",".join(found) + b"]")
            bill.add(part.table_name, cost)
            if left:
                unprocessed[part.table_name] = {**part.asked, "Keys": left}
        answer: dict[str, Any] = {"UnprocessedKeys": unprocessed}
        answer |= extras(bill.capacities(mode))
        return b'{"Responses":{' + b",".join(responses) + b"}," + orjson.dumps(answer)[1:]

    return Read(run)


def _refuse_mixed_tables(parts: Collection[dict[str, Any]]) -> None:
    """Refuse AttributesToGet for one table and ProjectionExpression for another."""
    given = {name: value for part in parts for name, value in part.items() if value is not None}
    legacy, expressions = given.get("AttributesToGet"), given.get("ProjectionExpression")
    refuse_mixed_parameters({"AttributesToGet": legacy}, {"ProjectionExpression": expressions})


def _parse_keys(table_name: str, asked: dict[str, Any]) -> _Wanted:
    bound = substitutions(asked, "ProjectionExpression")
    projection = read_projection(asked, bound)
    bound.refuse_unused()
    keys = [parse_item(key)[0] for key in asked["Keys"]]
    # As they are spelled: the service does not see that 1 and 1.0 are one key.
    if len({orjson.dumps(key, option=orjson.OPT_SORT_KEYS) for key in asked["Keys"]}) < len(keys):
        raise ValidationException(_DUPLICATES)
    return _Wanted(table_name, asked, keys, projection, bool(asked.get("ConsistentRead")))


def _read_part(view: View, table: Table, part: _Wanted, room: int) -> tuple[list[bytes], list[Any], float, int]:
    """Read the keys of one table; return the items, the keys left over as they came, the units and the bytes taken."""
    found: list[bytes] = []
    units, used = 0.0, 0
    for position, key in enumerate(part.keys):
        stored = items.fetch(view.cursor, table.id, encode_key(table.schema, key))
        size = 0 if stored is None else stored.size
        if used + size > room:
            return found, part.asked["Keys"][position:], units, used
        used += size
        units += read_units(size, consistent=part.consistent)
        if stored is not None:
            item = stored.item
            if part.projection is not None:
                item = canonical_bytes(part.projection.apply(load_item(item)))
            found.append(item)
    return found, [], units, used
