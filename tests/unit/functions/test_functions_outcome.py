"""What Lambda's Invoke makes of an outcome, and what an answer of a process means."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.functions import worker
from cdc.functions.process import Answer, answered
from cdc.model.functions import FunctionDefinition, FunctionDescription, Kind, Outcome


@pytest.mark.parametrize(
    ("outcome", "payload"),
    [
        (Outcome(ok=True, duration_ms=1, result=b'{"a":1}'), b'{"a":1}'),
        (Outcome(ok=True, duration_ms=1), b"null"),
        (
            Outcome(ok=False, duration_ms=1, error_type="Sandbox.Timedout", error_message='"ä"'),
            '{"errorType":"Sandbox.Timedout","errorMessage":"\\"ä\\""}'.encode(),
        ),
        (Outcome(ok=False, duration_ms=1, error_type="E", error_message="m", error_payload=b'{"x": 1}'), b'{"x": 1}'),
    ],
)
def test_the_payload_is_what_invoke_answers(outcome, payload):
    assert outcome.payload == payload


@pytest.mark.parametrize(("duration", "billed"), [(0.2, 1), (237.17, 238), (238.0, 238)])
def test_billed_are_whole_milliseconds_begun(duration, billed):
    assert Outcome(ok=True, duration_ms=duration).billed_ms == billed


@pytest.mark.parametrize(
    ("payload", "error_type", "message"),
    [
        (b'{"errorType": "E", "errorMessage": "m"}', "E", "m"),
        (b'{"errorType": null, "errorMessage": 5}', "", "5"),
        (b"{}", "", ""),
    ],
)
def test_an_error_object_may_lack_its_members(payload, error_type, message):
    outcome = answered(Answer(worker.ERROR, payload), 1.0)
    assert (outcome.ok, outcome.error_type, outcome.error_message) == (False, error_type, message)
    assert outcome.payload == payload


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        ({"handler": "h:f"}, Kind.PYTHON),
        ({"handler": "h:f", "in_process": True}, Kind.IN_PROCESS),
        ({"command": ("x",)}, Kind.COMMAND),
        ({"runtime": ("x",)}, Kind.RUNTIME),
        ({"runtime": ("x",), "handler": "index.handler"}, Kind.RUNTIME),
    ],
)
def test_the_kind_follows_from_what_is_given(members, kind):
    assert FunctionDefinition(name="f", working_directory=Path(), **members).kind is kind


@pytest.mark.parametrize(("error", "state"), [("", "Active"), ("Runtime.ExitError: x", "Failed")])
def test_a_function_whose_instances_cannot_start_is_failed(error, state):
    definition = FunctionDefinition(name="f", working_directory=Path(), handler="h:f")
    description = FunctionDescription(definition=definition, arn="a", last_modified_ms=1, start_error=error)
    assert description.state == state
