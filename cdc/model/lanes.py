"""Which lane of a shard a record belongs to: all records of one item are in the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import orjson

from cdc.model.keys import encode_scalar, hash_of

if TYPE_CHECKING:
    from cdc.model.catalog import Shard


def lane_of(change: bytes, lane_count: int) -> int:
    """Find the lane of a record by the whole key in its change (JSON with `Keys`), partition and sort key.

    Lambda: in-order processing at the item level, ParallelizationFactor.
    """
    if lane_count == 1:
        return 0
    return _number(orjson.loads(change)["Keys"]) % lane_count


def _number(keys: dict[str, Any]) -> int:
    return crc32(orjson.dumps(keys, option=orjson.OPT_SORT_KEYS))


class Place(NamedTuple):
    """Where the records of one item are: in any shard, at any time."""

    hash: int  # of the partition key
    number: int  # of the whole key

    def is_in(self, shard: Shard, lane: int, lane_count: int) -> bool:
        """Tell whether they are in a lane of a shard."""
        return shard.hash_low <= self.hash <= shard.hash_high and self.number % lane_count == lane


def place_of(keys: dict[str, Any], hash_name: str) -> Place:
    """Find the place of an item by its key, as a record has it, and the name of its partition key."""
    [(key_type, text)] = keys[hash_name].items()
    return Place(hash_of(encode_scalar(key_type, text)), _number(keys))
