"""Write latency at 4,000 writes a second while 100,000 expired records are purged, against the same without."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from pysqlite3 import dbapi2

from cdc.clock import ManualClock, SystemClock
from cdc.model.options import Options
from cdc.service import open_service
from cdc.streams.retention import purge_step
from tests.benchmarks.bench import results as names
from tests.benchmarks.bench.children import ChildError, answer, module, running, serve_command, serving, write_config
from tests.benchmarks.bench.figures import percentile
from tests.benchmarks.bench.machine import CLIENT_CORE, SERVER_CORE
from tests.benchmarks.bench.seed import create_table, puts, write_all

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.benchmarks.bench.bench import Bench

EXPIRED = 100_000
RETENTION_SECONDS = 3600
AGE_SECONDS = 3 * RETENTION_SECONDS
RATE = 4000.0
CONNECTIONS = 256
PURGE_AFTER_SECONDS = 4
"""The daemon's purge interval, so the moment of its first purge."""
NEAR_SECONDS = 0.5
"""Writes that were due so long before and after the purge's end are its own: with the spread of 1 s, all it could delay."""
SATURATED_MS = 50.0
"""A median above this, without a purge, means that the machine does not keep up: then p99 tells nothing of purges."""
LOOK_SECONDS = 0.005
NEVER = 86_400


def run(bench: Bench) -> None:
    """Measure with and without a purge, in turns; both start from copies of one file."""
    bench.say(f"writing {EXPIRED:,} records that have expired")
    template = bench.folder / "expired.db"
    prepare(template)
    for number in range(bench.options.rounds):
        for purging in (True, False) if number % 2 else (False, True):
            database = bench.folder / "purge.db"
            copy(template, database)
            figures = measure(bench, database, purging=purging)
            bench.results.add(names.PURGE if purging else names.NO_PURGE, figures)
            word = "with" if purging else "without"
            bench.say(f"round {number + 1}: {word} a purge: p99 {figures['p99_ms']:.1f} ms at {RATE:,.0f} writes/s")
            if not purging and figures["p50_ms"] > SATURATED_MS:
                bench.results.failures.append(
                    f"purge: {RATE:,.0f} writes a second are more than this machine can do now"
                )
            for path in bench.folder.glob("purge.db*"):
                path.unlink()


def prepare(database: Path) -> None:
    """Make a file with one closed segment of records that expired long ago, and an empty table."""
    clock = ManualClock(SystemClock().now_ms() - AGE_SECONDS * 1000)
    with open_service(database, Options(retention_seconds=RETENTION_SECONDS), clock) as service:
        create_table(service, "old")
        create_table(service, "live")
        write_all(service, puts("old", EXPIRED, EXPIRED))
        clock.advance(RETENTION_SECONDS / 2)
        purge_step(service.writer, service.reader, clock.now_ms())  # closes the segment, which has its age
    with dbapi2.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    connection.close()


def copy(template: Path, database: Path) -> None:
    """Copy the file and bring it to the disk, so that this does not disturb what follows."""
    shutil.copyfile(template, database)
    with database.open("rb") as file:
        os.fsync(file.fileno())


def measure(bench: Bench, database: Path, *, purging: bool) -> dict[str, float]:
    """Run a daemon and the writes; return the latencies around the purge, or around where it would have been."""
    interval = PURGE_AFTER_SECONDS if purging else NEVER
    hours = RETENTION_SECONDS / 3600
    config = write_config(bench.folder / "purge.toml", database, retention_hours=hours, purge_interval_seconds=interval)
    seconds = bench.options.paced_seconds + 1
    with serving(serve_command(config), core=SERVER_CORE, log=bench.log) as daemon:
        began_ns = time.monotonic_ns()
        pace = [str(daemon.port), "live", str(RATE), str(round(RATE * seconds)), str(CONNECTIONS), "0"]
        with running(module("paced", *pace), core=CLIENT_CORE, log=bench.log) as client:
            purged_ns = watch(database, client, began_ns + seconds * 1_000_000_000)
            times = answer(client, bench.log, seconds + 30)
    if purging and purged_ns is None:
        raise ChildError("the expired records were not purged while writes were measured")
    if not purging and purged_ns is not None:
        raise ChildError("the expired records were purged where they should have stayed")
    return around(times, purged_ns or began_ns + PURGE_AFTER_SECONDS * 1_000_000_000)


def watch(database: Path, client: subprocess.Popen[str], end_ns: int) -> int | None:
    """Wait for the expired segment to go; return when, None if it does not."""
    connection = dbapi2.connect(database, isolation_level=None)
    try:
        while time.monotonic_ns() < end_ns and client.poll() is None:
            segments = connection.execute("SELECT min(id) FROM segments").fetchall()[0][0]
            if segments is None or segments > 1:
                return time.monotonic_ns()
            time.sleep(LOOK_SECONDS)
    finally:
        connection.close()
    return None


def around(times: dict[str, list[int]], middle_ns: int) -> dict[str, float]:
    """Reduce the writes that were due near a moment, counting from when they were due."""
    near_ns = NEAR_SECONDS * 1e9
    pairs = list(zip(times["due_ns"], times["answered_ns"], strict=True))
    near = [(answered - due) / 1e6 for due, answered in pairs if abs(due - middle_ns) <= near_ns]
    if len(near) < RATE * NEAR_SECONDS:
        raise ChildError(f"only {len(near)} writes were due around the purge")
    return {
        "p50_ms": percentile(near, 0.5),
        "p99_ms": percentile(near, 0.99),
        "max_ms": max(near),
        "p99_whole_run_ms": percentile([(answered - due) / 1e6 for due, answered in pairs], 0.99),
    }
