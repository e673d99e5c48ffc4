"""Python handlers in warm worker processes."""

from __future__ import annotations

import json

import pytest


def test_a_handler_gets_the_event_and_its_answer_comes_back_as_json(bench):
    bench.python("return {'got': event, 'n': 1.5}")
    outcome = bench.call(event='{"ä": [1, null]}'.encode())
    assert (outcome.ok, outcome.error_type) == (True, "")
    assert json.loads(outcome.result) == {"got": {"ä": [1, None]}, "n": 1.5}
    assert outcome.duration_ms > 0


def test_none_is_answered_as_null(bench):
    bench.python("return None")
    assert bench.call().result == b"null"


def test_the_context_has_lambdas_members(bench):
    bench.python(
        "c = context; return [c.aws_request_id, c.function_name, c.function_version, c.invoked_function_arn,"
        " c.memory_limit_in_mb, c.log_group_name, c.log_stream_name, c.get_remaining_time_in_millis()]",
        timeout_seconds=30,
    )
    *members, stream, remaining = json.loads(bench.call(request_id="req-7").result)
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    assert members == ["req-7", "f", "$LATEST", arn, "128", "/aws/lambda/f"]
    assert "/[$LATEST]" in stream
    assert 29_000 < remaining <= 30_000


def test_the_environment_is_the_daemons_plus_the_functions_plus_lambdas_names(bench, monkeypatch):
    monkeypatch.setenv("FROM_DAEMON", "d")
    monkeypatch.setenv("OVERRIDDEN", "d")
    bench.python(
        "names = ('FROM_DAEMON', 'OVERRIDDEN', 'AWS_LAMBDA_FUNCTION_NAME', '_HANDLER');"
        " return [os.environ.get(n) for n in names] + [os.getcwd()]",
        environment={"OVERRIDDEN": "f", "AWS_LAMBDA_FUNCTION_NAME": "not this"},
    )
    assert json.loads(bench.call().result) == ["d", "f", "f", "h.handle", str(bench.folder.resolve())]


def test_a_module_is_looked_for_in_the_working_directory_then_on_the_pythonpath(bench):
    elsewhere = bench.folder / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "h.py").write_text("raise RuntimeError('the wrong one')")
    (elsewhere / "helper.py").write_text("NAME = 'helper'")
    bench.module("import helper\ndef handle(event, context): return helper.NAME")
    bench.define(handler="h:handle", environment={"PYTHONPATH": str(elsewhere)})
    assert bench.call().result == b'"helper"'


def test_the_workers_own_modules_do_not_shadow_the_users(bench):
    bench.module("import command\ndef handle(event, context): return command.MINE")
    bench.module("MINE = 1", name="command")
    bench.define(handler="h:handle")
    assert bench.call().result == b"1"


def test_an_exception_is_the_outcome_and_its_stack_is_logged_and_the_process_lives_on(bench):
    bench.python("print(os.getpid()); raise ValueError('bad thing')")
    first, second = bench.call(request_id="a"), bench.call(request_id="b")
    assert (first.ok, first.result, first.error_type, first.error_message) == (False, None, "ValueError", "bad thing")
    assert second.error_type == "ValueError"
    pid, head, where, *_ = bench.log("a")
    assert head == "[ERROR] ValueError: bad thing"
    assert where.endswith('h.py", line 3, in handle')
    assert bench.log("b")[0] == pid


def test_keyboard_interrupt_in_a_handler_is_an_error_like_any_other(bench):
    bench.python("raise KeyboardInterrupt('no')")
    assert bench.call().error_type == "KeyboardInterrupt"


@pytest.mark.parametrize(
    ("module", "handler", "error_type", "message"),
    [
        ("", "nomod:handle", "Runtime.ImportModuleError", "Unable to import module 'nomod': No module named 'nomod'"),
        ("", "h:nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'h'"),
        (
            "def (",
            "h:handle",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'h': invalid syntax (h.py, line 1)",
        ),
        ("raise KeyError('k')", "h:handle", "KeyError", "'k'"),
    ],
)
def test_a_handler_that_cannot_be_loaded_is_reported_in_lambdas_words(bench, module, handler, error_type, message):
    bench.module(module)
    bench.define(handler=handler)
    outcome = bench.call()
    assert (outcome.ok, outcome.error_type, outcome.error_message) == (False, error_type, message)
    assert bench.log()[0] == f"[ERROR] {error_type}: {message}"


def test_a_handler_that_could_not_be_loaded_is_loaded_anew_for_the_next_invocation(bench):
    bench.module("raise RuntimeError('not yet')")
    bench.define(handler="h:handle")
    assert bench.call().error_type == "RuntimeError"
    bench.module("def handle(event, context): return 'now'")
    assert bench.call().result == b'"now"'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("os._exit(7)", "Runtime exited with error: exit status 7"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "Runtime exited with error: signal: killed"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_process_that_ends_is_reported_as_lambda_does_and_replaced(bench, body, text):
    bench.python(f"if event: print('last words'); {body}\n    return 'fine'")
    outcome = bench.call(event=b"[1]", request_id="r-9")
    assert outcome.error_type == "Runtime.ExitError"
    assert outcome.error_message == f"RequestId: r-9 Error: {text}"
    assert bench.log("r-9")[0] == "last words"
    assert bench.call(event=b"[]").result == b'"fine"'


def test_sys_exit_while_loading_is_an_exit_error(bench):
    bench.module("import sys; sys.exit(4)")
    bench.define(handler="h:handle")
    outcome = bench.call()
    assert outcome.error_type == "Runtime.ExitError"
    assert outcome.error_message.endswith("exit status 4")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("object()", "Unable to marshal response: Object of type object is not JSON serializable"),
        (
            "__import__('datetime').date(2026, 1, 1)",
            "Unable to marshal response: Object of type date is not JSON serializable",
        ),
        ("float('nan')", "Unable to marshal response: Out of range float values are not JSON compliant"),
    ],
)
def test_an_answer_that_is_no_json_is_a_marshal_error(bench, value, text):
    bench.python(f"return {value}")
    outcome = bench.call()
    assert outcome.error_type == "Runtime.MarshalError"
    assert outcome.error_message.startswith(text)


def test_an_event_that_is_no_json_is_an_unmarshal_error(bench):
    bench.python("return 1")
    assert bench.call(event=b"{").error_type == "Runtime.UnmarshalError"


def test_an_answer_over_lambdas_bound_is_refused(bench):
    bench.python("return 'a' * 6_291_555")
    assert bench.call().error_type == "Function.ResponseSizeTooLarge"


def test_a_timeout_kills_the_whole_group_and_says_so(bench, runs):
    bench.python(
        "child = subprocess.Popen(['sleep', '600']); print(child.pid, flush=True); print('no newline', end='')\n"
        "    sys.stdout.flush(); time.sleep(600)",
        timeout_seconds=1,
    )
    outcome = bench.call(request_id="r-5")
    assert outcome.error_type == "Sandbox.Timedout"
    assert outcome.error_message == "RequestId: r-5 Error: Task timed out after 1.00 seconds"
    assert 1000 <= outcome.duration_ms < 5000
    grandchild, last_words = bench.log("r-5")
    assert last_words == "no newline"
    assert not runs(int(grandchild))


def test_a_new_process_serves_after_a_timeout(bench):
    bench.python("time.sleep(600) if event else None", timeout_seconds=1)
    assert bench.call(event=b"1").error_type == "Sandbox.Timedout"
    assert bench.call(event=b"0").ok


def test_a_grandchild_that_outlives_a_crash_is_killed_with_the_group(bench, runs):
    bench.python("print(subprocess.Popen(['sleep', '600']).pid, flush=True); os._exit(1)")
    assert bench.call().error_type == "Runtime.ExitError"
    assert not runs(int(bench.log()[0]))


def test_an_event_of_five_megabytes_passes_both_ways_of_the_channel(bench):
    bench.python("return event")
    event = b'"' + b"x" * 5_000_000 + b'"'
    assert bench.call(event=event).result == event


def test_logging_without_configuration_reaches_the_log_as_in_lambda(bench):
    bench.module(
        "import logging\nlog = logging.getLogger(); log.setLevel('INFO')\n"
        "def handle(event, context): log.info('hello %s', 1)"
    )
    bench.define(handler="h:handle")
    bench.call()
    assert bench.log()[0].startswith("[INFO]\t")
    assert bench.log()[0].endswith("Z\thello 1")


def test_a_handler_that_reads_standard_input_or_closes_its_output_harms_nothing(bench):
    bench.python("got = sys.stdin.read(); sys.stdout.close(); sys.stderr.close(); return got")
    assert bench.call().result == b'""'
    assert bench.call().ok


def test_a_missing_working_directory_is_a_start_error(bench):
    bench.define(handler="h:handle", working_directory=bench.folder / "none")
    outcome = bench.call()
    assert outcome.error_type == "Runtime.InvalidEntrypoint"
    assert outcome.error_message.endswith("none: no such file or directory")
