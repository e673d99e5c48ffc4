"""Measure what a page of Query costs by the number of items in the table: CPU per page of ten, in one process.

Run by hand: `python -m tests.benchmarks.page_cost [items ...]`. One table is filled further for each size; pages of the
table, of a global index of whole items, of keys alone, and of a local index with fetched items take turns.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdc.service import open_service
from tests.benchmarks.index_writes import put_all
from tests.table_definitions import definition, index

if TYPE_CHECKING:
    from cdc.service import Service

SIZES = (1_000, 100_000, 1_000_000)
PARTITION = 50
ROUNDS = 5
PAGES = 200
STEP = 7919
"""Coprime with the sizes: pages are taken from all over the table."""

TABLE = definition(
    "pk:S sk:N",
    "g:S l:N",
    local=[index("local", "pk l", "KEYS_ONLY")],
    global_=[index("whole", "g sk"), index("keys", "g sk", "KEYS_ONLY")],
)


def item_of(number: int) -> dict[str, Any]:
    """Build an item of some 200 bytes; 50 share a partition and an index key."""
    return {
        "pk": {"S": f"p{number // PARTITION}"},
        "sk": {"N": str(number)},
        "g": {"S": f"g{number // PARTITION}"},
        "l": {"N": str(-number)},
        "v": {"S": "x" * 150},
    }


def query(service: Service, source: str, size: int) -> float:
    """Query pages of ten; return the CPU microseconds of one."""
    requests = []
    for page in range(PAGES):
        item = item_of(page * STEP % size)
        key = "g" if source in {"whole", "keys"} else "pk"
        request: dict[str, Any] = {
            "KeyConditionExpression": f"{key} = :v",
            "ExpressionAttributeValues": {":v": item[key]},
        }
        if source != "table":
            request["IndexName"] = source
        if source == "local":
            request["Select"] = "ALL_ATTRIBUTES"
        requests.append({"TableName": "tab", "Limit": 10, **request})
    start = time.process_time()
    for request in requests:
        assert service.query(**request)["Count"]
    return (time.process_time() - start) / PAGES * 1e6


def main() -> None:
    """Print a line for each size."""
    sizes = tuple(map(int, sys.argv[1:])) or SIZES
    gc.disable()
    with tempfile.TemporaryDirectory() as folder, open_service(Path(folder) / "bench.db") as service:
        service.create_table(TableName="tab", **TABLE)
        held = 0
        for size in sorted(sizes):
            put_all(service, "tab", (item_of(number) for number in range(held, size)))
            held = size
            cells = []
            for source in ("table", "whole", "keys", "local"):
                rounds = [query(service, source, size) for _ in range(ROUNDS)]
                cells.append(f"{source} {statistics.median(rounds):.0f}")
            print(f"{size:,} items, CPU microseconds a page of ten: {', '.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
