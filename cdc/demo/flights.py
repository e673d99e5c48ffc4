"""Flights as items: keyed by carrier, and by departure with flight number and origin, as those alone collide."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from cdc.demo.errors import DemoError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Image = Mapping[str, Mapping[str, Any]]  # an item as DynamoDB writes it

TABLE = "flights"
CORRECTED_EVERY = 10
"""One flight in so many gets its delay corrected by an update."""
CORRECTION_MINUTES = 5
CHUNK_FLIGHTS = 25
"""The bound of BatchWriteItem."""

PUT = "INSERT, revision 1"
CORRECTED = "MODIFY, revision 2"
REMOVED = "REMOVE, revision 1"
"""What a write is called in acknowledgements and in the stream alike; a revision is counted up by each write of an item."""

_NUMBERS = {
    "flight": "flight",
    "dep_delay": "departure_delay",
    "arr_delay": "arrival_delay",
    "air_time": "air_time",
    "distance": "distance",
}
_TEXTS = {"origin": "origin", "dest": "destination", "tailnum": "tail_number"}
_MISSING = {"", "NA"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Flight:
    """One row, and what is done with it."""

    key: str  # both parts of the primary key, for humans and for comparisons
    item: dict[str, dict[str, str]]
    corrected: bool
    cancelled: bool

    @property
    def keys(self) -> dict[str, dict[str, str]]:
        """The primary key."""
        return {name: self.item[name] for name in ("carrier", "departure")}


def flights(lines: Iterable[str]) -> Iterator[Flight]:
    """Turn the lines of flights.csv, header first, into flights.

    Raises: DemoError for a row that can't be one, or that has the key of an earlier row.
    """
    seen: set[str] = set()
    for number, row in enumerate(csv.DictReader(lines), start=1):
        try:
            item = _item(row)
        except (KeyError, ValueError, TypeError) as error:
            raise DemoError(f"row {number} is no flight ({type(error).__name__}: {error}): {row}") from error
        key = key_of(item)
        if key in seen:
            raise DemoError(
                f"row {number} has the carrier, departure, flight number and origin of an earlier row: {key}"
            )
        seen.add(key)
        cancelled = row["dep_time"] in _MISSING
        yield Flight(key=key, item=item, cancelled=cancelled, corrected=number % CORRECTED_EVERY == 0 and not cancelled)


def _item(row: Mapping[str, str]) -> dict[str, dict[str, str]]:
    time = int(row["sched_dep_time"])
    day = f"{int(row['year'])}-{int(row['month']):02}-{int(row['day']):02}T{time // 100:02}:{time % 100:02}"
    item = {
        "carrier": {"S": row["carrier"]},
        "departure": {"S": f"{day} {int(row['flight'])} {row['origin']}"},
        "revision": {"N": "1"},
    }
    item |= {name: {"N": str(int(row[column]))} for column, name in _NUMBERS.items() if row[column] not in _MISSING}
    return item | {name: {"S": row[column]} for column, name in _TEXTS.items() if row[column] not in _MISSING}


def chunks(stream: Iterator[Flight]) -> Iterator[list[Flight]]:
    """Cut flights into batches that one BatchWriteItem takes."""
    while chunk := list(islice(stream, CHUNK_FLIGHTS)):
        yield chunk


def key_of(image: Image) -> str:
    """Write the primary key of an item as one text. Kept once, however many sides of a comparison hold it."""
    return sys.intern(f"{image['carrier']['S']} {image['departure']['S']}")


def change_of(record: Mapping[str, Any]) -> str:
    """Call a stream record as its write was called."""
    images = record["dynamodb"]
    image = images.get("NewImage") or images["OldImage"]
    return sys.intern(f"{record['eventName']}, revision {image['revision']['N']}")


class Totals:
    """Flights, minutes of departure delay and minutes of arrival delay, for each carrier."""

    def __init__(self) -> None:
        self._flights: Counter[str] = Counter()
        self._departure: Counter[str] = Counter()
        self._arrival: Counter[str] = Counter()

    def add(self, image: Image) -> None:
        """Count one flight."""
        carrier = image["carrier"]["S"]
        self._flights[carrier] += 1
        self._departure[carrier] += int(image.get("departure_delay", {"N": 0})["N"])
        self._arrival[carrier] += int(image.get("arrival_delay", {"N": 0})["N"])

    def numbers(self) -> dict[str, tuple[int, int, int]]:
        """Return the three numbers of each carrier."""
        return {
            carrier: (count, self._departure[carrier], self._arrival[carrier])
            for carrier, count in sorted(self._flights.items())
        }
