"""The daemon of the demo as a process: started, killed, started again, asked for its state, stopped, its file checked."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cdc.demo.errors import DemoError

if TYPE_CHECKING:
    from cdc.clock import SystemClock

START_SECONDS_MAX = 30
STOP_SECONDS_MAX = 40
"""Above the 30 s that the daemon itself takes at most."""
POLL_SECONDS = 0.02
_LISTENING = re.compile(r"listening on (http://\S+)")
_PACKAGE = Path(__file__).parents[1]


class Daemon:
    """`cdc serve` on the configuration in a folder; what it prints goes to daemon.log there."""

    def __init__(self, folder: Path, clock: SystemClock) -> None:
        self.config = folder / "cdc.toml"
        self.log = folder / "daemon.log"
        self.url = ""
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The id of the process that runs."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it listens: on a free port at first, on the same one afterwards.

        Raises: DemoError.
        """
        assert self._process is None
        port = str(urlsplit(self.url).port) if self.url else "0"
        with self.log.open("ab") as log:
            offset = log.tell()
            self._process = subprocess.Popen(  # noqa: S603  # this program
                _command("serve", self.config, "--port", port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                **_surroundings(),
            )
        self.url = self._wait_until_it_listens(self._process, offset)

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes], offset: int) -> str:
        deadline = self._clock.monotonic() + START_SECONDS_MAX
        while self._clock.monotonic() < deadline:
            ended = process.poll()
            text = self.log.read_bytes()[offset:].decode(errors="replace")
            if found := _LISTENING.search(text):
                return found[1].rstrip(",")
            if ended is not None:
                raise DemoError(f"cdc serve ended with {ended}: {_last_line(text)} (all it said: {self.log})")
            self._clock.sleep(POLL_SECONDS)
        raise DemoError(f"cdc serve did not listen within {START_SECONDS_MAX} s: see {self.log}")

    def kill(self) -> None:
        """End it with SIGKILL, as a crash would: nothing is finished or written any more."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """End it with SIGTERM, which drains; return its exit status.

        Raises: DemoError when it takes longer than it may.
        """
        return self._end(signal.SIGTERM)

    def close(self) -> None:
        """End it if it still runs."""
        if self._process is not None:
            self.kill()

    def _end(self, number: signal.Signals) -> int:
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(number)
        try:
            return process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise DemoError(f"cdc serve did not stop within {STOP_SECONDS_MAX} s of SIGTERM: see {self.log}") from None

    def status(self) -> dict[str, Any]:
        """Return what `cdc status --json` prints; it reads the file, so it works without the daemon.

        Raises: DemoError.
        """
        code, text = self._run("status", "--json")
        if code != 0:
            raise DemoError(f"cdc status ended with {code}: {_last_line(text)}")
        state: dict[str, Any] = json.loads(text)
        return state

    def check(self) -> tuple[bool, str]:
        """Run `cdc check` on the file; tell whether it found it intact, and the last line that it printed."""
        code, text = self._run("check")
        return code == 0, _last_line(text)

    def _run(self, name: str, *options: str) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603  # this program
            _command(name, self.config, *options), capture_output=True, check=False, **_surroundings()
        )
        return done.returncode, (done.stdout if done.returncode == 0 else done.stdout + done.stderr).decode()


def _command(name: str, config: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", "cdc", name, "--config", str(config), *options]


def _surroundings() -> dict[str, Any]:
    """Return where and among which variables `python -m cdc` finds this package, and no settings of the user's own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
    return {"cwd": _PACKAGE.parent, "env": environment}


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1]
