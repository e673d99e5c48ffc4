"""The application: guards, the AWS protocol, health. It parses, hands over, and answers when the work is done."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from cdc.api import lambda_http
from cdc.api.exposition import CONTENT_TYPE
from cdc.api.guard import Guard, refusal_of_host, refusal_of_origin
from cdc.api.http import BODY_BYTES, Request, Response
from cdc.api.metrics import metrics_text
from cdc.api.protocol import (
    CONTENT_TYPES,
    GZIP_BYTES,
    RequestIds,
    accepts_gzip,
    failure,
    load,
    parse,
    respond,
    success,
)
from cdc.api.tallies import Tallies
from cdc.mappings.published import read_state
from cdc.model.app_id import app_id_in
from cdc.model.errors import AccessDeniedException, RequestEntityTooLargeException, ServiceError
from cdc.store.reading import Read
from cdc.store.writer import Job

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdc.api.authentication import Authenticator
    from cdc.api.http import Answer
    from cdc.api.tallies import Tally
    from cdc.lambda_api.api import LambdaApi
    from cdc.service import Service
    from cdc.store.reading import Write
    from cdc.store.transaction import Transaction

log = logging.getLogger(__name__)

READ_THREADS = 1
"""Queries, scans and the like that run at a time, each for one page. They hold the GIL but for SQLite's steps: a second
thread makes no page come sooner, and has the writer wait for the GIL twice as often. With four, a parallel scan got two
thirds of the pages, and writes beside it took 5 ms in place of 0.7 (docs/performance.md).
"""
_UNKNOWN = "<UnknownOperationException/>\n"
_CROSS_ORIGIN = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"x-amzn-RequestId,x-amzn-ErrorType,x-amzn-ErrorMessage,x-amz-crc32,Date"),
]
_PREFLIGHT_SECONDS = b"172800"
"""How long a browser may remember what a preflight allowed."""


@dataclass(slots=True, eq=False)
class _Call:
    """A call of an operation that is to be answered."""

    answer: Answer
    request_id: bytes
    content_type: bytes
    cross_origin: bool
    accepts: bytes | None  # Accept-Encoding
    tally: Tally
    began: float = 0.0  # on the monotonic clock

    def succeed(self, body: bytes, now: float, response: Response | None = None) -> None:
        """Answer with the JSON of a result, of which the answer may have been built already."""
        tally = self.tally
        tally.successful += 1
        tally.seconds += now - self.began
        if tally.counts_records:
            tally.count_records(body)
        self.send(response or self.success(body))

    def fail(self, error: BaseException) -> None:
        """Answer with an error."""
        self.tally.fail(error)
        self.send(self.failure(error))

    def success(self, body: bytes) -> Response:
        """Build the answer with the JSON of a result, compressed if it is long; on any thread."""
        gzip = len(body) >= GZIP_BYTES and accepts_gzip(self.accepts)
        return self._shared(success(self.request_id, body, self.content_type, gzip=gzip))

    def failure(self, error: BaseException) -> Response:
        """Build the answer with an error; on any thread."""
        return self._shared(failure(self.request_id, error, self.content_type, gzip=accepts_gzip(self.accepts)))

    def send(self, response: Response) -> None:
        """Answer."""
        try:
            self.answer(response)
        except Exception:  # the others of its group are to be answered all the same
            log.exception("a request could not be answered")

    def _shared(self, response: Response) -> Response:
        return _with_headers(response, _CROSS_ORIGIN) if self.cross_origin else response


class _WriteOfFunction:
    """A write that the process of a function asks for: it is remembered which records it made."""

    def __init__(self, run: Callable[[Transaction], bytes], app_id: str) -> None:
        self._run = run
        self.app_id = app_id
        self.sequences = range(0)

    def __call__(self, transaction: Transaction) -> bytes:
        first = transaction.counters.next_sequence
        result = self._run(transaction)
        self.sequences = range(first, transaction.counters.next_sequence)
        return result


class App:
    """Answers the requests of one service, all on one event loop.

    What one turn of the loop reads is worked on together: its writes wake the writer once, its quick reads share a
    snapshot, taken when all of them have come in and before any is answered.
    """

    def __init__(
        self,
        service: Service,
        guard: Guard,
        authenticator: Authenticator,
        lambda_api: LambdaApi,
        delivery: Callable[[], dict[str, Any] | None] | None = None,
        wrote: Callable[[str, range], None] | None = None,
    ) -> None:
        """Take `delivery`, the state of delivery for the metrics; by default, what another process publishes.

        `wrote` is told, on the writer's thread, of the records that the processes of functions write: application id
        and sequence numbers.
        """
        self._lambda = lambda_http.LambdaHttp(lambda_api)
        self._service = service
        self._guard = guard
        self.authenticator = authenticator  # may be replaced at any time
        self._delivery = delivery or partial(read_state, service.path)
        self._wrote = wrote
        self._tallies = Tallies()
        self._now = service.clock.monotonic
        self._began = 0.0  # when this turn had its first request
        self._ids = RequestIds()
        self._pool = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="cdc-read")
        self._loop = asyncio.get_running_loop()
        self._writes: list[Job[bytes]] = []
        self._reads: list[tuple[Read, _Call]] = []
        self._notify = self._deliver  # one object, by which the writer groups its answers
        self._notify_function = self._deliver_to_functions
        self.ready = True  # what /health says; false while draining

    def close(self) -> None:
        """Wait for the reads in progress and end their threads."""
        self._pool.shutdown()
        self._lambda.close()

    def body_bytes_max(self, target: bytes) -> int:
        """Tell how long the body of a request may be."""
        return self._lambda.body_bytes(target, BODY_BYTES)

    def __call__(self, request: Request, answer: Answer) -> None:
        """Answer one request, now or later."""
        headers = request.headers
        origin = headers.get(b"origin", b"")
        host, guard = headers.get(b"host", b""), self._guard
        if not guard.accepts_host(host):
            answer(self._refused(refusal_of_host(host)))
            return
        if origin and not guard.accepts_origin(origin, host):
            answer(self._refused(refusal_of_origin(origin)))
            return
        content_type = headers.get(b"content-type", b"")
        if content_type not in CONTENT_TYPES:
            content_type = content_type.partition(b";")[0].strip()
        at_root = request.target == b"/" or request.target.startswith(b"/?")
        if request.method == b"POST" and content_type in CONTENT_TYPES and at_root:
            self._run(request, answer, content_type, cross_origin=bool(origin))
        elif request.target.startswith(lambda_http.PREFIX) and request.method != b"OPTIONS":
            self._run_lambda(request, _across(answer) if origin else answer)
        elif request.method == b"GET" and request.target.partition(b"?")[0] == b"/metrics":
            self._pool.submit(self._answer_metrics, answer, cross_origin=bool(origin))
        else:
            response = self._other(request, origin)
            answer(_with_headers(response, _CROSS_ORIGIN) if origin else response)

    def refusal(self, status: int, text: str) -> Response:
        """Word the answer to what is no acceptable HTTP request."""
        if status == RequestEntityTooLargeException.status:
            return failure(self._ids.next(), RequestEntityTooLargeException(text))
        return self._text(status, text)

    def _refused(self, text: str) -> Response:
        """Word the refusal of a host or an origin so that each SDK, of whichever service, shows what to do about it."""
        error = AccessDeniedException(text)
        response = failure(self._ids.next(), error, b"application/json")._replace(status=403)
        return _with_headers(response, [(b"x-amzn-errortype", error.code.encode())])

    def _other(self, request: Request, origin: bytes) -> Response:
        """Answer what is no call of an operation."""
        method, path = request.method, request.target.partition(b"?")[0]
        if method == b"OPTIONS" and origin:
            return _preflight(request.headers)
        if method in {b"GET", b"HEAD"} and path == b"/health":
            status, state = (200, "ok") if self.ready else (503, "draining")
            return self._text(status, f'{{"status":"{state}"}}', b"application/json")
        if method == b"GET" and path == b"/":
            return self._text(200, f"healthy: dynamodb.{self._service.options.region}.amazonaws.com ")
        return self._text(404, _UNKNOWN, b"application/xml")

    def _text(self, status: int, text: str, content_type: bytes = b"text/plain; charset=utf-8") -> Response:
        return respond(status, self._ids.next(), text.encode(), content_type)

    def _answer_metrics(self, answer: Answer, *, cross_origin: bool) -> None:
        """Write the page of metrics on this thread and have it answered on the loop's."""
        try:
            text = metrics_text(self._tallies, self._delivery(), self._service.status())
            response = respond(200, self._ids.next(), text, CONTENT_TYPE)
        except Exception as error:  # noqa: BLE001  # failure() logs it
            response = failure(self._ids.next(), error)
        response = _with_headers(response, _CROSS_ORIGIN) if cross_origin else response
        self._loop.call_soon_threadsafe(answer, response)

    def _run_lambda(self, request: Request, answer: Answer) -> None:
        """Begin an operation of the Lambda API."""
        try:
            self.authenticator.check(request, lambda_http.SIGNED_FOR)
        except ServiceError as error:
            answer(lambda_http.refusal(error))
            return
        self._lambda(request, answer)

    def _run(self, request: Request, answer: Answer, content_type: bytes, *, cross_origin: bool) -> None:
        """Begin an operation."""
        headers, content = request.headers, None
        target, accepts = headers.get(b"x-amz-target", b""), headers.get(b"accept-encoding")
        try:
            content = load(request)
            work = parse(request, content, self._service.options, self.authenticator, self._service.enforcer)
        except Exception as error:  # noqa: BLE001  # failure() logs what is not the caller's fault
            tally = self._tallies.of(target, content)
            _Call(answer, self._ids.next(), content_type, cross_origin, accepts, tally).fail(error)
            return
        tally = self._tallies.of(target, content)
        call = _Call(answer, self._ids.next(), content_type, cross_origin, accepts, tally)
        if not self._reads and not self._writes:
            self._began = self._now()
        call.began = self._began
        if not isinstance(work, Read):
            self._write(call, work, headers.get(b"user-agent", b""))
        elif work.quick:
            if not self._reads:
                self._loop.call_soon(self._read_all)
            self._reads.append((work, call))
        else:
            call.began = self._now()
            self._pool.submit(self._read_elsewhere, work, call)

    def _read_all(self) -> None:
        reads, self._reads = self._reads, []
        outcomes: list[bytes | Exception] = []
        try:
            with self._service.reader.snapshot() as view:
                for read, _ in reads:
                    try:
                        outcomes.append(read.run(view))
                    except Exception as error:  # noqa: BLE001  # failure() logs it
                        outcomes.append(error)
        except Exception as error:  # noqa: BLE001  # the file can't be read: whoever has no outcome has this one
            outcomes += [error] * (len(reads) - len(outcomes))
        now = self._now()
        for (_, call), outcome in zip(reads, outcomes, strict=True):
            if isinstance(outcome, bytes):
                call.succeed(outcome, now)
            else:
                call.fail(outcome)

    def _read_elsewhere(self, read: Read, call: _Call) -> None:
        """Run a read on this thread and have it answered on the loop's."""
        try:
            body = self._service.execute(read)
            finish = partial(call.succeed, body, self._now(), call.success(body))
        except Exception as error:  # noqa: BLE001  # as above
            finish = partial(call.fail, error)
        self._loop.call_soon_threadsafe(finish)

    def _write(self, call: _Call, work: Write, user_agent: bytes) -> None:
        """Queue a write; it is answered when its group has committed."""
        if not self._writes:
            self._loop.call_soon(self._submit)
        app_id = None if self._wrote is None else app_id_in(user_agent)
        if app_id is None:
            self._writes.append(Job(work.run, self._notify, work.size_bytes, call))
        else:
            run = _WriteOfFunction(work.run, app_id)
            self._writes.append(Job(run, self._notify_function, work.size_bytes, call))

    def _submit(self) -> None:
        jobs, self._writes = self._writes, []
        try:
            self._service.writer.submit(*jobs)
        except ServiceError as error:
            for job in jobs:
                job.error = error
            self._have_written(jobs)

    def _deliver(self, jobs: list[Job[Any]]) -> None:
        """Pass a group's outcomes to the event loop, in one call; runs on the writer's thread."""
        self._loop.call_soon_threadsafe(self._have_written, jobs)

    def _deliver_to_functions(self, jobs: list[Job[Any]]) -> None:
        """Do so for writes of functions; the guard hears of them before the poller can read their records."""
        assert self._wrote is not None
        for job in jobs:
            run = job.run
            if job.error is None and isinstance(run, _WriteOfFunction) and run.sequences:
                self._wrote(run.app_id, run.sequences)
        self._deliver(jobs)

    def _have_written(self, jobs: list[Job[Any]]) -> None:
        now = self._now()
        for job in jobs:
            call: _Call = job.tag
            if job.error is not None:
                call.fail(job.error)
            else:
                assert job.result is not None
                call.succeed(job.result, now)


def _with_headers(response: Response, headers: Sequence[tuple[bytes, bytes]]) -> Response:
    return response._replace(headers=[*response.headers, *headers])


def _across(answer: Answer) -> Answer:
    """Let a page of another origin, which may call, read the answer."""
    return lambda response: answer(_with_headers(response, _CROSS_ORIGIN))


def _preflight(headers: dict[bytes, bytes]) -> Response:
    """Allow a page, which may call, the method and headers that its browser asks about."""
    allowed = [(b"access-control-max-age", _PREFLIGHT_SECONDS)]
    for what in (b"method", b"headers"):
        asked = headers.get(b"access-control-request-" + what)
        if asked is not None:
            name = b"methods" if what == b"method" else what
            allowed.append((b"access-control-allow-" + name, asked))
    return Response(200, allowed, b"")
