"""Reading and delivery of a backlog, to each kind of function; and how soon a write reaches its handler."""

from __future__ import annotations

import shutil
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.service import open_service
from tests.benchmarks.bench import results as names
from tests.benchmarks.bench.children import ChildError, module, report, serve_command, serving, write_config
from tests.benchmarks.bench.figures import percentile
from tests.benchmarks.bench.machine import tree_cpu_seconds
from tests.benchmarks.bench.seed import FIRST_NUMBER, create_table, puts, write_all

if TYPE_CHECKING:
    from tests.benchmarks.bench.bench import Bench
    from tests.benchmarks.bench.children import Server

FUNCTIONS = Path(__file__).with_name("functions")
KEYS = 25_000
BATCH_SIZE = 1000
DELIVERY_SECONDS = 60
"""How long a backlog may take to arrive."""
LOOK_SECONDS = 0.002
WARM_SECONDS = 3.0
"""Of writes before those that count: the first ones start the handlers' processes, up to one for each lane."""
MAPPINGS = 10
IDLE_RATE = 40.0
STEADY_RATE = 500.0
COMMAND = 'command = ["awk", "-F", "\\"eventID\\"", "{ n += NF - 1 } END { print n >> ENVIRON[\\"BENCH_LOG\\"] }"]'
KINDS = {
    names.WORKER: 'handler = "receiver:count"',
    names.RUNTIME: f'runtime = ["{sys.executable}", "runtime.py"]',
    "a Python handler on awslambdaric": f'runtime = ["{sys.executable}", "-m", "awslambdaric", "receiver.count"]',
    names.IN_PROCESS: 'handler = "receiver:count"\nin_process = true',
    names.SLOW: 'handler = "receiver:wait"',
    "a subprocess for each batch": COMMAND,
}


def run_drain(bench: Bench) -> None:
    """Read the backlog with GetRecords."""
    database = backlog(bench)
    config = write_config(bench.folder / "drain.toml", database)
    with serving(serve_command(config), core=None, log=bench.log) as daemon:
        for _ in range(bench.options.rounds):
            cpu = tree_cpu_seconds(daemon.pid)
            command = module("drain", str(daemon.port), "backlog")
            found = report(command, core=None, log=bench.log, seconds=DELIVERY_SECONDS)
            cpu = tree_cpu_seconds(daemon.pid) - cpu
            if found["records"] != bench.options.backlog:
                raise ChildError(f"{found['records']} records were read, not {bench.options.backlog}")
            figures = {"rate": found["records"] / found["seconds"], "cpu_us": cpu / found["records"] * 1e6}
            bench.results.add("GetRecords, all shards to their end, records", figures)
            bench.say(f"GetRecords: {figures['rate']:,.0f} records/s")


def run_delivery(bench: Bench) -> None:
    """Deliver the backlog to each kind of function, in turns."""
    database = backlog(bench)
    for number in range(bench.options.rounds):
        for name, how in ((names.FLOOR_PIPE, "pipe"), (names.FLOOR_LOOP, "call")):
            floor(bench, database, name, how)
        for index, (kind, function) in enumerate(KINDS.items()):
            figures = deliver(bench, database, f"f{number}-{index}", function)
            bench.results.add(names.delivery(kind), figures)
            bench.say(f"round {number + 1}: delivery to {kind}: {figures['rate']:,.0f} records/s")


def floor(bench: Bench, database: Path, name: str, how: str) -> None:
    """Measure floor P or L on a copy of the backlog.

    Raises: ChildError when it didn't read all of it.
    """
    copy = database.with_name("floor.db")
    if not copy.exists():
        shutil.copy(database, copy)
    command = [*module("floor_delivery", how, str(copy)), str(bench.folder / "floor.log")]
    found = report(command, core=None, log=bench.log, seconds=DELIVERY_SECONDS)
    if found.pop("records") != bench.options.backlog:
        raise ChildError(f"{name} did not read {bench.options.backlog} records")
    bench.results.add(name, found)
    bench.say(f"{name.partition(':')[0]}: {found['rate']:,.0f} records/s")


def backlog(bench: Bench) -> Path:
    """Make the file whose stream is read, once."""
    database = bench.folder / "backlog.db"
    if not database.exists():
        bench.say(f"writing a backlog of {bench.options.backlog:,} records")
        with open_service(database) as service:
            create_table(service, "backlog")
            write_all(service, puts("backlog", KEYS, bench.options.backlog))
    return database


def declaration(name: str, table: str, function: str, batch_size: int) -> str:
    """Write the configuration of a function and of a mapping that has its name."""
    return (
        f'[[functions]]\nname = "{name}"\n{function}\ntimeout_seconds = 60\nworking_directory = "{FUNCTIONS}"\n'
        f'[[mappings]]\nname = "{name}"\ntable = "{table}"\nfunction = "{name}"\n'
        f'starting_position = "TRIM_HORIZON"\nbatch_size = {batch_size}\n'
    )


def deliver(bench: Bench, database: Path, name: str, function: str) -> dict[str, float]:
    """Start a daemon with a new mapping; measure from its first batch to its last.

    Raises: ChildError when they don't arrive in time.
    """
    delivery = declaration(name, "backlog", function, BATCH_SIZE)
    config = write_config(bench.folder / f"{name}.toml", database, delivery=delivery)
    arrivals = bench.folder / f"{name}.log"
    with ExitStack() as stack:
        environment = {"BENCH_LOG": str(arrivals)}
        daemon = stack.enter_context(serving(serve_command(config), core=None, log=bench.log, env=environment))
        return watch(daemon, arrivals, bench.options.backlog)


def watch(daemon: Server, arrivals: Path, wanted: int) -> dict[str, float]:
    """Follow the counts that the handler notes."""
    deadline = time.monotonic() + DELIVERY_SECONDS
    first = began = cpu = None
    while True:
        now = time.monotonic()
        counts = [int(line) for line in arrivals.read_text().split()] if arrivals.exists() else []
        total = sum(counts)
        if counts and began is None:
            first, began, cpu = total, now, tree_cpu_seconds(daemon.pid)
        if total >= wanted and first is not None and began is not None and cpu is not None:
            used = tree_cpu_seconds(daemon.pid) - cpu
            return {
                "rate": (total - first) / (now - began),
                "cpu_us": used / (total - first) * 1e6,
                "batch": total / len(counts),
            }
        if now > deadline:
            raise ChildError(
                f"{total} of {wanted} records arrived in {DELIVERY_SECONDS} s: {daemon.log.read_text()[-500:]}"
            )
        time.sleep(LOOK_SECONDS)


def run_latency(bench: Bench) -> None:
    """Measure from the sending of a write to its handler: one write at a time, and at a steady rate."""
    for number in range(bench.options.rounds):
        with ExitStack() as stack:
            database, arrivals = bench.folder / f"latency-{number}.db", bench.folder / f"latency-{number}.log"
            with open_service(database) as service:
                for table in ("idle", "steady", "ten"):
                    create_table(service, table)
            function = 'handler = "receiver:note"'
            delivery = declaration("idle", "idle", function, 100) + declaration("steady", "steady", function, 100)
            delivery += "".join(declaration(f"ten-{index}", "ten", function, 100) for index in range(MAPPINGS))
            config = write_config(bench.folder / "latency.toml", database, delivery=delivery)
            environment = {"BENCH_LOG": str(arrivals)}
            daemon = stack.enter_context(serving(serve_command(config), core=None, log=bench.log, env=environment))
            idle = latencies(bench, daemon, arrivals, ("idle", IDLE_RATE, bench.options.idle_writes, 1))
            bench.results.add(names.LATENCY_IDLE, idle)
            arrivals.write_bytes(b"")
            count = round(STEADY_RATE * bench.options.paced_seconds)
            steady = latencies(bench, daemon, arrivals, ("steady", STEADY_RATE, count, 16))
            bench.results.add(names.LATENCY_STEADY, steady)
            arrivals.write_bytes(b"")
            ten = latencies(bench, daemon, arrivals, ("ten", STEADY_RATE, count, 16), MAPPINGS)
            bench.results.add(names.LATENCY_TEN, ten)
            bench.say(
                f"write to handler: p50 {idle['p50_ms']:.2f} ms idle, {steady['p50_ms']:.2f} ms at 500/s, "
                f"{ten['p50_ms']:.2f} ms with ten mappings"
            )


def latencies(
    bench: Bench, daemon: Server, arrivals: Path, load: tuple[str, float, int, int], mappings: int = 1
) -> dict[str, float]:
    """Send puts at a rate; hold their times against those that the handler noted, once for each mapping.

    Raises: ChildError when the handler misses one.
    """
    table, rate, count, connections = load
    warm = round(rate * WARM_SECONDS)
    pace = [str(daemon.port), table, str(rate), str(count + warm), str(connections), "0.5"]
    seconds = (count + warm) / rate + DELIVERY_SECONDS
    sent = report(module("paced", *pace), core=None, log=bench.log, seconds=seconds)
    noted = await_arrivals(arrivals, (count + warm) * mappings)
    counted = [(number, moment) for number, moment in noted if number >= warm]
    from_send = [(moment - sent["sent_ns"][number]) / 1e6 for number, moment in counted]
    after_answer = [(moment - sent["answered_ns"][number]) / 1e6 for number, moment in counted]
    return {
        "p50_ms": percentile(from_send, 0.5),
        "p99_ms": percentile(from_send, 0.99),
        "max_ms": max(from_send),
        "p50_after_answer_ms": percentile(after_answer, 0.5),
    }


def await_arrivals(arrivals: Path, wanted: int) -> list[tuple[int, int]]:
    """Read which puts the handler saw when, by their numbers, once it saw all.

    Raises: ChildError.
    """
    deadline = time.monotonic() + DELIVERY_SECONDS
    while True:
        lines = arrivals.read_bytes().splitlines() if arrivals.exists() else []
        if len(lines) >= wanted:
            break
        if time.monotonic() > deadline:
            raise ChildError(f"the handler saw {len(lines)} of {wanted} writes")
        time.sleep(0.05)
    found = (line.split() for line in lines)
    return [(int(number) - FIRST_NUMBER, int(moment)) for number, moment in found]
