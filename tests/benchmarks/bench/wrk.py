"""wrk, the load generator: its command line, and its output as figures."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SCRIPT = Path(__file__).with_name("requests.lua")
MARK = "BENCH "
SLACK_SECONDS = 30
"""For wrk to connect and to end, beyond its window."""


class LoadError(Exception):
    """The load generator failed, or the server answered with errors: the measurement is void."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What wrk sends: one operation, over and over, on so many connections that each wait for their answer."""

    operation: str
    table: str
    keys: int
    first: int  # where the counter in the items starts
    connections: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What wrk saw."""

    requests: int
    seconds: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def command(load: Load, url: str) -> list[str]:
    """Build the command line. One thread, as it has one core."""
    options = ["-t", "1", "-c", str(load.connections), "-d", f"{round(load.seconds)}s", "--timeout", "10s"]
    arguments = [load.operation, load.table, str(load.keys), str(load.first)]
    return ["wrk", *options, "-s", str(SCRIPT), url, "--", *arguments]


def parse(output: str) -> Answered:
    """Read the line that requests.lua prints at the end.

    Raises: LoadError when there is none, when nothing was answered, or when an answer was no success.
    """
    line = next((each for each in output.splitlines() if each.startswith(MARK)), None)
    if line is None:
        raise LoadError(f"wrk ended without figures: {output.strip()[-300:]}")
    found = json.loads(line.removeprefix(MARK))
    if found["not_ok"] or found["broken"]:
        raise LoadError(f"{found['not_ok']} answers were errors and {found['broken']} connections broke: {line}")
    if not found["requests"]:
        raise LoadError("nothing was answered")
    return Answered(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        **{f"{name}_ms": found[f"{name}_us"] / 1e3 for name in ("p50", "p90", "p99", "max")},
    )


def run(load: Load, url: str, prefix: Sequence[str]) -> Answered:
    """Send the load; `prefix` is a command that runs it, such as one that pins it to a core.

    Raises: LoadError.
    """
    try:
        done = subprocess.run(
            [*prefix, *command(load, url)],
            capture_output=True,
            text=True,
            timeout=load.seconds + SLACK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"wrk did not end in {error.timeout} s") from error
    if done.returncode:
        raise LoadError(f"wrk failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return parse(done.stdout)
