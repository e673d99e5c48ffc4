"""Real clients of the Lambda Runtime API: awslambdaric, aws-lambda-ric, and the ones in examples/."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
NODE_CLIENT = ROOT / ".venv" / "node" / "node_modules" / "aws-lambda-ric" / "bin" / "index.mjs"

PYTHON = """
import os, time
print("loading")
def handler(event, context):
    print("running")
    if event == "raise": raise ValueError("bad thing")
    if event == "exit": os._exit(3)
    if event == "hang": time.sleep(600)
    if event == "marshal": return object()
    return {
        "event": event, "pid": os.getpid(), "request_id": context.aws_request_id, "arn": context.invoked_function_arn,
        "name": context.function_name, "memory": context.memory_limit_in_mb, "left": context.get_remaining_time_in_millis(),
        "custom": context.client_context and context.client_context.custom, "tenant": context.tenant_id,
        "group": context.log_group_name, "identity": context.identity.cognito_identity_id,
        "trace": os.environ["_X_AMZN_TRACE_ID"][:7],
    }
"""
NODE = """
console.log("loading");
export const handler = async (event, context) => {
  console.log("running");
  if (event === "raise") throw new TypeError("bad thing");
  if (event === "exit") process.exit(3);
  if (event === "hang") await new Promise((done) => setTimeout(done, 600000));
  return {
    event, pid: process.pid, request_id: context.awsRequestId, arn: context.invokedFunctionArn,
    name: context.functionName, memory: context.memoryLimitInMB, left: context.getRemainingTimeInMillis(),
    custom: context.clientContext?.custom ?? null, group: context.logGroupName,
  };
};
"""
CALLBACKS = """
const later = (what) => setTimeout(what, 1);
exports.answers = (event, context, callback) => { later(() => callback(null, { event, name: context.functionName })); };
exports.refuses = (event, context, callback) => later(() => callback(new RangeError("too far")));
exports.succeeds = (event, context) => { later(() => context.succeed("done")); };
exports.saysNothing = (event, context, callback) => later(() => {});
exports.fails = (event, context) => { later(() => context.fail(new RangeError("too far"))); };
exports.explodes = (event, context, callback) => { later(() => { throw new RangeError("too far"); }); };
exports.throws = (event, context, callback) => { throw new RangeError("too far"); };
"""
CONTEXT = '{"custom": {"ü": "1"}, "client": {"app_title": "t"}}'.encode()
TOLD = {
    "request_id": "r-1",
    "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
    "name": "f",
    "memory": "256",
    "custom": {"ü": "1"},
    "group": "/aws/lambda/f",
}


@cache
def why_no_node() -> str:
    if shutil.which("node") is None:
        return "Node is not installed on this machine"
    major = int(
        subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout[1:].split(".")[0]
    )
    return "" if major >= 18 else f"Node {major} is too old: examples/node needs 18"


@pytest.fixture
def python(bench):
    """Define `f` as a handler on awslambdaric."""
    if find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric is not installed: it has no wheel for this system")
    bench.module(PYTHON, name="app")

    def define(handler="app.handler", **members):
        bench.define(runtime=(sys.executable, "-m", "awslambdaric", handler), memory_size=256, **members)

    return define


@pytest.fixture(params=["examples/node", "aws-lambda-ric"])
def node(bench, request):
    """Define `f` as a handler on a client for Node."""
    if why_no_node():
        pytest.skip(why_no_node())
    client = ROOT / "examples" / "node" / "runtime.mjs"
    if request.param == "aws-lambda-ric":
        client = NODE_CLIENT
        if not client.exists():
            pytest.skip(
                "aws-lambda-ric is not built: scripts/install-tools --node does it where npm and a C++ compiler are"
            )
    (bench.folder / "index.mjs").write_text(NODE)

    def define(handler="index.handler", **members):
        bench.define(runtime=("node", str(client), handler), memory_size=256, **members)

    return define


# Python, as it runs in Lambda


def test_awslambdaric_is_told_everything_and_stays(bench, python):
    python(timeout_seconds=30)
    first, second = (bench.request(client_context=CONTEXT).outcome() for _ in range(2))
    answer = json.loads(first.result)
    assert answer["event"] == {}
    assert TOLD.items() <= answer.items()
    assert (answer["tenant"], answer["identity"], answer["trace"]) == (None, None, "Root=1-")
    assert 25_000 < answer["left"] <= 30_000
    assert json.loads(second.result)["pid"] == answer["pid"]
    assert bench.log() == ["loading", "running", "running"]


def test_awslambdaric_reports_an_exception_with_its_stack_and_lives_on(bench, python):
    python()
    pid = json.loads(bench.call().result)["pid"]
    fault = json.loads(bench.call(event=b'"raise"').payload)
    assert (fault["errorType"], fault["errorMessage"], fault["requestId"]) == ("ValueError", "bad thing", "r-1")
    assert "in handler\n" in fault["stackTrace"][0]
    assert "[ERROR] ValueError: bad thing" in bench.log()
    assert json.loads(bench.call().result)["pid"] == pid


@pytest.mark.parametrize(
    ("handler", "error_type", "message"),
    [
        ("nomod.handler", "Runtime.ImportModuleError", "Unable to import module 'nomod': No module named 'nomod'"),
        ("app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
        ("nodot", "Runtime.MalformedHandlerName", "Bad handler 'nodot'"),
    ],
)
def test_awslambdaric_reports_what_it_cannot_load(bench, python, handler, error_type, message):
    python(handler)
    outcome = bench.call()
    assert outcome.error_type == error_type
    assert outcome.error_message.startswith(message)
    assert json.loads(outcome.payload)["requestId"] == ""


@pytest.mark.parametrize(
    ("event", "error_type"),
    [("exit", "Runtime.ExitError"), ("hang", "Sandbox.Timedout"), ("marshal", "Runtime.MarshalError")],
)
def test_a_handler_on_awslambdaric_that_fails_in_other_ways_is_replaced_or_kept(bench, python, event, error_type):
    python(timeout_seconds=1)
    assert bench.call(event=f'"{event}"'.encode()).error_type == error_type
    assert bench.call().ok


def test_awslambdaric_passes_five_megabytes_both_ways(bench, python):
    python(timeout_seconds=30)
    event = b'"' + b"x" * 5_000_000 + b'"'
    assert len(json.loads(bench.call(event=event).result)["event"]) == 5_000_000


# Node


def test_node_is_told_everything_and_stays(bench, node):
    node(timeout_seconds=30)
    first, second = (bench.request(client_context=CONTEXT).outcome() for _ in range(2))
    answer = json.loads(first.result)
    assert answer["event"] == {}
    assert TOLD.items() <= answer.items()
    assert 25_000 < answer["left"] <= 30_000
    assert json.loads(second.result)["pid"] == answer["pid"]
    assert "loading" in bench.log()[0] + bench.log()[1]  # aws-lambda-ric has a line of its own first
    assert bench.log()[-1].endswith("running")


def test_node_reports_an_exception_and_lives_on(bench, node):
    node()
    pid = json.loads(bench.call().result)["pid"]
    fault = json.loads(bench.call(event=b'"raise"').payload)
    assert (fault["errorType"], fault["errorMessage"]) == ("TypeError", "bad thing")
    assert fault["trace"][0] == "TypeError: bad thing"
    assert json.loads(bench.call().result)["pid"] == pid


@pytest.mark.parametrize(
    ("handler", "result", "error"),
    [
        ("answers", {"event": 7, "name": "f"}, None),
        ("succeeds", "done", None),
        ("saysNothing", None, None),
        ("refuses", None, ("RangeError", "too far")),
        ("fails", None, ("RangeError", "too far")),
        ("explodes", None, ("RangeError", "too far")),
        ("throws", None, ("RangeError", "too far")),
    ],
)
def test_a_handler_for_node_may_answer_by_its_callback(bench, node, handler, result, error):
    node(f"old.{handler}", timeout_seconds=20)
    (bench.folder / "old.js").write_text(CALLBACKS)
    for _ in range(2):  # it lives on, or is replaced
        outcome = bench.call(event=b"7")
        assert outcome.ok == (error is None)
        if error is None:
            assert json.loads(outcome.result) == result
        else:
            assert (outcome.error_type, outcome.error_message) == error


@pytest.mark.parametrize(("event", "error_type"), [("exit", "Runtime.ExitError"), ("hang", "Sandbox.Timedout")])
def test_a_node_that_fails_in_other_ways_is_replaced(bench, node, event, error_type):
    node(timeout_seconds=2)
    assert bench.call(event=f'"{event}"'.encode()).error_type == error_type
    assert bench.call().ok


@pytest.mark.parametrize(
    ("handler", "error_type"),
    [("none.handler", "Runtime.ImportModuleError"), ("index.nope", "Runtime.HandlerNotFound")],
)
def test_node_reports_what_it_cannot_load(bench, node, handler, error_type):
    node(handler, timeout_seconds=20)
    assert bench.call().error_type == error_type


# A custom runtime in shell


@pytest.fixture
def shell(bench):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed on this machine, and the bootstrap in shell needs it")
    shutil.copy(ROOT / "examples" / "shell" / "bootstrap", bench.folder)
    script = 'handler() {\n    event=$(cat)\n    echo "got $event" >&2\n    [ "$event" != 0 ] && echo "[$event]"\n}\n'
    (bench.folder / "audit.sh").write_text(script)


@pytest.mark.usefixtures("shell")
def test_a_bootstrap_in_shell_answers_fails_and_stays(bench):
    bench.define(runtime=("./bootstrap",), handler="audit.handler", timeout_seconds=20)
    assert bench.call(event=b"1").result == b"[1]\n"
    failed = bench.call(event=b"0")
    assert (failed.error_type, failed.error_message) == ("HandlerFailed", "handler ended with 1")
    last = bench.call(event=b"2")
    assert (last.result, last.init_ms) == (b"[2]\n", None)
    assert bench.log() == ["got 1", "got 0", "got 2"]


@pytest.mark.usefixtures("shell")
def test_a_bootstrap_in_shell_that_finds_no_handler_says_so(bench):
    bench.define(runtime=("./bootstrap",), handler="none.handler", timeout_seconds=20)
    assert bench.call().error_type == "Runtime.ImportModuleError"
