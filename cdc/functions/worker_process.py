"""The daemon's side of one worker process: its frames, its output and its end."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.functions import worker
from cdc.functions.environment import environment_of
from cdc.functions.output import READ_BYTES, OutputCapture
from cdc.functions.pump import Pump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdc.functions.runner import Surroundings, Wake
    from cdc.model.functions import FunctionDefinition

RECEIVE_BYTES = 65_536
"""A buffer that is kept: allocating a large one for each read costs more than the read."""
FRAME_HEAD_BYTES = 5


class WorkerProcess:
    """One process: its frames, its output and its end."""

    def __init__(self, definition: FunctionDefinition, surroundings: Surroundings, capture: OutputCapture) -> None:
        assert definition.handler is not None
        self.ready = False
        self._capture = capture
        self._inbox = bytearray()
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._frame: tuple[bytes, bytes] | None = None
        self._unsent: list[memoryview] = []
        self._hung_up = False
        argv = [sys.executable, "-P", str(Path(worker.__file__).resolve())]
        self._control, theirs = socket.socketpair()
        self._log, log_write = os.pipe()
        try:
            self.child = surroundings.keeper.spawn(
                [*argv, definition.handler, surroundings.arn(definition)],
                environment=environment_of(definition, surroundings),
                working_directory=definition.working_directory,
                streams=(theirs.fileno(), log_write, log_write),
            )
        except BaseException:
            self._control.close()
            os.close(self._log)
            raise
        finally:
            theirs.close()
            os.close(log_write)
        self._control.setblocking(False)
        os.set_blocking(self._log, False)
        self._pump = Pump(surroundings.clock)
        self._pump.add(self._control.fileno(), self._on_control)
        self._pump.add(self._log, self._on_log)
        self._pump.add(self.child.fileno(), self._on_leash)

    @property
    def gone(self) -> bool:
        """Whether it ended, or is of no use because it closed the channel."""
        return self._hung_up or self.child.ended

    def exchange(self, parts: Sequence[bytes], deadline: float) -> tuple[bytes, bytes] | None:
        """Send one frame (or none) and return the next from the worker: None when it ended or the deadline came."""
        self._frame = None
        self._unsent = [memoryview(part) for part in parts if part]
        self._send()
        self._pump.run_until(lambda: self._frame is not None or self.child.ended, deadline)
        self._capture.drain(self._log)
        return self._frame

    def wait_for(self, wake: Wake) -> None:
        """Return when the flag is set, or when the process ended before."""
        woken: list[bool] = []
        self._pump.add(wake.fileno(), lambda: woken.append(True))
        try:
            self._pump.run_until(lambda: bool(woken) or self.gone)
        finally:
            self._pump.remove(wake.fileno())

    def say_goodbye(self, deadline: float) -> None:
        """Let an idle worker end by itself, until the deadline."""
        with contextlib.suppress(OSError):  # it closed its side already
            self._control.shutdown(socket.SHUT_WR)
        self._pump.run_until(lambda: self.child.ended, deadline)

    def end(self) -> None:
        """Kill what still runs of the group, wait until it is gone and read the last of its output."""
        self.child.kill()
        self._pump.run_until(lambda: self.child.ended)
        self._capture.drain(self._log)
        self.child.close()
        self._control.close()
        os.close(self._log)

    def _send(self) -> None:
        fd = self._control.fileno()
        while self._unsent:
            try:
                sent = self._control.sendmsg(self._unsent)
            except BlockingIOError:
                self._pump.add(fd, self._on_control, select.POLLIN | select.POLLOUT)
                return
            except (BrokenPipeError, ConnectionResetError):  # the end of the process follows
                self._unsent = []
                return
            while self._unsent and sent >= len(self._unsent[0]):
                sent -= len(self._unsent.pop(0))
            if self._unsent:
                self._unsent[0] = self._unsent[0][sent:]
            else:
                self._pump.add(fd, self._on_control)

    def _on_control(self) -> None:
        if self._unsent:
            self._send()
        self._receive()

    def _receive(self) -> bool:
        try:
            count = self._control.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except ConnectionResetError:
            count = 0
        if not count:
            self._hung_up = True
            self._pump.remove(self._control.fileno())
            return False
        inbox = self._inbox
        inbox += self._buffer[:count]
        size = FRAME_HEAD_BYTES + int.from_bytes(inbox[:4], "big")
        if len(inbox) >= FRAME_HEAD_BYTES and len(inbox) >= size:
            self._frame = bytes(inbox[4:5]), bytes(inbox[5:size])
            del inbox[:size]
        return True

    def _on_log(self) -> None:
        try:
            data = os.read(self._log, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._capture.feed(data)
        else:
            self._pump.remove(self._log)

    def _on_leash(self) -> None:
        self.child.receive()
        if self.child.ended:
            self._pump.remove(self.child.fileno())
            while not self._hung_up and self._receive():
                pass  # what it answered before it ended counts
