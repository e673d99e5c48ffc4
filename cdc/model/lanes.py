"""Which lane of a shard a record belongs to: all records of one item are in the same."""

from __future__ import annotations

from zlib import crc32

import orjson


def lane_of(change: bytes, lane_count: int) -> int:
    """Find the lane of a record by the whole key in its change (JSON with `Keys`), partition and sort key.

    Lambda: in-order processing at the item level, ParallelizationFactor.
    """
    if lane_count == 1:
        return 0
    keys = orjson.loads(change)["Keys"]
    return crc32(orjson.dumps(keys, option=orjson.OPT_SORT_KEYS)) % lane_count
