"""Change capture: which stream record a change of an item makes, written on the transaction that makes the change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from cdc.model.catalog import EXPIRE, INSERT, MODIFY, REMOVE
from cdc.model.values import item_size
from cdc.store import records

if TYPE_CHECKING:
    from cdc.model.catalog import Stream
    from cdc.model.values import Item
    from cdc.store.transaction import Transaction


def capture(
    transaction: Transaction,
    stream: Stream,
    key: bytes,
    keys: Item,
    old: tuple[bytes, int] | None,
    new: tuple[bytes, int] | None,
    *,
    expired: bool = False,
) -> None:
    """Append the record of one item's change from `old` to `new`, each canonical bytes with their size, or None.

    `key` is the encoded key, `keys` the key attributes; `expired` if it was TTL that deleted the item. The caller has made
    sure that the two differ.
    (DynamoDB Streams: StreamRecord; SizeBytes counts keys and the images that the view type includes.)
    """
    size_bytes = item_size(keys)
    parts = [b'{"Keys":', orjson.dumps(keys)]
    if new is not None and stream.shows_new:
        parts += (b',"NewImage":', new[0])
        size_bytes += new[1]
    if old is not None and stream.shows_old:
        parts += (b',"OldImage":', old[0])
        size_bytes += old[1]
    parts.append(b"}")
    removal = EXPIRE if expired else REMOVE
    kind = removal if new is None else INSERT if old is None else MODIFY
    records.append(transaction, stream.shard_of(key).id, stream.retention_seconds, kind, size_bytes, b"".join(parts))
