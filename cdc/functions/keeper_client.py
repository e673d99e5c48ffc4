"""The daemon's side of the keeper: start a child, learn its end, kill its process group."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.functions import keeper

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdc.functions.pump import Pump

LOST_GROUP_CHECKS = 400
"""How often to look whether a group killed without the keeper is gone: for 2 s, as init reaps at once."""
LOST_GROUP_PAUSE_SECONDS = 0.005
END_SECONDS = 10.0
"""For the keeper to end: killed processes last longer only when the kernel holds them, as in a lost network disk."""


class Child:
    """A process that the keeper started, known by its leash."""

    def __init__(self, leash: socket.socket) -> None:
        self._leash = leash
        self._unread = b""
        self.pid: int | None = None
        self.exit_code: int | None = None
        """The exit status once the whole group is gone; negative: the signal."""
        self.start_error = ""
        """Why it could not be started."""
        self.ended = False
        """Nothing of it runs any more. Without an exit code or start error, the keeper itself died."""

    def fileno(self) -> int:
        """Return the leash's descriptor."""
        return self._leash.fileno()

    def watch(self, pump: Pump, on_end: Callable[[], object]) -> None:
        """Take what the keeper writes, as it comes, and call `on_end` when nothing of the process runs any more."""
        pump.add(self.fileno(), partial(self._receive, pump, on_end))

    def _receive(self, pump: Pump, on_end: Callable[[], object]) -> None:
        try:
            data = self._leash.recv(4096)
        except ConnectionResetError:
            data = b""
        if not data:
            pump.remove(self.fileno())
            if self.pid is not None and not self.ended:
                keeper.kill_group(self.pid)
            self._lost(pump, on_end, LOST_GROUP_CHECKS)
            return
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            word, _, rest = os.fsdecode(line).partition(" ")
            if word == "pid":
                self.pid = int(rest)
                continue
            self.ended = True
            if word == "exit":
                self.exit_code = int(rest)
            else:
                self.start_error = rest
        if self.ended:
            pump.remove(self.fileno())
            on_end()

    def _lost(self, pump: Pump, on_end: Callable[[], object], checks: int) -> None:
        """Wait for the end of a group that was killed without the keeper."""
        if not self.ended and self.pid is not None and checks and keeper.group_exists(self.pid):
            pump.later(LOST_GROUP_PAUSE_SECONDS, partial(self._lost, pump, on_end, checks - 1))
            return
        self.ended = True
        on_end()

    def kill(self) -> None:
        """Have the whole process group killed; from any thread; its end is still reported."""
        try:
            self._leash.shutdown(socket.SHUT_WR)
        except OSError:  # the keeper is gone, or the child was closed: nothing is left to kill here
            return

    def close(self) -> None:
        """Give up the leash, which kills the group if it still runs."""
        self._leash.close()


class KeeperClient:
    """Starts children through one keeper process, which is started when first needed and again should it die.

    `keep_fds` are held open by the keeper. Give it the descriptor of a flock'ed lock that a daemon takes before it
    delivers: when this process dies, even by SIGKILL, the lock stays taken until the keeper has killed every child,
    so that no new daemon runs a handler beside an old one. (An explicit LOCK_UN frees it at once: close this first.)
    """

    def __init__(self, keep_fds: Sequence[int] = ()) -> None:
        self._keep_fds = tuple(keep_fds)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The pid of the keeper, if one was started."""
        process = self._process
        return process.pid if process else None

    def start(self) -> None:
        """Start the keeper ahead of its first child, unless it runs."""
        with self._lock:
            if not self._closed:
                self._ensure()

    def spawn(
        self, argv: Sequence[str], *, environment: Mapping[str, str], working_directory: Path, streams: Sequence[int]
    ) -> Child:
        """Ask for a child with these standard input, output and error; a failure to start is told by the child.

        Raises `OSError` when no keeper can be started or asked, `ValueError` when a text contains a NUL character.
        """
        fields = [os.fspath(working_directory), str(len(argv)), *argv, *(f"{k}={v}" for k, v in environment.items())]
        if any("\0" in text for text in fields):
            raise ValueError("a NUL character in an argument, the environment or the request id")
        body = b"\0".join(os.fsencode(text) for text in fields)
        frame = len(body).to_bytes(4, "big") + body
        ours, theirs = socket.socketpair()
        try:
            with self._lock:
                try:
                    self._send(frame, [*streams, theirs.fileno()])
                except (BrokenPipeError, ConnectionResetError):  # it died; the socket of a new one is empty
                    self._send(frame, [*streams, theirs.fileno()])
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return Child(ours)

    def close(self) -> None:
        """End the keeper and with it all children, for good; returns when they are gone."""
        with self._lock:
            self._closed = True
            self._discard()

    def _send(self, frame: bytes, fds: list[int]) -> None:
        control = self._ensure()
        try:
            sent = socket.send_fds(control, [frame], fds)
            control.sendall(frame[sent:])
        except (BrokenPipeError, ConnectionResetError):
            self._discard()
            raise

    def _ensure(self) -> socket.socket:
        if self._closed:
            raise ConnectionAbortedError("the keeper was closed")
        if self._process is not None and self._process.poll() is not None:
            self._discard()
        if self._control is None:
            ours, theirs = socket.socketpair()
            with theirs:
                fds = (theirs.fileno(), *self._keep_fds)
                path = str(Path(keeper.__file__).resolve())
                try:
                    self._process = subprocess.Popen(  # noqa: S603 - our own file, by our own interpreter
                        [sys.executable, "-I", "-S", path, *map(str, fds)],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        pass_fds=fds,
                        start_new_session=True,
                        cwd="/",
                    )
                except BaseException:
                    ours.close()
                    raise
            self._control = ours
        return self._control

    def _discard(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            try:
                self._process.wait(END_SECONDS)
            except subprocess.TimeoutExpired:  # it goes on waiting, and holds the lock, until what it killed is gone
                logging.getLogger(__name__).warning("the keeper %d can't end its children", self._process.pid)
            self._process = None
