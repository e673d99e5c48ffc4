"""The SQLite library that the whole process uses: exactly one, new enough, with its settings checked on each connection."""

from __future__ import annotations

import os
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

try:
    from pysqlite3 import dbapi2 as dbapi2  # noqa: PLC0414  # others import it from here
except ImportError:  # no wheel for this platform: the standard library's, if it is new enough
    import sqlite3 as dbapi2

if TYPE_CHECKING:
    from collections.abc import Mapping

OLDEST_SQLITE = (3, 51, 3)
"""Older versions can corrupt a WAL file when a commit and a checkpoint meet."""

APPLICATION_ID = 0x43444321
"""`PRAGMA application_id` of our files: how a file that is not ours is told from one that is."""

PAGE_BYTES = 8192
"""Fixed when a file is made. Against 4 KB pages: 15 % less CPU a write at 1 KB items, a third less file (docs/design.md)."""

BUSY_TIMEOUT_MS = 5000
"""How long a statement waits for another process's write transaction."""

PRAGMAS: Mapping[str, tuple[str, Any]] = MappingProxyType(
    {
        "journal_mode": ("WAL", "wal"),
        "synchronous": ("FULL", 2),
        "foreign_keys": ("ON", 1),
        "busy_timeout": (str(BUSY_TIMEOUT_MS), BUSY_TIMEOUT_MS),
        "wal_autocheckpoint": ("0", 0),  # the writer checkpoints after its answers have left, not inside a commit
        "mmap_size": ("0", 0),  # an I/O error must be an error code, not a signal
        "cache_size": ("-32768", -32768),  # 32 MiB a connection
        "trusted_schema": ("OFF", 0),
    }
)
"""Setting → (what is set, what must be read back)."""

_ENVIRONMENT = frozenset({"BUSY", "LOCKED", "NOMEM", "READONLY", "INTERRUPT", "IOERR", "CORRUPT", "FULL", "CANTOPEN"})


class StoreError(Exception):
    """The file can't be used as asked; the message is one line and says what to do."""


def is_environment(error: BaseException) -> bool:
    """Tell an error of the disk, the file or a lock from one of the statement. Takes SQLAlchemy's wrapper, too."""
    name = getattr(getattr(error, "orig", error), "sqlite_errorname", "") or ""
    return name.removeprefix("SQLITE_").split("_")[0] in _ENVIRONMENT


def check_library() -> None:
    """Refuse a SQLite library that can corrupt the file, unless CDC_ALLOW_OLD_SQLITE=1 takes the risk.

    Raises: StoreError.
    """
    if dbapi2.sqlite_version_info < OLDEST_SQLITE and os.environ.get("CDC_ALLOW_OLD_SQLITE") != "1":
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise StoreError(
            f"SQLite {dbapi2.sqlite_version} can corrupt a WAL file; {oldest} or newer is needed: "
            "install pysqlite3 >= 0.6.1, or set CDC_ALLOW_OLD_SQLITE=1 to take the risk"
        )


def configure(connection: Any) -> None:
    """Set every pragma of `PRAGMAS` on a new DBAPI connection and read it back.

    Raises: StoreError when SQLite keeps another value.
    """
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")  # first: the others may have to wait
        for name, (value, expected) in PRAGMAS.items():
            cursor.execute(f"PRAGMA {name}={value}").fetchall()
            found = cursor.execute(f"PRAGMA {name}").fetchone()[0]
            if found != expected:
                raise StoreError(
                    f"SQLite keeps {name}={found!r} where {expected!r} is needed; "
                    "put the file on a local disk that supports shared memory and locks"
                )
    finally:
        cursor.close()
