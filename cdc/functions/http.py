"""HTTP/1.1 for the runtime of one instance: its few connections, on the loop of all functions; httptools parses."""

from __future__ import annotations

import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

import orjson
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdc.functions.pump import Pump

HEAD_BYTES = 2_097_152
"""Request line and headers at most: runtime clients send up to a megabyte of stack traces for X-Ray in one."""
RECEIVE_BYTES = 65_536
_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_HOP_BY_HOP = frozenset({"connection", "upgrade", "http2-settings"})
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Request(NamedTuple):
    """A whole request."""

    method: str
    path: str
    headers: dict[str, str]  # by name in lower case, trailers among them
    body: bytes  # as far as it is within the bound
    body_bytes: int  # as many as came


class Reply(NamedTuple):
    """An answer, of JSON."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def head(self, *, keep: bool) -> bytes:
        """Build what goes before the body. Raises `ValueError` for a header that can't be one."""
        headers = [
            *self.headers,
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(self.body))),
            *(() if keep else (("Connection", "close"),)),
        ]
        for name, value in headers:
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the header {name} can't have the value {value!r}")
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return _LINES[self.status] + lines.encode() + b"\r\n"


class Connection:
    """One connection: parses its requests, writes the replies. It is answered in order, one request at a time."""

    def __init__(
        self,
        connected: socket.socket,
        pump: Pump,
        *,
        body_bytes_max: int,
        on_request: Callable[[Connection, Request], None],
        on_end: Callable[[Connection], None],
    ) -> None:
        self.awaits_reply = False
        """Whether a request of it has been handed over and not answered."""
        self.carries_event = False
        """Whether an event went to it, of which it isn't known that it came to be read."""
        self.used = False
        """Whether a request ever came."""
        self._socket = connected
        self._pump = pump
        self._body_bytes_max = body_bytes_max
        self._on_request = on_request
        self._on_end = on_end
        self._buffer = memoryview(bytearray(RECEIVE_BYTES))
        self._unsent: list[memoryview] = []
        self._last = False  # it is closed after what is being sent
        self._broken = False  # the client doesn't keep to the protocol
        self._closed = False
        self._parser = HttpRequestParser(self)
        self._begin()
        pump.add(connected.fileno(), self._on_ready)

    def reply(self, reply: Reply) -> None:
        """Answer the request that was handed over."""
        assert self.awaits_reply
        head = reply.head(keep=not self._last)
        self.awaits_reply = False
        self._write(head, reply.body)

    @property
    def alive(self) -> bool:
        """Whether the client has not closed its end, as far as is known."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self, *, broken: bool = False) -> None:
        """Give the connection up; `broken`: the client did, and perhaps left unread what was sent."""
        if not self._closed:
            self._closed = True
            self.carries_event &= broken or bool(self._unsent)
            self._pump.remove(self._socket.fileno())
            self._socket.close()
            self._on_end(self)

    # -- the parser's side --

    def on_message_begin(self) -> None:
        """Expect a request."""
        self._begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header, or a trailer."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Ask for a body that waits to be asked for."""
        self._in_head = False
        if self._headers.get("expect", "").lower() == "100-continue":
            self._write(_CONTINUE)

    def on_body(self, part: bytes) -> None:
        """Take a part of the body, or drop it when there is more than anybody wants."""
        self._body_bytes += len(part)
        if self._body_bytes <= self._body_bytes_max:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Hand the request over."""
        if self._closed or self._parser.should_upgrade():
            return
        if self.awaits_reply or self._last:  # it went on without waiting for an answer
            self._broken = True
            return
        self._last = not self._parser.should_keep_alive()
        self.awaits_reply = self.used = True
        self.carries_event = False  # who goes on has read what there was
        path = self._url.decode("latin-1").partition("?")[0]
        method = self._parser.get_method().decode()
        self._on_request(self, Request(method, path, self._headers, b"".join(self._body), self._body_bytes))

    # -- the pump's side --

    def receive(self) -> bool:
        """Take what has come; return whether there was something."""
        if self._closed:
            return False
        try:
            count = self._socket.recv_into(self._buffer)
        except BlockingIOError:
            return False
        except OSError:  # it was reset, which means that the client left something unread
            self.close(broken=True)
            return False
        if count:
            self._parse(self._buffer[:count])
        else:
            self.close()
        return count > 0

    def _on_ready(self) -> None:
        if self._unsent:
            self._send()
        self.receive()

    def _parse(self, data: memoryview) -> None:
        try:
            self._feed(data)
        except HttpParserError:
            self._refuse(400, "BadRequest", "this is no HTTP/1.1 request")
            return
        if self._broken:
            self.close()
        elif self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                self._refuse(431, "RequestHeaderFieldsTooLarge", f"the headers are over {HEAD_BYTES} bytes")

    def _feed(self, data: bytes | memoryview) -> None:
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade as offer:  # of HTTP/2, as Java's client makes; it is not taken up
            self._feed_again(bytes(data[offer.args[0] :]))

    def _feed_again(self, rest: bytes) -> None:
        """Parse a request anew without the offer to speak another protocol, which made the parser skip its body."""
        method, headers = self._parser.get_method(), self._headers
        if method == b"CONNECT":  # which is an offer by itself
            raise HttpParserError
        self._parser = HttpRequestParser(self)
        lines = "".join(f"{name}: {headers[name]}\r\n" for name in headers if name not in _HOP_BY_HOP)
        self._feed(b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, self._url, lines.encode("latin-1"), rest))

    def _refuse(self, status: int, error_type: str, message: str) -> None:
        if not self._closed:
            self._last, self.awaits_reply = True, True
            self.reply(error(status, error_type, message))

    # -- sending --

    def _write(self, *parts: bytes) -> None:
        self._unsent += [memoryview(part) for part in parts if part]
        self._send()

    def _send(self) -> None:
        fd = self._socket.fileno()
        while self._unsent:
            try:
                sent = self._socket.sendmsg(self._unsent)
            except BlockingIOError:
                self._pump.add(fd, self._on_ready, writing=True)
                return
            except OSError:  # it is closed on the other side
                self.close(broken=True)
                return
            while self._unsent and sent >= len(self._unsent[0]):
                sent -= len(self._unsent.pop(0))
            if self._unsent:
                self._unsent[0] = self._unsent[0][sent:]
        self._pump.add(fd, self._on_ready)
        if self._last and not self.awaits_reply:
            self.close()

    def _begin(self) -> None:
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_bytes = 0
        self._in_head = True


def error(status: int, error_type: str, message: str) -> Reply:
    """Build the answer to a request that is refused (Lambda Runtime API: ErrorResponse)."""
    fault = {"errorMessage": message, "errorType": error_type}
    return Reply(status, (), orjson.dumps(fault))
