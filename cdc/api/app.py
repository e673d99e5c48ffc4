"""The ASGI application: guards, the AWS protocol, health. It parses, hands over, awaits and serialises."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from cdc.api.guard import Guard, refusal_of_host, refusal_of_origin
from cdc.api.protocol import CONTENT_TYPES, MAX_BODY_BYTES, RequestIds, Response, failure, parse, respond, success
from cdc.model.errors import RequestEntityTooLargeException, ServiceError
from cdc.store.reading import Lookup, Write
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cdc.service import Service

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

READ_THREADS = 4
"""Queries and scans that run at a time; they hold the GIL but for SQLite's steps, so more would not be faster."""
_UNKNOWN = "<UnknownOperationException/>\n"
_CROSS_ORIGIN = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-amzn-RequestId,x-amz-crc32,Date"),
]
_PREFLIGHT_SECONDS = b"172800"
"""How long a browser may remember what a preflight allowed."""


class App:
    """Answers the requests of one service."""

    def __init__(self, service: Service, guard: Guard) -> None:
        self._service = service
        self._guard = guard
        self._ids = RequestIds()
        self._pool = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="cdc-read")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queued: list[Job[bytes]] = []
        self._notify = self._deliver  # one object, by which the writer groups its answers
        self.ready = True  # what /health says; false while draining

    def close(self) -> None:
        """Wait for the reads in progress and end their threads."""
        self._pool.shutdown()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request (ASGI 3)."""
        if scope["type"] != "http":
            return
        host = origin = content_type = target = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"x-amz-target":
                target = value
            elif name == b"content-type":
                content_type = value.partition(b";")[0].strip()
            elif name == b"origin":
                origin = value
        response = self._refuse(host, origin)
        if response is None:
            if content_type in CONTENT_TYPES and scope["method"] == "POST" and scope["path"] == "/":
                response = await self._call(target, content_type, receive)
            else:
                response = self._other(scope, origin)
            if origin:
                response.headers.extend(_CROSS_ORIGIN)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    def _refuse(self, host: bytes, origin: bytes) -> Response | None:
        if not self._guard.accepts_host(host):
            return self._text(403, refusal_of_host(host))
        if origin and not self._guard.accepts_origin(origin, host):
            return self._text(403, refusal_of_origin(origin))
        return None

    def _other(self, scope: Scope, origin: bytes) -> Response:
        """Answer what is no call of an operation."""
        method, path = scope["method"], scope["path"]
        if method == "OPTIONS" and origin:
            return _preflight(dict(scope["headers"]))
        if method == "GET" and path == "/health":
            status, state = (200, "ok") if self.ready else (503, "draining")
            return self._text(status, f'{{"status":"{state}"}}', b"application/json")
        if method == "GET" and path == "/":
            return self._text(200, f"healthy: dynamodb.{self._service.options.region}.amazonaws.com ")
        return self._text(404, _UNKNOWN, b"application/xml")

    def _text(self, status: int, text: str, content_type: bytes = b"text/plain; charset=utf-8") -> Response:
        return respond(status, self._ids.next(), text.encode(), content_type)

    async def _call(self, target: bytes, content_type: bytes, receive: Receive) -> Response:
        request_id = self._ids.next()
        try:
            message = await receive()
            body = await _read_rest(message, receive) if message.get("more_body") else message.get("body", b"")
            work = parse(target, body, self._service.options)
            if isinstance(work, Lookup):
                answer = self._service.reader.look_up(work)
            elif isinstance(work, Write):
                answer = await self._write(work)
            elif work.quick:
                answer = work.run(self._service.reader.view())
            else:
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._pool, self._service.execute, work)
        except Exception as error:  # noqa: BLE001  # failure() logs what is not the caller's fault
            return failure(request_id, error, content_type)
        return success(request_id, answer, content_type)

    def _write(self, work: Write) -> asyncio.Future[bytes]:
        """Queue a write; the future is done when its group has committed."""
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        future: asyncio.Future[bytes] = loop.create_future()
        if not self._queued:  # all writes that this turn of the loop reads wake the writer once
            loop.call_soon(self._submit)
        self._queued.append(Job(work.run, self._notify, work.size_bytes, future))
        return future

    def _submit(self) -> None:
        jobs, self._queued = self._queued, []
        try:
            self._service.writer.submit(*jobs)
        except ServiceError as error:
            for job in jobs:
                job.error = error
            _resolve(jobs)

    def _deliver(self, jobs: list[Job[Any]]) -> None:
        """Pass a group's outcomes to the event loop, in one call; runs on the writer's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(_resolve, jobs)


def _resolve(jobs: list[Job[Any]]) -> None:
    for job in jobs:
        future: asyncio.Future[Any] = job.tag
        if future.done():  # the client has gone
            continue
        if job.error is not None:
            future.set_exception(job.error)
        else:
            future.set_result(job.result)


def _preflight(headers: dict[bytes, bytes]) -> Response:
    """Allow a page, which may call, the method and headers that its browser asks about."""
    allowed = [(b"access-control-max-age", _PREFLIGHT_SECONDS), (b"content-length", b"0")]
    for what in (b"method", b"headers"):
        asked = headers.get(b"access-control-request-" + what)
        if asked is not None:
            name = b"methods" if what == b"method" else what
            allowed.append((b"access-control-allow-" + name, asked))
    return Response(200, allowed, b"")


async def _read_rest(message: dict[str, Any], receive: Receive) -> bytes:
    """Gather a body that comes in pieces, of which `message` is the first."""
    parts: list[bytes] = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ServiceError("the client went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise RequestEntityTooLargeException(f"the request body is over {MAX_BODY_BYTES} bytes")
    return b"".join(parts)
