"""The Runtime API's states: which request is answered how in each."""

from __future__ import annotations

import json

import pytest

from cdc.functions import worker
from cdc.functions.http import Reply, Request
from cdc.functions.process import Answer
from cdc.functions.runtime_api import ACCEPTED, BODY_BYTES_MAX, Phase, RuntimeApi

EVENT = Reply(200, (), b"{}")
NEXT, RESPONSE, ERROR = "GET invocation/next", "POST invocation/r/response", "POST invocation/r/error"
OTHER, INIT_ERROR, RESTORE = "POST invocation/x/response", "POST init/error", "GET restore/next"


def request(text, body=b"{}", **headers):
    method, path = text.split()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(method, f"/2018-06-01/runtime/{path}", named, body, len(body))


def api_in(phase):
    api = RuntimeApi()
    if phase is not Phase.INIT:
        assert api.handle(request(NEXT)) is None
    if phase in {Phase.RUNNING, Phase.ANSWERED}:
        api.offer("r", EVENT)
        assert api.take() is EVENT
    if phase is Phase.ANSWERED:
        assert api.handle(request(RESPONSE)) is ACCEPTED
    assert api.phase is phase
    return api


REFUSALS = {400: "InvalidRequestID", 403: "InvalidStateTransition"}


@pytest.mark.parametrize(
    ("what", "init", "ready", "running", "answered"),
    [
        (NEXT, None, None, 403, None),
        (RESPONSE, 400, 400, 202, 403),
        (ERROR, 400, 400, 202, 403),
        (OTHER, 400, 400, 400, 400),
        (INIT_ERROR, 202, 403, 403, 403),
        ("POST restore/error", 202, 403, 403, 403),
        (RESTORE, 200, 403, 403, 403),
    ],
)
def test_every_request_in_every_phase(what, init, ready, running, answered):
    for phase, status in zip(Phase, (init, ready, running, answered), strict=True):
        reply = api_in(phase).handle(request(what))
        assert (None if reply is None else reply.status) == status, phase
        if status in REFUSALS:
            assert json.loads(reply.body)["errorType"] == REFUSALS[status]


def test_the_first_next_says_that_the_runtime_is_ready_and_later_ones_say_nothing():
    api = api_in(Phase.READY)
    said = [api.answer]
    api.offer("r", EVENT)
    said.append(api.answer)
    api.take()
    for each in (request(RESPONSE, b"1"), request(NEXT)):
        api.handle(each)
        said.append(api.answer)
    assert said == [Answer(worker.READY, b""), None, Answer(worker.RESULT, b"1"), Answer(worker.RESULT, b"1")]


def test_an_offer_does_not_change_which_invocation_runs():
    api = api_in(Phase.ANSWERED)
    api.offer("s", EVENT)
    assert api.handle(request(RESPONSE)).status == 403
    assert api.handle(request("POST invocation/s/response")).status == 400
    assert api.handle(request(NEXT)) is None
    assert api.take() is EVENT
    assert api.handle(request("POST invocation/s/response")).status == 202


def test_an_event_that_was_not_delivered_is_offered_again_unless_it_was_answered():
    api = api_in(Phase.RUNNING)
    assert not api.offers
    api.undelivered(EVENT)
    assert (api.phase, api.offers) == (Phase.READY, True)
    assert api.take() is EVENT
    answered = api_in(Phase.ANSWERED)
    answered.undelivered(EVENT)
    assert (answered.phase, answered.offers) == (Phase.ANSWERED, False)


@pytest.mark.parametrize(
    ("body", "headers", "fault"),
    [
        (b'{"errorType": "E",  "errorMessage": "m"}', {}, b'{"errorType": "E",  "errorMessage": "m"}'),
        (b"no", {"lambda_runtime_function_error_type": "X"}, b'{"errorType":"X","errorMessage":"no"}'),
        (b"", {}, b'{"errorType":"Runtime.UnknownReason","errorMessage":""}'),
        (b"\xff", {}, '{"errorType":"Runtime.UnknownReason","errorMessage":"\ufffd"}'.encode()),
    ],
)
def test_an_error_object_is_passed_on_as_it_is_and_anything_else_becomes_one(body, headers, fault):
    api = api_in(Phase.RUNNING)
    assert api.handle(request(ERROR, body, **headers)).body == b'{"status":"OK"}'
    assert api.answer == Answer(worker.ERROR, fault)


def test_an_init_error_is_heard_once():
    api = api_in(Phase.INIT)
    assert api.handle(request(INIT_ERROR, b'{"errorType": "E"}')).status == 202
    assert api.handle(request(INIT_ERROR, b'{"errorType": "F"}')).status == 403
    assert api.answer == Answer(worker.INIT_ERROR, b'{"errorType": "E"}')


def test_an_answer_over_the_bound_is_refused_and_fails_the_invocation():
    api = api_in(Phase.RUNNING)
    reply = api.handle(request(RESPONSE)._replace(body_bytes=BODY_BYTES_MAX + 1))
    assert reply.status == 413
    assert json.loads(reply.body)["errorType"] == "RequestEntityTooLarge"
    assert json.loads(api.answer.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "127.0.0.1:1234"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({}, 200),
        ({"host": "localhost:1234"}, 403),
        ({"host": "evil.example"}, 403),
        ({"host": "127.0.0.1:1234", "origin": "http://127.0.0.1:1234"}, 403),
    ],
)
def test_only_who_calls_it_by_its_address_and_is_no_web_page_may_call(headers, status):
    assert api_in(Phase.INIT).handle(request(RESTORE, **headers)).status == status


@pytest.mark.parametrize(
    "what", ["GET x", "POST invocation/next", "GET invocation/r/response", "PUT init/error", "GET ../x"]
)
def test_anything_else_is_not_found(what):
    reply = api_in(Phase.INIT).handle(request(what))
    assert reply.status == 404
    assert json.loads(reply.body)["errorMessage"].endswith("is not part of the Runtime API")
