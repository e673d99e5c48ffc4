"""The kill loop: a daemon under load is killed at random moments, started again, and everything is checked each time."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import cdc
from cdc.store.check import check
from cdc.store.database import open_database
from tests.benchmarks.bench.machine import cpu_seconds
from tests.crash.kill_loop_client import TABLE
from tests.crash.kill_loop_daemon import MAPPINGS, ROOT, Daemon
from tests.crash.kill_loop_history import Ledger, StreamRecord, Write, read_log
from tests.crash.kill_loop_journal import Delivery, check_delivery, read_journal
from tests.integration.tables import create
from tests.integration.wire import Wire
from tests.table_definitions import index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

KILL, FAMILY, KEEPER_HELD = "daemon", "whole family", "daemon with its keeper held"
DRAINING, STARTING, STOP = "daemon draining", "daemon starting", "stop"
DECK = (KILL,) * 5 + (FAMILY,) * 2 + (KEEPER_HELD, DRAINING, STARTING) + (STOP,) * 2
"""How ten kills and two stops in peace are made, in some order; then again."""
LOAD_SECONDS = (0.15, 0.9)
HELD_ONE_IN = 4
HELD_SECONDS = (0.02, 0.3)
DRAINING_SECONDS = (0.0, 0.1)
STARTING_SECONDS = (0.0, 0.8)
CLIENT_PROCESSES, CLIENT_THREADS = 2, 4
CLIENT_SECONDS_MAX = 30.0
DELIVERY_SECONDS_MAX = 60.0
LOOK_SECONDS = 0.05
VIOLATIONS_SHOWN = 10


class Ending(NamedTuple):
    """How a generation ends: by what, after how much load, and held for how long before."""

    kind: str
    load_seconds: float
    held_seconds: float
    seconds: float  # DRAINING, STARTING: from the signal, or the start, to the kill


def plan(seed: str, kills: int) -> Iterator[Ending]:
    """Draw the endings, of which so many are kills. The same seed draws the same; what they meet differs."""
    chance = random.Random(seed)
    while True:
        for kind in chance.sample(DECK, len(DECK)):
            if kills == 0:
                return
            kills -= kind != STOP
            held = chance.uniform(*HELD_SECONDS) if chance.randrange(HELD_ONE_IN) == 0 else 0.0
            seconds = chance.uniform(*(STARTING_SECONDS if kind == STARTING else DRAINING_SECONDS))
            yield Ending(kind, chance.uniform(*LOAD_SECONDS), held, seconds)


@dataclass
class Summary:
    """What a run did and found."""

    seed: str
    endings: dict[str, int] = field(default_factory=lambda: dict.fromkeys(dict.fromkeys(DECK), 0))
    held: int = 0
    start_seconds: list[float] = field(
        default_factory=list
    )  # of the starts on a file that was there, but those kept waiting
    start_cpu_seconds: list[float] = field(default_factory=list)  # the same, without waiting for a core
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    @property
    def kills(self) -> int:
        """How often it was killed."""
        return sum(count for kind, count in self.endings.items() if kind != STOP)


class KillLoop:
    """One run on one file. A context manager: at its end no process is left."""

    def __init__(self, folder: Path, seed: str, *, skip_every: int = 0) -> None:
        self.ledger = Ledger()
        self.summary = Summary(seed)
        self.daemon = Daemon(folder, skip_every=skip_every)
        self._folder = folder
        self._log_places: dict[Path, int] = {}
        self._positions: dict[str, str] = {}  # the sequence number that was read last, by shard
        self._drained: set[int] = set()
        self._delayed = False  # the next start has to wait for a keeper
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._open.callback(self.daemon.close)
        self._clients = [self._open.enter_context(_Client(name, self)) for name in islice("abcdef", CLIENT_PROCESSES)]
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def run(self, kills: int, say: Callable[[str], None] = lambda _: None, until: float = float("inf")) -> Summary:
        """Kill so often, or until a time of the monotonic clock; check after each start, and everything at the end.

        Ends at the first violations, which the summary then has.
        """
        for number, ending in enumerate(plan(self.summary.seed, kills), start=1):
            if self.summary.violations or time.monotonic() > until:
                break
            self._round(ending)
            say(f"{number}: {ending.kind}, {len(self.ledger.records)} records")
        if not self.summary.violations:
            self._finish()
        del self.summary.violations[VIOLATIONS_SHOWN:]
        return self.summary

    def _round(self, ending: Ending) -> None:
        self.daemon.start()
        if ending.kind == STARTING:
            time.sleep(ending.seconds)
            self.daemon.kill()
        else:
            self._up()
            self._load(ending)
        self.summary.endings[ending.kind] += 1
        self._delayed = ending.kind == KEEPER_HELD

    def _up(self) -> None:
        """Wait for the daemon, and check what it stands on."""
        seconds = self.daemon.wait_until_up()
        self.summary.violations += [f"still running: {text}" for text in self.daemon.leftovers()]
        wire = Wire(self.daemon.port)
        if TABLE not in wire.call("ListTables")["TableNames"]:
            # With indexes, whose entries the check compares with the items after every end.
            indexes = [index("by-uid", "w n"), index("by-number", "n", "KEYS_ONLY")]
            create(wire, TableName=TABLE, stream="NEW_AND_OLD_IMAGES", others="w:S n:N", global_=indexes)
        elif not self._delayed:
            self.summary.start_seconds.append(seconds)
            self.summary.start_cpu_seconds.append(cpu_seconds(self.daemon.pid))
        self._check(wire)
        wire.close()

    def _load(self, ending: Ending) -> None:
        for client in self._clients:
            client.go(self.daemon.port)
        time.sleep(ending.load_seconds)
        if ending.held_seconds:
            self.summary.held += 1
            self.daemon.hold(ending.held_seconds)
        if ending.kind == KILL:
            self.daemon.kill()
        elif ending.kind == FAMILY:
            self.daemon.kill_family()
        elif ending.kind == KEEPER_HELD:
            self.daemon.kill_holding_keeper()
        elif ending.kind == STOP or self.daemon.kill_while_draining(ending.seconds):
            self._stop(ending)
        for client in self._clients:
            client.wait()

    def _stop(self, ending: Ending) -> None:
        if ending.kind == STOP:
            self.daemon.stop()
        self._drained.add(self.daemon.generation)

    def _check(self, wire: Wire) -> None:
        """Check file, stream and table while nobody writes."""
        found = self.summary.violations
        found += self.ledger.settle(self._logged(), read_stream(wire, self._positions))
        found += self.ledger.compare_items({item["pk"]["S"]: item for item in wire.items("Scan", TableName=TABLE)})
        database = open_database(self.daemon.path)
        try:
            found += [f"cdc check: {violation.text}" for violation in check(database)]
        finally:
            database.close()

    def _logged(self) -> list[Write]:
        """Read what the clients logged since the last time."""
        writes = []
        for path in sorted(self._folder.glob("*.log")):
            if path.name != "daemon.log":
                with path.open("rb") as log:
                    log.seek(self._log_places.get(path, 0))
                    writes += read_log(line.decode() for line in log)
                    self._log_places[path] = log.tell()
        return writes

    def _finish(self) -> None:
        """Start once more, wait for the deliveries, and check the whole of everything."""
        self.daemon.start()
        self._up()
        self._wait_until_delivered()
        wire = Wire(self.daemon.port)
        self.summary.violations += self.ledger.compare_records(read_stream(wire, {}))
        wire.close()
        self.daemon.stop()
        self.summary.violations += _run_check(self.daemon.path)
        for name in MAPPINGS:
            path = self._folder / f"{name}.journal"
            lines = path.read_text(errors="replace").splitlines() if path.exists() else []
            delivery = check_delivery(name, read_journal(lines), self.ledger.records, self._drained)
            self.summary.deliveries[name] = delivery
            self.summary.violations += delivery.violations

    def _wait_until_delivered(self) -> None:
        """Wait until the checkpoints are at the end of the stream; what the handlers got is another question."""
        deadline = time.monotonic() + DELIVERY_SECONDS_MAX
        with cdc.open(self.daemon.path) as service:
            while _is_behind(status := service.status()):
                if time.monotonic() > deadline:
                    self.summary.violations.append(f"delivery did not come to an end: {status['mappings']}")
                    return
                time.sleep(LOOK_SECONDS)


class _Client:
    """A client process; it ends when its standard input does."""

    def __init__(self, name: str, loop: KillLoop) -> None:
        arguments = [name, str(loop.daemon.folder), loop.summary.seed, str(CLIENT_THREADS)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.kill_loop_client", *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def go(self, port: int) -> None:
        """Have it write until the daemon is gone."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{port} {CLIENT_SECONDS_MAX}\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """Wait until all its writers have noticed; its requests have a time limit."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "done\n"


def read_stream(wire: Wire, positions: dict[str, str]) -> list[StreamRecord]:
    """Read what comes after the positions, shard by shard, and move them."""
    arn = wire.call("DescribeTable", TableName=TABLE)["Table"]["LatestStreamArn"]
    found = []
    for shard in wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]["Shards"]:
        name = shard["ShardId"]
        start: dict[str, Any] = {"ShardIteratorType": "TRIM_HORIZON"}
        if name in positions:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": positions[name]}
        iterator = wire.call("GetShardIterator", StreamArn=arn, ShardId=name, **start).get("ShardIterator")
        while iterator is not None:
            page = wire.call("GetRecords", ShardIterator=iterator)
            if not page["Records"]:
                break
            found += [_record(name, each) for each in page["Records"]]
            positions[name] = page["Records"][-1]["dynamodb"]["SequenceNumber"]
            iterator = page.get("NextShardIterator")
    return found


def _is_behind(status: dict[str, Any]) -> bool:
    shards = sum(len(stream["shards"]) for stream in status["streams"])
    lanes = [mapping["shards"] for mapping in status["mappings"]]
    return any(len(of_one) < shards or any(lane["behind"] for lane in of_one) for of_one in lanes)


def _record(shard: str, record: dict[str, Any]) -> StreamRecord:
    data = record["dynamodb"]
    return StreamRecord(
        sequence=int(data["SequenceNumber"]),
        shard=shard,
        event=record["eventName"],
        key=data["Keys"]["pk"]["S"],
        old=data.get("OldImage"),
        new=data.get("NewImage"),
    )


def _run_check(path: Path) -> list[str]:
    """Run `cdc check` on the file that nobody serves."""
    done = subprocess.run(
        [sys.executable, "-m", "cdc", "check", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [] if done.returncode == 0 else [f"cdc check: {done.stdout}{done.stderr}"]


def describe(loop: KillLoop) -> list[str]:
    """Lay out what a run did and found, in lines."""
    summary, ledger = loop.summary, loop.ledger
    kinds = ", ".join(f"{kind} {count}" for kind, count in summary.endings.items() if kind != STOP)
    starts = sorted(summary.start_seconds)
    requests = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(ledger.outcomes.items()))
    lines = [
        f"seed          {summary.seed}",
        f"kills         {summary.kills} ({kinds}); besides, stopped in peace {summary.endings[STOP]}, held {summary.held}",
        f"writes        {requests}; {len(ledger.records):,} stream records, {len(ledger.items)} items",
    ]
    if starts:
        middle, late, cpu = median(starts), starts[int(len(starts) * 0.95)], median(summary.start_cpu_seconds)
        lines.append(
            f"restart       median {middle:.2f} s, 95 % {late:.2f} s, longest {starts[-1]:.2f} s; CPU time {cpu:.2f} s"
        )
    for name, delivery in summary.deliveries.items():
        lines.append(
            f"{name:13} {delivery.delivered:,} records delivered in {delivery.invocations:,} invocations, "
            f"{delivery.repeated:,} delivered again"
        )
    lines.append(f"violations    {len(summary.violations) or 'none'}")
    return lines + [f"  {text}" for text in summary.violations]
