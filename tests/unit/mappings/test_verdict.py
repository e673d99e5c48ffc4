"""What becomes of a batch: a table of settings, attempts and outcomes."""

from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from cdc.mappings.batch import Batch
from cdc.mappings.verdict import Again, Done, GiveUp, Partly, Split, judge
from cdc.model.functions import Outcome
from cdc.model.mappings import MappingSettings

FAILED = Outcome(ok=False, duration_ms=1, error_type="ValueError", error_message="no")
GIVEN_UP = GiveUp("ValueError", "no", "Unhandled")


def batch(*sequences):
    made = Batch(max_records=10)
    made.sequences = list(sequences)
    return made


def settings(**changes):
    return MappingSettings(function_name="f", starting_position="TRIM_HORIZON", **changes)


def reported(*sequences):
    failures = [{"itemIdentifier": f"1{each:020d}"} for each in sequences]
    return Outcome(ok=True, duration_ms=1, result=orjson.dumps({"batchItemFailures": failures}))


REPORTING = settings(report_batch_item_failures=True, maximum_retry_attempts=1)


def test_success_is_done():
    assert judge(settings(), batch(1, 2), 3, Outcome(ok=True, duration_ms=1, result=b"null")) == Done()


@pytest.mark.parametrize(
    ("limit", "attempts", "verdict"),
    [
        (-1, 10_000, Again("ValueError: no", counts=True)),
        (0, 0, GIVEN_UP),
        (1, 0, Again("ValueError: no", counts=True)),
        (1, 1, GIVEN_UP),
        (3, 2, Again("ValueError: no", counts=True)),
        (3, 3, GIVEN_UP),
    ],
)
def test_n_retries_are_n_plus_one_invocations(limit, attempts, verdict):
    assert judge(settings(maximum_retry_attempts=limit), batch(1, 2), attempts, FAILED) == verdict


def test_what_did_not_reach_the_function_is_tried_again_without_end():
    outcome = replace(FAILED, reached=False)
    bisecting = settings(maximum_retry_attempts=0, bisect_batch_on_function_error=True)
    assert judge(bisecting, batch(1, 2), 99, outcome) == Again("ValueError: no", counts=False)


@pytest.mark.parametrize("error_type", ["ResourceNotFoundException", "TooManyRequestsException", "Sandbox.KeeperLost"])
def test_an_error_that_the_function_raised_counts_whatever_its_name(error_type):
    outcome = replace(FAILED, error_type=error_type)
    assert judge(settings(maximum_retry_attempts=0), batch(1), 0, outcome) == GiveUp(error_type, "no", "Unhandled")


@pytest.mark.parametrize(("sequences", "left"), [((1, 2), 1), ((1, 2, 3), 1), ((1, 2, 3, 4), 2), ((3, 5, 7, 9, 11), 5)])
def test_a_batch_is_split_in_the_middle_however_often_it_failed(sequences, left):
    bisecting = settings(maximum_retry_attempts=1, bisect_batch_on_function_error=True)
    assert judge(bisecting, batch(*sequences), 5, FAILED) == Split("ValueError: no", left)


def test_one_record_is_not_split_but_tried_as_often_as_it_may():
    bisecting = settings(maximum_retry_attempts=1, bisect_batch_on_function_error=True)
    assert judge(bisecting, batch(1), 0, FAILED) == Again("ValueError: no", counts=True)
    assert judge(bisecting, batch(1), 1, FAILED) == GIVEN_UP


def test_without_retries_there_are_no_halves_to_retry():
    bisecting = settings(maximum_retry_attempts=0, bisect_batch_on_function_error=True)
    assert judge(bisecting, batch(1, 2), 0, FAILED) == GIVEN_UP


def test_records_before_the_reported_one_are_done():
    assert judge(REPORTING, batch(1, 2, 3), 0, reported(3, 2)) == Partly(2)


def test_a_report_of_the_first_record_is_a_failure_of_the_batch_without_a_function_error():
    verdict = judge(REPORTING, batch(1, 2, 3), 0, reported(1))
    assert verdict == Again("batchItemFailures names the first record", counts=True)
    given_up = judge(REPORTING, batch(1, 2, 3), 1, reported(1))
    assert given_up == GiveUp("", "batchItemFailures names the first record", None)


def test_a_report_is_not_bisected_but_an_exception_is():
    both = settings(report_batch_item_failures=True, bisect_batch_on_function_error=True)
    assert isinstance(judge(both, batch(1, 2, 3), 0, reported(1)), Again)
    assert judge(both, batch(1, 2, 3), 0, reported(2)) == Partly(2)
    assert isinstance(judge(both, batch(1, 2, 3), 0, FAILED), Split)


def test_nonsense_in_a_report_fails_the_whole_batch_without_a_function_error():
    verdict = judge(REPORTING, batch(1, 2), 1, reported(99))
    assert isinstance(verdict, GiveUp)
    assert verdict.function_error is None
