"""Reads: a thread's connection with the catalogue it sees, and what an operation asks of the store."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cdc.store.catalog import load_catalog
from cdc.store.schema import state
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.clock import Clock
    from cdc.model.catalog import Catalog
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction

_EPOCH = prepare(select(state.c.catalog_epoch))
_EPOCH_AND_NEXT = prepare(select(state.c.catalog_epoch, state.c.next_sequence))


@dataclass(frozen=True, slots=True)
class View:
    """What a read sees: of a snapshot, or with each statement the newest commit."""

    connection: Any  # DBAPI
    cursor: Any  # of this thread, for statements whose rows are all fetched at once; making one for each costs 1.3 µs
    catalog: Catalog
    now_ms: int
    file_id: str
    secret: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """A checked request that only reads. `run` returns the JSON body of its answer."""

    run: Callable[[View], bytes]
    quick: bool = False  # a few rows at most: not worth another thread, and sharing a snapshot with others


@dataclass(slots=True)
class Write:
    """A checked request that writes. `run` returns the JSON body of its answer."""

    run: Callable[[Transaction], bytes]
    size_bytes: int = 0  # of what it writes, about


class Reader:
    """Gives views of the file to any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        with database.reading() as connection:
            row = connection.execute(select(state)).one()
            self.file_id: str = row.file_id
            self.secret: bytes = row.secret
            self._catalog = load_catalog(connection, row.catalog_epoch)

    def view(self) -> View:
        """Look at the newest commit, and with each statement anew."""
        cursor = self._database.reader_cursor()
        epoch = cursor.execute(_EPOCH).fetchall()[0][0]
        return self._view(cursor, self._catalog if self._catalog.epoch == epoch else self._reload())

    def view_and_newest(self) -> tuple[View, int]:
        """Look at the newest commit, as `view` does; with it comes a sequence.

        Every record up to that one is committed, and in a segment that the view's catalogue knows.
        """
        cursor = self._database.reader_cursor()
        [(epoch, following)] = cursor.execute(_EPOCH_AND_NEXT).fetchall()
        return self._view(cursor, self._catalog if self._catalog.epoch == epoch else self._reload()), following - 1

    @contextmanager
    def snapshot(self) -> Iterator[View]:
        """Look at the newest commit, and at nothing newer: for reads of a page at most, as it pins the WAL."""
        cursor = self._database.reader_cursor()
        while True:
            cursor.execute("BEGIN")
            try:
                if cursor.execute(_EPOCH).fetchall()[0][0] == (catalog := self._catalog).epoch:
                    yield self._view(cursor, catalog)
                    return
            finally:
                cursor.execute("COMMIT")
            self._reload()

    def _view(self, cursor: Any, catalog: Catalog) -> View:
        return View(self._database.reader(), cursor, catalog, self._clock.now_ms(), self.file_id, self.secret)

    def _reload(self) -> Catalog:
        with self._database.reading() as connection:
            epoch = connection.execute(select(state.c.catalog_epoch)).scalar_one()
            catalog = self._catalog = load_catalog(connection, epoch)
        return catalog  # another thread may have put another one there meanwhile
