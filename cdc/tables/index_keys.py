"""What writes demand of the values of index keys: their types, and that they are neither empty nor too long.

An attribute that is missing is fine: then the item is not in the index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.model.errors import ValidationException
from cdc.model.keys import HASH_TOO_LONG, KINDS, MAX_PARTITION_KEY_BYTES, MAX_SORT_KEY_BYTES, NOT_VALID, RANGE_TOO_LONG
from cdc.model.values import INVALID, value_size

if TYPE_CHECKING:
    from cdc.expressions import Update
    from cdc.model.catalog import Table
    from cdc.model.indexes import Index
    from cdc.model.keys import KeyAttributes
    from cdc.model.values import Item

_SHORT = MAX_SORT_KEY_BYTES // 16
"""Characters that are within the bounds, whatever bytes each takes, in each of four attributes."""
_EMPTY = "The AttributeValue for a key attribute cannot contain an empty {kind} value."
_UPDATE = "The update expression attempted to update"
_UNSUPPORTED_TYPE = f"{_UPDATE} the secondary index key to unsupported type"
_TOO_LONG = f"{_UPDATE} the secondary index key beyond allowed size limits"


def check_put_index_keys(table: Table, item: Item) -> None:
    """Check the index keys in an item that is put; the faults of the first index by name are reported.

    Raises: ValidationException. (DynamoDB: PutItem, secondary indexes.)
    """
    for index in table.indexes:
        for name, kind in index.key_attributes:
            value = item.get(name)
            if value is not None:
                text = value.get(kind)
                if not text or len(text) > _SHORT:
                    _check_put(index, item)
                    break


def _check_put(index: Index, item: Item) -> None:
    present = [(name, kind) for name, kind in index.key_attributes if name in item]
    for name, kind in present:
        _check_type(index, name, kind, item)
    for name, kind in present:
        if not item[name][kind]:
            empty = _EMPTY.format(kind=KINDS[kind])
            raise ValidationException(
                f"{NOT_VALID}A value specified for a secondary index key is not supported. {empty} "
                f"IndexName: {index.name}, IndexKey: {name}"
            )
    if _size(index.hashes, item) > MAX_PARTITION_KEY_BYTES:
        raise ValidationException(HASH_TOO_LONG)
    if _size(index.ranges, item) > MAX_SORT_KEY_BYTES:
        raise ValidationException(RANGE_TOO_LONG)


def _check_type(index: Index, name: str, kind: str, item: Item) -> None:
    if kind not in item[name]:
        [actual] = item[name]
        raise ValidationException(
            f"{INVALID}Type mismatch for Index Key {name} Expected: {kind} Actual: {actual} IndexName: {index.name}"
        )


def _size(attributes: KeyAttributes, item: Item) -> int:
    return sum(value_size(item[name]) for name, kind in attributes if kind in item.get(name, ()))


def check_set_index_keys(table: Table, update: Update) -> None:
    """Check the index keys that take values of the request in an update, for which the item need not be read.

    Raises: ValidationException. (DynamoDB: UpdateItem, secondary indexes.)
    """
    literals = update.literals
    if table.index_keys.isdisjoint(literals):
        return
    for index in table.indexes:
        for name, kind in index.key_attributes:
            if name in literals:
                _check_type(index, name, kind, literals)
                _refuse_empty(kind, literals[name][kind])


def check_updated_index_keys(table: Table, update: Update, after: Item) -> None:
    """Check the index keys that an update touched, as they have become; what was there before may stay as it is.

    Raises: ValidationException. (DynamoDB: UpdateItem, secondary indexes.)
    """
    touched = {path[0] for path in update.paths if path[0] in table.index_keys and path[0] in after}
    if not touched:
        return
    for index in table.indexes:
        mine = [(name, kind) for name, kind in index.key_attributes if name in touched]
        for name, kind in mine:
            if kind not in after[name]:
                raise ValidationException(_UNSUPPORTED_TYPE)
            _refuse_empty(kind, after[name][kind])
        if mine and (
            _size(index.hashes, after) > MAX_PARTITION_KEY_BYTES or _size(index.ranges, after) > MAX_SORT_KEY_BYTES
        ):
            raise ValidationException(_TOO_LONG)


def _refuse_empty(kind: str, text: str) -> None:
    if not text:
        empty = _EMPTY.format(kind=KINDS[kind])
        raise ValidationException(
            f"{NOT_VALID}{_UPDATE} a secondary index key to a value that is not supported. {empty}"
        )
