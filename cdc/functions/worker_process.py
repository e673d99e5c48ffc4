"""The daemon's side of one worker process: a Python handler that stays loaded, reached by frames over a socket."""

from __future__ import annotations

import contextlib
import socket
import sys
from pathlib import Path
from struct import Struct
from typing import TYPE_CHECKING

from cdc.functions import worker
from cdc.functions.process import Answer, WarmProcess

if TYPE_CHECKING:
    from cdc.functions.output import OutputCapture
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition, Invocation

RECEIVE_BYTES = 65_536
"""A buffer that is kept: allocating a large one for each read costs more than the read."""
SEND_BUFFER_BYTES = 4_194_304
"""Asked for; the system gives what it allows, on Linux twice the default: fewer turns for an event of a megabyte."""
FRAME_HEAD_BYTES = 5
_HEAD = Struct(">IHHI")  # lengths of the event, of its request id and of its client context; ms that it may take


class WorkerProcess(WarmProcess):
    """One worker process and its frames."""

    def __init__(
        self, definition: FunctionDefinition, surroundings: Surroundings, capture: OutputCapture, pump: Pump
    ) -> None:
        super().__init__(definition, surroundings, capture, pump)
        assert definition.handler is not None
        self._inbox = bytearray()
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._unsent: list[memoryview] = []
        self._hung_up = False
        self._control, theirs = socket.socketpair()
        self.open.callback(self._control.close)
        argv = [sys.executable, "-P", str(Path(worker.__file__).resolve())]
        with contextlib.ExitStack() as failing, theirs:
            failing.push(self.open)
            self.spawn([*argv, definition.handler, surroundings.arn(definition.name)], {}, theirs.fileno())
            failing.pop_all()
        self._control.setblocking(False)
        self._control.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self.pump.add(self._control.fileno(), self._on_control)

    @property
    def gone(self) -> bool:
        """Whether it ended, or is of no use because it closed the channel."""
        return self._hung_up or self.child.ended

    @property
    def untouched(self) -> bool:
        """Unknown as soon as the first byte is sent."""
        return False

    def hand_over(self, invocation: Invocation, milliseconds: int) -> None:
        """Send one frame, as far as the process takes it now."""
        request_id, client_context = invocation.request_id.encode(), invocation.client_context
        head = _HEAD.pack(len(invocation.event), len(request_id), len(client_context), milliseconds)
        parts = (head + request_id + client_context, invocation.event)
        self._unsent = [memoryview(part) for part in parts if part]
        self._send()

    def catch_up(self) -> None:
        """Take what it answered before it ended."""
        while not self._hung_up and self._receive():
            pass

    def hang_up(self) -> bool:
        """Close the channel towards an idle worker, upon which it ends."""
        with contextlib.suppress(OSError):  # it closed its side already
            self._control.shutdown(socket.SHUT_WR)
        return True

    def _send(self) -> None:
        fd = self._control.fileno()
        while self._unsent:
            try:
                sent = self._control.sendmsg(self._unsent)
            except BlockingIOError:
                self.pump.add(fd, self._on_control, writing=True)
                return
            except (BrokenPipeError, ConnectionResetError):  # the end of the process follows
                self._unsent = []
                return
            while self._unsent and sent >= len(self._unsent[0]):
                sent -= len(self._unsent.pop(0))
            if self._unsent:
                self._unsent[0] = self._unsent[0][sent:]
            else:
                self.pump.add(fd, self._on_control)

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
            self.pump.remove(self._control.fileno())
            return False
        inbox = self._inbox
        inbox += self._buffer[:count]
        size = FRAME_HEAD_BYTES + int.from_bytes(inbox[:4], "big")
        if len(inbox) >= FRAME_HEAD_BYTES and len(inbox) >= size:
            self.answer = Answer(bytes(inbox[4:5]), bytes(inbox[5:size]))
            del inbox[:size]
        return True
