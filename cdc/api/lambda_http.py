"""The Lambda API over HTTP: its operations run on threads of their own, so that tables are not held up by them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import orjson

from cdc.api.http import Response
from cdc.model.errors import InternalServerError, ServiceError, ServiceUnavailable
from cdc.model.lambda_errors import (
    InvalidParameterValueException,
    LambdaError,
    ServiceException,
    TooManyRequestsException,
)
from cdc.store.sqlite import is_environment

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.api.http import Answer, Request
    from cdc.lambda_api.api import LambdaApi
    from cdc.lambda_api.call import Answer as LambdaAnswer

log = logging.getLogger(__name__)

PREFIX = b"/20"
"""How the path of each operation begins: with a date."""
SIGNED_FOR = frozenset({"lambda"})
"""The service that a signature names."""
THREADS = 4
"""Operations that run at a time; Invoke holds none of them while its function runs."""
UPLOAD_BYTES = 70_167_211
"""A request's body at most, where it may have the code of a function: Lambda's bound, 50 MB in base64."""
_JSON = b"application/json"


class LambdaHttp:
    """Answers the requests of the Lambda API, on one event loop."""

    def __init__(self, api: LambdaApi) -> None:
        self._api = api
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="cdc-lambda")
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Wait for the operations in progress, not for invocations, and end their threads."""
        self._pool.shutdown()

    def body_bytes(self, target: bytes, usual: int) -> int:
        """Tell how long the body of a request may be; `usual`: of all others."""
        return UPLOAD_BYTES if self._api.takes_uploads and target.startswith(PREFIX) else usual

    def __call__(self, request: Request, answer: Answer) -> None:
        """Answer one request, later."""
        self._pool.submit(self._run, request, answer)

    def _run(self, request: Request, answer: Answer) -> None:
        request_id = str(uuid.uuid4())

        def respond(found: LambdaAnswer) -> None:
            self._send(answer, _success(request_id, found))

        try:
            method, target = request.method.decode("latin-1"), request.target.decode("latin-1")
            self._api.handle(request_id, method, target, request.headers, request.body, respond)
        except Exception as error:  # noqa: BLE001  # failure() logs what is not the caller's fault
            self._send(answer, failure(request_id, error))

    def _send(self, answer: Callable[[Response], None], response: Response) -> None:
        try:
            self._loop.call_soon_threadsafe(answer, response)
        except RuntimeError:  # the loop is closed: the daemon has stopped before the function ended
            log.warning("an invocation ended after the API had stopped; its caller is not told")


def failure(request_id: str, error: Exception) -> Response:
    """Word an error as Lambda does; one that is no ServiceError is logged and hidden."""
    if is_environment(error) or isinstance(error, ServiceUnavailable):
        log.warning("request %s failed: %s", request_id, error)
        error = ServiceException("The database file can't be used at the moment; try again, and see the log")
    if not isinstance(error, ServiceError) or isinstance(error, InternalServerError):
        log.error("request %s failed", request_id, exc_info=error)
        error = ServiceException("Internal server error; the log tells more under this request id")
    if isinstance(error, InvalidParameterValueException) and "Reason" in error.extra:  # which SDKs don't show
        log.info("request %s was refused: %s: %s", request_id, error.message, error.extra["Reason"])
    body = error.body() if isinstance(error, LambdaError) else {"Type": "User", "Message": error.message}
    headers = [(b"x-amzn-errortype", error.code.encode())]
    if isinstance(error, TooManyRequestsException):
        headers.append((b"retry-after", body.pop("retryAfterSeconds").encode()))
    return _response(request_id, error.status, orjson.dumps(body), headers)


def refusal(error: ServiceError) -> Response:
    """Word the refusal of who may not call as Lambda does, for which DynamoDB's status is 400."""
    headers = [(b"x-amzn-errortype", error.code.encode())]
    return _response(str(uuid.uuid4()), 403, orjson.dumps({"message": error.message}), headers)


def _success(request_id: str, found: LambdaAnswer) -> Response:
    headers = [(name.encode(), value.encode()) for name, value in found.headers.items()]
    body = found.body
    if body is None:
        return _response(request_id, found.status, b"", headers)
    return _response(request_id, found.status, body if isinstance(body, bytes) else orjson.dumps(body), headers)


def _response(request_id: str, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> Response:
    return Response(status, [(b"content-type", _JSON), (b"x-amzn-requestid", request_id.encode()), *headers], body)
