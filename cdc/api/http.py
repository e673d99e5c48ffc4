"""HTTP/1.1 on a listening socket: connections, requests in their order, keep-alive, limits, draining.

httptools parses. An application is a callable that gets a request and what to answer it with, at once or later: no task
and no coroutine is made for a request, which halves what one costs (docs/performance.md).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from cdc.clock import Clock

log = logging.getLogger(__name__)

HEAD_BYTES = 16 << 10
"""Request line and headers at most, as in DynamoDB, and what stands between parts of a chunked body or after it.

A started block of reading may go beyond.
"""
BODY_BYTES = 16 << 20
"""A request's body at most, as in DynamoDB, unless the application takes longer ones."""
PIPELINED = 16
"""Requests of one connection that wait for the one before; no more is read until they are answered."""
BACKLOG = 2048
"""Connections that wait to be accepted: a load generator opens hundreds at once."""
KEEP_ALIVE_SECONDS = 75
"""Above the 60 s for which SDKs keep idle connections, so that the client is the one who closes."""
REQUEST_SECONDS = 60
"""How long a request that has begun may stand still."""
ANSWER_SECONDS = 60
"""How long a client may take nothing of its answers before it is taken for dead."""
LINGER_SECONDS = 5
"""How long what a refused client still sends is read, so that it gets to see the refusal."""

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_CONTENT = 204
_absolute_target = re.compile(rb"(?i:https?)://([^/?#]*)(.*)", re.DOTALL).fullmatch
"""Host and the rest of a target as clients send it to what they take for a proxy; it stands above the header Host."""
_OF_AN_OFFER = frozenset({b"connection", b"upgrade", b"expect"})
"""Headers that have been dealt with, or won't be, when an offer to speak another protocol isn't taken up."""


class Request(NamedTuple):
    """A whole request."""

    method: bytes
    target: bytes  # path and query as they came
    headers: dict[bytes, bytes]  # by name in lower case; repeated ones joined by commas
    body: bytes
    local: bool = True  # whether it came from this machine


class Response(NamedTuple):
    """An answer; the length of its body is sent without being among the headers."""

    status: int
    headers: Sequence[tuple[bytes, bytes]]
    body: bytes


if TYPE_CHECKING:
    Answer = Callable[[Response], None]


class Application(Protocol):
    """What answers requests."""

    def __call__(self, request: Request, answer: Answer) -> None:
        """Call `answer`, once, at any time on the event loop."""

    def refusal(self, status: int, text: str) -> Response:
        """Word the answer to what is no acceptable request."""

    def body_bytes_max(self, target: bytes) -> int:
        """Tell how long the body of a request may be, once it is over `BODY_BYTES`."""


class Server:
    """Serves one application on one socket."""

    def __init__(self, application: Application, clock: Clock) -> None:
        self.application = application
        self.connections: set[Connection] = set()
        self.seconds = 0  # since the start: what connections tell their age by
        self.common = b""  # headers of every answer
        self._clock = clock
        self._emptied = asyncio.Event()

    async def start(self, listener: socket.socket) -> None:
        """Accept connections on a bound socket."""
        self._loop = asyncio.get_running_loop()
        self._tick()
        self._accepting = await self._loop.create_server(lambda: Connection(self), sock=listener, backlog=BACKLOG)

    def _tick(self) -> None:
        self.seconds += 1
        date = formatdate(self._clock.now_ms() / 1000, usegmt=True)
        self.common = f"server: Server\r\ndate: {date}\r\n".encode()
        for connection in tuple(self.connections):
            connection.look_at_time(self.seconds)
        self._next_tick = self._loop.call_later(1, self._tick)

    async def stop(self, seconds: float) -> None:
        """Accept no more, let requests be answered for so long, then close what is left."""
        self._accepting.close()
        for connection in tuple(self.connections):
            connection.finish()
        try:
            async with asyncio.timeout(seconds):
                while self.connections:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            if self.connections:
                log.warning("%d requests were not answered in time", len(self.connections))
        for connection in tuple(self.connections):
            connection.abort()
        self._next_tick.cancel()

    def forget(self, connection: Connection) -> None:
        """Take note that a connection is closed."""
        self.connections.discard(connection)
        if not self.connections:
            self._emptied.set()


@dataclass(slots=True)
class _Incoming:
    """A request whose parts are still coming in."""

    target: bytes
    headers: dict[bytes, bytes]
    body: list[bytes]
    body_bytes: int = 0
    other_bytes: int = 0  # received since the last part of the body
    in_head: bool = True


def is_local(peer: object) -> bool:
    """Tell whether the address of a client, as a socket gives it, is one of this machine's loopback."""
    if not isinstance(peer, tuple):
        return False
    try:
        address = ip_address(str(peer[0]).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)  # of a socket that listens on both families
    return (mapped or address).is_loopback


class Connection(asyncio.Protocol):
    """One client's connection: parses its requests, hands them over one at a time, writes the answers."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._parser = HttpRequestParser(self)
        self._transport: asyncio.Transport
        self._incoming: _Incoming | None = None
        self._headers: dict[bytes, bytes] = {}  # of what comes in
        self._waiting: deque[tuple[Request, bool]] = deque()  # with: whether the connection is kept afterwards
        self._busy = False  # the application has a request
        self._stalled = False  # the client does not read its answers
        self._without_body = False  # the request that the application has is a HEAD
        self._keep = True  # the connection stays open after that request
        self._local = False  # the client is on this machine
        self._deaf = False  # nothing that still comes is read
        self._refusal: tuple[int, str] | None = None  # to be sent after the answers to what came before
        self._active = server.seconds
        self._unsent = 0  # bytes of answers that the client had not taken at the last look

    # -- asyncio's side --

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)  # which uvloop's is without being a subclass
        self._local = is_local(transport.get_extra_info("peername"))
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  # asyncio's signature
        """End; what the application still answers goes nowhere."""
        self._waiting.clear()
        self._refusal = None
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        """Parse what came."""
        self._active = self._server.seconds
        if self._deaf:
            return
        incoming = self._incoming
        if incoming is not None:
            incoming.other_bytes += len(data)
        try:
            self._feed(data)
        except HttpParserError:
            if not self._deaf:
                self._refuse(400, "this is no HTTP request")
            return
        if self._incoming is None or self._deaf:
            return
        if incoming is not self._incoming:
            incoming = self._incoming
            if incoming.in_head:
                incoming.other_bytes = len(data)
        if incoming.other_bytes > HEAD_BYTES:
            what = "the request line and headers are" if incoming.in_head else "what is not the body is"
            self._refuse(431, f"{what} over {HEAD_BYTES} bytes")

    def eof_received(self) -> bool:
        """Keep a half-closed connection until its requests are answered."""
        self._deaf = True
        return self._busy or bool(self._waiting)

    def pause_writing(self) -> None:
        """Hand over no more of a client that does not read its answers."""
        self._stalled = True

    def resume_writing(self) -> None:
        """Go on."""
        self._stalled = False
        self._next()

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self._parser.feed_data(data)
            except HttpParserUpgrade as offer:  # of HTTP/2, say; it is not taken up
                data = self._without_offer(data[offer.args[0] :])
            else:
                return

    def _without_offer(self, rest: bytes) -> bytes:
        """Word a request anew without the offer to speak another protocol, which made the parser skip its body."""
        offered = self._incoming
        assert offered is not None
        method = self._parser.get_method()
        if method == b"CONNECT":  # which is an offer by itself
            raise HttpParserError
        self._parser = HttpRequestParser(self)
        names = (name for name in offered.headers if name not in _OF_AN_OFFER)
        lines = b"".join(b"%b: %b\r\n" % (name, offered.headers[name]) for name in names)
        return b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method, offered.target, lines, rest)

    # -- the parser's side --

    def on_message_begin(self) -> None:
        """Expect a request."""
        self._headers = {}
        self._incoming = _Incoming(b"", self._headers, [])

    def on_url(self, url: bytes) -> None:
        """Take a part of the target."""
        incoming = self._incoming
        assert incoming is not None
        incoming.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        headers, name = self._headers, name.lower()
        headers[name] = b"%b,%b" % (headers[name], value) if name in headers else value

    def on_headers_complete(self) -> None:
        """Refuse a body that is announced too long; ask for one that waits to be asked for."""
        incoming = self._incoming
        assert incoming is not None
        incoming.in_head = False
        headers, self._headers = self._headers, {}  # those that come after the body are dropped
        if not incoming.target.startswith(b"/"):
            absolute = _absolute_target(incoming.target)
            if absolute is not None:
                rest = absolute[2]
                headers[b"host"], incoming.target = absolute[1], rest if rest.startswith(b"/") else b"/" + rest
        length = int(headers.get(b"content-length") or 0)
        if length > BODY_BYTES and length > self._body_bytes_max(incoming.target):
            self._refuse_body(incoming.target)
        elif headers.get(b"expect", b"").lower() == b"100-continue" and not self._busy:
            self._transport.write(_CONTINUE)

    def on_chunk_header(self) -> None:
        """Expect a part of the body."""
        incoming = self._incoming
        assert incoming is not None
        incoming.other_bytes = 0

    def on_body(self, part: bytes) -> None:
        """Take a part of the body."""
        incoming = self._incoming
        assert incoming is not None
        incoming.body.append(part)
        incoming.other_bytes = 0
        incoming.body_bytes += len(part)
        length = incoming.body_bytes
        if length > BODY_BYTES and not self._deaf and length > self._body_bytes_max(incoming.target):
            self._refuse_body(incoming.target)

    def on_message_complete(self) -> None:
        """Hand the request over, or let it wait for those before it."""
        if self._parser.should_upgrade():
            return
        incoming, self._incoming = self._incoming, None
        if self._deaf:
            return
        assert incoming is not None
        body = incoming.body[0] if len(incoming.body) == 1 else b"".join(incoming.body)
        request = Request(self._parser.get_method(), incoming.target, incoming.headers, body, self._local)
        keep = self._parser.should_keep_alive() and self._parser.get_http_version() == "1.1"
        if self._busy or self._waiting or self._stalled:
            self._waiting.append((request, keep))
            if len(self._waiting) == PIPELINED:
                self._transport.pause_reading()
        else:
            self._hand_over(request, keep)

    # -- the application's side --

    def _hand_over(self, request: Request, keep: bool) -> None:  # noqa: FBT001
        self._busy, self._keep, self._without_body = True, keep, request.method == b"HEAD"
        try:
            self._server.application(request, self._answer)
        except Exception:
            log.exception("a request failed outside its application")
            self._busy = False
            self._waiting.clear()
            self._refuse(500, "Internal server error; the log tells more")

    def _answer(self, response: Response) -> None:
        """Write the answer to the request that the application has, then hand over the next."""
        assert self._busy, "a request is answered once"
        if self._transport.is_closing():
            return
        more = bool(self._waiting) or self._refusal is not None
        keep = self._keep and (more or not self._deaf)
        self._write(response, keep=keep)
        self._busy = False
        self._active = self._server.seconds
        if not keep:
            self._transport.close()
        elif more:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        if self._busy or self._stalled or self._transport.is_closing():
            return
        if self._waiting:
            if len(self._waiting) == PIPELINED:
                self._transport.resume_reading()
            self._hand_over(*self._waiting.popleft())
        elif self._refusal is not None:
            self._without_body = False
            self._write(self._server.application.refusal(*self._refusal), keep=False)
            self._refusal = None
            self._transport.write_eof()

    def _write(self, response: Response, *, keep: bool) -> None:
        status, headers, body = response
        lines = b"".join([b"%b: %b\r\n" % header for header in headers])
        if status != _NO_CONTENT:
            lines += b"content-length: %d\r\n" % len(body)
        if not keep:
            lines += b"connection: close\r\n"
        head = b"%b%b%b\r\n" % (_STATUS_LINES[status], self._server.common, lines)
        self._transport.write(head if self._without_body else head + body)

    def _body_bytes_max(self, target: bytes) -> int:
        return self._server.application.body_bytes_max(target)

    def _refuse_body(self, target: bytes) -> None:
        self._refuse(413, f"the request body is over {self._body_bytes_max(target)} bytes")

    def _refuse(self, status: int, text: str) -> None:
        """Refuse a request, and all that follow it; what the client still sends is read, and dropped.

        Those before it are still answered.
        """
        self._deaf = True
        self._refusal = (status, text)
        self._next()

    # -- the server's side --

    def look_at_time(self, seconds: int) -> None:
        """Close when the client has kept still for too long."""
        unsent = self._transport.get_write_buffer_size()
        if unsent < self._unsent:
            self._active = seconds
        self._unsent = unsent
        still = seconds - self._active
        if unsent:
            if still > ANSWER_SECONDS:
                self._transport.abort()
        elif self._busy:
            return
        elif self._deaf:
            if still > LINGER_SECONDS:
                self._transport.close()
        elif self._incoming is not None:
            if still > REQUEST_SECONDS:
                self._refuse(408, f"the request stood still for {REQUEST_SECONDS} seconds")
        elif still > KEEP_ALIVE_SECONDS:
            self._transport.close()

    def finish(self) -> None:
        """Close as soon as nothing is left to be answered."""
        self._keep = False
        if not self._busy:
            self._transport.close()

    def abort(self) -> None:
        """Close at once."""
        self._transport.abort()
