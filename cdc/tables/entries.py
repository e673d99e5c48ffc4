"""Index entries of a write: what the change of an item makes of them, on the transaction that changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cdc.model.errors import ValidationException
from cdc.model.indexes import entry_at, entry_of, entry_size
from cdc.model.values import MAX_ITEM_BYTES
from cdc.store.index_items import change_entry
from cdc.tables.capacity import write_units

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.model.catalog import Table
    from cdc.model.indexes import Index
    from cdc.model.values import Item
    from cdc.store.transaction import Transaction

IndexUnits: TypeAlias = "list[tuple[Index, float]]"
"""The indexes that a write touched, each with the units that it consumed there."""


def change_entries(
    transaction: Transaction,
    table: Table,
    key: bytes,
    item_id: int,
    old: tuple[Item, int] | None,
    new: tuple[Item, int] | None,
) -> IndexUnits:
    """Bring the entries of one item, under its encoded key, from `old` to `new`: items with their sizes.

    DynamoDB: secondary indexes, write capacity.
    """
    touched: IndexUnits = []
    for index in table.indexes:
        if old is None:
            units = _add(transaction, index, key, item_id, new)
        elif new is None:
            units = _take(transaction, index, key, item_id, old)
        else:
            units = _change(transaction, index, key, item_id, old, new)
        if units:
            touched.append((index, units))
    return touched


def _add(transaction: Transaction, index: Index, key: bytes, item_id: int, new: tuple[Item, int] | None) -> float:
    assert new is not None
    entry = entry_of(index, *new, key)
    if entry is None:
        return 0
    change_entry(transaction, index, key, item_id, None, entry)
    return write_units(entry.size)


def _take(transaction: Transaction, index: Index, key: bytes, item_id: int, old: tuple[Item, int]) -> float:
    at = index.encode_key(old[0], key)
    if at is None:
        return 0
    size = entry_size(index, *old)
    change_entry(transaction, index, key, item_id, (at, size), None)
    return write_units(size)


def _change(
    transaction: Transaction, index: Index, key: bytes, item_id: int, old: tuple[Item, int], new: tuple[Item, int]
) -> float:
    before, after = old[0], new[0]
    moves = _differ(before, after, index.own_names)
    if not moves and not index.whole_items and not _differ(before, after, index.included):
        return 0
    at = index.encode_key(before, key)
    if at is None:
        return _add(transaction, index, key, item_id, new) if moves else 0
    size = entry_size(index, *old)
    entry = entry_of(index, *new, key) if moves else entry_at(index, *new, at)
    change_entry(transaction, index, key, item_id, (at, size), entry)
    if entry is None:
        return write_units(size)
    return write_units(size) + write_units(entry.size) if moves else write_units(max(size, entry.size))


def _differ(before: Item, after: Item, names: Iterable[str]) -> bool:
    for name in names:  # noqa: SIM110  # every write goes through it; a generator costs as much as the comparisons
        if before.get(name) != after.get(name):
            return True
    return False


def check_local_sizes(table: Table, item: Item, size: int, key: bytes, message: str) -> None:
    """Refuse an item that is over 400 KB together with its entries in local indexes.

    Raises: ValidationException with `message`. (DynamoDB: limits, item size with local secondary indexes.)
    """
    if not table.has_local_indexes or size * (1 + len(table.indexes)) <= MAX_ITEM_BYTES:
        return
    entries = [entry_of(index, item, size, key) for index in table.indexes if index.local]
    if size + sum(entry.size for entry in entries if entry is not None) > MAX_ITEM_BYTES:
        raise ValidationException(message)
