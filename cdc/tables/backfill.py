"""Filling an index that was added to a table with items: a small write at a time, beside everything else.

Where it has come to is stored with each write, so that it goes on after a restart or a crash.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING

from cdc.store.index_items import backfill_some

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog, Table
    from cdc.model.indexes import Index
    from cdc.store.reading import Reader
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Writer

log = logging.getLogger(__name__)


def backfill_step(writer: Writer, reader: Reader) -> bool:
    """Give some more items their entries in an index, in one write of some 5 ms; return whether there was such an index.

    Raises: InternalServerError when an item is damaged: the index is not complete without it, and goes on being filled
    when it is gone.
    """
    wanting = _wanting(reader.view().catalog)
    if wanting is None:
        return False
    table, index = wanting
    if writer.call(partial(_advance, index_id=index.id)):
        log.info("index %s of table %s has all its entries", index.name, table.name)
    return True


def _wanting(catalog: Catalog, index_id: int | None = None) -> tuple[Table, Index] | None:
    """Find an index, a certain one or any, that items still have to be put in."""
    for table in catalog.tables.values():
        for index in table.indexes:
            if index.backfilling and index_id in {None, index.id}:
                return table, index
    return None


def _advance(transaction: Transaction, index_id: int) -> bool:
    """Take an index some items further, unless it has been deleted or finished meanwhile; return whether it is complete."""
    wanting = _wanting(transaction.catalog, index_id)
    if wanting is None:
        return False
    backfill_some(transaction, *wanting)
    return _wanting(transaction.catalog, index_id) is None
