"""Measure the choices that are fixed when a file is created: page size, vacuum mode, record layout, payload CRC.

Run by hand: `python -m tests.benchmarks.store_layout [rows] [rounds]`. Each variant differs from the chosen one in
one thing, the variants take turns in each round, and CPU per write is the figure to read: rates swing with the disk.
The last result is in docs/design.md.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
import zlib
from collections import defaultdict, deque
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pysqlite3 import dbapi2

from cdc.store.blocks import Block, NewRecords

GROUP = 64
SHARDS = 4


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One way to lay the file out."""

    page_bytes: int = 8192
    auto_vacuum: str = "NONE"
    records: str = "blocks+index"
    items: str = "rowid+index"
    crc: bool = True
    body_bytes: int = 230


RECORDS = {
    "blocks": "CREATE TABLE records (sequence INTEGER PRIMARY KEY, shard INT, base INT, created INT, n INT, crc INT, body BLOB)",
    "blocks+index": "CREATE TABLE records (sequence INTEGER PRIMARY KEY, shard INT, base INT, created INT, n INT, crc INT,"
    " body BLOB); CREATE INDEX records_shard ON records (shard)",
    "rowid": "CREATE TABLE records (sequence INTEGER PRIMARY KEY, shard INT, created INT, crc INT, change BLOB)",
    "rowid+index": "CREATE TABLE records (sequence INTEGER PRIMARY KEY, shard INT, created INT, crc INT, change BLOB);"
    "CREATE INDEX records_shard ON records (shard)",
    "shard,sequence": "CREATE TABLE records (sequence INT, shard INT, created INT, crc INT, change BLOB,"
    " PRIMARY KEY (shard, sequence)) WITHOUT ROWID",
}
ITEMS = {
    "rowid+index": "CREATE TABLE items (id INTEGER PRIMARY KEY, tab INT, key BLOB, crc INT, item BLOB);"
    "CREATE UNIQUE INDEX items_key ON items (tab, key)",
    "without rowid": "CREATE TABLE items (tab INT, key BLOB, crc INT, item BLOB, PRIMARY KEY (tab, key)) WITHOUT ROWID",
}


def open_file(path: Path, variant: Variant) -> Any:
    """Create the file as `variant` says."""
    connection = dbapi2.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size={variant.page_bytes}")
    connection.execute(f"PRAGMA auto_vacuum={variant.auto_vacuum}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.executescript(RECORDS[variant.records] + ";" + ITEMS[variant.items])
    return connection


def write(connection: Any, variant: Variant, rows: int) -> None:
    """Write `rows` items over rows/2 keys, each a read, an upsert and a stream record, 64 to a commit."""
    by_rowid = variant.items == "rowid+index"
    body = os.urandom(variant.body_bytes // 2).hex().encode()
    key_column = "id" if by_rowid else "key"
    for start in range(0, rows, GROUP):
        connection.execute("BEGIN IMMEDIATE")
        records = NewRecords(1, "")
        for number in range(start, start + GROUP):
            digest = blake2b(str(number * 7919 % (rows // 2)).encode(), digest_size=4).digest()
            key = digest + b"\x00\x10" + digest * 4
            item = body + digest
            crc = zlib.crc32(item, zlib.crc32(key)) if variant.crc else 0
            old = connection.execute(f"SELECT {key_column}, item FROM items WHERE tab=1 AND key=?", (key,)).fetchone()
            if old is None:
                connection.execute("INSERT INTO items (tab, key, crc, item) VALUES (1, ?, ?, ?)", (key, crc, item))
                change = b'{"Keys":{"pk":{"S":"xxxxxxxxxxxx"}},"NewImage":' + item + b"}"
            else:
                where = "id=?" if by_rowid else "tab=1 AND key=?"
                connection.execute(f"UPDATE items SET crc=?, item=? WHERE {where}", (crc, item, old[0]))
                change = b'{"Keys":{"pk":{"S":"xxxxxxxxxxxx"}},"NewImage":' + item + b',"OldImage":' + old[1] + b"}"
            records.add(number + 1, digest[0] % SHARDS, 0, len(change), change)
        insert(connection, variant, records)
        connection.execute("COMMIT")


def insert(connection: Any, variant: Variant, records: NewRecords) -> None:
    """Insert a commit's records, in blocks or one by one."""
    blocks = records.take(0)
    if variant.records.startswith("blocks"):
        connection.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?, ?)", blocks)
        return
    rows = sorted(record for block in blocks for record in block.records())
    connection.executemany(
        "INSERT INTO records (sequence, shard, created, crc, change) VALUES (?, ?, ?, ?, ?)",
        ((*each[:3], zlib.crc32(each.change) if variant.crc else 0, each.change) for each in rows),
    )


def read_shard(connection: Any, variant: Variant) -> None:
    """Read one shard in order, some 1,000 records a page."""
    blocks = variant.records.startswith("blocks")
    limit = 1000 * SHARDS // GROUP if blocks else 1000
    query = f"SELECT * FROM records WHERE shard=1 AND sequence>? ORDER BY sequence LIMIT {limit}"
    after = 0
    while page := connection.execute(query, (after,)).fetchall():
        after = page[-1][0]
        if blocks:
            for row in page:
                block = Block._make(row)
                assert not variant.crc or block.intact
                deque(block.records(), maxlen=0)
        else:
            for sequence, _, _, crc, change in page:
                assert not variant.crc or zlib.crc32(change) == crc, sequence


def measure(variant: Variant, rows: int) -> dict[str, float]:
    """Run one variant in a file of its own."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        path = Path(folder) / "layout.db"
        connection = open_file(path, variant)
        cpu, wall = time.process_time(), time.perf_counter()
        write(connection, variant, rows)
        result = {
            "cpu_us": (time.process_time() - cpu) / rows * 1e6,
            "wall_us": (time.perf_counter() - wall) / rows * 1e6,
        }
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        result["bytes"] = path.stat().st_size / rows
        cpu = time.process_time()
        read_shard(connection, variant)
        result["read_us"] = (time.process_time() - cpu) / (rows / SHARDS) * 1e6
        wall = time.perf_counter()
        connection.execute("DROP TABLE records")
        result["drop_ms"] = (time.perf_counter() - wall) * 1e3
        connection.close()
        return result


def variants() -> dict[str, Variant]:
    """Name the chosen layout and those that differ from it in one thing."""
    chosen = Variant()
    return {
        "chosen (8 KB pages)": chosen,
        "4 KB pages": replace(chosen, page_bytes=4096),
        "16 KB pages": replace(chosen, page_bytes=16384),
        "incremental vacuum": replace(chosen, auto_vacuum="INCREMENTAL"),
        "blocks, no index": replace(chosen, records="blocks"),
        "a row a record": replace(chosen, records="rowid+index"),
        "a row a record, no index": replace(chosen, records="rowid"),
        "a row a record, (shard, sequence)": replace(chosen, records="shard,sequence"),
        "items: without rowid": replace(chosen, items="without rowid"),
        "items without CRC": replace(chosen, crc=False),
        "1 KB bodies": replace(chosen, body_bytes=1000),
        "1 KB bodies, 4 KB pages": replace(chosen, body_bytes=1000, page_bytes=4096),
        "1 KB bodies, 16 KB pages": replace(chosen, body_bytes=1000, page_bytes=16384),
        "1 KB bodies, items without rowid": replace(chosen, body_bytes=1000, items="without rowid"),
    }


def main() -> None:
    """Print one row per variant, medians over the rounds."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 64_000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    results: dict[str, list[dict[str, float]]] = defaultdict(list)
    for _ in range(rounds):
        for name, variant in variants().items():
            results[name].append(measure(variant, rows // GROUP * GROUP))
    print(f"SQLite {dbapi2.sqlite_version}, {rows} writes, {GROUP} to a commit, medians of {rounds} rounds")
    print(f"{'':34} CPU µs  wall µs  file B/write  read µs/record  drop ms")
    for name, runs in results.items():
        median = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        print(
            f"{name:34} {median['cpu_us']:6.1f} {median['wall_us']:8.1f} {median['bytes']:13.0f}"
            f" {median['read_us']:15.2f} {median['drop_ms']:8.1f}"
        )


if __name__ == "__main__":
    main()
