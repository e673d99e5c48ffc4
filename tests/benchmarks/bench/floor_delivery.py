"""Floors P and L: stored records made into events of 1,000 and handed over, with a durable checkpoint after each.

`python -m tests.benchmarks.bench.floor_delivery pipe|call FILE LOG` prints rate and CPU time as JSON; FILE is a copy of the
backlog, since it is written to. Shard by shard, blocks are read through the SQLite driver alone and taken apart; a record
is its change with the members of an event around it. Floor P sends an event through a pipe to a child that reads it to its
last byte, decodes nothing, and answers with one byte. Floor L decodes it and calls a Python function. Then the checkpoint
is committed.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING, Any

import orjson
from pysqlite3 import dbapi2

from tests.benchmarks.bench.functions.receiver import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BATCH = 1000
BLOCKS_AT_ONCE = 16
PIPE_BYTES = 1 << 20
"""As large as Linux lets anybody have it: half the turns of an event of a megabyte."""
HEAD = Struct(">IBII")  # of a record in a block: see cdc/store/blocks.py
RECORD = (
    b'{"eventID":"%032d","eventName":"MODIFY","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"us-east-1",'
    b'"dynamodb":{"ApproximateCreationDateTime":1767225600.0,%b,"SequenceNumber":"%021d","SizeBytes":420,'
    b'"StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"arn:aws:dynamodb:us-east-1:000000000000:table/backlog/'
    b'stream/2026-01-01T00:00:00.000"}'
)
SEGMENTS = "SELECT id FROM segments ORDER BY id"
SHARDS = "SELECT id FROM shards ORDER BY id"
BLOCKS = "SELECT base_sequence, record_count, body FROM records_%d WHERE shard = ? ORDER BY last_sequence"
MAKE_CHECKPOINTS = "CREATE TABLE IF NOT EXISTS floor_checkpoints (shard INTEGER PRIMARY KEY, sequence INTEGER)"
CHECKPOINT = "INSERT OR REPLACE INTO floor_checkpoints VALUES (?, ?)"


def receive(read: int, answer: int) -> None:
    """Be the child: read events until the pipe ends."""
    buffer = memoryview(bytearray(16 << 20))
    while head := os.read(read, 4):
        rest = buffer[: int.from_bytes(head, "big")]
        while rest:
            rest = rest[os.readv(read, [rest]) :]
        os.write(answer, b"\0")


def records_of(cursor: Any, segments: list[int], shard: int) -> Iterator[tuple[int, bytes]]:
    """Give sequence and change of each record of a shard."""
    for segment in segments:
        cursor.execute(BLOCKS % segment, (shard,))
        while rows := cursor.fetchmany(BLOCKS_AT_ONCE):
            for base, records, body in rows:
                start = records * HEAD.size
                for offset, _, _, length in HEAD.iter_unpack(memoryview(body)[:start]):
                    yield base + offset, body[start : start + length]
                    start += length


def send(fd: int, data: bytes) -> None:
    """Write all of an event with its length before it."""
    rest = memoryview(len(data).to_bytes(4, "big") + data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def measure(connection: Any, hand_over: Callable[[bytes], None]) -> dict[str, float]:
    """Hand all records over and return how many there were a second."""
    reading, writing = connection.cursor(), connection.cursor()
    segments = [row[0] for row in reading.execute(SEGMENTS).fetchall()]
    shards = [row[0] for row in reading.execute(SHARDS).fetchall()]
    total, cpu, start = 0, time.process_time(), time.perf_counter()

    def deliver(shard: int, batch: list[bytes], sequence: int) -> None:
        hand_over(b'{"Records":[' + b",".join(batch) + b"]}")
        writing.execute(CHECKPOINT, (shard, sequence))

    for shard in shards:
        batch: list[bytes] = []
        sequence = 0
        for sequence, change in records_of(reading, segments, shard):
            batch.append(RECORD % (sequence, change[1:-1], sequence))
            total += 1
            if len(batch) == BATCH:
                deliver(shard, batch, sequence)
                batch = []
        if batch:
            deliver(shard, batch, sequence)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    return {"records": total, "rate": total / wall, "cpu_us": cpu / total * 1e6}


def pipe() -> Callable[[bytes], None]:
    """Fork the child; return what sends it an event."""
    event_read, event_write = os.pipe()
    fcntl.fcntl(event_write, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    answer_read, answer_write = os.pipe()
    if not os.fork():
        os.close(event_write)
        receive(event_read, answer_write)
        os._exit(0)
    os.close(event_read)

    def hand_over(event: bytes) -> None:
        send(event_write, event)
        os.read(answer_read, 1)

    return hand_over


def call() -> Callable[[bytes], None]:
    """Return what decodes an event and calls the handler with it, which in-process functions have, too."""
    os.environ["BENCH_LOG"] = sys.argv[3]
    return lambda event: count(orjson.loads(event), None)


def main() -> None:
    """Measure."""
    hand_over = {"pipe": pipe, "call": call}[sys.argv[1]]()
    connection = dbapi2.connect(Path(sys.argv[2]), isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(MAKE_CHECKPOINTS)
    print(json.dumps(measure(connection, hand_over)))
    connection.close()


if __name__ == "__main__":
    main()
