"""The commands beside a running daemon: they speak to it, and see what it does."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest

from tests.acceptance.program import ROOT, eventually


def test_what_init_says_to_do_works(cdc):
    said = cdc.run("init")
    daemon = cdc.serve()
    for line in said.splitlines():
        command = line.strip()
        if command.startswith(("cdc create-table", "cdc put")):
            done = subprocess.run(
                ["bash", "-c", command.replace("cdc", f"{sys.executable} -m cdc", 1)],
                cwd=cdc.folder,
                env=cdc.environment,
                check=True,
            )
            assert done.returncode == 0
    eventually(lambda: cdc.read("audit.log").endswith("1 records\n"), "the shell handler has run")
    eventually(lambda: 'INSERT {"id": {"S": "1"}, "total": {"N": "42"}}' in daemon.log(), "the Python handler too")


def test_an_item_comes_back_through_the_server_and_from_the_file(cdc, daemon):
    cdc.run("create-table", "orders", "--key", "id")
    cdc.run("put", "orders", '{"id": "1", "total": 0.10000000000000000000000000000000000001}')
    through_the_server = cdc.run("get", "orders", '{"id": "1"}')
    assert daemon.stop(signal.SIGTERM) == 0
    assert cdc.run("get", "orders", '{"id": "1"}') == through_the_server
    assert json.loads(cdc.run("status", "--json"))["served_by"] == {"api": None, "poll": None}


def test_a_refusal_reads_the_same_with_and_without_a_server(cdc, daemon):
    cdc.run("create-table", "orders", "--key", "id")
    commands = [("put", "orders", '{"id": 1}'), ("scan", "nosuch"), ("create-table", "orders", "--key", "id")]
    through_the_server = [cdc.try_run(*each) for each in commands]
    daemon.stop(signal.SIGTERM)
    for command, served in zip(commands, through_the_server, strict=True):
        opened = cdc.try_run(*command)
        assert (served.returncode, served.stderr) == (opened.returncode, opened.stderr) == (1, served.stderr)
        assert served.stderr


def test_a_server_that_hangs_up_is_exit_code_4(cdc, daemon):
    """The lock file names an address where nobody listens: as while a server stops."""
    cdc.run("create-table", "orders", "--key", "id")
    lock = cdc.folder / "cdc.db.api.lock"
    lock.write_text(json.dumps({"pid": daemon.popen.pid, "url": "http://127.0.0.1:9"}))
    done = cdc.try_run("scan", "orders")
    assert done.returncode == 4
    assert "does not answer at http://127.0.0.1:9 (Connection refused)" in done.stderr


@pytest.mark.usefixtures("daemon")
def test_a_tail_shows_what_is_put_and_ends_at_ctrl_c(cdc):
    cdc.run("create-table", "orders", "--key", "id")
    cdc.run("put", "orders", '{"id": "before"}')
    tail = cdc.start("tail", "orders", "--json")
    eventually(lambda: "following orders: 4 shards" in tail.log(), "it has begun")
    cdc.run("put", "orders", '{"id": "1", "total": 42}')
    record = json.loads(tail.output.line())
    assert record["eventName"] == "INSERT"
    assert record["dynamodb"]["NewImage"] == {"id": {"S": "1"}, "total": {"N": "42"}}
    assert tail.stop(signal.SIGINT) == 0
    assert tail.output.rest() == []


def test_a_tail_outlives_a_restart_of_the_server(cdc, daemon):
    cdc.run("create-table", "orders", "--key", "id")
    tail = cdc.start("tail", "orders")
    eventually(lambda: "following orders" in tail.log(), "it has begun")
    cdc.run("put", "orders", '{"id": "1"}')
    assert "INSERT" in tail.output.line()
    daemon.stop(signal.SIGKILL)
    cdc.serve()
    cdc.run("put", "orders", '{"id": "2"}')
    assert '{"id": "2"}' in tail.output.line()
    assert tail.stop(signal.SIGINT) == 0


def test_a_tail_ends_quietly_with_the_reader_of_its_output(cdc):
    lines = "".join(f'{{"id": "{number}"}}\n' for number in range(3))
    cdc.run("import", "orders", "-", "--format", "jsonl", "--create", "--key", "id", stdin=lines)
    command = f"{sys.executable} -m cdc tail orders --from-start | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=cdc.folder,
        env=cdc.environment,
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr.startswith("following orders")
    assert done.stderr.count("\n") == 1


@pytest.mark.usefixtures("daemon")
def test_an_import_through_the_server_is_complete_and_in_the_stream(cdc):
    lines = "".join(json.dumps({"id": f"{number:04}", "n": number}) + "\n" for number in range(500))
    said = cdc.run("import", "orders", "-", "--format", "jsonl", "--create", "--key", "id", stdin=lines)
    assert said.startswith("imported into orders: 500 items, ")
    assert len(cdc.run("scan", "orders").splitlines()) == 500
    assert len(cdc.run("tail", "orders", "--no-follow").splitlines()) == 500
    assert "no violation in 1 table, 500 items, 1 stream" in cdc.run("check")


def test_status_names_the_process_and_its_address(cdc, daemon):
    text = cdc.run("status")
    assert f"process {daemon.popen.pid} listens on http://{daemon.address}, process {daemon.popen.pid} delivers" in text


def test_the_command_starts_from_any_folder(cdc):
    assert ROOT not in cdc.folder.parents
    assert cdc.run("--help").startswith("Usage: cdc ")
