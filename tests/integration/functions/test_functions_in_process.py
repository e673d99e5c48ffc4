"""In-process handlers, which no timeout can end."""

from __future__ import annotations

import json
import os
import sys
import uuid

import pytest


@pytest.fixture
def module():
    """A module name of its own for each test, since they all share this interpreter."""
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
