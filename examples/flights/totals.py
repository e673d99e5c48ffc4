"""A Python handler to copy from: delay totals per carrier, kept right through kills and redelivery.

Delivery is at least once: when the daemon dies between a handler's success and the checkpoint, the batch comes again. So
what was applied is remembered beside the totals, in one transaction: both are there afterwards, or neither. Several
shards are delivered at the same time, each to a process of its own, and an event does not tell its shard; but the changes
of one item arrive in their order. So the mark is kept for each item: the sequence number of the last change applied.

The totals are in a file of their own: the daemon's file is the daemon's. `python totals.py` prints them.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sqlite3
from collections import Counter, defaultdict
from typing import Any

FILE = os.environ.get("TOTALS_FILE", "totals.db")
BUSY_SECONDS = 30
"""How long to wait for the batch of another shard; below the function's timeout."""
SCHEMA = """
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS totals (
        carrier TEXT PRIMARY KEY,
        flights INTEGER NOT NULL,
        departure_delay_minutes INTEGER NOT NULL,
        arrival_delay_minutes INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS items (item TEXT PRIMARY KEY, sequence TEXT NOT NULL, applied INTEGER NOT NULL);
    CREATE TABLE IF NOT EXISTS repeated (sequence TEXT PRIMARY KEY, times INTEGER NOT NULL);
    COMMIT;
"""
"""`items` has the last sequence number applied and how many were; `repeated` names what came again and was not applied."""


@functools.cache
def database() -> sqlite3.Connection:
    """Open the file once for each process; transactions are begun and committed by hand."""
    connection = sqlite3.connect(FILE, timeout=BUSY_SECONDS, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")  # on the disk before the daemon moves its checkpoint
    connection.executescript(SCHEMA)
    return connection


def handle(event: dict[str, Any], context: object) -> None:  # Lambda's signature
    """Apply a batch as a whole, or raise and apply nothing."""
    connection = database()
    with connection:  # commits, or rolls back
        connection.execute("BEGIN IMMEDIATE")
        changed: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for record in event["Records"]:
            change = record["dynamodb"]
            if is_new(connection, change):
                totals = changed[change["Keys"]["carrier"]["S"]]
                totals.update(share(change.get("NewImage")))  # INSERT and MODIFY have one
                totals.subtract(share(change.get("OldImage")))  # MODIFY and REMOVE have one
        for carrier, totals in changed.items():
            add(connection, carrier, totals)


def is_new(connection: sqlite3.Connection, change: dict[str, Any]) -> bool:
    """Tell whether a change was not applied before, and mark it."""
    item = " ".join(change["Keys"][name]["S"] for name in ("carrier", "departure"))
    sequence = change["SequenceNumber"]
    row = connection.execute("SELECT sequence FROM items WHERE item = ?", (item,)).fetchone()
    if row is not None and int(sequence) <= int(row[0]):  # as numbers, since AWS has them of different lengths
        connection.execute(
            "INSERT INTO repeated VALUES (?, 1) ON CONFLICT (sequence) DO UPDATE SET times = times + 1", (sequence,)
        )
        return False
    connection.execute(
        "INSERT INTO items VALUES (?, ?, 1) "
        "ON CONFLICT (item) DO UPDATE SET sequence = excluded.sequence, applied = applied + 1",
        (item, sequence),
    )
    return True


def share(image: dict[str, Any] | None) -> dict[str, int]:
    """Return what one flight adds to its carrier's totals; a delay that is not known adds none."""
    if image is None:
        return {}
    delays: dict[str, int] = {
        name: int(image[name]["N"]) for name in ("departure_delay", "arrival_delay") if name in image
    }
    return {"flights": 1, **delays}


def add(connection: sqlite3.Connection, carrier: str, totals: Counter[str]) -> None:
    """Add to the totals of a carrier."""
    connection.execute(
        "INSERT INTO totals VALUES (?, ?, ?, ?) ON CONFLICT (carrier) DO UPDATE SET flights = flights + excluded.flights, "
        "departure_delay_minutes = departure_delay_minutes + excluded.departure_delay_minutes, "
        "arrival_delay_minutes = arrival_delay_minutes + excluded.arrival_delay_minutes",
        (carrier, totals["flights"], totals["departure_delay"], totals["arrival_delay"]),
    )


def main() -> None:
    """Print the totals as JSON: of each carrier flights, and minutes of departure and arrival delay."""
    parser = argparse.ArgumentParser(description="Print the delay totals per carrier as JSON.")
    parser.add_argument("--items", action="store_true", help="also each item: last sequence number and changes applied")
    arguments = parser.parse_args()
    connection = database()
    connection.execute("BEGIN")  # one state of the file
    answer: dict[str, Any] = {
        "totals": {carrier: numbers for carrier, *numbers in connection.execute("SELECT * FROM totals ORDER BY 1")},
        "applied": connection.execute("SELECT coalesce(sum(applied), 0) FROM items").fetchone()[0],
        "repeated": dict(connection.execute("SELECT sequence, times FROM repeated ORDER BY 1").fetchall()),
    }
    if arguments.items:
        rows = connection.execute("SELECT item, sequence, applied FROM items")
        answer["items"] = {item: [sequence, applied] for item, sequence, applied in rows}
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
