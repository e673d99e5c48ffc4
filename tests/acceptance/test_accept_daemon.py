"""The daemon as a process: starting, roles, signals, and who may call it."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import uuid

import pytest

from tests.acceptance.program import eventually

HANDLER = """
def handle(event, context):
    with open("seen.txt", "a") as seen:
        for record in event["Records"]:
            print(record["dynamodb"]["Keys"]["id"]["S"], file=seen)
"""
CONFIG = """
[[functions]]
name = "collect"
handler = "collect:handle"

[[mappings]]
name = "collect"
table = "orders"
function = "collect"
starting_position = "TRIM_HORIZON"
"""


@pytest.fixture
def collecting(cdc):
    """A configuration whose handler writes the ids that it is given to seen.txt."""
    cdc.write("collect.py", HANDLER)
    cdc.configure(CONFIG)
    return cdc


def seen(cdc):
    return cdc.read("seen.txt").split()


def put(cdc, *ids):
    if len(ids) == 1:
        cdc.run("put", "orders", f'{{"id": "{ids[0]}"}}')
    else:
        cdc.run("import", "orders", "-", "--format", "jsonl", stdin="".join(f'{{"id": "{each}"}}\n' for each in ids))


def test_it_says_where_it_listens_and_what_it_delivers(collecting):
    daemon = collecting.serve()
    path = collecting.folder / "cdc.db"
    assert re.fullmatch(rf"cdc serves {path}, listening on http://127\.0\.0\.1:\d+", daemon.announcement)
    assert not daemon.announcement.endswith(":0")
    assert daemon.output.line() == "  delivers orders to collect as collect"
    assert json.loads(daemon.get("/health")[1]) == {"status": "ok"}
    assert daemon.start_seconds < 10, "under a second on an idle machine"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_stop_ends_it_with_exit_code_0(daemon, number):
    assert daemon.stop(number) == 0
    assert "Traceback" not in daemon.log()


def test_sigterm_lets_an_invocation_finish_and_its_checkpoint_be_written(collecting):
    collecting.write(
        "collect.py",
        """
import pathlib, time
def handle(event, context):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
    with open("seen.txt", "a") as seen:
        for record in event["Records"]:
            print(record["dynamodb"]["Keys"]["id"]["S"], file=seen)
""",
    )
    collecting.configure(CONFIG.replace('"collect:handle"', '"collect:handle"\ntimeout_seconds = 60'))
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    eventually((collecting.folder / "begun").exists, "the handler has begun")
    daemon.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in daemon.log(), "it has begun to stop")
    assert seen(collecting) == []
    (collecting.folder / "go").touch()
    assert daemon.wait() == 0
    assert seen(collecting) == ["1"]
    collecting.serve()
    put(collecting, "2")
    eventually(lambda: "2" in seen(collecting), "the next record is delivered")
    assert seen(collecting) == ["1", "2"], "what was delivered before the stop is not delivered again"


@pytest.mark.parametrize("kind", ["", "in_process = true"])
def test_a_second_signal_to_stop_does_not_wait_for_an_invocation(collecting, kind):
    collecting.write(
        "collect.py",
        """
import pathlib, time
def handle(event, context):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        time.sleep(0.01)
""",
    )
    function = f'"collect:handle"\ntimeout_seconds = 600\n{kind}'
    collecting.configure("[server]\ndrain_seconds = 600\n" + CONFIG.replace('"collect:handle"', function))
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    eventually((collecting.folder / "begun").exists, "the handler has begun")
    daemon.signal(signal.SIGTERM)
    eventually(lambda: "stopping" in daemon.log(), "it has begun to stop")
    assert "stopped" not in daemon.log()
    assert daemon.stop(signal.SIGTERM) == 0
    assert daemon.log().rstrip().endswith("stopped")
    (collecting.folder / "begun").unlink()
    (collecting.folder / "go").touch()
    collecting.serve()
    eventually((collecting.folder / "begun").exists, "the batch is delivered again")


def test_sigkill_needs_no_repair(collecting):
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1", "2")
    assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert "no violation" in collecting.run("check")
    collecting.serve()
    put(collecting, "3")
    eventually(lambda: {"1", "2", "3"} <= set(seen(collecting)), "all are delivered")
    assert "no violation" in collecting.run("check")


def test_sighup_reads_the_configuration_again(collecting):
    collecting.configure("")
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    collecting.configure(CONFIG)
    daemon.signal(signal.SIGHUP)
    eventually(lambda: seen(collecting) == ["1"], "the new mapping delivers")
    assert "the configuration was reloaded" in daemon.log()


def test_sighup_with_a_wrong_configuration_changes_nothing(collecting):
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    collecting.configure("[server]\nprt = 1\n")
    daemon.signal(signal.SIGHUP)
    eventually(lambda: "was not reloaded: cdc.toml: server.prt is no setting" in daemon.log(), "it is said")
    (collecting.folder / "cdc.toml").unlink()
    put(collecting, "1")
    eventually(lambda: seen(collecting) == ["1"], "the old mapping delivers")


def test_one_process_has_a_role_of_a_file(cdc, daemon):
    second = cdc.try_run("serve", "--port", "0")
    assert (second.returncode, second.stdout) == (3, "")
    pid = daemon.popen.pid
    assert f"the api role of {cdc.folder / 'cdc.db'} is held by process {pid}: stop it, or" in second.stderr
    assert second.stderr.count("\n") == 1
    poller = cdc.try_run("serve", "--no-api")
    assert (poller.returncode, f"the poll role of {cdc.folder / 'cdc.db'}" in poller.stderr) == (3, True)


def test_a_port_that_is_taken_is_one_line(cdc, daemon):
    port = daemon.address.rpartition(":")[2]
    done = cdc.try_run("serve", "--database", "other.db", "--port", port)
    assert done.returncode == 4
    assert done.stderr.splitlines()[-1].startswith(f"cdc: can't listen on 127.0.0.1:{port} (Address already in use)")


def test_the_roles_can_be_two_processes_on_one_file(collecting):
    api = collecting.serve("--no-poll")
    assert api.output.line() == "  without a poller: nothing is delivered"
    poller = collecting.serve("--no-api")
    assert poller.announcement.endswith("cdc.db, without an API")
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1", "2")
    eventually(lambda: sorted(seen(collecting)) == ["1", "2"], "the other process delivers")
    served_by = json.loads(collecting.run("status", "--json"))["served_by"]
    assert {name: holder["pid"] for name, holder in served_by.items()} == {
        "api": api.popen.pid,
        "poll": poller.popen.pid,
    }
    assert (api.stop(signal.SIGTERM), poller.stop(signal.SIGTERM)) == (0, 0)


def test_handlers_of_a_process_that_only_delivers_find_the_api_wherever_and_whenever_it_starts(collecting):
    collecting.write(
        "collect.py",
        """
import os
def handle(event, context):
    with open("seen.txt", "a") as seen:
        print(os.environ["AWS_ENDPOINT_URL"], file=seen)
""",
    )
    collecting.serve("--no-api", "--port", "8765")
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    eventually(lambda: seen(collecting), "the first is delivered")
    assert seen(collecting) == ["http://127.0.0.1:8765"], "where it would listen itself: never the cloud"
    api = collecting.serve("--no-poll")

    def is_found():
        put(collecting, str(uuid.uuid4()))
        return seen(collecting)[-1] == f"http://{api.address}"

    eventually(is_found, "handlers are led to the API")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://app.example"}, 200),
    ],
)
def test_a_foreign_host_or_origin_is_refused(cdc, headers, status):
    cdc.configure('[server]\nallowed_origins = ["http://app.example"]\n')
    assert cdc.serve().get("/health", headers)[0] == status


def test_the_page_that_it_serves_may_call_it(daemon):
    assert daemon.get("/health", {"Origin": f"http://{daemon.address}"})[0] == 200


def test_a_paused_mapping_stays_paused_over_a_restart(collecting):
    daemon = collecting.serve()
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    eventually(lambda: seen(collecting) == ["1"], "the first is delivered")
    collecting.run("mappings", "pause", "collect")
    assert daemon.stop(signal.SIGTERM) == 0
    collecting.serve()
    put(collecting, "2")
    state = json.loads(collecting.run("status", "--json"))["mappings"][0]
    assert state["state"] == "paused"
    assert seen(collecting) == ["1"]
    collecting.run("mappings", "resume", "collect")
    eventually(lambda: seen(collecting) == ["1", "2"], "it goes on where it was")


def test_what_another_process_writes_into_the_file_is_delivered(collecting):
    collecting.run("create-table", "orders", "--key", "id")
    put(collecting, "1")
    collecting.serve("--no-api")
    eventually(lambda: seen(collecting) == ["1"], "what was there is delivered")
    put(collecting, "2")
    eventually(lambda: seen(collecting) == ["1", "2"], "what came is delivered")


def test_a_file_of_another_program_is_refused(cdc):
    connection = sqlite3.connect(cdc.folder / "cdc.db")
    connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    done = cdc.try_run("serve", "--port", "0")
    assert done.returncode == 3
    assert "is a SQLite file of another program: name another file with --database" in done.stderr
    assert done.stderr.count("\n") == 1
