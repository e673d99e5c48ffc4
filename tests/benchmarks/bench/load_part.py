"""Requests under load, beside their floors: PutItem, GetItem and Query, in turns within each round."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cdc.service import open_service
from tests.benchmarks.bench import results as names
from tests.benchmarks.bench import wrk
from tests.benchmarks.bench.children import Server, module, report, serve_command, serving, write_config
from tests.benchmarks.bench.client import TABLES, Client
from tests.benchmarks.bench.machine import CLIENT_CORE, SERVER_CORE, cpu_seconds, pinned
from tests.benchmarks.bench.seed import FIRST_NUMBER, create_table, put_request, puts, write_all

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tests.benchmarks.bench.bench import Bench

KEYS = 20_000
PARTITIONS = 1_000
PARTITION_ITEMS = 10
RUN_NUMBERS = 1_000_000_000
"""Numbers that each run of the load generator has for itself: no two items are the same."""
PUT_ANSWER_BYTES = 2
FLOOR_SECONDS = 60
"""For floor S to prepare itself, beyond its window."""
WARM_SECONDS = 1
_RUNS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One measurement: a load on a server."""

    name: str
    server: Server
    operation: str
    table: str
    connections: int
    keys: int = KEYS

    def measure(self, seconds: float) -> dict[str, float]:
        """Send the load; return rate, latencies, and the server's CPU time for a request.

        Raises: LoadError.
        """
        load = wrk.Load(
            operation=self.operation,
            table=self.table,
            keys=self.keys,
            first=FIRST_NUMBER + next(_RUNS) * RUN_NUMBERS,
            connections=self.connections,
            seconds=seconds,
        )
        cpu = cpu_seconds(self.server.pid)
        answered = wrk.run(load, self.server.url, pinned(CLIENT_CORE))
        cpu = cpu_seconds(self.server.pid) - cpu
        return {
            "rate": answered.rate,
            "cpu_us": cpu / answered.requests * 1e6,
            "p50_ms": answered.p50_ms,
            "p99_ms": answered.p99_ms,
            "max_ms": answered.max_ms,
        }


def run(bench: Bench, parts: set[str]) -> None:
    """Measure the parts that are asked for: put, get and query."""
    bench.say("filling the tables for the loads")
    database = bench.folder / "load.db"
    seed(database)
    config = write_config(bench.folder / "load.toml", database)
    with ExitStack() as stack:
        daemon = stack.enter_context(serving(serve_command(config), core=SERVER_CORE, log=bench.log))
        floors = [
            stack.enter_context(serving(module("floor_http", str(size)), core=SERVER_CORE, log=bench.log))
            for size in (PUT_ANSWER_BYTES, answer_bytes(daemon))
        ]
        targets = list(plan(daemon, floors, parts))
        for target in targets:
            target.measure(WARM_SECONDS)
        steps: list[tuple[str, Callable[[], dict[str, float]]]] = [
            (target.name, partial(target.measure, bench.options.window_seconds)) for target in targets
        ]
        if "put" in parts:
            steps.insert(0, (names.FLOOR_STORE, partial(floor_store, bench)))
        for number in range(bench.options.rounds):
            for name, measure in steps if number % 2 == 0 else reversed(steps):
                figures = measure()
                bench.results.add(name, figures)
                bench.say(f"round {number + 1}: {name}: {figures['rate']:,.0f}/s, {figures['cpu_us']:.0f} µs CPU")


def plan(daemon: Server, floors: Sequence[Server], parts: set[str]) -> Iterable[Target]:
    """List what is measured, each beside what it is compared with."""
    put_floor, get_floor = floors
    put, get = ("PutItem", "streamed"), ("GetItem", "streamed")
    if "put" in parts:
        yield _target(names.FLOOR_HTTP_PUT, put_floor, *put, 64)
        yield _target(names.PUT_64, daemon, *put, 64)
        yield _target(names.PUT_64_NO_STREAM, daemon, "PutItem", "plain", 64)
        for connections in (1, 16, 256):
            plural = "connections" if connections > 1 else "connection"
            yield _target(f"PutItem, stream, {connections} {plural}", daemon, *put, connections)
    if "get" in parts:
        yield _target(names.FLOOR_HTTP_GET, get_floor, *get, 64)
        yield _target(names.GET_64, daemon, *get, 64)
    if "query" in parts:
        yield Target(
            name="Query of 10 items, 64 connections",
            server=daemon,
            operation="Query",
            table="partitioned",
            connections=64,
            keys=PARTITIONS,
        )


def _target(name: str, server: Server, operation: str, table: str, connections: int) -> Target:
    return Target(name=name, server=server, operation=operation, table=table, connections=connections)


def seed(database: Path) -> None:
    """Make the tables and put every item once, so that each measured put replaces one."""
    with open_service(database) as service:
        create_table(service, "streamed")
        create_table(service, "plain", stream=False)
        create_table(service, "partitioned", stream=False, sorted_by_number=True)
        for table in ("streamed", "plain"):
            write_all(service, puts(table, KEYS, KEYS))
        items = (divmod(index, PARTITION_ITEMS) for index in range(PARTITIONS * PARTITION_ITEMS))
        write_all(
            service,
            (put_request("partitioned", f"part-{part:08d}", FIRST_NUMBER + number) for part, number in items),
        )


def answer_bytes(daemon: Server) -> int:
    """Return the size of an answer to GetItem; check on the way that items are found and queries have their 10."""
    client = Client(daemon.port)
    found = client.send(TABLES, "GetItem", {"TableName": "streamed", "Key": {"pk": {"S": "item-00000001"}}})
    assert b'"Item"' in found, found
    values = {":p": {"S": "part-00000001"}}
    page = client.call(
        TABLES,
        "Query",
        TableName="partitioned",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues=values,
    )
    assert page["Count"] == PARTITION_ITEMS, page["Count"]
    return len(found)


def floor_store(bench: Bench) -> dict[str, float]:
    """Measure floor S, in a file that its rounds share."""
    seconds = bench.options.window_seconds
    command = module("floor_store", str(bench.folder / "floor.db"), str(KEYS), str(seconds))
    return report(command, core=SERVER_CORE, log=bench.log, seconds=seconds + FLOOR_SECONDS)
