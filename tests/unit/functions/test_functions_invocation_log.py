"""Lambda's lines around an invocation, and the tail of its log."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.functions.invocation_log import TAIL_BYTES, InvocationLog, Tail
from cdc.model.functions import FunctionDefinition, Invocation, Outcome

OUTCOME = Outcome(ok=True, duration_ms=285.43, init_ms=48.26)


@pytest.fixture
def lines():
    return []


def log(lines, **members):
    definition = FunctionDefinition(name="f", working_directory=Path(), handler="h:f", memory_size=256, **members)
    return InvocationLog(definition, lambda *line: lines.append(line))


def invocation(request_id, *, wants_log=True):
    return Invocation(function_name="f", request_id=request_id, event=b"{}", wants_log=wants_log)


def test_a_cold_invocation_is_reported_as_lambda_does(lines):
    it = log(lines, log_invocations=True)
    it.begin(invocation("r"))
    it.end(OUTCOME)
    assert [text for _, _, text in lines] == [
        "START RequestId: r Version: $LATEST",
        "END RequestId: r",
        "REPORT RequestId: r\tDuration: 237.17 ms\tBilled Duration: 286 ms\tMemory Size: 256 MB\tInit Duration: 48.26 ms",
    ]
    assert {(name, request_id) for name, request_id, _ in lines} == {("f", "r")}


def test_without_the_setting_lambdas_lines_are_in_the_tail_alone(lines):
    it = log(lines)
    it.begin(invocation("r"))
    it.output.feed(b"printed")
    outcome = it.end(OUTCOME)
    assert lines == [("f", "r", "printed")]
    assert outcome.log_tail.startswith(b"START RequestId: r Version: $LATEST\nprinted\nEND RequestId: r\nREPORT ")
    assert outcome.log_tail.endswith(b"\tInit Duration: 48.26 ms\n")
    assert (outcome.ok, outcome.duration_ms) == (True, 285.43)


def test_what_is_printed_between_two_invocations_belongs_to_neither(lines):
    it = log(lines)
    it.begin(invocation("one"))
    it.end(OUTCOME)
    it.output.feed(b"between")
    it.begin(invocation("two"))
    outcome = it.end(OUTCOME)
    assert lines == [("f", "", "between")]
    assert b"between" not in outcome.log_tail


def test_a_failure_that_no_runtime_told_is_told_in_the_tail(lines):
    it = log(lines)
    it.begin(invocation("r"))
    failed = Outcome(ok=False, duration_ms=1.0, error_type="Runtime.ExitError", error_message="RequestId: r Error: x")
    text = it.end(failed).log_tail.decode()
    assert "\nRequestId: r Error: x [Runtime.ExitError]\nEND RequestId: r\n" in text
    assert text.endswith("\tMemory Size: 256 MB\tStatus: error\tError Type: Runtime.ExitError\n")


def test_a_failure_that_the_runtime_told_is_not_told_again(lines):
    it = log(lines)
    it.begin(invocation("r"))
    failed = Outcome(ok=False, duration_ms=1.0, error_type="E", error_message="m", error_payload=b"{}")
    assert it.end(failed).log_tail.startswith(b"START RequestId: r Version: $LATEST\nEND RequestId: r\n")


def test_a_tail_keeps_the_last_bytes_whatever_the_lines():
    tail = Tail()
    for number in range(5000):
        tail.add(f"{number}")
    kept = tail.take()
    assert len(kept) == TAIL_BYTES
    assert kept.endswith(b"\n4998\n4999\n")
    tail.add("x" * 10_000)
    assert tail.take() == b"x" * (TAIL_BYTES - 1) + b"\n"


def test_who_wants_no_tail_gets_none(lines):
    it = log(lines)
    it.begin(invocation("r", wants_log=False))
    it.output.feed(b"printed")
    assert it.end(OUTCOME) is OUTCOME
    assert lines == [("f", "r", "printed")]
