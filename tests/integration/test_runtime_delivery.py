"""A table's changes delivered by a real daemon to Lambda code on its own runtime client, which writes back to the daemon."""

from __future__ import annotations

import os
import sys
import threading
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from cdc.clock import SystemClock
from tests.integration.daemon import Daemon
from tests.integration.tables import create, n, s
from tests.integration.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 30.0
HANDLER = """
import os
import boto3

copies = boto3.resource("dynamodb").Table("copies")
with open("pids", "a") as file:
    print(os.getpid(), file=file)

def handler(event, context):
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        if image["pk"]["S"] == "exit": os._exit(1)
        copies.put_item(Item={"pk": image["pk"]["S"], "v": int(image["v"]["N"])})
    print("copied", len(event["Records"]))
"""
CONFIG = """
[[functions]]
name = "copy"
runtime = ["{python}", "-m", "awslambdaric", "copying.handler"]
timeout_seconds = 20
working_directory = "{folder}"
{more}
[[mappings]]
name = "copy"
table = "orders"
function = "copy"
starting_position = "TRIM_HORIZON"
"""


@pytest.fixture
def daemon(tmp_path, monkeypatch):
    if find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric is not installed: it has no wheel for this system")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "copying.py").write_text(HANDLER)
    daemon = Daemon(
        tmp_path / "cdc.db", CONFIG.format(python=sys.executable, folder=tmp_path, more="log_invocations = true")
    )
    daemon.start()
    yield daemon
    daemon.kill()


@pytest.fixture
def wire(daemon):
    wire = Wire(daemon.port)
    create(wire, TableName="copies")
    create(wire, TableName="orders", stream="NEW_IMAGE")
    yield wire
    wire.close()


def eventually(predicate: Callable[[], bool]) -> None:
    clock, pause = SystemClock(), threading.Event()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not predicate():
        assert clock.monotonic() < deadline, "it did not come about"
        pause.wait(0.02)


def put(wire, key, value=1):
    wire.call("PutItem", TableName="orders", Item={"pk": s(key), "v": n(value)})


def copies(wire):
    return {item["pk"]["S"]: int(item["v"]["N"]) for item in wire.items("Scan", TableName="copies")}


def pids(daemon):
    return [int(line) for line in (daemon.path.parent / "pids").read_text().split()]


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_lambda_code_gets_the_changes_and_reaches_the_daemon_with_an_unconfigured_sdk(daemon, wire):
    for number in range(20):
        put(wire, f"k{number}", number)
    eventually(lambda: copies(wire) == {f"k{number}": number for number in range(20)})
    log = daemon.logged()
    assert "copied " in log
    assert " START RequestId: " in log
    assert "\tInit Duration: " in log


def test_a_runtime_that_crashes_is_replaced_and_its_batch_delivered_again(daemon, wire):
    put(wire, "exit")
    eventually(lambda: "Runtime exited with error: exit status 1" in daemon.logged())
    eventually(lambda: len(pids(daemon)) >= 3)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_no_runtime_outlives_the_daemon(daemon, wire, end):
    put(wire, "k")
    eventually(lambda: copies(wire) == {"k": 1})
    assert all(runs(pid) for pid in pids(daemon))
    getattr(daemon, end)()
    eventually(lambda: not any(runs(pid) for pid in pids(daemon)))


def test_a_changed_configuration_takes_effect_at_a_hangup(daemon, wire):
    put(wire, "k")
    eventually(lambda: "k" in copies(wire))
    first = pids(daemon)
    text = CONFIG.format(python=sys.executable, folder=daemon.path.parent, more="memory_size = 512")
    daemon.path.with_suffix(".toml").write_text(text)
    daemon.hang_up()
    eventually(lambda: "the configuration was reloaded" in daemon.logged())
    put(wire, "l")
    eventually(lambda: "l" in copies(wire))
    assert len(pids(daemon)) > len(first)
