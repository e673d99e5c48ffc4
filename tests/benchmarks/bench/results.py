"""What was measured, by name and round; the targets held against it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from tests.benchmarks.bench.figures import Target, ratios, serial_rate, summarise

if TYPE_CHECKING:
    from tests.benchmarks.bench.figures import Summary

FLOOR_STORE = "floor S: SQLite alone, 64 writes a commit"
FLOOR_HTTP_PUT = "floor H: uvicorn, constant answer to PutItem, 64 connections"
FLOOR_HTTP_GET = "floor H: uvicorn, constant answer to GetItem, 64 connections"
FLOOR_PIPE = "floor P: stored records spliced through a pipe, a checkpoint per 1,000"
FLOOR_LOOP = "floor L: stored records decoded for a Python function, a checkpoint per 1,000"
IN_PROCESS = "an in-process Python handler"
SLOW = "a handler that waits 0.1 ms a record"
SHARDS = 4
SLOW_RATE = 10_000.0
"""Records a second that one shard can give such a handler."""
WORKER = "a Python handler in its worker process"
RUNTIME = "a long-lived runtime over the Lambda Runtime API"
PUT_64 = "PutItem, stream, 64 connections"
PUT_64_NO_STREAM = "PutItem, no stream, 64 connections"
GET_64 = "GetItem, 64 connections"
LATENCY_IDLE = "write to handler, one write at a time"
LATENCY_STEADY = "write to handler, 500 writes a second"
LATENCY_TEN = "write to handler, 500 writes a second, ten mappings"
NO_INDEX = "NONE"
STAY = "index keys stay"
MOVE = "index keys change"
PURGE = "PutItem at 4,000/s, purging 100,000 records"
NO_PURGE = "PutItem at 4,000/s, no purge"

PUT_TARGET = Target(name="PutItem, 64 connections", what="of 1/(1/S + 1/H)", bound=0.5, at_least=True)
GET_TARGET = Target(name="GetItem, 64 connections", what="of H", bound=0.5, at_least=True)
STREAM_TARGET = Target(name="A stream's cost", what="of a write's time without a stream", bound=1.2, at_least=False)
WORKER_TARGET = Target(name="Delivery to a worker process", what="of P", bound=0.5, at_least=True)
RUNTIME_TARGET = Target(name="Delivery to a long-lived runtime", what="of P", bound=0.5, at_least=True)
IN_PROCESS_TARGET = Target(name="Delivery to an in-process handler", what="of L", bound=0.6, at_least=True)
SLOW_TARGET = Target(name="Catching up", what="of what the handler takes", bound=0.9, at_least=True)
TEN_TARGET = Target(name="Write to handler, 500/s, ten mappings", what="ms p50", bound=5.0, at_least=False)
TEN_TAIL_TARGET = Target(name="Write to handler, 500/s, ten mappings", what="ms p99", bound=25.0, at_least=False)
LATENCY_TARGET = Target(name="Write to handler, idle", what="ms p50", bound=5.0, at_least=False)
INDEX_TARGETS = {
    (projection, load): Target(
        name=f"Two global indexes ({projection}), {load}",
        what="of the CPU of a write without",
        bound=2.2,
        at_least=False,
    )
    for load in (STAY, MOVE)
    for projection in ("ALL", "KEYS_ONLY", "INCLUDE")
}
PURGE_TARGET = Target(name="Write p99 during a purge", what="of p99 without", bound=2.0, at_least=False)


def indexed(projection: str, load: str) -> str:
    """Name the measurement of puts on a table whose two indexes have a projection, or that has none."""
    indexes = "no index" if projection == NO_INDEX else f"two indexes ({projection})"
    return f"PutItem, {indexes}, {load}"


def delivery(kind: str) -> str:
    """Name the measurement of delivering a backlog to a kind of function."""
    return f"Delivery to {kind}, records"


class Results:
    """Figures by measurement, each a list with one entry a round."""

    def __init__(self) -> None:
        self.rounds: dict[str, list[dict[str, float]]] = defaultdict(list)
        self.failures: list[str] = []

    def add(self, name: str, figures: dict[str, float]) -> None:
        """Note one round of a measurement."""
        self.rounds[name].append(figures)

    def values(self, name: str, figure: str) -> list[float]:
        """Return one figure of a measurement, round by round; empty when it was not taken."""
        return [each[figure] for each in self.rounds.get(name, ()) if figure in each]

    def summaries(self, name: str) -> dict[str, Summary]:
        """Reduce every figure of a measurement to its median and extremes."""
        names = dict.fromkeys(figure for each in self.rounds[name] for figure in each)
        return {figure: summarise(self.values(name, figure)) for figure in names}

    def judged(self) -> list[tuple[Target, Summary]]:
        """Hold the targets against what was measured; a target whose measurements were not taken is left out."""
        store, http = self.values(FLOOR_STORE, "rate"), self.values(FLOOR_HTTP_PUT, "rate")
        serial = [serial_rate(*pair) for pair in zip(store, http, strict=False)]
        puts, plain = self.values(PUT_64, "rate"), self.values(PUT_64_NO_STREAM, "rate")
        gets, constants = self.values(GET_64, "rate"), self.values(FLOOR_HTTP_GET, "rate")
        found = (
            (PUT_TARGET, ratios(puts, serial)),
            (GET_TARGET, ratios(gets, constants)),
            (STREAM_TARGET, ratios(plain, puts)),
            (WORKER_TARGET, ratios(self.values(delivery(WORKER), "rate"), self.values(FLOOR_PIPE, "rate"))),
            (RUNTIME_TARGET, ratios(self.values(delivery(RUNTIME), "rate"), self.values(FLOOR_PIPE, "rate"))),
            (IN_PROCESS_TARGET, ratios(self.values(delivery(IN_PROCESS), "rate"), self.values(FLOOR_LOOP, "rate"))),
            (SLOW_TARGET, [rate / SLOW_RATE / SHARDS for rate in self.values(delivery(SLOW), "rate")]),
            (TEN_TARGET, self.values(LATENCY_TEN, "p50_ms")),
            (TEN_TAIL_TARGET, self.values(LATENCY_TEN, "p99_ms")),
            (LATENCY_TARGET, self.values(LATENCY_IDLE, "p50_ms")),
            *(
                (
                    target,
                    ratios(
                        self.values(indexed(projection, load), "cpu_us"), self.values(indexed(NO_INDEX, load), "cpu_us")
                    ),
                )
                for (projection, load), target in INDEX_TARGETS.items()
            ),
            (PURGE_TARGET, ratios(self.values(PURGE, "p99_ms"), self.values(NO_PURGE, "p99_ms"))),
        )
        return [(target, summarise(values)) for target, values in found if values]

    def cpu_ratios(self) -> dict[str, Summary]:
        """The ratios of the rate targets by CPU time, which other work on the machine disturbs less."""
        floors = zip(self.values(FLOOR_STORE, "cpu_us"), self.values(FLOOR_HTTP_PUT, "cpu_us"), strict=False)
        puts, plain = self.values(PUT_64, "cpu_us"), self.values(PUT_64_NO_STREAM, "cpu_us")
        found = {
            "(S + H) / PutItem": ratios([s + h for s, h in floors], puts),
            "H / GetItem": ratios(self.values(FLOOR_HTTP_GET, "cpu_us"), self.values(GET_64, "cpu_us")),
            "PutItem with / without stream": ratios(puts, plain),
        }
        return {name: summarise(values) for name, values in found.items() if values}

    def as_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        return {
            "measurements": {
                name: {
                    "median": {figure: summary.median for figure, summary in self.summaries(name).items()},
                    "low": {figure: summary.low for figure, summary in self.summaries(name).items()},
                    "high": {figure: summary.high for figure, summary in self.summaries(name).items()},
                    "rounds": rounds,
                }
                for name, rounds in self.rounds.items()
            },
            "targets": [
                {
                    "name": target.name,
                    "figure": target.what,
                    "bound": target.bound,
                    "at_least": target.at_least,
                    "median": summary.median,
                    "low": summary.low,
                    "high": summary.high,
                    "met": target.met(summary.median),
                    "verdict": target.verdict(summary),
                }
                for target, summary in self.judged()
            ],
            "cpu_ratios": {name: vars(summary) for name, summary in self.cpu_ratios().items()},
            "failures": self.failures,
        }
