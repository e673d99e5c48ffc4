"""One database file: opening, migrating, and the two engines that reach it."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import create_engine, event, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from cdc.model.errors import ServiceUnavailable
from cdc.store import schema
from cdc.store.sqlite import (
    APPLICATION_ID,
    BUSY_TIMEOUT_MS,
    PAGE_BYTES,
    StoreError,
    check_library,
    configure,
    dbapi2,
    is_environment,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

MANUAL_BEGIN = "cdc_manual_begin"
"""Execution option of a connection whose user begins transactions on the driver's cursor."""

SHARED_MEMORY_BYTES = 64 << 10
"""Of disk space that SQLite needs to open a file of any size: its index of the WAL begins with 32 KB."""
CREATE_ATTEMPTS = 100
"""How often a new file is put in WAL mode while other processes, at the same moment, are doing the same."""


_forks = 0
"""How often this process is the child of one that had loaded this module."""


def _note_fork() -> None:
    global _forks  # noqa: PLW0603  # there is one process
    _forks += 1


os.register_at_fork(after_in_child=_note_fork)


class Database:
    """An open database file. Close it when done; use one per process and file."""

    def __init__(self, path: Path, writer_engine: Engine, reader_engine: Engine) -> None:
        self.path = path
        self.writer_engine = writer_engine
        self.reader_engine = reader_engine
        self._local = threading.local()
        self._open_readers: list[Any] = []
        self._lock = threading.Lock()
        self._closed = False
        self._forks = _forks

    def check_usable(self) -> None:
        """Raise ServiceUnavailable when the file was closed, or opened by the process that this one was forked from."""
        if self._closed:
            raise ServiceUnavailable("The database is closed")
        if self._forks != _forks:
            raise ServiceUnavailable(f"{self.path} was opened before this process was forked; open it again after that")

    def reader(self) -> Any:
        """Return this thread's DBAPI connection for reads outside any transaction.

        Exhaust or close every cursor: an unfinished statement pins the WAL.
        """
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _connect(self.path)
            with self._lock:
                self._open_readers.append(connection)
        return connection

    def reader_cursor(self) -> Any:
        """Return this thread's cursor for reads that fetch all rows at once; making one for each costs 1.3 µs."""
        cursor = getattr(self._local, "cursor", None)
        if cursor is None:
            cursor = self._local.cursor = self.reader().cursor()
        return cursor

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a SQLAlchemy connection whose reads see one snapshot."""
        with self.reader_engine.begin() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection of this process to the file."""
        self._closed = True
        with self._lock:
            for connection in self._open_readers:
                connection.close()
            self._open_readers.clear()
        self.reader_engine.dispose()
        self.writer_engine.dispose()


def open_database(path: Path) -> Database:
    """Open `path`, create it when missing, and migrate it to this code's schema.

    Raises: StoreError, with one line that says what to do.
    """
    check_library()
    _check_place(path)
    try:
        _prepare_file(path)
        database = Database(path, _engine(path, "BEGIN IMMEDIATE"), _engine(path, "BEGIN"))
        try:
            _migrate(database)
        except BaseException:
            database.close()
            raise
    except (DBAPIError, dbapi2.Error) as error:
        raise _explain(path, error) from error
    return database


def _connect(path: Path) -> Any:
    connection = dbapi2.connect(
        os.fspath(path),
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_MS / 1000,
        cached_statements=512,
    )
    try:
        configure(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _engine(path: Path, begin: str) -> Engine:
    """Build an engine whose transactions start with `begin`; a hook on one shared engine would make reads lock."""
    engine = create_engine("sqlite+pysqlite://", module=dbapi2, creator=lambda: _connect(path), poolclass=NullPool)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if not connection.get_execution_options().get(MANUAL_BEGIN):
            connection.exec_driver_sql(begin)

    return engine


def _check_place(path: Path) -> None:
    folder = path.parent
    if not folder.is_dir():
        raise StoreError(f"the folder {folder} does not exist: create it, or name another file with --database")
    if path.is_dir():
        raise StoreError(f"{path} is a folder: name a file in it with --database")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise StoreError(f"{path} can't be read and written by this user: change its permissions or owner")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StoreError(f"the folder {folder} is read-only for this user: SQLite must create files beside {path.name}")


def _prepare_file(path: Path) -> None:
    """Refuse a file that is not ours; give a new one its page size, which can't be changed later."""
    connection = dbapi2.connect(os.fspath(path), isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
    try:
        connection.execute("BEGIN")  # one snapshot: another process may be creating the file now
        application_id = connection.execute("PRAGMA application_id").fetchone()[0]
        empty = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
        connection.execute("COMMIT")
        if application_id == 0 and empty:
            connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
            _enter_wal(connection)
            if connection.execute("PRAGMA page_size").fetchone()[0] != PAGE_BYTES:
                raise StoreError(f"{path} is an empty SQLite file with another page size: remove it, then try again")
        elif application_id != APPLICATION_ID:
            raise StoreError(f"{path} is a SQLite file of another program: name another file with --database")
    finally:
        connection.close()


def _enter_wal(connection: Any) -> None:
    """Put a new file in WAL mode. SQLite does not wait there for another process that is doing the same."""
    for attempt in range(1, CREATE_ATTEMPTS + 1):
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
        except dbapi2.OperationalError as error:
            if attempt == CREATE_ATTEMPTS or not is_environment(error):
                raise
            connection.execute("BEGIN IMMEDIATE")  # this waits
            connection.execute("ROLLBACK")
        else:
            return


def _migrate(database: Database) -> None:
    with database.reading() as connection:
        found = _revision(connection)
    if found == schema.REVISION:
        return
    # Importing Alembic costs 160 ms: only when there is something to migrate.
    from cdc.store.migrations import known_revisions, upgrade  # noqa: PLC0415

    if found is not None and found not in known_revisions():
        raise StoreError(
            f"{database.path} was written by a newer version of cdc (schema {found}, this one knows "
            f"{schema.REVISION}): upgrade with pip install -U durable-cdc"
        )
    with database.writer_engine.begin() as connection:
        if _revision(connection) != schema.REVISION:  # another process may have been faster
            upgrade(connection)
            connection.execute(text(f"PRAGMA application_id={APPLICATION_ID}"))


def _revision(connection: Connection) -> str | None:
    exists = connection.execute(text("SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'")).first()
    if exists is None:
        return None
    row = connection.execute(select(text("version_num")).select_from(text("alembic_version"))).first()
    return None if row is None else str(row[0])


def _explain(path: Path, error: Exception) -> StoreError:
    message = str(getattr(error, "orig", None) or error)
    if "locked" in message or "busy" in message:
        return StoreError(f"{path} is locked by another program: close the program that holds it, then try again")
    if "not a database" in message:
        return StoreError(f"{path} is not a SQLite file: name another file with --database")
    if "readonly" in message or "unable to open" in message:
        return StoreError(f"{path} can't be opened for writing ({message}): check the permissions of it and its folder")
    if "full" in message:
        return StoreError(f"no space left for {path}: free some disk space, then try again")
    if is_environment(error) and shutil.disk_usage(path.parent).free < SHARED_MEMORY_BYTES:
        return StoreError(f"no space left for the files that SQLite keeps beside {path}: free some, then try again")
    return StoreError(f"{path} can't be opened: {message}; run cdc check on it, or restore a copy")
