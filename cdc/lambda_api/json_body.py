"""JSON bodies of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.lambda_errors import InvalidRequestContentException

if TYPE_CHECKING:
    from cdc.lambda_api.call import Body


def parse_body(body: bytes) -> Body:
    """Read the body of a request; an empty one is an object without members.

    Raises: InvalidRequestContentException.
    """
    try:
        request: Any = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(f"Could not parse request body into json: {error}") from None
    if not isinstance(request, dict):
        raise InvalidRequestContentException("Could not parse request body into json: expected an object")
    return request
