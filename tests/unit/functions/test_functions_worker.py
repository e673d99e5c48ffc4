"""The worker's pieces that need no process, and how its end is worded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from cdc.clock import ManualClock
from cdc.functions import worker
from cdc.functions.runner import FunctionsOptions, exit_text


def context(clock):
    return worker.Context(
        aws_request_id="r",
        function_name="f",
        invoked_function_arn="arn",
        memory_limit_in_mb="128",
        log_group_name="g",
        log_stream_name="s",
        deadline=3.0,
        monotonic=clock.monotonic,
    )


def test_the_remaining_time_falls_to_zero_and_not_below():
    clock = ManualClock()
    it = context(clock)
    assert it.get_remaining_time_in_millis() == 3000
    clock.advance(2.5)
    assert it.get_remaining_time_in_millis() == 500
    clock.advance(2.5)
    assert it.get_remaining_time_in_millis() == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": (1, None)}, b'{"a":[1,null]}'), ({1: True}, b'{"1":true}'), (2**70, b"%d" % 2**70)],
)
def test_an_answer_is_encoded_as_the_standard_library_does(value, text):
    assert worker.encode(value) == text


def test_decimals_are_numbers_as_lambda_makes_them():
    assert worker.encode([Decimal(2**63 + 1), Decimal("1.5")]) == b"[9223372036854775809,1.5]"
    with pytest.raises(worker.HandlerError, match="Out of range"):
        worker.encode(Decimal("Infinity"))


def test_an_exception_that_has_no_text_is_described_all_the_same():
    class MuteError(Exception):
        def __str__(self):
            raise RuntimeError

    assert worker.describe(MuteError(), "r")["errorMessage"] == "<MuteError that has no text>"


def test_an_error_message_with_lone_surrogates_can_be_sent():
    assert worker.describe(ValueError("a\udcffb"), "r")["errorMessage"] == "a\\udcffb"


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (0, "Runtime exited without providing a reason"),
        (127, "Runtime exited with error: exit status 127"),
        (-9, "Runtime exited with error: signal: killed"),
        (-11, "Runtime exited with error: signal: segmentation fault"),
    ],
)
def test_an_end_is_worded_as_lambda_words_it(code, text):
    assert exit_text(code) == text


def test_options_without_an_instance_are_refused():
    with pytest.raises(ValueError, match="max_instances"):
        FunctionsOptions(max_instances=0)
