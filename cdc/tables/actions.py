"""Writes of one item as values: what a request asks for, checked as far as it can be without the file.

Single operations, batches, transactions and PartiQL share them. Each is held against the table (`locate`), then against
the stored item (`require`), then says what the item shall be (`result`); only then does a row change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from cdc.model.errors import ConditionalCheckFailedException, Family, ValidationException
from cdc.model.keys import check_item_keys, check_key, encode_key
from cdc.model.values import INVALID, MAX_ITEM_BYTES, Item, canonical_bytes, item_size, parse_item
from cdc.tables.entries import check_local_sizes
from cdc.tables.index_keys import check_put_index_keys, check_set_index_keys, check_updated_index_keys
from cdc.tables.requests import refuse_key_paths

if TYPE_CHECKING:
    from cdc.expressions import Condition, Update
    from cdc.model.catalog import Table
    from cdc.store.items import StoredItem

ITEM_TOO_LARGE = "Item size has exceeded the maximum allowed size"
UPDATE_TOO_LARGE = "Item size to update has exceeded the maximum allowed size"


class Image(NamedTuple):
    """An item as it shall be stored."""

    item: Item
    stored: bytes  # canonical
    size: int


class Put(NamedTuple):
    """Puts a whole item in the place of what is there."""

    table_name: str
    image: Image
    condition: Condition | None = None
    show_item: bool = False  # in the error when the condition fails

    def locate(self, table: Table) -> bytes:
        """Check the item against the table's keys and indexes; return the encoded key. Raises ValidationException."""
        schema = table.schema
        item = self.image.item
        check_item_keys(schema, item)
        key = encode_key(schema, item)
        if table.indexes:
            check_put_index_keys(table, item)
            check_local_sizes(table, item, self.image.size, key, ITEM_TOO_LARGE)
        if self.condition is not None:
            refuse_key_paths(table, self.condition.paths)
        return key

    @property
    def key(self) -> Item:
        """The item, which has the key in it."""
        return self.image.item

    def result(self, table: Table, key: bytes, old: StoredItem | None) -> Image:  # noqa: ARG002  # as all actions
        """Return what the item shall be."""
        return self.image


class Delete(NamedTuple):
    """Deletes an item, if it is there."""

    table_name: str
    key: Item
    condition: Condition | None = None
    show_item: bool = False

    def locate(self, table: Table) -> bytes:
        """Check the key against the table; return it encoded. Raises ValidationException."""
        return _locate_key(table, self.key, self.condition)

    def result(self, table: Table, key: bytes, old: StoredItem | None) -> None:
        """Return that there shall be no item."""


class Change(NamedTuple):
    """Updates an item, or makes one. Without an update it makes one of the key alone."""

    table_name: str
    key: Item
    update: Update | None
    condition: Condition | None = None
    show_item: bool = False
    counts_cost: bool = False  # whether what the update costs counts towards the size limit, as in UpdateItem alone

    def locate(self, table: Table) -> bytes:
        """Check key and update against the table's keys and indexes; return the encoded key. Raises ValidationException."""
        key = _locate_key(table, self.key, self.condition)
        if self.update is not None:
            _refuse_key_changes(table, self.update)
            if table.indexes:
                check_set_index_keys(table, self.update)
        return key

    def result(self, table: Table, key: bytes, old: StoredItem | None) -> Image | None:
        """Return what the item shall be; None when there is none and the update makes none. Raises ValidationException."""
        item = updated(self.key, None if old is None else old.content, self.update)
        if item is None:
            return None
        size = item_size(item)
        check_updated_size(size, item_size(self.key), self.update if self.counts_cost else None)
        if table.indexes and self.update is not None:
            check_updated_index_keys(table, self.update, item)
            check_local_sizes(table, item, size, key, UPDATE_TOO_LARGE)
        return Image(item, canonical_bytes(item), size)


class Check(NamedTuple):
    """Holds a condition against an item that stays as it is; in transactions alone."""

    table_name: str
    key: Item
    condition: Condition
    show_item: bool = False

    def locate(self, table: Table) -> bytes:
        """Check the key against the table; return it encoded. Raises ValidationException."""
        return _locate_key(table, self.key, self.condition)


Action: TypeAlias = Put | Delete | Change
"""A write of one item."""


def image_of(raw_item: object) -> Image:
    """Check an item from the wire; its size is the caller's to check. Raises as `parse_item`."""
    try:
        item, size = parse_item(raw_item)
    except ValidationException as error:
        if error.family is Family.SET:
            error.family = Family.REQUEST
        raise
    return Image(item, canonical_bytes(item), size)


def require(action: Action | Check, old: StoredItem | None) -> None:
    """Hold an action's condition, if it has one, against the stored item; a missing one counts as empty.

    Raises: ConditionalCheckFailedException, with the item when the action says so and there is one.
    """
    if action.condition is not None and not action.condition.matches({} if old is None else old.content):
        if action.show_item and old is not None:
            raise ConditionalCheckFailedException(Item=old.content)
        raise ConditionalCheckFailedException


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
        raise ValidationException(ITEM_TOO_LARGE)


def check_updated_size(size: int, keys_size: int, update: Update | None) -> None:
    """Refuse an update whose result, or whose result with the cost of the update, is over 400 KB."""
    cost = 0 if update is None else update.write_cost
    if max(size, size - keys_size + cost) > MAX_ITEM_BYTES:
        raise ValidationException(UPDATE_TOO_LARGE)


def _locate_key(table: Table, key: Item, condition: Condition | None) -> bytes:
    check_key(table.schema, key)
    if condition is not None:
        refuse_key_paths(table, condition.paths)
    return encode_key(table.schema, key)


def _refuse_key_changes(table: Table, update: Update) -> None:
    refuse_key_paths(table, (*update.paths, *update.read_paths))
    for path in update.paths:
        if path[0] in {table.schema.hash_name, table.schema.range_name}:
            raise ValidationException(f"{INVALID}Cannot update attribute {path[0]}. This attribute is part of the key")
