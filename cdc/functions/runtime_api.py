"""The Lambda Runtime API of one instance as a state machine: requests in, replies out, without a socket.

Lambda Runtime API, version 2018-06-01. A request is answered at once, but for `next`, which waits for an invocation.
"""

from __future__ import annotations

import base64
import binascii
from enum import Enum
from typing import TYPE_CHECKING

import orjson

from cdc.functions import worker
from cdc.functions.http import Reply, Request, error
from cdc.functions.process import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = "127.0.0.1"
"""Where it is reached; another name in a request is that of a web page which leads there."""
BASE = "/2018-06-01/runtime/"
BODY_BYTES_MAX = worker.RESULT_BYTES_MAX
ACCEPTED = Reply(202, (), b'{"status":"OK"}')
ERROR_TYPE = "lambda-runtime-function-error-type"
ERROR_BODY = "lambda-runtime-function-error-body"
"""Trailer of a streamed response that failed on its way; base64 of the error object."""


class Phase(Enum):
    """What the runtime is at."""

    INIT = "has not asked for an invocation yet"
    READY = "waits for an invocation, or for it to be delivered"
    RUNNING = "has an invocation"
    ANSWERED = "has answered, and not asked for the next"


class RuntimeApi:
    """Where one runtime is. `answer` is what it said last: that it is ready, a result, or an error."""

    def __init__(self) -> None:
        self.phase = Phase.INIT
        self.answer: Answer | None = None
        self._request_id = ""  # of the invocation that was taken last
        self._offered_id = ""
        self._event: Reply | None = None  # the reply to `next`, as long as it isn't taken

    @property
    def offers(self) -> bool:
        """Whether there is an invocation that was not taken."""
        return self._event is not None

    def offer(self, request_id: str, event: Reply) -> None:
        """Have an invocation for the next `next`."""
        self.answer = None
        self._offered_id, self._event = request_id, event

    def take(self) -> Reply | None:
        """Give the invocation to a `next` that waits; None while there is none."""
        event, self._event = self._event, None
        if event is not None:
            self.phase, self._request_id = Phase.RUNNING, self._offered_id
        return event

    def undelivered(self, event: Reply) -> None:
        """Take an invocation back whose connection broke before all of it was sent."""
        if self.phase is Phase.RUNNING and self.answer is None:
            self.phase, self._event = Phase.READY, event

    def handle(self, request: Request) -> Reply | None:
        """Answer a request; None: a `next`, which waits for `take`."""
        if request.headers.get("host", HOST).partition(":")[0] != HOST or "origin" in request.headers:
            return error(403, "Forbidden", f"only a runtime on this machine may call this, by the name {HOST}")
        path = request.path.removeprefix(BASE).split("/") if request.path.startswith(BASE) else []
        match request.method, path:
            case "GET", ["invocation", "next"]:
                return self._next()
            case "POST", ["invocation", request_id, "response"]:
                return self._answered(request_id, request, self._respond)
            case "POST", ["invocation", request_id, "error"]:
                return self._answered(request_id, request, self._fail)
            case "POST", ["init" | "restore", "error"]:
                return self._init_error(request)
            case "GET", ["restore", "next"] if self.phase is Phase.INIT:
                return Reply(200, (), b"{}")  # nothing was frozen, so that it is restored already
            case "GET", ["restore", "next"]:
                return self._not_allowed("restore/next")
        return error(404, "ResourceNotFound", f"{request.method} {request.path} is not part of the Runtime API")

    def _next(self) -> Reply | None:
        if self.phase is Phase.RUNNING:
            return self._not_allowed("invocation/next")
        if self.phase is Phase.INIT:
            self.answer = Answer(worker.READY, b"")
        self.phase = Phase.READY
        return None

    def _answered(self, request_id: str, request: Request, settle: Callable[[Request], Reply]) -> Reply:
        if not request_id or request_id != self._request_id:
            return error(400, "InvalidRequestID", f"{request_id!r} is not the running invocation")
        if self.phase is not Phase.RUNNING:
            return self._not_allowed(f"invocation/{request_id}")
        self.phase = Phase.ANSWERED
        return settle(request)

    def _respond(self, request: Request) -> Reply:
        if request.body_bytes > BODY_BYTES_MAX:
            text = f"Response payload size exceeded maximum allowed payload size ({BODY_BYTES_MAX} bytes)."
            self._settle(worker.ERROR, {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text})
            return error(413, "RequestEntityTooLarge", text)
        if ERROR_TYPE in request.headers:  # a trailer: a streamed response that failed on its way
            return self._fail(request._replace(body=decoded(request.headers.get(ERROR_BODY, ""))))
        self.answer = Answer(worker.RESULT, request.body)
        return ACCEPTED

    def _fail(self, request: Request) -> Reply:
        self._settle(worker.ERROR, fault_of(request))
        return ACCEPTED

    def _init_error(self, request: Request) -> Reply:
        if self.phase is not Phase.INIT or self.answer is not None:
            return self._not_allowed("init/error")
        self._settle(worker.INIT_ERROR, fault_of(request))
        return ACCEPTED

    def _settle(self, kind: bytes, fault: bytes | dict[str, str]) -> None:
        self.answer = Answer(kind, fault if isinstance(fault, bytes) else orjson.dumps(fault))

    def _not_allowed(self, what: str) -> Reply:
        text = f"State transition is not allowed: {what} of a runtime that {self.phase.value}"
        return error(403, "InvalidStateTransition", text)


def fault_of(request: Request) -> bytes | dict[str, str]:
    """Return the error object that a runtime reported, as it came; or one made up, where it is no JSON object."""
    try:
        fault = orjson.loads(request.body)
    except ValueError:
        fault = None
    if isinstance(fault, dict):
        return request.body
    error_type = request.headers.get(ERROR_TYPE) or "Runtime.UnknownReason"
    return {"errorType": error_type, "errorMessage": request.body.decode(errors="replace")}


def decoded(text: str) -> bytes:
    """Decode base64; what is none is taken as it is."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return text.encode()
