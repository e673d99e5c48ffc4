"""The AWS JSON protocol: one POST, an operation named in a header, and an answer with its CRC."""

from __future__ import annotations

import itertools
import logging
import os
from base64 import b32encode
from typing import TYPE_CHECKING, Any
from zlib import compress, crc32, decompressobj
from zlib import error as ZlibError  # noqa: N812  # it is a class

import orjson

from cdc.api.http import BODY_BYTES, Response
from cdc.model.errors import (
    InternalServerError,
    RequestEntityTooLargeException,
    SerializationException,
    ServiceError,
    ServiceUnavailable,
)
from cdc.service.operations import TARGETS, find_operation
from cdc.store.sqlite import is_environment

if TYPE_CHECKING:
    from cdc.api.authentication import Authenticator
    from cdc.api.http import Request
    from cdc.model.options import Options
    from cdc.store.reading import Read, Write
    from cdc.tables.enforcement import Enforcer

log = logging.getLogger(__name__)

JSON_1_0 = b"application/x-amz-json-1.0"
CONTENT_TYPES = frozenset({JSON_1_0, b"application/json"})
SIGNED_FOR = frozenset({"dynamodb", "dynamodbstreams"})
"""Names of the services in signatures; streams are signed for under both."""
GZIP_BYTES = 4096
"""Answers from this length on are compressed for who accepts it, as in DynamoDB."""
_GZIP_LEVEL = 1
"""A page of 1 MB takes 18 ms; the best level makes it a twelfth smaller in four times as long."""
_GZIP = 31
"""zlib's number for the gzip format."""
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


def load(request: Request) -> Any:
    """Read the JSON of a request, None of one without a body; what it is, `parse` looks at.

    Raises: SerializationException; RequestEntityTooLargeException.
    """
    body = request.body
    if b"content-encoding" in request.headers:
        body = _decoded(request.headers[b"content-encoding"], body)
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        raise SerializationException from None


def parse(
    request: Request, content: Any, options: Options, authenticator: Authenticator, enforcer: Enforcer | None = None
) -> Read | Write:
    """Check a request, whose JSON is `content`, as far as it can be without the file.

    That is the operation, the signature, then what is asked for. With an `enforcer`, what comes out holds to the
    throughput of tables. Raises: ServiceError.
    """
    target = request.headers.get(b"x-amz-target", b"")
    operation = _OPERATIONS.get(target) or find_operation(target.decode("latin-1"))
    authenticator.check(request, SIGNED_FOR)
    if not isinstance(content, dict):
        raise SerializationException
    if enforcer is not None:
        return enforcer.check(target.decode().partition(".")[2], operation, content, options)
    return operation(content, options)


def _decoded(encoding: bytes, body: bytes) -> bytes:
    """Decompress a body.

    Raises: SerializationException; RequestEntityTooLargeException, without having decompressed more than is allowed.
    """
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return body
    if name != b"gzip":
        raise SerializationException(
            f"Content-Encoding {encoding.decode('latin-1')} is not supported: send gzip, or none"
        )
    decoder = decompressobj(_GZIP)
    try:
        decoded = decoder.decompress(body, BODY_BYTES + 1)
    except ZlibError:
        raise SerializationException from None
    if len(decoded) > BODY_BYTES:
        raise RequestEntityTooLargeException(f"the request body is over {BODY_BYTES} bytes")
    if not decoder.eof:
        raise SerializationException
    return decoded


def accepts_gzip(header: bytes | None) -> bool:
    """Tell whether the value of an `Accept-Encoding` header has gzip among what the client takes."""
    if header is None or b"gzip" not in header.lower():
        return False
    for part in header.lower().split(b","):
        name, _, weight = part.partition(b";")
        if name.strip() == b"gzip":
            return weight.strip().replace(b" ", b"") not in {b"q=0", b"q=0.0", b"q=0.00", b"q=0.000"}
    return False


def success(request_id: bytes, body: bytes, content_type: bytes = JSON_1_0, *, gzip: bool = False) -> Response:
    """Wrap the JSON of an answer; `gzip` if the client takes it compressed."""
    return respond(200, request_id, body, content_type, gzip=gzip)


def failure(request_id: bytes, error: BaseException, content_type: bytes = JSON_1_0, *, gzip: bool = False) -> Response:
    """Wrap an error as the service does; one that is no ServiceError is logged and hidden."""
    if is_environment(error):
        log.warning("request %s failed: %s", request_id.decode(), error)
        error = ServiceUnavailable("The database file can't be read at the moment; try again, and see the log")
    if not isinstance(error, ServiceError):
        log.error("request %s failed", request_id.decode(), exc_info=error)
        error = InternalServerError("Internal server error; the log tells more under this request id")
    body = orjson.dumps(error.body())
    return respond(error.status, request_id, body, content_type, gzip=gzip and len(body) >= GZIP_BYTES)


def respond(status: int, request_id: bytes, body: bytes, content_type: bytes, *, gzip: bool = False) -> Response:
    """Put the headers of the service to a body."""
    if gzip:
        body = compress(body, _GZIP_LEVEL, _GZIP)
    headers = [
        (b"content-type", content_type),
        (b"x-amzn-requestid", request_id),
        (b"x-amz-crc32", b"%d" % crc32(body)),
    ]
    if gzip:
        headers.append((b"content-encoding", b"gzip"))
    return Response(status, headers, body)
