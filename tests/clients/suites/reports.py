"""What a suite reports of its tests, out of the formats that runners write: JUnit's XML and mocha's JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

State = Literal["passed", "failed", "skipped"]


class ReportError(Exception):
    """A report that can't be read; the message says why. Its suite has not run to its end."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended."""

    test: str
    state: State
    text: str = ""  # of a failure, or why it was skipped


def read_junit(report: str) -> Iterator[Outcome]:
    """Read what pytest writes with --junitxml; a test that was expected to fail counts as skipped."""
    for case in ET.fromstring(report).iter("testcase"):  # written by the runner that this program started
        test = f"{case.get('classname')}::{case.get('name')}"
        bad = [each for each in case if each.tag in {"failure", "error"}]
        skipped = case.find("skipped")
        if bad:
            yield Outcome(test, "failed", f"{bad[0].get('message')}\n{bad[0].text}")
        elif skipped is not None:
            yield Outcome(test, "skipped", skipped.get("message") or "")
        else:
            yield Outcome(test, "passed")


def read_mocha(report: str) -> Iterator[Outcome]:
    """Read what mocha prints with --reporter json; before it stands what the tests print."""
    start = report.find('{\n  "stats"')
    if start < 0:
        raise ReportError(f"no report of mocha in: {report[-2000:]}")
    found: dict[str, list[dict[str, Any]]]
    found, _ = json.JSONDecoder().raw_decode(report, start)
    for test in found["passes"]:
        yield Outcome(test["fullTitle"], "passed")
    for test in found["pending"]:
        yield Outcome(test["fullTitle"], "skipped", "marked as pending")
    for test in found["failures"]:
        yield Outcome(test["fullTitle"], "failed", str(test["err"].get("message", "")))


READERS: Mapping[str, Callable[[str], Iterator[Outcome]]] = {
    "junit": read_junit,
    "mocha": read_mocha,
}
