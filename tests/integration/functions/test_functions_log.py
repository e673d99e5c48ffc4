"""The log of an invocation: its tail for Invoke, Lambda's lines around it, durations."""

from __future__ import annotations

import json
import re

import pytest

ID = "5bef4de7-0000-4000-8000-000000000001"
REPORT = re.compile(
    rf"REPORT RequestId: {ID}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\tMemory Size: 128 MB(\tInit Duration: [\d.]+ ms)?"
)


def call(bench):
    """Invoke for an outcome with its log."""
    return bench.request(request_id=ID, wants_log=True).outcome()


def tail(outcome):
    return outcome.log_tail.decode().splitlines()


def test_the_tail_has_start_output_end_and_report(bench):
    bench.python("print('out'); print('err', file=sys.stderr)")
    cold, warm = (call(bench) for _ in range(2))
    for outcome in (cold, warm):
        *lines, report = tail(outcome)
        assert lines == [f"START RequestId: {ID} Version: $LATEST", "out", "err", f"END RequestId: {ID}"]
        assert REPORT.fullmatch(report)
    assert "Init Duration" in tail(cold)[-1]
    assert "Init Duration" not in tail(warm)[-1]
    assert bench.log(ID) == ["out", "err"] * 2


def test_a_tail_has_the_last_4_kilobytes(bench):
    bench.python("for number in range(2000): print(number, 'ä')")
    outcome = call(bench)
    assert len(outcome.log_tail) == 4096
    assert tail(outcome)[-3] == "1999 ä"


def test_lambdas_lines_are_logged_when_that_is_set(bench):
    bench.shell("echo out >&2", log_invocations=True)
    bench.call(request_id=ID)
    start, out, end, report = bench.log(ID)
    assert (start, out, end) == (f"START RequestId: {ID} Version: $LATEST", "out", f"END RequestId: {ID}")
    assert REPORT.fullmatch(report)


@pytest.mark.parametrize(
    ("script", "status"),
    [("sleep 600", "Status: timeout"), ("exit 3", "Status: error\tError Type: Runtime.ExitError")],
)
def test_a_report_tells_of_a_failure_and_the_line_before_end_says_which(bench, script, status):
    bench.shell(script, timeout_seconds=1)
    outcome = call(bench)
    *_, reason, end, report = tail(outcome)
    assert reason == f"{outcome.error_message} [{outcome.error_type}]"
    assert end == f"END RequestId: {ID}"
    assert report.endswith("\t" + status)


def test_durations_add_up(bench):
    bench.module("import time\ntime.sleep(0.2)\ndef handle(event, context): time.sleep(0.1)")
    bench.define(handler="h:handle")
    cold, warm = bench.call(), bench.call()
    assert cold.init_ms >= 200
    assert cold.duration_ms >= cold.init_ms + 100
    assert warm.init_ms is None
    assert 100 <= warm.duration_ms <= warm.billed_ms < warm.duration_ms + 1


@pytest.mark.parametrize("in_process", [False, True])
def test_the_payload_of_an_exception_is_lambdas_error_object(bench, in_process, request):
    name = f"log_{request.node.name[-6:-1].strip('[-').lower()}"
    bench.module("def handle(event, context):\n    raise ValueError('bad thing')", name=name)
    bench.define(handler=f"{name}:handle", in_process=in_process)
    fault = json.loads(bench.call(request_id=ID).payload)
    assert list(fault) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (fault["errorMessage"], fault["errorType"], fault["requestId"]) == ("bad thing", "ValueError", ID)
    [frame] = fault["stackTrace"]
    assert frame.endswith(f"{name}.py\", line 2, in handle\n    raise ValueError('bad thing')\n")


def test_the_payload_of_a_handler_that_could_not_be_loaded_names_no_request(bench):
    bench.define(handler="none:handle")
    assert json.loads(bench.call().payload)["requestId"] == ""


def test_the_context_is_complete_in_every_python_kind(bench):
    text = (
        "def handle(event, context):\n    c = context\n    c.log('logged\\n')\n"
        "    return [c.memory_limit_in_mb, c.tenant_id, c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id,"
        " c.client_context and [c.client_context.custom, c.client_context.env, c.client_context.client.app_title,"
        " c.client_context.client.installation_id], c.get_remaining_time_in_millis()]"
    )
    for in_process in (False, True):
        name = f"context_{in_process}".lower()
        bench.module(text, name=name)
        bench.define(handler=f"{name}:handle", in_process=in_process, memory_size=512, timeout_seconds=30)
        context = b'{"custom": {"a": "1"}, "client": {"app_title": "t"}}'
        *told, left = json.loads(bench.request(client_context=context).outcome().result)
        assert told == ["512", None, None, None, [{"a": "1"}, None, "t", None]]
        assert 25_000 < left <= 30_000
        assert json.loads(bench.call().result)[4] is None


def test_a_command_finds_the_client_context_in_its_environment(bench):
    bench.shell('printf "%s" "$AWS_LAMBDA_CLIENT_CONTEXT"')
    assert bench.request(client_context=b'{"custom":{}}').outcome().result == b'{"custom":{}}'
    assert bench.request().outcome().result is None
