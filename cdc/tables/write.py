"""Writes of single items: PutItem, UpdateItem, DeleteItem, and the one place where an item changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from cdc.model.errors import Family, ValidationException
from cdc.model.expiry import expires_ms
from cdc.model.keys import key_of
from cdc.model.values import Item, canonical_bytes, parse_item
from cdc.store import copies, items
from cdc.store.reading import Write
from cdc.streams.capture import capture
from cdc.tables import shapes
from cdc.tables.actions import Change, Delete, Put, check_item_size, image_of, require
from cdc.tables.capacity import consumed, write_units
from cdc.tables.entries import change_entries
from cdc.tables.item_collections import collection_metrics
from cdc.tables.legacy import item_update, write_condition
from cdc.tables.requests import answer, find_table, of_shape, substitutions

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.expressions import Update
    from cdc.model.catalog import Table
    from cdc.model.options import Options
    from cdc.store.items import StoredItem
    from cdc.store.transaction import Transaction
    from cdc.tables.actions import Action, Image
    from cdc.tables.entries import IndexUnits


class Written(NamedTuple):
    """What a write did."""

    table: Table
    old: StoredItem | None
    new: Image | None
    index_units: IndexUnits

    @property
    def units(self) -> float:
        """Units that it consumed in the table itself."""
        return write_units(larger_size(self.old, self.new))


def larger_size(old: StoredItem | None, new: Image | None) -> int:
    """Give the bytes of the larger of two images, which is what a write is charged by."""
    return max(0 if old is None else old.size, 0 if new is None else new.size)


def change_item(
    transaction: Transaction,
    table: Table,
    key: bytes,
    keyed: Item,
    old: StoredItem | None,
    new: Image | None,
    *,
    expired: bool = False,
) -> IndexUnits:
    """Bring one item from `old` to `new`, with its index entries and its stream record, on the open transaction.

    `key` is the encoded key; `keyed` has the key attributes in it. A change to the identical item changes nothing and
    makes no record. `expired` if it is TTL that deletes the item. Returns the indexes that were touched.
    """
    touched: IndexUnits = []
    if new is None:
        if old is None:
            return touched
    elif old is not None and old.item == new.stored:
        return touched
    if table.copies:
        copies.keep(transaction, table.copies, key, old)
    if new is None:
        assert old is not None
        items.remove(transaction, table.id, old)
        if table.indexes:
            touched = change_entries(transaction, table, key, old.row, (old.content, old.size), None)
    else:
        row = _put(transaction, table, key, new, old)
        if table.indexes:
            before = None if old is None else (old.content, old.size)
            touched = change_entries(transaction, table, key, row, before, (new.item, new.size))
    if table.stream is not None:
        was = None if old is None else (old.item, old.size)
        shall_be = None if new is None else (new.stored, new.size)
        capture(transaction, table.stream, key, key_of(table.schema, keyed), was, shall_be, expired=expired)
    return touched


def _put(transaction: Transaction, table: Table, key: bytes, new: Image, old: StoredItem | None) -> int:
    attribute = table.definition.ttl_attribute
    if attribute is None:
        return items.put(transaction, table.id, key, new.stored, new.size, old)
    expires = expires_ms(new.item, attribute)
    return items.put_expiring(transaction, table.id, key, new.stored, new.size, old, expires)


def perform(transaction: Transaction, action: Action) -> Written:
    """Do one write, unless its checks or its condition refuse it, which is before anything changes.

    Raises: ResourceNotFoundException, ValidationException, ConditionalCheckFailedException.
    """
    table = find_table(transaction.catalog, action.table_name)
    key = action.locate(table)
    old = items.fetch(transaction.cursor, table.id, key)
    if action.condition is not None:
        require(action, old)
    new = action.result(table, key, old)
    return Written(table, old, new, change_item(transaction, table, key, action.key, old, new))


@of_shape(shapes.PUT_ITEM, prefixes=True)
def put_item(request: dict[str, Any], _options: Options) -> Write:
    """Check a PutItem. DynamoDB: PutItem."""
    bound = substitutions(request, "ConditionExpression", legacy=("Expected",), wraps_null=False)
    image = image_of(request["Item"])
    returns = _returns_old(request)
    check_item_size(image.size)
    condition = write_condition(request, bound)
    bound.refuse_unused()
    put = Put(request["TableName"], image, condition, shows_item(request))
    return Write(_run(put, request, _old if returns else _nothing), len(image.stored))


@of_shape(shapes.DELETE_ITEM)
def delete_item(request: dict[str, Any], _options: Options) -> Write:
    """Check a DeleteItem. DynamoDB: DeleteItem."""
    bound = substitutions(request, "ConditionExpression", legacy=("Expected",))
    key, _ = parse_item(request["Key"])
    returns = _returns_old(request)
    condition = write_condition(request, bound)
    bound.refuse_unused()
    delete = Delete(request["TableName"], key, condition, shows_item(request))
    return Write(_run(delete, request, _old if returns else _nothing))


@of_shape(shapes.UPDATE_ITEM, prefixes=True)
def update_item(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateItem. DynamoDB: UpdateItem."""
    bound = substitutions(
        request,
        "UpdateExpression",
        "ConditionExpression",
        legacy=("AttributeUpdates", "Expected"),
        wraps_null=False,
    )
    key, _ = parse_item(request["Key"])
    update = item_update(request, bound)
    condition = write_condition(request, bound)
    bound.refuse_unused()
    change = Change(request["TableName"], key, update, condition, shows_item(request), counts_cost=True)
    returns = request.get("ReturnValues") or "NONE"

    def returned(written: Written) -> bytes | None:
        return returned_of(returns, update, written)

    # What the expression adds is not known before it is applied; its values are a fair guess.
    return Write(_run(change, request, _nothing if returns == "NONE" else returned), 512)


def _run(
    action: Action, request: dict[str, Any], returned: Callable[[Written], bytes | None]
) -> Callable[[Transaction], bytes]:
    """Give the work of a request for one write; `returned` picks the attributes that it answers with."""
    mode, metrics_wanted = request.get("ReturnConsumedCapacity"), request.get("ReturnItemCollectionMetrics") == "SIZE"

    def run(transaction: Transaction) -> bytes:
        written = perform(transaction, action)
        table = written.table
        capacity = None if mode is None else consumed(mode, action.table_name, written.units, written.index_units)
        metrics = collection_metrics(transaction, table, action.key) if metrics_wanted else None
        return answer(returned(written), capacity, metrics)

    return run


def _old(written: Written) -> bytes | None:
    return None if written.old is None else written.old.item


def _nothing(_written: Written) -> None:
    return None


def shows_item(request: dict[str, Any]) -> bool:
    """Tell whether a refusal by a condition shall have the item in it."""
    return bool(request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD")


def _returns_old(request: dict[str, Any]) -> bool:
    returns = request.get("ReturnValues") or "NONE"
    if returns not in {"NONE", "ALL_OLD"}:
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE", family=Family.REQUEST)
    return bool(returns == "ALL_OLD")


def returned_of(returns: str, update: Update | None, written: Written) -> bytes | None:
    """Pick what ReturnValues asks of an update; None when nothing remains. DynamoDB: UpdateItem, ReturnValues."""
    if returns.endswith("_OLD"):
        item = None if written.old is None else written.old.content
    else:
        item = None if written.new is None else written.new.item
    if item is None:
        return None
    if returns.startswith("UPDATED_"):
        item = {} if update is None else update.project(item)
    return canonical_bytes(item) if item else None
