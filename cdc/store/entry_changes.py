"""What the writes of one transaction make of index entries: gathered, and written together in the order of the keys.

Statements that follow each other, and go through an index in its order, cost half of the same ones between other work.
An entry that several writes of a commit change is written once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import bindparam, delete, insert, update

from cdc.store.schema import index_items
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from sqlalchemy import BindParameter

GATHERED = 1000
"""Entries that are gathered at most: some 10 ms of work, which the writer's look at the time comes after."""

StoredEntry: TypeAlias = tuple[bytes, int, int, int, bytes | None]
"""Key, the item's row, size, CRC, and what is included."""

_of_key = (index_items.c.index_id == bindparam("index"), index_items.c.key == bindparam("at"))
_values: dict[str, BindParameter[Any]] = {
    "key": bindparam("key"),
    "item_id": bindparam("item"),
    "size": bindparam("size"),
    "crc": bindparam("crc"),
    "included": bindparam("included"),
}
_ROW = ("key", "item", "size", "crc", "included")
_insert = insert(index_items).values(index_id=bindparam("index"), **_values)
_INSERT = prepare(_insert, "index", *_ROW)
INSERT_NEW = prepare(_insert.prefix_with("OR IGNORE"), "index", *_ROW)
_REPLACE = prepare(_insert.prefix_with("OR REPLACE"), "index", *_ROW)
_MOVE = prepare(update(index_items).where(*_of_key).values(**_values), *_ROW, "index", "at")
DELETE = prepare(delete(index_items).where(*_of_key), "index", "at")


class EntryChanges:
    """The changes that are not written yet: of each item in each index, the key that is stored and the entry to be."""

    def __init__(self) -> None:
        self._changes: dict[tuple[int, bytes], tuple[bytes | None, StoredEntry | None]] = {}

    def add(self, cursor: Any, index_id: int, item_key: bytes, old_key: bytes | None, new: StoredEntry | None) -> None:
        """Note that an item's entry went from `old_key` to `new`, where None is no entry; write when there are many."""
        of_item = (index_id, item_key)
        before = self._changes.get(of_item)
        self._changes[of_item] = (old_key if before is None else before[0], new)
        if len(self._changes) >= GATHERED:
            self.write(cursor)

    def write(self, cursor: Any) -> None:
        """Bring what was gathered into the file."""
        if not self._changes:
            return
        gone, added, same, moved = [], [], [], []
        for (index_id, _), (key, new) in self._changes.items():
            if key is None:
                if new is not None:
                    added.append((index_id, *new))
            elif new is None:
                gone.append((index_id, key))
            elif new[0] == key:
                same.append((index_id, *new))
            else:
                moved.append((*new, index_id, key))
        self._changes.clear()
        cursor.executemany(DELETE, sorted(gone))
        cursor.executemany(_INSERT, sorted(added))  # no two have the same index and key
        cursor.executemany(_REPLACE, sorted(same))
        cursor.executemany(_MOVE, sorted(moved, key=_place))
        if cursor.rowcount < len(moved):  # an entry was missing, which its item's next change mends
            cursor.executemany(INSERT_NEW, [(index_id, *row) for *row, index_id, _ in moved])


def _place(change: tuple[Any, ...]) -> tuple[int, bytes]:
    return change[-2:]
