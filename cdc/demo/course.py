"""The course of the demo, from the first write to the comparisons."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

from botocore.exceptions import BotoCoreError, ClientError

from cdc.demo import comparisons, flights, handlers, reading, writing
from cdc.demo.comparisons import Finding, Killed
from cdc.demo.errors import DemoError
from cdc.demo.process import Daemon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdc.clock import SystemClock
    from cdc.demo.comparisons import Repeats

TICK_SECONDS = 1.0
STALL_SECONDS = 120
"""How long delivery may stand still before the demo gives up: twice the functions' timeout."""
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far one thing is."""

    name: str
    done: int
    total: int
    per_second: float | None = None


class Show(Protocol):
    """What the reader sees while it runs; called from two threads."""

    def say(self, text: str) -> None:
        """Tell that something happened."""

    def progress(self, parts: Sequence[Progress]) -> None:
        """Tell how far things are."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the demo found out."""

    findings: list[Finding]
    repeats: list[Repeats]
    torn_lines: int  # of the audit file, by the kill

    @property
    def holds(self) -> bool:
        """Whether all comparisons hold."""
        return all(finding.holds for finding in self.findings)


def run(folder: Path, lines: list[str], show: Show, clock: SystemClock) -> Result:
    """Run the demo in a folder, with the lines of flights.csv.

    Raises: DemoError.
    """
    for path in example_folder().iterdir():
        if path.is_file() and path.name in {"cdc.toml", "totals.py", "audit.sh"}:
            shutil.copy(path, folder)
    with ExitStack() as stack:
        daemon = Daemon(folder, clock)
        stack.callback(daemon.close)
        try:
            return _Course(folder, lines, show, clock, daemon).run(stack)
        except (BotoCoreError, ClientError) as error:
            raise DemoError(f"{error}: see {daemon.log}") from error


def example_folder() -> Path:
    """Return where the demo's configuration and handlers are: in the wheel, or in the checkout that this is."""
    shipped = _PACKAGE / "_config"
    return (shipped if shipped.is_dir() else _PACKAGE.parent) / "examples" / "flights"


class _Course:
    def __init__(self, folder: Path, lines: list[str], show: Show, clock: SystemClock, daemon: Daemon) -> None:
        self._folder = folder
        self._lines = lines
        self._show = show
        self._clock = clock
        self._daemon = daemon
        self._rows = len(lines) - 1

    def run(self, stack: ExitStack) -> Result:
        daemon, show = self._daemon, self._show
        daemon.start()
        show.say(f"Started a daemon on {daemon.url}, process {daemon.pid}; it delivers to totals.py and audit.sh.")
        tables = writing.connect("dynamodb", daemon.url)
        writing.create_table(tables)
        load = writing.Load(tables, flights.flights(self._lines), self._rows, self._clock)
        meter = stack.enter_context(_Meter(self._folder, load, self._rows, show, self._clock))
        stack.callback(load.stop)
        load.start()
        load.wait_for_half()
        killed = self._kill(load)
        load.go_on()
        load.wait_for_end()
        self._say_what_was_written(load.journal, meter.finish_rows())
        state = self._wait_until_delivered()
        meter.stop()
        return self._compare(tables, load, state, killed)

    def _kill(self, load: writing.Load) -> Killed:
        self._daemon.kill()
        rows = load.journal.rows
        state = self._daemon.status()
        started = self._clock.monotonic()
        self._daemon.start()
        seconds = self._clock.monotonic() - started
        self._show.say(
            f"Killed it with SIGKILL after {rows:,} rows and started it again on the same file, in {seconds:.1f} s."
        )
        return killed(state)

    def _say_what_was_written(self, journal: writing.Journal, seconds: float) -> None:
        text = (
            f"Wrote {journal.rows:,} rows in {journal.count:,} writes and {seconds:.1f} s, all acknowledged in the end."
        )
        text += f" Requests cut off by the kill and sent again: {journal.sent_again}"
        if journal.found_done:
            text += f"; updates among them that had been committed, with only the answer lost: {journal.found_done}"
        self._show.say(f"{text}.")

    def _wait_until_delivered(self) -> dict[str, Any]:
        before: object = None
        deadline = self._clock.monotonic() + STALL_SECONDS
        while True:
            state = self._daemon.status()
            if is_delivered(state):
                return state
            now = self._clock.monotonic()
            lanes = [lane for mapping in state["mappings"] for lane in mapping["shards"]]
            reached = [lane["checkpoint"] for lane in lanes]
            if reached != before:
                before, deadline = reached, now + STALL_SECONDS
            elif now > deadline:
                reason = next((lane["last_error"] for lane in lanes if lane["last_error"]), "no error was reported")
                raise DemoError(f"delivery stands still since {STALL_SECONDS} s ({reason}): see {self._daemon.log}")
            self._clock.sleep(TICK_SECONDS)

    def _compare(self, tables: Any, load: writing.Load, state: dict[str, Any], killed: Killed) -> Result:
        daemon, show = self._daemon, self._show
        (described,) = state["streams"]
        heads = {shard["shard_id"]: shard["head_sequence"] for shard in described["shards"]}
        show.say("All is delivered. Reading the whole stream and the table, and what the handlers have …")
        total = load.journal.count + sum(table["items"] for table in state["tables"])
        reader = reading.Reader(lambda done: show.progress([Progress(name="read back", done=done, total=total)]))
        stream = reader.read_stream(writing.connect("dynamodbstreams", daemon.url), described["arn"], heads)
        table = reader.read_table(tables)
        show.say("Stopping the daemon, comparing, and running cdc check on the file …")
        status = daemon.stop()
        applied = handlers.read_applied(self._folder, items=True)
        audited = handlers.read_audited(self._folder)
        findings = comparisons.compare(load.journal.changes, stream, table, applied, audited)
        return Result(
            findings=[*findings, *self._check(status)],
            repeats=comparisons.repeats(stream, applied, audited, killed),
            torn_lines=audited.torn,
        )

    def _check(self, status: int) -> list[Finding]:
        intact, text = self._daemon.check()
        return [
            Finding(
                claim="the daemon stops cleanly on SIGTERM",
                detail=f"exit status {status}",
                problems=[] if status == 0 else [f"it ended with {status}"],
            ),
            Finding(
                claim="cdc check finds the file intact",
                detail=text.removeprefix(f"{self._folder}{os.sep}") if intact else "",
                problems=[] if intact else [text],
            ),
        ]


def killed(state: dict[str, Any]) -> Killed:
    """Take from a status how far things were."""
    heads = [shard["head_sequence"] for stream in state["streams"] for shard in stream["shards"]]
    return Killed(
        checkpoints={
            mapping["name"]: {lane["shard_id"]: lane["checkpoint"] for lane in mapping["shards"]}
            for mapping in state["mappings"]
        },
        head=max((head for head in heads if head is not None), key=int, default="0"),
    )


def is_delivered(state: dict[str, Any]) -> bool:
    """Tell from a status whether every mapping has a checkpoint at the end of every shard that has records."""
    filled = {
        shard["shard_id"]
        for stream in state["streams"]
        for shard in stream["shards"]
        if shard["head_sequence"] is not None
    }
    return all(
        filled <= {lane["shard_id"] for lane in mapping["shards"] if not lane["behind"]}
        for mapping in state["mappings"]
    )


class _Meter:
    """Tells every second how far things are, from a thread of its own."""

    def __init__(self, folder: Path, load: writing.Load, rows: int, show: Show, clock: SystemClock) -> None:
        self._folder = folder
        self._audit = handlers.AuditLines(folder)
        self._journal = load.journal
        self._rows = rows
        self._show = show
        self._clock = clock
        self._started = clock.monotonic()
        self._seconds: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def finish_rows(self) -> float:
        """Hold the rate of rows as it is now; return the seconds that they took."""
        self._seconds = self._clock.monotonic() - self._started
        return self._seconds

    def stop(self) -> None:
        """Tell a last time, and no more."""
        if not self._stop.is_set():
            self._stop.set()
            self._thread.join()
            self._tell()

    def _run(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            self._tell()

    def _tell(self) -> None:
        try:
            applied = handlers.read_applied(self._folder, items=False).records
        except DemoError:
            return  # its file is busy for longer than usual: the next time tells
        seconds = self._seconds or self._clock.monotonic() - self._started
        rows, records = self._journal.rows, self._journal.count
        self._show.progress(
            [
                Progress(name="rows written", done=rows, total=self._rows, per_second=rows / max(seconds, 0.001)),
                Progress(name="delivered to totals", done=applied, total=records),
                Progress(name="delivered to audit", done=self._audit.count(), total=records),
            ]
        )
