"""A runtime: a program in any language that fetches its invocations from the Lambda Runtime API on a port of its own."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from cdc.functions.http import Connection, Reply
from cdc.functions.process import WarmProcess
from cdc.functions.runtime_api import BODY_BYTES_MAX, HOST, RuntimeApi

if TYPE_CHECKING:
    from cdc.functions.http import Request
    from cdc.functions.output import OutputCapture
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition, Invocation

CONNECTIONS_MAX = 16
"""At a time; clients use one or two. Beyond, one that was never used is closed, or that was quiet for longest."""
BACKLOG = 128
"""Connections that wait to be accepted: more than fit are tried again a second later."""


class RuntimeProcess(WarmProcess):
    """One runtime, its port and its connections. The port is as random as the system makes it."""

    def __init__(
        self, definition: FunctionDefinition, surroundings: Surroundings, capture: OutputCapture, pump: Pump
    ) -> None:
        super().__init__(definition, surroundings, capture, pump)
        self._connections: dict[Connection, None] = {}  # the one that was quiet for longest comes first
        self._waiting: Connection | None = None  # its `next` is not answered yet
        self._event: Reply | None = None
        with ExitStack() as failing:
            failing.push(self.open)
            self._listener = self.open.enter_context(socket.create_server((HOST, 0), backlog=BACKLOG))
            self._listener.setblocking(False)
            self.open.callback(self._close_connections)
            host = f"{HOST}:{self._listener.getsockname()[1]}"
            self._api = RuntimeApi()
            with Path(os.devnull).open() as null:
                self.spawn(definition.program, {"AWS_LAMBDA_RUNTIME_API": host}, null.fileno())
            failing.pop_all()
        self.pump.add(self._listener.fileno(), self._accept)

    @property
    def gone(self) -> bool:
        """Whether it ended."""
        return self.child.ended

    @property
    def untouched(self) -> bool:
        """Whether the runtime has not asked for the invocation."""
        return self._api.offers

    def hand_over(self, invocation: Invocation, milliseconds: int) -> None:
        """Answer the `next` that waits, or have the answer ready for the one that comes."""
        self._event = event_reply(invocation, self.surroundings, milliseconds)
        self._event.head(keep=True)  # a header that can't be one fails this invocation, before it begins
        self._api.offer(invocation.request_id, self._event)
        self._deliver()

    def catch_up(self) -> None:
        """Take what it answered before it ended."""
        while self._accept():
            pass
        for connection in list(self._connections):
            while connection.receive():
                pass

    def hang_up(self) -> bool:
        """Do nothing: Lambda doesn't tell a runtime either, and most take the end of their API for a failure."""
        return False

    def _deliver(self) -> None:
        connection = self._waiting
        if connection is None:
            return
        if not connection.alive:
            connection.close()
        elif (event := self._api.take()) is not None:
            self._waiting = None
            connection.carries_event = True
            connection.reply(event)

    def _accept(self) -> bool:
        try:
            connected, _ = self._listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return False
        except OSError:  # no descriptor is left: rather an instance that times out than one that spins
            logging.getLogger(__name__).exception("a runtime of %s can't be listened to", self.definition.name)
            self.pump.remove(self._listener.fileno())
            return False
        connected.setblocking(False)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(
            connected,
            self.pump,
            body_bytes_max=BODY_BYTES_MAX,
            on_request=self._on_request,
            on_end=self._on_end,
        )
        self._connections[connection] = None
        if len(self._connections) > CONNECTIONS_MAX:
            others = [each for each in self._connections if each not in {self._waiting, connection}]
            next((each for each in others if not each.used), others[0]).close()
        return True

    def _on_request(self, connection: Connection, request: Request) -> None:
        del self._connections[connection]
        self._connections[connection] = None  # now it is the last
        reply = self._api.handle(request)
        self.answer = self._api.answer
        if reply is not None:
            connection.reply(reply)
            return
        if not connection.alive:  # it was accepted late, and closed by then
            connection.close()
            return
        if self._waiting is not None:  # it asked again, perhaps because it thinks that this one is broken
            self._waiting.close()
        self._waiting = connection
        self._deliver()

    def _on_end(self, connection: Connection) -> None:
        self._connections.pop(connection, None)
        if connection is self._waiting:
            self._waiting = None
        if connection.carries_event and self._event is not None:
            self._api.undelivered(self._event)

    def _close_connections(self) -> None:
        for connection in list(self._connections):
            connection.close()


def event_reply(invocation: Invocation, surroundings: Surroundings, milliseconds: int) -> Reply:
    """Build the answer to `next` that hands an invocation over (Lambda Runtime API: next invocation)."""
    now_ms = surroundings.clock.now_ms()
    headers = [
        ("Lambda-Runtime-Aws-Request-Id", invocation.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(now_ms + milliseconds)),
        ("Lambda-Runtime-Invoked-Function-Arn", surroundings.arn(invocation.function_name)),
        ("Lambda-Runtime-Trace-Id", trace_id(invocation.request_id, now_ms)),
    ]
    if invocation.client_context:
        context = orjson.loads(invocation.client_context)
        headers.append(("Lambda-Runtime-Client-Context", json.dumps(context, separators=(",", ":"))))  # in ASCII
    return Reply(200, headers, invocation.event)


def trace_id(request_id: str, now_ms: int) -> str:
    """Make X-Ray's identification of an invocation, of which no trace is kept."""
    digest = hashlib.sha256(request_id.encode()).hexdigest()
    return f"Root=1-{now_ms // 1000:08x}-{digest[:24]};Parent={digest[24:40]};Sampled=0"
