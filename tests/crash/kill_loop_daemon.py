"""The daemon of the kill loop: a process that is started, held, killed alone or with its family, and started again."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

from cdc.store import roles
from tests.crash.kill_loop_client import TABLE
from tests.crash.kill_loop_handlers import COMMAND

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 40.0
END_SECONDS_MAX = 10.0
LOOK_SECONDS = 0.005
KEEPER_HELD_SECONDS = 1.0
"""After the next daemon holds the API. Longer than its way from there to delivering, and well below the 5 s for which
it waits for a keeper's end."""
MAPPINGS = ("python", "command")
CONFIG = """
[[functions]]
name = "python"
handler = "kill_loop_handlers:record"
working_directory = "{handlers}"
timeout_seconds = 60
environment = {{ KILL_LOOP_JOURNAL = "{folder}/python.journal", KILL_LOOP_SKIP = "{skip_every}" }}
[[functions]]
name = "command"
command = ["sh", "journal.sh"]
timeout_seconds = 60
environment = {{ KILL_LOOP_JOURNAL = "{folder}/command.journal" }}
"""
MAPPING = """
[[mappings]]
name = "{name}"
table = "{table}"
function = "{name}"
starting_position = "TRIM_HORIZON"
"""


class Daemon:
    """A daemon on one file, one generation after the other. Every process of it carries a mark in its environment."""

    def __init__(self, folder: Path, *, skip_every: int = 0) -> None:
        """`skip_every`: the Python handler does not journal each so-manieth record, as a broken one would."""
        self.folder = folder
        self.path = folder / "cdc.db"
        self.generation = 0
        self.port = 0
        self._mark = f"KILL_LOOP_RUN={uuid.uuid4()}"
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._held_keepers: list[int] = []
        config = CONFIG.format(handlers=Path(__file__).parent, folder=folder, skip_every=skip_every)
        config += "".join(MAPPING.format(name=name, table=TABLE) for name in MAPPINGS)
        (folder / "cdc.toml").write_text(config)
        (folder / "journal.sh").write_text(COMMAND)

    @property
    def pid(self) -> int:
        """The pid of the generation that was started last."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start the next generation; it is not up yet. A keeper that was held is let go some time later."""
        self.generation += 1
        name, _, value = self._mark.partition("=")
        mine = {name: value, "KILL_LOOP_GENERATION": str(self.generation), "PYTHONPATH": str(ROOT)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CDC_")}
        options = ["--config", str(self.folder / "cdc.toml"), "--database", str(self.path), "--port", "0"]
        self._started = time.monotonic()
        with (self.folder / "daemon.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cdc", "serve", *options],
                env=kept | mine,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,  # what is meant for the group of this process does not reach it
            )
        if self._held_keepers:
            self._let_keepers_go()

    def wait_until_up(self) -> float:
        """Wait until it says where it listens; return the seconds since its start."""
        assert self._process is not None
        assert self._process.stdout is not None
        text = b""
        while (left := self._started + START_SECONDS_MAX - time.monotonic()) > 0:
            if select.select([self._process.stdout], [], [], left)[0]:
                text += (read := os.read(self._process.stdout.fileno(), 4096))
                if found := re.search(rb"http://\S+:(\d+)\s", text):
                    self.port = int(found[1])
                    return time.monotonic() - self._started
                if not read:
                    raise AssertionError(
                        f"daemon {self.generation} ended with {self._process.wait()}: {self.log_end()}"
                    )
        raise AssertionError(f"daemon {self.generation} was not up in {START_SECONDS_MAX:.0f} s: {self.log_end()}")

    def hold(self, seconds: float) -> None:
        """Stop it for a moment, as a debugger or a sleeping machine does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """Kill the daemon's own process; its keeper has to end the handlers."""
        assert self._process is not None
        self._process.kill()
        code = self._reap()
        assert code == -signal.SIGKILL, (
            f"daemon {self.generation} ended with {code} before it was killed: {self.log_end()}"
        )

    def kill_holding_keeper(self) -> None:
        """Kill it while its keeper can do nothing, until well after the next start: handlers run on meanwhile."""
        keepers = [pid for pid, _ in self._marked() if b"keeper.py" in _read(Path(f"/proc/{pid}/cmdline"))]
        _signal(keepers, signal.SIGSTOP)
        self.kill()
        self._held_keepers = keepers

    def kill_family(self) -> None:
        """Kill the daemon, its keeper and all handlers, as a service manager or a container's end does."""
        self.kill()
        self._kill_marked()

    def stop(self) -> None:
        """Ask it to stop, and see it end in peace."""
        assert self._process is not None
        self._process.terminate()
        code = self._reap()
        assert code == 0, f"daemon {self.generation} ended with {code} after SIGTERM: {self.log_end()}"

    def kill_while_draining(self, seconds: float) -> bool:
        """Ask it to stop, and kill it so much later; tell whether it had ended by itself."""
        assert self._process is not None
        self._process.terminate()
        time.sleep(seconds)
        self._process.kill()
        return self._reap() == 0

    def leftovers(self) -> list[str]:
        """Describe the processes of earlier generations that still run."""
        ours = f"KILL_LOOP_GENERATION={self.generation}"
        return [f"process {pid} of {texts}" for pid, texts in self._marked() if ours not in texts]

    def log_end(self) -> str:
        """Return the last lines of the log."""
        return "\n".join((self.folder / "daemon.log").read_text(errors="replace").splitlines()[-20:])

    def close(self) -> None:
        """End everything, however it went."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._reap()
        self._kill_marked()

    def _let_keepers_go(self) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while (roles.holder(self.path, roles.API) or {}).get("pid") != self.pid:
            assert time.monotonic() < deadline, f"daemon {self.generation} did not come far: {self.log_end()}"
            time.sleep(LOOK_SECONDS)
        time.sleep(KEEPER_HELD_SECONDS)
        _signal(self._held_keepers, signal.SIGCONT)
        self._held_keepers = []

    def _reap(self) -> int:
        assert self._process is not None
        code = self._process.wait(STOP_SECONDS_MAX)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def _kill_marked(self) -> None:
        deadline = time.monotonic() + END_SECONDS_MAX
        while marked := self._marked():
            assert time.monotonic() < deadline, f"can't end {marked}"
            _signal([pid for pid, _ in marked], signal.SIGKILL)
            time.sleep(LOOK_SECONDS)

    def _marked(self) -> list[tuple[int, list[str]]]:
        """List the living processes of this run, with the marks in their environment."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                texts = _read(folder / "environ").decode(errors="replace").split("\0")
                if self._mark in texts:
                    marks = [text for text in texts if text.startswith("KILL_LOOP_GENERATION=")]
                    found.append((int(folder.name), marks))
        return found


def _read(path: Path) -> bytes:
    """Read a file of /proc; nothing if the process has ended, or is another user's."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
