"""Measure what secondary indexes cost a write, and what a page of one costs: CPU per operation, in one process.

Run by hand: `python -m tests.benchmarks.index_writes [puts] [rounds]`. Tables with and without two global indexes take
turns in each round, 64 puts to a commit as under load, and the medians are printed with their ratio to the table without.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import threading
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdc.service import open_service
from cdc.service.operations import OPERATIONS
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.service import Service

GROUP = 64
PROJECTIONS = ("none", "ALL", "KEYS_ONLY", "INCLUDE")
PAGES = 300


def create(service: Service, name: str, projection: str) -> None:
    """Create a table whose items have the attributes c and e, each the key of an index unless `projection` is none."""
    indexes: list[dict[str, Any]] = []
    for attribute in ("c", "e") if projection != "none" else ():
        projected: dict[str, Any] = {"ProjectionType": projection}
        if projection == "INCLUDE":
            projected["NonKeyAttributes"] = ["a"]
        key = [{"AttributeName": attribute, "KeyType": "HASH"}, {"AttributeName": "b", "KeyType": "RANGE"}]
        indexes.append({"IndexName": f"by-{attribute}", "KeySchema": key, "Projection": projected})
    types = {"pk": "S"} | ({"c": "S", "e": "S", "b": "N"} if indexes else {})
    service.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": kind} for key, kind in types.items()],
        BillingMode="PAY_PER_REQUEST",
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )


def item_of(number: int, generation: int, shift: int) -> dict[str, Any]:
    """Build an item of some 230 bytes; another `shift` gives it other index keys."""
    key = number + shift * 31
    return {
        "pk": {"S": f"key{number}"},
        "a": {"S": f"{generation:010d}" + "x" * 90},
        "b": {"N": str(key)},
        "c": {"S": f"c{key % 97}"},
        "d": {"S": "y" * 60},
        "e": {"S": f"e{key % 1009}"},
    }


def put_all(service: Service, table: str, items: Iterator[dict[str, Any]]) -> float:
    """Put items, a group to a commit; return the CPU microseconds of one."""
    put, count = OPERATIONS["PutItem"], 0
    start = time.process_time()
    for group in groups(items):
        finished = threading.Event()
        left = [len(group)]

        def notify(jobs: list[Job[Any]], left: list[int] = left, finished: threading.Event = finished) -> None:
            assert all(job.error is None for job in jobs), jobs[0].error
            left[0] -= len(jobs)
            if not left[0]:
                finished.set()

        works = [put({"TableName": table, "Item": item}, service.options) for item in group]
        service.writer.submit(*(Job(work.run, notify, work.size_bytes) for work in works))  # type: ignore[arg-type, union-attr]
        finished.wait()
        count += len(group)
    return (time.process_time() - start) / count * 1e6


def groups(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Cut items into groups of one commit."""
    group: list[dict[str, Any]] = []
    for item in items:
        group.append(item)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def query_pages(service: Service, table: str) -> float:
    """Query pages of ten entries of an index; return the CPU microseconds of one."""
    start = time.process_time()
    for number in range(PAGES):
        values = {":c": {"S": f"c{number % 97}"}}
        request = {"IndexName": "by-c", "KeyConditionExpression": "c = :c", "ExpressionAttributeValues": values}
        assert service.query(TableName=table, Limit=10, **request)["Count"] == 10
    return (time.process_time() - start) / PAGES * 1e6


def measure(puts: int, rounds: int) -> dict[tuple[str, str], list[float]]:
    """Run all workloads on all tables; return CPU microseconds by workload and projection."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, open_service(Path(folder) / "bench.db") as service:
        for projection in PROJECTIONS:
            create(service, projection.lower().ljust(3, "_"), projection)

        def run(workload: str, work: Callable[[Service, str], float], projections: tuple[str, ...]) -> None:
            for projection in projections:
                found[workload, projection].append(work(service, projection.lower().ljust(3, "_")))

        for each in range(rounds):
            for workload, low, generation, shift in (
                ("put new items", each * puts, 0, 0),
                ("overwrite, other index keys", each * puts, 1, 1),
                ("overwrite, same index keys", each * puts, 2, 1),
            ):

                def work(service: Service, table: str, args: tuple[Any, ...] = (low, generation, shift)) -> float:
                    start, version, shifted = args
                    numbers = range(start, start + puts)
                    items = (item_of(number * 7919 % (puts * rounds), version, shifted) for number in numbers)
                    return put_all(service, table, items)

                run(workload, work, PROJECTIONS)
            run("query a page of ten", query_pages, PROJECTIONS[1:])
    return found


def main() -> None:
    """Print the table."""
    puts = int(sys.argv[1]) if len(sys.argv) > 1 else 12_800
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    gc.disable()
    found = measure(puts, rounds)
    print(f"CPU microseconds, medians of {rounds} rounds of {puts} puts, {GROUP} to a commit")
    for workload in dict.fromkeys(key[0] for key in found):
        base = statistics.median(found.get((workload, "none"), [0.0]))
        cells = []
        for projection in PROJECTIONS:
            if (workload, projection) in found:
                median = statistics.median(found[workload, projection])
                ratio = f" ({median / base:.2f})" if base else ""
                cells.append(f"{projection} {median:.1f}{ratio}")
        print(f"{workload}: {', '.join(cells)}")


if __name__ == "__main__":
    main()
