"""An answer's report: AWS's table of what counts as success, partial failure and complete failure."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings.report import Report, read_report

SEQUENCES = [5, 7, 9]
NUMBERS = {sequence: f"1{sequence:020d}" for sequence in SEQUENCES}


def read(answer, *, item_failures=True, window=False):
    result = answer if isinstance(answer, bytes | None) else orjson.dumps(answer)
    return read_report(result, SEQUENCES, item_failures=item_failures, window=window)


def failures(*identifiers):
    return {"batchItemFailures": [{"itemIdentifier": each} for each in identifiers]}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        b"",
        b"null",
        "",
        {},
        [],
        {"batchItemFailures": []},
        {"batchItemFailures": None},
        {"statusCode": 200},
        "Successfully processed 3 records.",
        b"not JSON",
    ],
)
def test_these_are_complete_success(answer):
    assert read(answer) == Report()


@pytest.mark.parametrize(
    "answer",
    [
        failures(""),
        failures(None),
        failures(123),
        failures("123"),
        failures(NUMBERS[5], "nonsense"),
        {"batchItemFailures": [{"foo": NUMBERS[5]}]},
        {"batchItemFailures": [{"foo": None}]},
        {"batchItemFailures": [None]},
        {"batchItemFailures": "all"},
        {"batchItemFailures": {}},
    ],
)
def test_these_are_complete_failure(answer):
    report = read(answer)
    assert report.failed_from is None
    assert report.error is not None
    assert report.error.startswith("batchItemFailures names no sequence number of the batch")


@pytest.mark.parametrize(("named", "first"), [((7,), 7), ((9, 7), 7), ((9, 5, 7), 5)])
def test_the_lowest_of_those_reported_is_where_it_goes_on(named, first):
    assert read(failures(*(NUMBERS[each] for each in named))) == Report(failed_from=first)


def test_without_the_setting_the_answer_is_ignored():
    assert read(failures(NUMBERS[5]), item_failures=False) == Report()


@pytest.mark.parametrize("answer", [None, {}, "x", {"state": None}, {"state": "x"}, {"state": [1]}])
def test_in_a_tumbling_window_an_answer_without_state_is_a_failure(answer):
    assert "has no state" in (read(answer, window=True).error or "")


def test_a_state_comes_with_or_without_reported_failures():
    assert read({"state": {"n": 1}}, window=True) == Report(state=b'{"n":1}')
    answer = {"state": {}, **failures(NUMBERS[7])}
    assert read(answer, window=True) == Report(failed_from=7, state=b"{}")
