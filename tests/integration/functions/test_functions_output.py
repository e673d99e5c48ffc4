"""What functions print: captured, bounded, attributed, never in their way."""

from __future__ import annotations

import pytest

MEBIBYTE = 1_048_576


def test_each_line_is_logged_under_its_invocation(bench):
    bench.python("print('out', event); print('err', event, file=sys.stderr)")
    bench.call(event=b"1", request_id="a")
    bench.call(event=b"2", request_id="b")
    assert (bench.log("a"), bench.log("b")) == (["out 1", "err 1"], ["out 2", "err 2"])


def test_what_is_printed_while_loading_is_logged_under_the_first_invocation(bench):
    bench.module("print('loading')\ndef handle(event, context): print('running')")
    bench.define(handler="h:handle")
    bench.call(request_id="a")
    assert bench.log("a") == ["loading", "running"]


def test_a_background_thread_between_invocations_is_logged_under_none(bench, wait_until):
    bench.module(
        "import threading\ndef handle(event, context): threading.Timer(0.05, print, ['later']).start()",
    )
    bench.define(handler="h:handle")
    bench.call()
    wait_until(lambda: bench.log("") == ["later"])


def test_output_that_is_no_utf8_is_logged_with_escapes(bench):
    bench.python("os.write(1, b'a\\xff\\xe4b\\n')")
    bench.call()
    assert bench.log() == ["a\\xff\\xe4b"]


@pytest.mark.parametrize("newlines", [True, False])
def test_output_over_one_mebibyte_is_cut_and_the_cut_is_marked(bench, newlines):
    line = "x" * 1023 + ("\\n" if newlines else "x")
    bench.python(f"sys.stdout.write('{line}' * 5000); return 'done'", timeout_seconds=30)
    assert bench.call().result == b'"done"'
    *lines, mark = bench.log()
    kept = sum(len(line) for line in lines) + (len(lines) if newlines else 0)
    assert kept == MEBIBYTE
    assert mark == f"[output truncated: {5000 * 1024 - MEBIBYTE} bytes over {MEBIBYTE} of this invocation were dropped]"
    bench.call(request_id="next")
    assert len(bench.log("next")) == len(lines) + 1


def test_the_standard_error_of_a_command_is_bounded_too(bench):
    bench.shell("head -c 5000000 /dev/zero | tr '\\0' x >&2; echo 1", timeout_seconds=30)
    assert bench.call().result == b"1"
    *lines, mark = bench.log()
    assert sum(map(len, lines)) == MEBIBYTE
    assert mark.startswith("[output truncated: 3951424 bytes")


def test_a_log_that_fails_changes_no_outcome(bench, caplog):
    def fail(*_):
        raise OSError("disk full")

    bench.python("print('x'); return 1")
    object.__setattr__(bench.functions._surroundings, "log", fail)
    assert bench.call().result == b"1"
    assert "the log of function f failed" in caplog.text
