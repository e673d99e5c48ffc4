"""In-process handlers, which no timeout can end."""

from __future__ import annotations

import json
import os
import sys
import uuid

import pytest


@pytest.fixture
def module(monkeypatch):
    """A module name of its own for each test, since they all share this interpreter."""
    for stream in ("stdout", "stderr", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, stream, getattr(sys, stream))  # what a handler's load replaces
    path = list(sys.path)
    name = f"in_process_{uuid.uuid4().hex}"
    yield name
    sys.path[:] = path
    sys.modules.pop(name, None)


def test_an_in_process_handler_runs_in_this_process_on_another_thread(bench, module):
    bench.module(
        "import os, threading\n"
        "def handle(event, context): return [event, os.getpid(), context.aws_request_id, context.function_name]",
        name=module,
    )
    bench.define(handler=f"{module}:handle", in_process=True)
    assert json.loads(bench.call(event=b"[1]").result) == [[1], os.getpid(), "r-1", "f"]


def test_its_exception_is_the_outcome_and_its_stack_is_logged(bench, module):
    bench.module("def handle(event, context): raise ValueError('bad')", name=module)
    bench.define(handler=f"{module}:handle", in_process=True)
    outcome = bench.call()
    assert (outcome.ok, outcome.error_type, outcome.error_message) == (False, "ValueError", "bad")
    assert bench.log()[0] == "[ERROR] ValueError: bad"
    assert f'{module}.py", line 1, in handle' in bench.log()[1]


def test_sys_exit_ends_the_invocation_and_not_the_daemon(bench, module):
    bench.module("import sys\ndef handle(event, context): sys.exit(1)", name=module)
    bench.define(handler=f"{module}:handle", in_process=True)
    assert bench.call().error_type == "Runtime.ExitError"


def test_an_overrun_is_shown_and_ends_as_a_timeout_only_when_it_returns(bench, module, wait_until):
    bench.module(
        "import threading\ngo = threading.Event()\ndef handle(event, context): go.wait(30); return 'late'", name=module
    )
    bench.define(handler=f"{module}:handle", in_process=True, timeout_seconds=1)
    pending = bench.start()
    wait_until(lambda: bench.functions.status()[0].overrunning_since_ms is not None)
    assert not pending.ended
    sys.modules[module].go.set()
    assert pending.outcome().error_message == "RequestId: r-1 Error: Task timed out after 1.00 seconds"
    assert bench.functions.status()[0].overrunning_since_ms is None


def test_an_overrun_is_warned_of_once_while_it_lasts(bench, module, wait_until, caplog):
    bench.module(
        "import threading\ngo = [threading.Event(), threading.Event()]\ndef handle(event, context): go[event].wait(30)",
        name=module,
    )
    bench.define(handler=f"{module}:handle", in_process=True, timeout_seconds=1)
    for number in (0, 1):
        pending = bench.start(event=b"%d" % number, request_id=f"r-{number}")
        bench.functions.warn_of_overruns()
        assert len(caplog.messages) == number, "it has its time"
        wait_until(lambda: bench.functions.status()[0].overrunning_since_ms is not None)
        for _ in range(3):
            bench.functions.warn_of_overruns()
        assert len(caplog.messages) == number + 1
        assert caplog.messages[-1].startswith(f"function f, request r-{number}: still runs after its timeout of 1 s; ")
        sys.modules[module].go[number].set()
        pending.outcome()
    bench.functions.warn_of_overruns()
    assert len(caplog.messages) == 2


def test_an_overrun_is_warned_of_after_the_function_has_changed(bench, module, wait_until, caplog):
    bench.module("import threading\ngo = threading.Event()\ndef handle(event, context): go.wait(30)", name=module)
    bench.define(handler=f"{module}:handle", in_process=True, timeout_seconds=1)
    pending = bench.start()
    bench.define(handler=f"{module}:handle", in_process=True, timeout_seconds=2)

    def warned():
        bench.functions.warn_of_overruns()
        return caplog.messages

    wait_until(warned)
    sys.modules[module].go.set()
    pending.outcome()


def test_a_worker_is_not_warned_of_as_its_timeout_ends_it(bench, caplog):
    bench.python("time.sleep(0.01)")
    bench.call()
    bench.functions.warn_of_overruns()
    assert caplog.messages == []


def test_the_working_directory_goes_last_on_the_path_after_the_import(bench, module):
    bench.module("def handle(event, context): pass", name=module)
    bench.define(handler=f"{module}:handle", in_process=True)
    assert bench.call().ok
    assert sys.path[-1] == str(bench.folder)


def test_two_folders_with_a_module_of_the_same_name_do_not_get_each_others(bench, module):
    other = bench.folder / "other"
    other.mkdir()
    for folder in (bench.folder, other):
        (folder / f"{module}.py").write_text("def handle(event, context): return __file__")
    bench.define(handler=f"{module}:handle", in_process=True)
    bench.define("g", handler=f"{module}:handle", in_process=True, working_directory=other)
    assert bench.call().ok
    assert bench.call("g").error_type == "Runtime.ImportModuleError"
    assert bench.call("g").error_message.endswith("has that name in this process")


def test_in_process_functions_alone_need_no_keeper(bench, module):
    bench.module("def handle(event, context): pass", name=module)
    bench.define(handler=f"{module}:handle", in_process=True)
    bench.call()
    assert bench.functions._keeper.pid is None
