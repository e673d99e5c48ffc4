"""Reads: a thread's connection with the catalogue it sees, and what an operation asks of the store."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from cdc.model.errors import ServiceError
from cdc.store.catalog import load_catalog
from cdc.store.schema import state
from cdc.store.statements import prepare

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.model.catalog import Catalog
    from cdc.store.database import Database
    from cdc.store.transaction import Transaction

_EPOCH = prepare(select(state.c.catalog_epoch))


@dataclass(frozen=True, slots=True)
class View:
    """What a read sees. Each statement sees the newest commit; a page is one statement."""

    connection: Any  # DBAPI, outside any transaction
    catalog: Catalog
    now_ms: int
    file_id: str
    secret: bytes


@dataclass(slots=True)
class Lookup:
    """A checked request for one item. `run` takes a DBAPI cursor and a catalogue that may be out of date.

    It returns the catalogue epoch that its one statement saw, and the JSON body of its answer: so the hottest read
    costs one statement instead of two.
    """

    run: Callable[[Any, Catalog], tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Read:
    """A checked request that only reads. `run` returns the JSON body of its answer."""

    run: Callable[[View], bytes]
    quick: bool = False  # a few rows at most: not worth another thread


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
        """Look at the newest commit."""
        connection = self._database.reader()
        epoch = connection.execute(_EPOCH).fetchall()[0][0]
        catalog = self._catalog
        if catalog.epoch != epoch:
            catalog = self._reload()
        return View(connection, catalog, self._clock.now_ms(), self.file_id, self.secret)

    def look_up(self, lookup: Lookup) -> bytes:
        """Run a lookup, again when the catalogue has changed under it.

        Raises: ServiceError.
        """
        cursor = self._database.reader_cursor()
        catalog = self._catalog
        while True:
            try:
                epoch, answer = lookup.run(cursor, catalog)
            except ServiceError:
                epoch = cursor.execute(_EPOCH).fetchall()[0][0]
                if epoch == catalog.epoch:
                    raise
            else:
                if epoch == catalog.epoch:
                    return answer
            catalog = self._reload()

    def _reload(self) -> Catalog:
        with self._database.reading() as connection:
            epoch = connection.execute(select(state.c.catalog_epoch)).scalar_one()
            catalog = self._catalog = load_catalog(connection, epoch)
        return catalog  # another thread may have put another one there meanwhile
