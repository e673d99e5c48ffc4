"""Handlers in the daemon's own process that misbehave: the daemon and its other handlers go on, and it is said."""

from __future__ import annotations

import json
import signal

from tests.acceptance.program import eventually

HANDLERS = """
import os, pathlib, sys, time

def close(event, context):
    print("about to close")
    {harm}
    with open("closed.txt", "a") as file:
        for record in event["Records"]:
            print(record["dynamodb"]["Keys"]["id"]["S"], file=file)

def speak(event, context):
    for record in event["Records"]:
        print("spoken", record["dynamodb"]["Keys"]["id"]["S"])
        print("muttered", record["dynamodb"]["Keys"]["id"]["S"], file=sys.stderr)
    raise ValueError("said enough")

def hang(event, context):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
"""
FUNCTION = """
[[functions]]
name = "{name}"
handler = "handlers:{name}"
in_process = true
timeout_seconds = 1

[[mappings]]
name = "{name}"
table = "{name}"
function = "{name}"
starting_position = "TRIM_HORIZON"
maximum_retry_attempts = 0
"""
HARM = "sys.stdout.close(); sys.stderr.close(); sys.__stderr__.close(); sys.stdout.buffer.close()"


def put(cdc, table, key):
    cdc.run("put", table, json.dumps({"id": key}))


def test_a_handler_that_closes_the_standard_streams_harms_nobody(cdc):
    cdc.write("handlers.py", HANDLERS.format(harm=HARM))
    cdc.configure(FUNCTION.format(name="close") + FUNCTION.format(name="speak"))
    daemon = cdc.serve()
    for name in ("close", "speak"):
        cdc.run("create-table", name, "--key", "id")
    for key in ("1", "2"):
        put(cdc, "close", key)
        eventually(lambda: key in cdc.read("closed.txt").split(), "the streams are closed")  # noqa: B023
        put(cdc, "speak", key)
        eventually(lambda: f"muttered {key}\n" in daemon.log(), "another handler prints")  # noqa: B023
    eventually(lambda: daemon.log().count("ValueError: said enough") >= 4, "the daemon logs")
    assert "closed file" not in daemon.log()
    cdc.run("dead-letters", "redrive", "--all")
    eventually(lambda: daemon.log().count("muttered") == 4, "it delivers on")
    assert daemon.stop(signal.SIGTERM) == 0
    lines = daemon.output.rest()
    assert [lines.count(line) for line in ("about to close", "spoken 1", "spoken 2")] == [2, 2, 2]


def test_a_handler_that_overruns_is_warned_of_while_it_hangs(cdc):
    cdc.write("handlers.py", HANDLERS.format(harm="pass"))
    cdc.configure(FUNCTION.format(name="hang"))
    daemon = cdc.serve()
    cdc.run("create-table", "hang", "--key", "id")
    put(cdc, "hang", "1")
    eventually((cdc.folder / "begun").exists, "it has begun")
    eventually(lambda: "still runs after its timeout of 1 s" in daemon.log(), "it is warned of")
    assert "Sandbox.Timedout" not in daemon.log(), "it still runs"
    eventually(lambda: "function hang has run on after its timeout for " in cdc.run("status"), "status shows it")
    assert list(json.loads(cdc.run("status", "--json"))["served_by"]["poll"]["overruns"]) == ["hang"]
    (cdc.folder / "go").touch()
    eventually(lambda: "Sandbox.Timedout" in daemon.log(), "it has returned, too late")
    eventually(lambda: "has run on" not in cdc.run("status"), "status shows it no more")
    assert daemon.log().count("still runs after its timeout") == 1
