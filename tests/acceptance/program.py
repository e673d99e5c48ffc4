"""The program as its users have it: the command `cdc` and daemons, as processes of their own in a folder."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import IO, TYPE_CHECKING

from cdc.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 40.0
"""For what takes well under a second on an idle machine."""
LOOK_SECONDS = 0.02


def eventually(holds: Callable[[], object], what: str) -> None:
    """Wait until something that another process does has happened."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert clock.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
        clock.sleep(LOOK_SECONDS)


class Output:
    """Lines that a process writes, as they come."""

    def __init__(self, stream: IO[str]) -> None:
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def line(self) -> str | None:
        """Return the next line, None at the end."""
        return self._queue.get(timeout=PATIENCE_SECONDS)

    def rest(self) -> list[str]:
        """Return all lines up to the end."""
        return list(iter(self.line, None))

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)


class Process:
    """A command that runs while others do."""

    def __init__(self, folder: Path, arguments: list[str], environment: Mapping[str, str], log: Path) -> None:
        with log.open("a") as errors:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "cdc", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.popen.stdout is not None
        self.output = Output(self.popen.stdout)
        self._log = log

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def wait(self) -> int:
        """Wait for its end and return its exit code."""
        return self.popen.wait(PATIENCE_SECONDS)

    def stop(self, number: int) -> int:
        """Send it a signal and wait for its end."""
        self.signal(number)
        return self.wait()

    def log(self) -> str:
        """Return what it wrote to standard error."""
        return self._log.read_text()


class Daemon(Process):
    """A running `cdc serve`."""

    announcement = ""
    address = ""
    start_seconds = 0.0

    def ready(self) -> None:
        """Wait until it has said what it does and, with an API, answers on /health."""
        clock = SystemClock()
        start = clock.monotonic()
        self.announcement = self.output.line() or ""
        assert self.announcement.startswith("cdc serves "), f"{self.announcement}\n{self.log()}"
        self.address = self.announcement.partition(" listening on http://")[2]
        if self.address:
            eventually(lambda: self.get("/health")[0] == 200, "the daemon is ready")
        self.start_seconds = clock.monotonic() - start

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Make a GET request and return the status and text of the answer."""
        connection = HTTPConnection(self.address, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


class Program:
    """`cdc` in one folder; ends what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
        self.environment |= {"PYTHONPATH": str(ROOT), "COLUMNS": "200"}
        self._started: list[Process] = []

    def run(self, *arguments: str, stdin: str | None = None, code: int = 0) -> str:
        """Run a command to its end, and return its standard output."""
        done = self.try_run(*arguments, stdin=stdin)
        assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def try_run(self, *arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "cdc", *arguments],
            cwd=self.folder,
            env=self.environment,
            input="" if stdin is None else stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def start(self, *arguments: str) -> Process:
        """Start a command that goes on."""
        log = self.folder / f"errors-{len(self._started)}.log"
        process = Process(self.folder, list(arguments), self.environment, log)
        self._started.append(process)
        return process

    def serve(self, *arguments: str) -> Daemon:
        """Start a daemon on a free port and wait until it is ready."""
        log = self.folder / f"errors-{len(self._started)}.log"
        daemon = Daemon(self.folder, ["serve", "--port", "0", *arguments], self.environment, log)
        self._started.append(daemon)
        daemon.ready()
        return daemon

    def configure(self, text: str) -> None:
        """Write cdc.toml."""
        (self.folder / "cdc.toml").write_text(text)

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        (self.folder / name).write_text(text)

    def read(self, name: str) -> str:
        """Read a file; empty when it is missing."""
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    def close(self) -> None:
        """End all processes that still run."""
        for process in self._started:
            if process.popen.poll() is None:
                process.popen.kill()
                process.wait()
