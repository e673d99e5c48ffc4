"""Measure what a parallel scan of a large table does to the latency of writes: p50 and p99 with and without one.

Run by hand: `python -m tests.benchmarks.scan_and_writes [items] [rounds]`. A daemon serves a table of a million items.
Puts come to another table at a fixed rate; in every other run four clients scan a segment of the large table each, page
by page and again from its start, as one process beside the daemon.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdc.service import open_service
from tests.benchmarks.bench.children import answer, module, running, serve_command, serving, write_config
from tests.benchmarks.bench.client import TABLES, Client
from tests.benchmarks.bench.figures import percentile
from tests.benchmarks.bench.seed import create_table, puts, write_all

if TYPE_CHECKING:
    from multiprocessing.sharedctypes import Synchronized

ITEMS = 1_000_000
ROUNDS = 5
RATE = 500.0
SECONDS = 6
CONNECTIONS = 64
SEGMENTS = 4
KEY = b'"LastEvaluatedKey":'


def scan(port: int, segment: int, pages: Synchronized[int]) -> None:
    """Scan a segment over and over until the process is ended; pages are not decoded, so that the client costs little."""
    client = Client(port)
    start: dict[str, Any] = {}
    while True:
        request = {"TableName": "large", "Segment": segment, "TotalSegments": SEGMENTS, **start}
        page = client.send(TABLES, "Scan", request)
        with pages.get_lock():
            pages.value += 1
        place = page.rfind(KEY)
        start = {} if place < 0 else {"ExclusiveStartKey": _value(page[place + len(KEY) :])}


def _value(text: bytes) -> Any:
    return json.JSONDecoder().raw_decode(text.decode())[0]


def measure(port: int, folder: Path, *, scanning: bool) -> dict[str, float]:
    """Put at the rate, with or without the scan; return latencies from when each put was due."""
    pages: Synchronized[int] = multiprocessing.Value("q", 0)
    arguments = [(port, segment, pages) for segment in range(SEGMENTS)]
    scanners = [multiprocessing.Process(target=scan, args=each, daemon=True) for each in arguments if scanning]
    for scanner in scanners:
        scanner.start()
    try:
        pace = [str(port), "live", str(RATE), str(round(RATE * SECONDS)), str(CONNECTIONS), "0.5"]
        began = time.monotonic()
        with running(module("paced", *pace), core=None, log=folder / "errors.log") as client:
            times = answer(client, folder / "errors.log", SECONDS + 30)
        took = time.monotonic() - began
    finally:
        for scanner in scanners:
            scanner.terminate()
            scanner.join()
    waits = [(end - due) / 1e6 for due, end in zip(times["due_ns"], times["answered_ns"], strict=True)]
    return {
        "p50": percentile(waits, 0.5),
        "p99": percentile(waits, 0.99),
        "max": max(waits),
        "pages": pages.value / took,
    }


def main() -> None:
    """Print a line for each run, and the medians."""
    items = int(sys.argv[1]) if len(sys.argv) > 1 else ITEMS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        database = folder / "scan.db"
        with open_service(database) as service:
            for table in ("large", "live"):
                create_table(service, table, stream=table == "live")
            write_all(service, puts("large", items, items))
        config = write_config(folder / "scan.toml", database)
        found: dict[bool, list[dict[str, float]]] = {False: [], True: []}
        with serving(serve_command(config), core=None, log=folder / "errors.log") as daemon:
            measure(daemon.port, folder, scanning=True)  # to warm up
            for number in range(rounds):
                for scanning in (True, False) if number % 2 else (False, True):
                    figures = measure(daemon.port, folder, scanning=scanning)
                    found[scanning].append(figures)
                    print("scan" if scanning else "none", {key: round(value, 2) for key, value in figures.items()})
    for scanning, runs in found.items():
        medians = {key: round(statistics.median(each[key] for each in runs), 2) for key in runs[0]}
        print("with a scan" if scanning else "without one", medians)


if __name__ == "__main__":
    main()
