"""What the check of a file reports, and the snapshot that it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from cdc.model import catalog as model

READ_ROWS = 256
"""Rows fetched from the driver at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """One broken invariant."""

    what: str  # the invariant, in a few words that are the same for all its violations
    where: str  # the row
    expected: str
    found: str

    @property
    def text(self) -> str:
        """The violation in one line."""
        line = f"{self.what}: {self.where}: expected {self.expected}, found {self.found}"
        return " ".join(line.split())


class Snapshot(NamedTuple):
    """What every part of the check looks at: one snapshot of the file."""

    connection: Connection
    driver: Any  # its DBAPI connection
    catalog: model.Catalog
    next_sequence: int
    last_created_ms: int
    backfilled_keys: dict[int, bytes]  # how far the indexes are that are being filled, by id
    segments: list[model.Segment]  # whose tables exist, in order of their first sequence


def broken(what: str, where: str, expected: object, found: object) -> Violation:
    """Build a violation of what was expected and found, as text."""
    return Violation(what=what, where=where, expected=str(expected), found=str(found))


def fetch(driver: Any, statement: str, parameters: tuple[Any, ...] = ()) -> Iterator[Any]:
    """Yield the rows of a prepared statement without holding them all."""
    cursor = driver.cursor()
    try:
        cursor.execute(statement, parameters)
        while rows := cursor.fetchmany(READ_ROWS):
            yield from rows
    finally:
        cursor.close()
