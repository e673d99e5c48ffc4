"""Command functions: one subprocess an invocation."""

from __future__ import annotations

import json

import pytest


def test_a_command_gets_the_event_on_standard_input_and_its_output_is_the_result(bench):
    bench.define(command=("cat",))
    outcome = bench.call(event=b'{"a": 1}')
    assert (outcome.ok, outcome.result) == (True, b'{"a": 1}')


@pytest.mark.parametrize("output", ["", "working...", "{'a': 1}"])
def test_output_that_is_no_json_is_a_success_without_a_result(bench, output):
    bench.shell(f'printf "{output}"')
    outcome = bench.call()
    assert (outcome.ok, outcome.result) == (True, None)


def test_a_command_sees_lambdas_names_and_its_environment_over_the_daemons(bench, monkeypatch):
    monkeypatch.setenv("FROM_DAEMON", "d")
    bench.shell(
        'printf "[\\"%s\\", \\"%s\\", \\"%s\\", \\"%s\\"]" $FROM_DAEMON $MINE $AWS_LAMBDA_FUNCTION_NAME $AWS_LAMBDA_REQUEST_ID',
        environment={"MINE": "m"},
    )
    assert json.loads(bench.call(request_id="r-3").result) == ["d", "m", "f", "r-3"]


@pytest.mark.parametrize(
    ("script", "text"),
    [
        ("exit 3", "Runtime exited with error: exit status 3"),
        ("kill -SEGV $$", "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_a_failing_command_is_an_exit_error_whatever_it_printed(bench, script, text):
    bench.shell(f"echo 1; echo why >&2; {script}")
    outcome = bench.call()
    assert (outcome.ok, outcome.result, outcome.error_type) == (False, None, "Runtime.ExitError")
    assert outcome.error_message == f"RequestId: r-1 Error: {text}"
    assert bench.log() == ["why"]


def test_a_program_that_does_not_exist_is_named(bench):
    bench.define(command=("no-such-program",))
    outcome = bench.call()
    assert outcome.error_type == "Runtime.InvalidEntrypoint"
    assert outcome.error_message == "RequestId: r-1 Error: fork/exec no-such-program: no such file or directory"


def test_a_program_relative_to_the_working_directory_runs(bench):
    program = bench.folder / "answer"
    program.write_text("#!/bin/sh\necho 42\n")
    program.chmod(0o755)
    bench.define(command=("./answer",))
    assert bench.call().result == b"42"


def test_a_timeout_kills_the_grandchildren_too(bench, runs):
    bench.shell("sleep 600 & echo $! >&2; wait", timeout_seconds=1)
    outcome = bench.call()
    assert outcome.error_message == "RequestId: r-1 Error: Task timed out after 1.00 seconds"
    assert not runs(int(bench.log()[0]))


def test_what_a_command_leaves_in_the_background_ends_with_it(bench, runs):
    bench.shell("sleep 600 & echo $! >&2; echo 1")
    assert bench.call().result == b"1"
    assert not runs(int(bench.log()[0]))


def test_a_grandchild_in_a_session_of_its_own_holds_nobody_up_and_ends_at_the_latest_when_we_close(bench, runs):
    bench.shell("setsid sleep 600 & echo $! >&2; sleep 0.1; echo 1", timeout_seconds=10)
    outcome = bench.call()
    assert outcome.result == b"1"
    assert outcome.duration_ms < 5000
    assert runs(int(bench.log()[0]))
    bench.functions.close(0)
    assert not runs(int(bench.log()[0]))


def test_a_large_event_that_is_not_read_holds_nobody_up(bench):
    bench.shell("echo 1")
    assert bench.call(event=b'"' + b"x" * 5_000_000 + b'"').result == b"1"


def test_a_large_event_and_a_large_answer_pass(bench):
    bench.define(command=("cat",))
    event = b'"' + b"x" * 5_000_000 + b'"'
    assert bench.call(event=event).result == event


def test_an_answer_over_lambdas_bound_is_refused(bench):
    bench.shell("head -c 7000000 /dev/zero | tr '\\0' 1")
    assert bench.call().error_type == "Function.ResponseSizeTooLarge"


def test_a_command_ignores_no_signal_that_the_keeper_ignores(bench):
    bench.shell("kill -TERM $$; echo 1")
    assert bench.call().error_message.endswith("signal: terminated")


def test_a_request_id_that_no_environment_can_hold_fails_its_invocation_alone(bench, caplog):
    bench.shell("echo 1")
    assert bench.call(request_id="a\0b").error_type == "Sandbox.Failure"
    assert "could not be run" in caplog.text
    assert bench.call().ok
