"""TransactWriteItems and TransactGetItems: from their requests to transactions, and to their answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from cdc.expressions import bind_projection, bind_update
from cdc.model.errors import ValidationException
from cdc.model.keys import check_key, encode_key
from cdc.model.values import Item, canonical_bytes, parse_item
from cdc.store import items
from cdc.store.reading import Read, Write
from cdc.tables import shapes
from cdc.tables.actions import Change, Check, Delete, Put, check_item_size, image_of
from cdc.tables.batch import extras
from cdc.tables.capacity import Bill, read_units
from cdc.tables.item_collections import CollectionMetrics
from cdc.tables.requests import bind_optional, find_table, of_shape, refuse_key_paths, substitutions
from cdc.tables.transactions import (
    DUPLICATES,
    MAX_BYTES,
    TOO_LARGE,
    UNITS_FACTOR,
    cancelled,
    once,
    transact,
    transaction_capacities,
)
from cdc.tables.write import shows_item

if TYPE_CHECKING:
    from cdc.model.options import Options
    from cdc.store.items import StoredItem
    from cdc.store.reading import View
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action
    from cdc.tables.pages import Projecting

_KINDS = ("ConditionCheck", "Put", "Update", "Delete")


@of_shape(shapes.TRANSACT_WRITE_ITEMS)
def transact_write_items(request: dict[str, Any], _options: Options) -> Write:
    """Check a TransactWriteItems. DynamoDB: TransactWriteItems."""
    actions = [_parse_action(wanted) for wanted in request["TransactItems"]]
    written = sum(action.image.size for action in actions if isinstance(action, Put))
    if written > MAX_BYTES:
        raise ValidationException(TOO_LARGE)
    mode, metrics_wanted = request.get("ReturnConsumedCapacity"), request.get("ReturnItemCollectionMetrics") == "SIZE"

    def run(transaction: Transaction) -> bytes:
        token = request.get("ClientRequestToken")
        done = once(transaction, "TransactWriteItems", token, request, lambda: transact(transaction, actions))
        collections = CollectionMetrics()
        for action in actions if metrics_wanted else ():
            if not isinstance(action, Check):
                collections.add(transaction, find_table(transaction.catalog, action.table_name), action.key)
        return orjson.dumps(extras(transaction_capacities(done, mode), collections))

    return Write(run, written)


def _parse_action(wanted: dict[str, Any]) -> Action | Check:
    present = [kind for kind in _KINDS if wanted.get(kind) is not None]
    if len(present) != 1:
        raise ValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
    [kind] = present
    request = wanted[kind]
    expressions = ("UpdateExpression", "ConditionExpression") if kind == "Update" else ("ConditionExpression",)
    bound = substitutions(request, *expressions)
    name, shown = request["TableName"], shows_item(request)
    if kind == "Put":
        image = image_of(request["Item"])
        check_item_size(image.size)
    else:
        key, _ = parse_item(request["Key"])
    update = bind_update(request["UpdateExpression"], bound) if kind == "Update" else None
    condition = bind_optional(request.get("ConditionExpression"), bound)
    bound.refuse_unused()
    match kind:
        case "Put":
            return Put(name, image, condition, shown)
        case "Update":
            return Change(name, key, update, condition, shown)
        case "Delete":
            return Delete(name, key, condition, shown)
        case _:
            assert condition is not None
            return Check(name, key, condition, shown)


class Get(NamedTuple):
    """A read of one item in a transaction."""

    table_name: str
    key: Item
    projection: Projecting | None = None


class Found(NamedTuple):
    """What became of a read: its table, its row, and what is projected of it, None when that is nothing."""

    table_name: str  # as the request has it, perhaps an ARN
    stored: StoredItem | None
    item: bytes | None


@of_shape(shapes.TRANSACT_GET_ITEMS)
def transact_get_items(request: dict[str, Any], _options: Options) -> Read:
    """Check a TransactGetItems. DynamoDB: TransactGetItems."""
    gets = [_parse_get(wanted["Get"]) for wanted in request["TransactItems"]]
    mode = request.get("ReturnConsumedCapacity")

    return Read(lambda view: answer_together(read_together(view, gets), mode))


def answer_together(found: list[Found], mode: str | None) -> bytes:
    """Write the answer of a transaction of reads."""
    bill = Bill()
    for table_name, stored, _ in found:
        size = 0 if stored is None else stored.size
        bill.add(table_name, UNITS_FACTOR * read_units(size, consistent=True))
    responses = [b"{}" if item is None else b'{"Item":%s}' % item for _, _, item in found]
    answer = orjson.dumps(extras(bill.capacities(mode, "Read")))
    return b'{"Responses":[' + b",".join(responses) + b"]" + (b"}" if answer == b"{}" else b"," + answer[1:])


def _parse_get(request: dict[str, Any]) -> Get:
    bound = substitutions(request, "ProjectionExpression")
    key, _ = parse_item(request["Key"])
    text = request.get("ProjectionExpression")
    projection = None if text is None else bind_projection(text, bound)
    bound.refuse_unused()
    return Get(request["TableName"], key, projection)


def read_together(view: View, gets: list[Get]) -> list[Found]:
    """Read items of one moment.

    The view must be a snapshot. Raises: ResourceNotFoundException, ValidationException, TransactionCanceledException.
    """
    tables = [find_table(view.catalog, get.table_name) for get in gets]
    faults: dict[int, ValidationException] = {}
    for number, (get, table) in enumerate(zip(gets, tables, strict=True)):
        try:
            check_key(table.schema, get.key)
            if get.projection is not None:
                refuse_key_paths(table, get.projection.paths)
        except ValidationException as error:
            faults[number] = error
    if faults:
        raise cancelled(len(gets), faults)
    keys = [encode_key(table.schema, get.key) for get, table in zip(gets, tables, strict=True)]
    if len({(table.id, key) for table, key in zip(tables, keys, strict=True)}) < len(keys):
        raise ValidationException(DUPLICATES)
    found = [items.fetch(view.cursor, table.id, key) for table, key in zip(tables, keys, strict=True)]
    if sum(0 if stored is None else stored.size for stored in found) > MAX_BYTES:
        raise ValidationException(TOO_LARGE)
    return [
        Found(get.table_name, stored, _projected(stored, get.projection))
        for get, stored in zip(gets, found, strict=True)
    ]


def _projected(stored: StoredItem | None, projection: Projecting | None) -> bytes | None:
    if stored is None or projection is None:
        return None if stored is None else stored.item
    item = projection.apply(stored.content)
    return canonical_bytes(item) if item else None
