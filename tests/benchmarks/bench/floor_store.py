"""Floor S: the statements of a PutItem through the SQLite driver alone, 64 to a commit, for a stretch of time.

`python -m tests.benchmarks.bench.floor_store FILE KEYS SECONDS` prints rate and CPU time as JSON. Each write reads the
old item by its key, updates the item, and adds a stream record of both images to its shard's block of the commit: schema,
indexes, pragmas, sizes and checkpoints of the WAL are those of the store. Keys and items are prepared beforehand, and
nothing is checked.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy.schema import CreateIndex, CreateTable

from cdc.model.keys import KeySchema, encode_key
from cdc.model.values import canonical_bytes
from cdc.store.blocks import NewRecords
from cdc.store.database import Database, open_database
from cdc.store.schema import records_table
from cdc.store.writer import CHECKPOINT_PAGES
from tests.benchmarks.bench.seed import FIRST_NUMBER, STEP, put_request

GROUP = 64
LOOK_EVERY_GROUPS = 16
SHARDS = 4
TABLE = 1
NOW_MS = 1_767_225_600_000
SIZE = 210
CRC = 0x12345678

FETCH = "SELECT id, size, crc, item FROM items WHERE table_id = ? AND key = ?"
INSERT = "INSERT INTO items (table_id, key, size, crc, item) VALUES (?, ?, ?, ?, ?)"
UPDATE = "UPDATE items SET size = ?, crc = ?, item = ? WHERE id = ?"
APPEND = "INSERT INTO records_1 VALUES (?, ?, ?, ?, ?, ?, ?)"


class Row(NamedTuple):
    """A prepared write."""

    key: bytes
    shard: int
    item: bytes
    start: bytes  # of the change: up to the new image's end


def prepare(keys: int) -> list[Row]:
    """Make one write for each key, in the order in which the load generator goes round them."""
    schema = KeySchema("pk", "S")
    rows = []
    for index in range(keys):
        item = put_request("t", f"item-{index * STEP % keys:08d}", FIRST_NUMBER + index)["Item"]
        key, stored = encode_key(schema, item), canonical_bytes(item)
        start = b'{"Keys":' + canonical_bytes({"pk": item["pk"]}) + b',"NewImage":' + stored
        rows.append(Row(key, key[0] % SHARDS + 1, stored, start))
    return rows


def fill(database: Database, rows: list[Row]) -> None:
    """Put the items into a new file and make the table of its records."""
    records = records_table(1)
    with database.writer_engine.begin() as connection:
        connection.execute(CreateTable(records))
        for index in records.indexes:
            connection.execute(CreateIndex(index))
        values = [(TABLE, row.key, SIZE, CRC, row.item) for row in rows]
        connection.exec_driver_sql(INSERT, values)


def write(cursor: Any, row: Row, sequence: int, records: NewRecords) -> None:
    """Run the statements of one write on the open transaction; its record goes into the commit's blocks."""
    old = cursor.execute(FETCH, (TABLE, row.key)).fetchall()[0]
    cursor.execute(UPDATE, (SIZE, CRC, row.item, old[0]))
    change = row.start + b',"OldImage":' + old[3] + b"}"
    records.add(sequence, row.shard, 1, 2 * SIZE, change)


def checkpoint(cursor: Any) -> None:
    """Bring the WAL back into the file when it is long, as the store's writer does."""
    _, pages, copied = cursor.execute("PRAGMA wal_checkpoint(NOOP)").fetchall()[0]
    if pages - copied >= CHECKPOINT_PAGES:
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()


def measure(cursor: Any, rows: list[Row], seconds: float) -> dict[str, float]:
    """Write group by group until the time is over."""
    sequence = (cursor.execute("SELECT max(last_sequence) FROM records_1").fetchall()[0][0] or 0) + 1
    first, groups, records = sequence, 0, NewRecords(1, APPEND)
    cpu, start = time.process_time(), time.perf_counter()
    while time.perf_counter() - start < seconds:
        cursor.execute("BEGIN IMMEDIATE")
        for _ in range(GROUP):
            write(cursor, rows[sequence % len(rows)], sequence, records)
            sequence += 1
        cursor.executemany(records.insert, records.take(NOW_MS))
        cursor.execute("COMMIT")
        groups += 1
        if groups % LOOK_EVERY_GROUPS == 0:
            checkpoint(cursor)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"rate": (sequence - first) / wall, "cpu_us": cpu / (sequence - first) * 1e6}


def main() -> None:
    """Measure, on a new file or one that an earlier round left."""
    path, keys, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    rows = prepare(keys)
    is_new = not path.exists()
    database = open_database(path)
    try:
        if is_new:
            fill(database, rows)
        print(json.dumps(measure(database.reader().cursor(), rows, seconds)))
    finally:
        database.close()


if __name__ == "__main__":
    main()
