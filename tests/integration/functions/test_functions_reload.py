"""reload_on_change: new instances take over when a source file has changed."""

from __future__ import annotations

import json

import pytest

from cdc.functions import gate


def test_a_changed_module_is_loaded_for_the_next_invocation(bench, caplog, runs):
    caplog.set_level("INFO")
    bench.module("import os\ndef handle(event, context): return [1, os.getpid()]")
    bench.define(handler="h:handle", reload_on_change=True)
    (first, pid), (again, same) = (json.loads(bench.call().result) for _ in range(2))
    assert (first, again, pid) == (1, 1, same)
    bench.module("import os\ndef handle(event, context): return [2, os.getpid()]")
    assert json.loads(bench.call().result)[0] == 2
    assert not runs(pid)
    assert f"function f: {bench.folder}/h.py has changed: new instances take over" in caplog.text


def test_edits_within_the_same_second_are_all_seen(bench):
    bench.module("def handle(event, context): return 0")
    bench.define(handler="h:handle", reload_on_change=True)
    for number in range(5):
        bench.module(f"def handle(event, context): return {number}")
        assert bench.call().result == b"%d" % number


def test_a_module_that_comes_or_goes_in_a_folder_below_is_a_change(bench):
    bench.module("import os\ndef handle(event, context): return os.getpid()")
    bench.define(handler="h:handle", reload_on_change=True)
    pids = [bench.call().result]
    (bench.folder / "lib").mkdir()
    (bench.folder / "lib" / "helper.py").touch()
    pids.append(bench.call().result)
    (bench.folder / "lib" / "helper.py").unlink()
    pids.append(bench.call().result)
    assert len(set(pids)) == 3


@pytest.mark.parametrize(
    "name", ["out.log", "data.db", "records.jsonl", ".hidden/x.py", "__pycache__/x.py", "node_modules/x.js"]
)
def test_what_is_no_source_is_no_change(bench, name):
    bench.module("import os\ndef handle(event, context): return os.getpid()")
    bench.define(handler="h:handle", reload_on_change=True)
    pid = bench.call().result
    file = bench.folder / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("x")
    assert bench.call().result == pid


def test_the_running_invocation_finishes_on_the_old_code(bench, wait_until):
    body = "    open('started', 'w').close()\n    while not os.path.exists('go'): time.sleep(0.005)\n"
    bench.module("import os, time\ndef handle(event, context):\n" + body + "    return 'old'")
    bench.define(handler="h:handle", reload_on_change=True, reserved_concurrency=1, timeout_seconds=30)
    running = bench.start()
    wait_until((bench.folder / "started").exists)
    bench.module("def handle(event, context): return 'new'")
    waiting = bench.start()
    (bench.folder / "go").touch()
    assert running.outcome().result == b'"old"'
    assert waiting.outcome().result == b'"new"'


def test_a_runtime_is_started_anew_and_a_mended_one_at_once(bench, monkeypatch):
    monkeypatch.setattr(gate, "PAUSE_SECONDS", 600)
    monkeypatch.setattr(gate, "PAUSE_SECONDS_MAX", 600)
    bench.runtime("sys.exit(1)", reload_on_change=True)
    assert bench.call().error_type == "Runtime.ExitError"
    bench.runtime("while True: respond(fetch()[0], 1)", reload_on_change=True)
    assert bench.call().result == b"1"
    bench.runtime("while True: respond(fetch()[0], 2)", reload_on_change=True)
    assert bench.call().result == b"2"
    assert bench.functions.describe()[0].last_modified_ms > 0


def test_without_the_setting_the_loaded_code_stays(bench):
    bench.module("def handle(event, context): return 1")
    bench.define(handler="h:handle")
    assert bench.call().result == b"1"
    bench.module("def handle(event, context): return 2")
    assert bench.call().result == b"1"
