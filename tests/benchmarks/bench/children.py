"""The programs that the bench starts: pinned to a core, bounded in time, ended whatever happens."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from tests.benchmarks.bench.machine import pinned

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

START_SECONDS = 20
STOP_SECONDS = 15
LOG_CHARACTERS = 800
_URL = re.compile(r"http://127\.0\.0\.1:\d+")


class ChildError(Exception):
    """A program of the bench did not start, or failed; the message ends with what it said."""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running server."""

    pid: int
    url: str
    log: Path

    @property
    def port(self) -> int:
        """The port it listens on, on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])


def module(name: str, *arguments: str) -> list[str]:
    """Build the command that runs a module of the bench."""
    return [sys.executable, "-m", f"tests.benchmarks.bench.{name}", *arguments]


@contextmanager
def running(
    command: Sequence[str], *, core: int | None, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a program beside the bench; at the end ask it to stop, then kill it."""
    with log.open("a") as errors:
        process = subprocess.Popen(
            [*pinned(core), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, **(env or {})},
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


@contextmanager
def serving(
    command: Sequence[str], *, core: int | None, log: Path, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server that prints its address when it is ready.

    Raises: ChildError when it ends instead.
    """
    with running(command, core=core, log=log, env=env) as process:
        assert process.stdout is not None
        url = _address(process.stdout)
        if url is None:
            raise ChildError(f"{command} did not start: {log.read_text()[-LOG_CHARACTERS:].strip()}")
        yield Server(pid=process.pid, url=url, log=log)


def _address(output: IO[str]) -> str | None:
    for line in output:
        found = _URL.search(line)
        if found:
            return found[0]
    return None


def report(command: Sequence[str], *, core: int | None, log: Path, seconds: float) -> dict[str, Any]:
    """Run a program that prints its figures as one JSON object and ends, within `seconds`.

    Raises: ChildError.
    """
    with running(command, core=core, log=log) as process:
        return answer(process, log, seconds)


def answer(process: subprocess.Popen[str], log: Path, seconds: float) -> dict[str, Any]:
    """Wait for the JSON object that a program prints at its end.

    Raises: ChildError.
    """
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        raise ChildError(f"{process.args!r} did not end in {seconds:.0f} s") from error
    if process.returncode:
        raise ChildError(f"{process.args!r} failed: {log.read_text()[-LOG_CHARACTERS:].strip()}")
    figures: dict[str, Any] = json.loads(output)
    return figures


def serve_command(config: Path) -> list[str]:
    """Build the command that starts the daemon."""
    return [sys.executable, "-m", "cdc", "serve", "--config", str(config)]


def write_config(
    path: Path,
    database: Path,
    *,
    retention_hours: float = 24,
    purge_interval_seconds: int = 86_400,
    delivery: str = "",
) -> Path:
    """Write the daemon's configuration; `delivery` holds the functions and mappings."""
    path.write_text(
        f'[database]\npath = "{database}"\n'
        "[server]\nport = 0\n"
        f"[retention]\nhours = {retention_hours}\npurge_interval_seconds = {purge_interval_seconds}\n"
        '[logging]\nlevel = "warning"\n' + delivery
    )
    return path
