"""Suites of clients: their reports are read, each failure has a reason that is about it, and the results are complete."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.clients.suites.catalog import Reason, Suite, load_catalog, result_of
from tests.clients.suites.reports import Outcome, ReportError, read_junit, read_mocha
from tests.clients.suites.results import lines_of, read_results
from tests.clients.suites.running import SuiteError, _environment, _must, _once

SUITE = Suite(
    name="client",
    what="all",
    registry="npm",
    package="client",
    version="1.0.0",
    command=("run",),
    report="mocha",
    reasons=(Reason("it is of 2013", ("old *",), "expected 1"), Reason("there is no network", ("*network*",))),
)
PASSED = Outcome("new", "passed")
OLD = Outcome("old one", "failed", "expected 1, got 2")
OFFLINE = Outcome("a network", "skipped", "offline")


def test_failures_and_skips_are_counted_by_reason():
    outcomes = [PASSED, PASSED, OLD, replace(OLD, test="old two"), OFFLINE, Outcome("x", "skipped", "on Windows")]
    result, faults = result_of(SUITE, outcomes)
    assert faults == []
    assert result == {
        "name": "client",
        "what": "all",
        "version": "1.0.0",
        "passed": 2,
        "failed": {"it is of 2013": 2},
        "skipped": {"on Windows": 1, "there is no network": 1},
    }


@pytest.mark.parametrize(
    ("outcomes", "fault"),
    [
        (
            [PASSED, OLD, OFFLINE, Outcome("old", "failed", "expected 1")],
            "old fails without a reason: expected 1",
        ),
        (
            [PASSED, OLD, OFFLINE, replace(OLD, text="reset")],
            "old one fails without a reason: reset",
        ),
        ([PASSED, OLD], "no test fails because there is no network"),
        ([OLD, OFFLINE], "no test passed"),
    ],
)
def test_a_failure_without_a_reason_and_a_reason_without_a_failure_are_faults(outcomes, fault):
    _, faults = result_of(SUITE, outcomes)
    assert faults == [fault]


def test_a_report_of_pytest_tells_failures_and_errors_and_skips():
    report = """<testsuites><testsuite>
      <testcase classname="a" name="b"/>
      <testcase classname="a" name="c"><failure message="assert 1">at line 3</failure></testcase>
      <testcase classname="a" name="d"><error message="no fixture"/></testcase>
      <testcase classname="a" name="e"><skipped message="not here"/></testcase>
    </testsuite></testsuites>"""
    assert list(read_junit(report)) == [
        Outcome("a::b", "passed"),
        Outcome("a::c", "failed", "assert 1\nat line 3"),
        Outcome("a::d", "failed", "no fixture\nNone"),
        Outcome("a::e", "skipped", "not here"),
    ]


def test_a_report_of_mocha_stands_after_what_the_tests_print():
    report = """{ hello: 1 }
{
  "stats": {},
  "passes": [{"fullTitle": "a"}],
  "pending": [{"fullTitle": "b"}],
  "failures": [{"fullTitle": "c", "err": {"message": "no"}}, {"fullTitle": "d", "err": {}}]
}
bye"""
    assert list(read_mocha(report)) == [
        Outcome("a", "passed"),
        Outcome("b", "skipped", "marked as pending"),
        Outcome("c", "failed", "no"),
        Outcome("d", "failed", ""),
    ]
    with pytest.raises(ReportError, match="crashed"):
        list(read_mocha("it crashed"))


def test_a_package_is_fetched_once_and_anew_when_the_catalog_says_otherwise(tmp_path):
    folder, fetched = tmp_path / "client", []
    for suite in (SUITE, SUITE, replace(SUITE, version="1.0.1"), replace(SUITE, version="1.0.1", reasons=())):
        _once(suite, folder, lambda: fetched.append(list(folder.iterdir())))
    assert fetched == [[], []]


def test_a_suite_sees_its_own_settings_and_nothing_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "mine")
    suite = replace(SUITE, environment={"ENDPOINT": "{url}/x"})
    found = _environment(suite, tmp_path, {"url": "http://127.0.0.1:1"})
    assert found["ENDPOINT"] == "http://127.0.0.1:1/x"
    assert found["AWS_ACCESS_KEY_ID"] == "local"
    assert "AWS_PROFILE" not in found


def test_a_command_that_fails_is_told_with_what_it_said(tmp_path):
    with pytest.raises(SuiteError, match=r"sh -c echo no; exit 3 ended with 3: no"):
        _must(["sh", "-c", "echo no; exit 3"], tmp_path)


def test_the_section_has_a_row_for_each_suite_and_a_line_for_each_reason():
    result, _ = result_of(SUITE, [PASSED, OLD, OFFLINE])
    lines = list(lines_of([result], {"other": "its package has no tests"}))
    assert "| client 1.0.0 | all | 1 | 1 | 1 |" in lines
    assert "- client, 1 failed: it is of 2013" in lines
    assert "- client, 1 skipped: there is no network" in lines
    assert "- other: its package has no tests" in lines


def test_the_results_are_of_the_suites_as_they_are_and_all_explained():
    suites, results = load_catalog().suites, read_results()
    assert [(each["name"], each["version"], each["what"]) for each in results] == [
        (each.name, each.version, each.what) for each in suites
    ], "run scripts/client-suites"
    assert [each["name"] for each in results if not each["passed"]] == []
    known = {suite.name: {reason.because for reason in suite.reasons} for suite in suites}
    assert [each["name"] for each in results if each["failed"].keys() - known[each["name"]]] == []
