"""What other connections committed: noticing that the file changed, and in which shards."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from cdc.store import schema
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from cdc.model.catalog import Catalog


def data_version(connection: Any) -> int:
    """Read a number that changes whenever another connection, of this process or another, has committed."""
    return int(connection.execute("PRAGMA data_version").fetchall()[0][0])


def newest_after(connection: Any, catalog: Catalog, after: int) -> dict[int, int]:
    """Find the shards that got records newer than the sequence `after`, each with its newest; costs a look at each."""
    newest: dict[int, int] = {}
    for segment in catalog.segments_between(after + 1, None):
        newest.update(connection.execute(_newest(segment.id), (after,)).fetchall())
    return newest


@lru_cache(maxsize=64)
def _newest(segment_id: int) -> str:
    column = schema.records_table(segment_id).c
    newest = func.max(column.last_sequence)
    later = select(column.shard, newest).where(column.last_sequence > bindparam("after"))
    return prepare(later.group_by(column.shard), "after")
