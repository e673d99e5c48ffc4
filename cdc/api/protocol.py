"""The AWS JSON protocol: one POST, an operation named in a header, and an answer with its CRC."""

from __future__ import annotations

import itertools
import logging
import os
from base64 import b32encode
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

from cdc.api.http import Response
from cdc.model.errors import InternalServerError, SerializationException, ServiceError, ServiceUnavailable
from cdc.service.operations import TARGETS, find_operation
from cdc.store.sqlite import is_environment

if TYPE_CHECKING:
    from cdc.model.options import Options
    from cdc.store.reading import Read, Write

log = logging.getLogger(__name__)

JSON_1_0 = b"application/x-amz-json-1.0"
CONTENT_TYPES = frozenset({JSON_1_0, b"application/json"})
_REQUEST_ID_LETTERS = 52
_OPERATIONS = {name.encode(): operation for name, operation in TARGETS.items()}


class RequestIds:
    """Makes request ids of 52 letters A-Z and 0-9: a random start and a counter, as randomness for each costs 7 %."""

    def __init__(self) -> None:
        self._form = b32encode(os.urandom(25))[:32] + b"%%0%dd" % (_REQUEST_ID_LETTERS - 32)
        self._numbers = itertools.count(1)

    def next(self) -> bytes:
        """Return the next id."""
        return self._form % next(self._numbers)


def load(body: bytes) -> Any:
    """Read the JSON of a request; what it is, `parse` looks at.

    Raises: SerializationException.
    """
    try:
        return orjson.loads(body or b"{}")
    except orjson.JSONDecodeError:
        raise SerializationException from None


def parse(target: bytes, body: bytes, request: Any, options: Options) -> Read | Write:
    """Check a request, loaded from `body`, as far as it can be without the file.

    Raises: ServiceError.
    """
    operation = _OPERATIONS.get(target) or find_operation(target.decode("latin-1"))
    if not isinstance(request, dict) or not body:
        raise SerializationException
    return operation(request, options)


def success(request_id: bytes, body: bytes, content_type: bytes = JSON_1_0) -> Response:
    """Wrap the JSON of an answer."""
    return respond(200, request_id, body, content_type)


def failure(request_id: bytes, error: BaseException, content_type: bytes = JSON_1_0) -> Response:
    """Wrap an error as the service does; one that is no ServiceError is logged and hidden."""
    if is_environment(error):
        log.warning("request %s failed: %s", request_id.decode(), error)
        error = ServiceUnavailable("The database file can't be read at the moment; try again, and see the log")
    if not isinstance(error, ServiceError):
        log.error("request %s failed", request_id.decode(), exc_info=error)
        error = InternalServerError("Internal server error; the log tells more under this request id")
    return respond(error.status, request_id, orjson.dumps(error.body()), content_type)


def respond(status: int, request_id: bytes, body: bytes, content_type: bytes) -> Response:
    """Put the headers of the service to a body."""
    headers = [
        (b"content-type", content_type),
        (b"x-amzn-requestid", request_id),
        (b"x-amz-crc32", b"%d" % crc32(body)),
    ]
    return Response(status, headers, body)
