"""Puts on tables with two global indexes beside the same puts on tables without, in turns within each round."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from cdc.service import open_service
from tests.benchmarks.bench import results as names
from tests.benchmarks.bench.children import serve_command, serving, write_config
from tests.benchmarks.bench.load_part import KEYS, WARM_SECONDS, Target
from tests.benchmarks.bench.machine import SERVER_CORE
from tests.benchmarks.bench.seed import FIRST_NUMBER, PAYLOAD, write_all

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cdc.service import Service
    from tests.benchmarks.bench.bench import Bench

CONNECTIONS = 64
INDEX_KEYS = ("c", "e")
SORT_KEY = "b"
PROJECTIONS = (names.NO_INDEX, "ALL", "KEYS_ONLY", "INCLUDE")
LOADS = {names.STAY: "PutItem:stay", names.MOVE: "PutItem:move"}


def run(bench: Bench) -> None:
    """Measure each projection, and no index, with each load; all tables are one daemon's."""
    bench.say("filling the tables with indexes")
    database = bench.folder / "indexes.db"
    seed(database)
    config = write_config(bench.folder / "indexes.toml", database)
    with serving(serve_command(config), core=SERVER_CORE, log=bench.log) as daemon:
        targets = [
            Target(
                name=names.indexed(projection, load),
                server=daemon,
                operation=operation,
                table=table_name(projection, load),
                connections=CONNECTIONS,
            )
            for load, operation in LOADS.items()
            for projection in PROJECTIONS
        ]
        for target in targets:
            target.measure(WARM_SECONDS)
        for number in range(bench.options.rounds):
            for target in targets if number % 2 == 0 else reversed(targets):
                figures = target.measure(bench.options.window_seconds)
                bench.results.add(target.name, figures)
                bench.say(f"round {number + 1}: {target.name}: {figures['cpu_us']:.0f} µs CPU")


def table_name(projection: str, load: str) -> str:
    """Name the table of a load: each load has its own, as one that moves entries would make another move them back."""
    return f"{projection}-{LOADS[load].rpartition(':')[2]}"


def seed(database: Path) -> None:
    """Make the tables and put every item once, so that each measured put replaces one."""
    with open_service(database) as service:
        for projection, load in itertools.product(PROJECTIONS, LOADS):
            table = table_name(projection, load)
            create(service, table, projection)
            write_all(service, puts(table))
            for name in INDEX_KEYS if projection != names.NO_INDEX else ():
                page = service.scan(TableName=table, IndexName=f"by-{name}", Limit=2)
                assert page["Count"] == 2, page  # an item without its index keys would cost nothing


def create(service: Service, table: str, projection: str) -> None:
    """Create a table with two indexes of a projection, or with none."""
    projected: dict[str, Any] = {"ProjectionType": projection}
    if projection == "INCLUDE":
        projected["NonKeyAttributes"] = ["a"]  # 60 bytes, which differ in each put
    indexes = [
        {
            "IndexName": f"by-{name}",
            "KeySchema": [
                {"AttributeName": name, "KeyType": "HASH"},
                {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
            ],
            "Projection": projected,
        }
        for name in (INDEX_KEYS if projection != names.NO_INDEX else ())
    ]
    types = {"pk": "S"} | (dict.fromkeys(INDEX_KEYS, "S") | {SORT_KEY: "N"} if indexes else {})
    service.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in types.items()],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    )


def puts(table: str) -> Iterable[dict[str, Any]]:
    """Make the first put of each item, as requests.lua builds them."""
    for key in range(KEYS):
        item = {
            "a": {"S": f"{FIRST_NUMBER}{PAYLOAD[:48]}"},
            "b": {"N": str(FIRST_NUMBER + key)},
            "c": {"S": f"c{key % 97:06d}"},
            "d": {"S": PAYLOAD[48:]},
            "e": {"S": f"e{key % 1009:06d}"},
            "pk": {"S": f"item-{key:08d}"},
        }
        yield {"TableName": table, "Item": item}
