"""Invoke: what a function is given, what its caller gets, and what is refused before it runs."""

from __future__ import annotations

import base64

import orjson
import pytest

from cdc.lambda_api import invoke as module
from cdc.model.errors import ServiceError
from cdc.model.functions import Outcome
from cdc.store import waiting_invocations
from tests.unit.lambda_api.contexts import Lambda

INVOKE = "/2015-03-31/functions/audit/invocations"
CONTENT = "InvalidRequestContentException"


def refusal(lambda_, body=b"{}", path=INVOKE, **headers):
    with pytest.raises(ServiceError) as caught:
        lambda_.call("POST", path, body, headers=named(headers))
    return caught.value


def named(headers):
    return {b"x-amz-" + name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}


def waiting(service, name="audit"):
    with service.database.reading() as connection:
        return waiting_invocations.load_due(connection, name, service.clock.now_ms(), (), 100)


def test_a_function_is_run_with_the_payload_as_it_came_and_its_answer_returned(lambda_, functions):
    answer = lambda_.call("POST", INVOKE, b'{"a": [1,  2]}')
    assert (answer.status, answer.body, answer.headers) == (200, b'{"fine":1}', {"x-amz-executed-version": "$LATEST"})
    [invocation] = functions.invocations
    assert (invocation.function_name, invocation.event, invocation.client_context) == ("audit", b'{"a": [1,  2]}', b"")
    assert invocation.request_id == "request-1"  # that of the HTTP answer


def test_no_payload_is_an_empty_object(lambda_, functions):
    lambda_.call("POST", INVOKE)
    assert functions.invocations[0].event == b"{}"


@pytest.mark.parametrize("name", ["audit:$LATEST", "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aaudit"])
def test_a_function_is_called_by_any_of_its_names(name, lambda_, functions):
    assert lambda_.call("POST", f"/2015-03-31/functions/{name}/invocations").status == 200
    assert functions.invocations[0].function_name == "audit"


def test_a_failure_is_an_answer_that_says_so(lambda_, functions):
    functions.outcome = Outcome(ok=False, duration_ms=1.0, error_type="ValueError", error_message="boom")
    answer = lambda_.call("POST", INVOKE)
    assert answer.status == 200
    assert answer.headers["x-amz-function-error"] == "Unhandled"
    assert orjson.loads(answer.body) == {"errorType": "ValueError", "errorMessage": "boom"}


def test_the_tail_of_the_log_is_told_when_it_is_asked_for(lambda_):
    answer = lambda_.call("POST", INVOKE, headers=named({"log_type": "Tail"}))
    assert base64.b64decode(answer.headers["x-amz-log-result"]) == b"a line\n"
    assert "x-amz-log-result" not in lambda_.call("POST", INVOKE, headers=named({"log_type": "None"})).headers


def test_a_client_context_reaches_the_function_decoded(lambda_, functions):
    context = b'{"custom": {"a": "b"}}'
    lambda_.call("POST", INVOKE, headers=named({"client_context": base64.b64encode(context).decode()}))
    assert functions.invocations[0].client_context == context


def test_a_dry_run_checks_and_runs_nothing(lambda_, functions):
    answer = lambda_.call("POST", INVOKE, b"{}", headers=named({"invocation_type": "DryRun"}))
    assert (answer.status, answer.body, functions.invocations) == (204, None, [])
    assert refusal(lambda_, b"{", invocation_type="DryRun").code == CONTENT


def test_an_event_is_stored_before_it_is_answered(lambda_, functions, service):
    context = base64.b64encode(b'{"custom":{}}').decode()
    answer = lambda_.call(
        "POST", INVOKE, b'{"a":1}', headers=named({"invocation_type": "Event", "client_context": context})
    )
    assert (answer.status, answer.body, functions.invocations) == (202, None, [])
    [found] = waiting(service)
    assert (found.payload, found.client_context, found.attempts) == (b'{"a":1}', b'{"custom":{}}', 0)
    assert lambda_.noticed == ["invocation"]


def test_events_are_taken_where_no_function_runs(service):
    alone = Lambda(service)
    alone.declare("audit")
    assert alone.call("POST", INVOKE, headers=named({"invocation_type": "Event"})).status == 202
    error = refusal(alone)
    assert (error.code, error.status) == ("ServiceException", 500)
    assert error.body()["Type"] == "Service"
    assert "serves the API alone" in str(error)


def test_an_unknown_function_is_named_with_its_version(lambda_):
    error = refusal(lambda_, path="/2015-03-31/functions/nobody/invocations")
    text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST"
    assert (error.code, error.status, str(error)) == ("ResourceNotFoundException", 404, text)
    error = refusal(lambda_, path="/2015-03-31/functions/audit:live/invocations")
    assert str(error).endswith(":function:audit:live")


@pytest.mark.parametrize("body", [b"{", b"nothing", b"\xff", b"{} {}"])
def test_a_payload_has_to_be_json(body, lambda_):
    error = refusal(lambda_, body)
    assert error.code == CONTENT
    assert str(error).startswith("Could not parse request body into json: Could not parse payload into json: ")


def test_payloads_have_lambda_s_bounds(lambda_, functions):
    largest = b'"%b"' % (b"x" * (module.PAYLOAD_BYTES_MAX - 2))
    assert lambda_.call("POST", INVOKE, largest).status == 200
    error = refusal(lambda_, largest + b" ")
    text = "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    assert (error.code, error.status, str(error)) == ("RequestTooLargeException", 413, text)
    largest = b'"%b"' % (b"x" * (module.EVENT_BYTES_MAX - 2))
    assert lambda_.call("POST", INVOKE, largest, headers=named({"invocation_type": "Event"})).status == 202
    error = refusal(lambda_, largest + b" ", invocation_type="Event")
    assert str(error) == "Request must be smaller than 1048576 bytes for the InvokeFunction operation"
    assert len(functions.invocations) == 1


@pytest.mark.parametrize("context", ["?", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode()])
def test_a_client_context_has_to_be_an_object_in_base64(context, lambda_):
    error = refusal(lambda_, client_context=context)
    assert (error.code, str(error)) == (CONTENT, "Client context must be a valid Base64-encoded JSON object.")


def test_a_client_context_has_lambda_s_bound(lambda_):
    assert "at most 3583 characters" in str(refusal(lambda_, client_context="A" * 3584))


@pytest.mark.parametrize(
    ("header", "value", "name", "choices"),
    [
        ("invocation_type", "Later", "invocationType", "Event, RequestResponse, DryRun"),
        ("log_type", "Head", "logType", "None, Tail"),
    ],
)
def test_types_are_those_of_lambda(header, value, name, choices, lambda_):
    error = refusal(lambda_, **{header: value})
    text = f"Value '{value}' at '{name}' failed to satisfy constraint: Member must satisfy enum value set: [{choices}]"
    assert (error.code, str(error)) == ("ValidationException", f"1 validation error detected: {text}")


def test_a_busy_function_is_said_to_be(lambda_, functions):
    functions.full = True
    error = refusal(lambda_)
    assert (error.code, error.status) == ("TooManyRequestsException", 429)
    assert error.body()["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_only_so_many_events_of_a_function_wait(lambda_, monkeypatch, service):
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    event = {"invocation_type": "Event"}
    for _ in range(2):
        lambda_.call("POST", INVOKE, headers=named(event))
    error = refusal(lambda_, **event)
    assert (error.status, error.body()["Reason"]) == (429, "FunctionInvocationRateLimitExceeded")
    assert len(waiting(service)) == 2
    assert lambda_.call("POST", INVOKE.replace("audit", "totals"), headers=named(event)).status == 202
