"""Item collections: the items of one partition key in a table with local indexes, and what is said of their size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cdc.store import catalog

if TYPE_CHECKING:
    from cdc.model.catalog import Table
    from cdc.model.values import Item
    from cdc.store.transaction import Transaction

GB = 1 << 30


def collection_metrics(transaction: Transaction, table: Table, item: Item) -> dict[str, Any] | None:
    """Describe the collection of an item or key; None for a table without local indexes.

    The bounds are those of all that the table and its local indexes hold together, which costs no look at the items
    and is true of each collection in it. (DynamoDB: ItemCollectionMetrics.)
    """
    if not table.has_local_indexes:
        return None
    name = table.schema.hash_name
    _, size_bytes = catalog.fetch_table_size(transaction.cursor, table.id)
    sizes = catalog.fetch_index_sizes(transaction.cursor, table.id)
    size_bytes += sum(sizes[index.id][1] for index in table.indexes if index.local)
    return {
        "ItemCollectionKey": {name: item[name]},
        "SizeEstimateRangeGB": [0.0, float(max(1, -(-size_bytes // GB)))],
    }


class CollectionMetrics:
    """The collections that a request of several writes touches, by table."""

    def __init__(self) -> None:
        self.by_table: dict[str, list[dict[str, Any]]] = {}

    def add(self, transaction: Transaction, table: Table, item: Item) -> None:
        """Note the collection of an item or key, once."""
        metrics = collection_metrics(transaction, table, item)
        if metrics is not None:
            listed = self.by_table.setdefault(table.name, [])
            if metrics not in listed:
                listed.append(metrics)
