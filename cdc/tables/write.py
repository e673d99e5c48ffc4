"""Writes of single items: PutItem, UpdateItem, DeleteItem, and the one place where an item changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.expressions import Update, bind_update
from cdc.model.errors import ValidationException
from cdc.model.keys import check_item_keys, check_key, encode_key, key_of
from cdc.model.values import INVALID, MAX_ITEM_BYTES, Item, canonical_bytes, item_size, load_item, parse_item
from cdc.store import items
from cdc.store.reading import Write
from cdc.streams.capture import capture
from cdc.tables import shapes
from cdc.tables.capacity import consumed, write_units
from cdc.tables.requests import answer, bind_optional, find_table, of_shape, refuse_key_paths, require, substitutions

if TYPE_CHECKING:
    from cdc.model.catalog import Table
    from cdc.model.options import Options
    from cdc.store.items import StoredItem
    from cdc.store.transaction import Transaction


def change_item(
    transaction: Transaction,
    table: Table,
    key: bytes,
    keys: Item,
    old: StoredItem | None,
    new: tuple[bytes, int] | None,
) -> None:
    """Bring one item from `old` to `new` (canonical bytes and size), with its stream record, on the open transaction.

    A change to the identical item changes nothing and makes no record.
    """
    if new is None:
        if old is None:
            return
        items.remove(transaction, table.id, old)
    elif old is not None and old.item == new[0]:
        return
    else:
        items.put(transaction, table.id, key, new[0], new[1], old)
    if table.stream is not None:
        before = None if old is None else (old.item, old.size)
        capture(transaction, table.stream, key, keys, before, new)


@of_shape(shapes.PUT_ITEM)
def put_item(request: dict[str, Any], _options: Options) -> Write:
    """Check a PutItem. DynamoDB: PutItem."""
    bound = substitutions(request, "ConditionExpression", wraps_null=False)
    item, size = parse_item(request["Item"])
    returns = _returns_old(request)
    check_item_size(size)
    condition = bind_optional(request.get("ConditionExpression"), bound)
    bound.refuse_unused()
    stored = canonical_bytes(item)
    show_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    name, mode = request["TableName"], request.get("ReturnConsumedCapacity")

    def run(transaction: Transaction) -> bytes:
        table = find_table(transaction.catalog, name)
        schema = table.schema
        check_item_keys(schema, item)
        if condition is not None:
            refuse_key_paths(schema, condition.paths)
        key = encode_key(schema, item)
        old = items.fetch(transaction.cursor, table.id, key)
        require(condition, old, show_item=show_item)
        change_item(transaction, table, key, key_of(schema, item), old, (stored, size))
        units = write_units(max(size, old.size if old is not None else 0))
        attributes = old.item if returns and old is not None else None
        return answer(attributes, consumed(mode, table.name, units))

    return Write(run, len(stored))


@of_shape(shapes.DELETE_ITEM)
def delete_item(request: dict[str, Any], _options: Options) -> Write:
    """Check a DeleteItem. DynamoDB: DeleteItem."""
    bound = substitutions(request, "ConditionExpression")
    keys, _ = parse_item(request["Key"])
    returns = _returns_old(request)
    condition = bind_optional(request.get("ConditionExpression"), bound)
    bound.refuse_unused()
    show_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    name, mode = request["TableName"], request.get("ReturnConsumedCapacity")

    def run(transaction: Transaction) -> bytes:
        table = find_table(transaction.catalog, name)
        check_key(table.schema, keys)
        if condition is not None:
            refuse_key_paths(table.schema, condition.paths)
        key = encode_key(table.schema, keys)
        old = items.fetch(transaction.cursor, table.id, key)
        require(condition, old, show_item=show_item)
        change_item(transaction, table, key, keys, old, None)
        units = write_units(old.size if old is not None else 0)
        attributes = old.item if returns and old is not None else None
        return answer(attributes, consumed(mode, table.name, units))

    return Write(run)


@of_shape(shapes.UPDATE_ITEM)
def update_item(request: dict[str, Any], _options: Options) -> Write:
    """Check an UpdateItem. DynamoDB: UpdateItem."""
    bound = substitutions(request, "UpdateExpression", "ConditionExpression", wraps_null=False)
    keys, _ = parse_item(request["Key"])
    text = request.get("UpdateExpression")
    update = None if text is None else bind_update(text, bound)
    condition = bind_optional(request.get("ConditionExpression"), bound)
    bound.refuse_unused()
    show_item = request.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
    name, mode = request["TableName"], request.get("ReturnConsumedCapacity")
    returns = request.get("ReturnValues", "NONE")

    def run(transaction: Transaction) -> bytes:
        table = find_table(transaction.catalog, name)
        check_key(table.schema, keys)
        if condition is not None:
            refuse_key_paths(table.schema, condition.paths)
        if update is not None:
            _refuse_key_changes(table, update)
        key = encode_key(table.schema, keys)
        old = items.fetch(transaction.cursor, table.id, key)
        require(condition, old, show_item=show_item)
        before = None if old is None else load_item(old.item)
        after = updated(keys, before, update)
        size = 0
        if after is not None:
            size = item_size(after)
            check_updated_size(size, item_size(keys), update)
            change_item(transaction, table, key, keys, old, (canonical_bytes(after), size))
        units = write_units(max(size, old.size if old is not None else 0))
        return answer(_returned(returns, update, before, after), consumed(mode, table.name, units))

    # What the expression adds is not known before it is applied; its values are a fair guess.
    return Write(run, 512)


def updated(keys: Item, before: Item | None, update: Update | None) -> Item | None:
    """Apply an update to an item, or to nothing; None when it makes no item. DynamoDB: UpdateItem upserts."""
    if before is not None:
        return before if update is None else update.apply(before)
    if update is None:
        return keys
    return update.apply(keys, exists=False) if update.creates_item else None


def check_item_size(size: int) -> None:
    """Refuse an item over 400 KB. DynamoDB: PutItem."""
    if size > MAX_ITEM_BYTES:
        raise ValidationException("Item size has exceeded the maximum allowed size")


def check_updated_size(size: int, keys_size: int, update: Update | None) -> None:
    """Refuse an update whose result, or whose result with the cost of the update, is over 400 KB."""
    cost = 0 if update is None else update.write_cost
    if max(size, size - keys_size + cost) > MAX_ITEM_BYTES:
        raise ValidationException("Item size to update has exceeded the maximum allowed size")


def _refuse_key_changes(table: Table, update: Update) -> None:
    refuse_key_paths(table.schema, (*update.paths, *update.read_paths))
    for path in update.paths:
        if path[0] in {table.schema.hash_name, table.schema.range_name}:
            raise ValidationException(f"{INVALID}Cannot update attribute {path[0]}. This attribute is part of the key")


def _returns_old(request: dict[str, Any]) -> bool:
    returns = request.get("ReturnValues", "NONE")
    if returns not in {"NONE", "ALL_OLD"}:
        raise ValidationException("ReturnValues can only be ALL_OLD or NONE")
    return bool(returns == "ALL_OLD")


def _returned(returns: str, update: Update | None, before: Item | None, after: Item | None) -> bytes | None:
    """Pick what UpdateItem's ReturnValues asks for; None when nothing remains."""
    item = before if returns.endswith("_OLD") else after
    if returns == "NONE" or item is None:
        return None
    if returns.startswith("UPDATED_"):
        item = {} if update is None else update.project(item)
    return canonical_bytes(item) if item else None
