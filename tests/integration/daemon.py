"""A daemon as a process of its own, on a real file: started, stopped, killed and started again on the same file."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
START_SECONDS = 30.0
STOP_SECONDS = 35.0
ALLOWED_ORIGIN = "https://console.example"
CONFIG = f'[server]\nallowed_origins = ["{ALLOWED_ORIGIN}"]\n[s3]\nfolder = "buckets"\n'


class Daemon:
    """A daemon on one file. `url` is where it listens now; another start may get another port, unless one is given."""

    def __init__(
        self, path: Path, config: str = CONFIG, environment: Mapping[str, str] | None = None, port: int = 0
    ) -> None:
        self.path = path
        self.url = ""
        self._config = path.with_suffix(".toml")
        self._config.write_text(config)
        self.environment = {"PYTHONPATH": str(ROOT)} | dict(environment or {})
        self._log = path.with_suffix(".log")
        self._port = port
        self._process: subprocess.Popen[str] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.url.rpartition(":")[2])

    def start(self) -> None:
        """Start it and wait until it says where it listens."""
        options = ["--database", str(self.path), "--config", str(self._config), "--port", str(self._port)]
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cdc", "serve", *options],
                env=os.environ | self.environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.url = self._read_url()

    def stop(self) -> int:
        """Ask it to stop, wait for its end, and return its exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> int:
        """End it without warning."""
        return self._end(signal.SIGKILL)

    def hang_up(self) -> None:
        """Ask it to read its configuration again."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def logged(self) -> str:
        """Return what it has written to its log."""
        return self._log.read_text()

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        code = self._process.wait(STOP_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return code

    def _read_url(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        clock = SystemClock()
        deadline = clock.monotonic() + START_SECONDS
        while (left := deadline - clock.monotonic()) > 0:
            if not select.select([self._process.stdout], [], [], left)[0]:
                break
            line = self._process.stdout.readline()
            if found := re.search(r"http://\S+:\d+", line):
                return found[0]
            if not line:
                raise AssertionError(f"the daemon ended with {self._process.wait()}: {self.logged()}")
        raise AssertionError(f"the daemon did not start within {START_SECONDS:.0f} s: {self.logged()}")
