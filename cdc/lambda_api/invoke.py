"""Invoke: a function is run while the caller waits, or in the background."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import orjson

from cdc.lambda_api.call import Answer
from cdc.lambda_api.checks import Text, check_value
from cdc.lambda_api.functions import function_not_found, named_function
from cdc.model.function_names import LATEST_VERSION
from cdc.model.functions import Invocation, TooManyRequestsError, UnknownFunctionError
from cdc.model.lambda_errors import (
    InvalidRequestContentException,
    RequestTooLargeException,
    ServiceException,
    TooManyRequestsException,
)
from cdc.store import waiting_invocations

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.lambda_api.call import Call, Context
    from cdc.model.function_names import FunctionName
    from cdc.model.functions import Outcome
    from cdc.store.transaction import Transaction

PAYLOAD_BYTES_MAX = 6_291_456
EVENT_BYTES_MAX = 1_048_576
"""Lambda's bounds: 6 MB while the caller waits, 1 MB in the background."""
CLIENT_CONTEXT_CHARACTERS_MAX = 3583
"""Lambda's bound, of the base64."""
WAITING_MAX = 1000
"""Invocations of a function that wait in the background: with 1 MB each, 1 GB of the file."""
RETRY_AFTER_SECONDS = 1
REQUEST_RESPONSE, EVENT, DRY_RUN = "RequestResponse", "Event", "DryRun"
_TYPE = Text(choices=(EVENT, REQUEST_RESPONSE, DRY_RUN))
_LOG_TYPE = Text(choices=("None", "Tail"))


def invoke(call: Call, context: Context, answer: Callable[[Answer], None]) -> None:
    """Lambda: Invoke. `answer` is called once, now or later, on any thread.

    Raises: LambdaError, and `answer` is not called then.
    """
    kind = call.header(b"x-amz-invocation-type") or REQUEST_RESPONSE
    log_type = call.header(b"x-amz-log-type") or "None"
    check_value(_TYPE, kind, "invocationType")
    check_value(_LOG_TYPE, log_type, "logType")
    named = named_function(call, context, LATEST_VERSION)
    _check_size(call.body, EVENT_BYTES_MAX if kind == EVENT else PAYLOAD_BYTES_MAX)
    invocation = Invocation(
        function_name=named.name,
        request_id=call.request_id,
        event=_payload(call.body),
        client_context=_client_context(call.header(b"x-amz-client-context")),
        wants_log=log_type == "Tail",
    )
    if kind == DRY_RUN:
        answer(Answer(status=204))
    elif kind == EVENT:
        _accept(invocation, context)
        answer(Answer(status=202))
    else:
        _run(named, invocation, context, lambda outcome: answer(_answered(outcome, tail=invocation.wants_log)))


def _run(named: FunctionName, invocation: Invocation, context: Context, done: Callable[[Outcome], None]) -> None:
    if context.functions is None:
        raise ServiceException(
            "This process serves the API alone: functions run in the one that delivers, and only InvocationType Event reaches "
            "them there"
        )
    try:
        context.functions.request(invocation, done)
    except UnknownFunctionError:  # deleted meanwhile
        raise function_not_found(context, named) from None
    except TooManyRequestsError as error:
        raise _too_many(str(error), "ReservedFunctionConcurrentInvocationLimitExceeded") from None


def _accept(invocation: Invocation, context: Context) -> None:
    """Store an invocation to be run in the background."""
    name = invocation.function_name

    def run(transaction: Transaction) -> None:
        if waiting_invocations.count(transaction.connection, name) >= WAITING_MAX:
            raise _too_many(
                f"{WAITING_MAX} invocations of {name} wait: try again later", "FunctionInvocationRateLimitExceeded"
            )
        waiting_invocations.add(transaction, invocation.request_id, name, invocation.event, invocation.client_context)

    context.service.writer.call(run, len(invocation.event))
    context.invocation_added()


def _answered(outcome: Outcome, *, tail: bool) -> Answer:
    headers = {"x-amz-executed-version": LATEST_VERSION}
    if not outcome.ok:
        headers["x-amz-function-error"] = "Unhandled"  # as recorded; Lambda says Handled no more
    if tail:
        headers["x-amz-log-result"] = base64.b64encode(outcome.log_tail).decode()
    return Answer(status=200, body=outcome.payload, headers=headers)


def _too_many(text: str, reason: str) -> TooManyRequestsException:
    return TooManyRequestsException(text, Reason=reason, retryAfterSeconds=str(RETRY_AFTER_SECONDS))


def _check_size(body: bytes, most: int) -> None:
    if len(body) > most:
        raise RequestTooLargeException(f"Request must be smaller than {most} bytes for the InvokeFunction operation")


def _payload(body: bytes) -> bytes:
    if not body:
        return b"{}"
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequestContentException(
            f"Could not parse request body into json: Could not parse payload into json: {error}"
        ) from None
    return body


def _client_context(header: str) -> bytes:
    if not header:
        return b""
    if len(header) > CLIENT_CONTEXT_CHARACTERS_MAX:
        raise InvalidRequestContentException(
            f"Client context must be at most {CLIENT_CONTEXT_CHARACTERS_MAX} characters of base64, not {len(header)}"
        )
    try:
        decoded = base64.b64decode(header, validate=True)
        value: Any = orjson.loads(decoded)
    except (binascii.Error, ValueError):
        value = None
    if not isinstance(value, dict):
        raise InvalidRequestContentException("Client context must be a valid Base64-encoded JSON object.")
    return decoded
