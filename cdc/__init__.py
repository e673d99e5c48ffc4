"""DynamoDB tables, Streams and Lambda triggers on one machine, in one SQLite file, durably."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from cdc.service import Service

__all__ = ["open"]


def open(  # noqa: A001  # it is called as cdc.open
    path: str | os.PathLike[str], *, retention_hours: float = 24, shards: int | None = None
) -> Service:
    """Open a database file for use in this process, without a daemon; it is created when missing.

    A daemon on the same file delivers what is written here a few milliseconds later. `retention_hours` and `shards`
    (None: as DynamoDB, 4 for an on-demand table) apply to streams enabled through this service.

    Raises: cdc.store.sqlite.StoreError, with one line that says what to do.
    """
    from cdc.service import Options, open_service  # noqa: PLC0415  # `import cdc` costs nothing until it is used

    return open_service(Path(path), Options(retention_seconds=round(retention_hours * 3600), shards=shards))
