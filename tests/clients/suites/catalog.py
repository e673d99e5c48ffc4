"""The suites and the reasons of `suites.toml`, and how the outcomes of a run are held against the reasons."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.clients.suites.reports import Outcome

CATALOG = Path(__file__).parent / "suites.toml"
_SHOWN = 300
"""Characters of a failure that is told of."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why some tests fail or are skipped: those of fitting names whose text has `says` in it."""

    because: str
    tests: tuple[str, ...] = ("*",)  # patterns of names
    says: str = ""

    def fits(self, outcome: Outcome) -> bool:
        """Tell whether this is why the test did not pass."""
        return self.says in outcome.text and any(fnmatchcase(outcome.test, each) for each in self.tests)


@dataclass(frozen=True, slots=True)
class Suite:
    """A package with tests, and how they are run against a daemon at `{url}`, with S3 at `{s3}`."""

    name: str
    what: str  # for the page: which of its tests
    registry: str  # pypi or npm
    package: str
    version: str
    command: Sequence[str]
    report: str  # a key of `reports.READERS`
    needs: Sequence[str] = ()  # further packages, with their versions
    prepare: Sequence[Sequence[str]] = ()  # commands before it
    stand_ins: Sequence[str] = ()  # packages of servers that the suite would start, replaced by ones that do nothing
    port: int = 0  # where its tests look for the service; 0 if they can be told
    s3: bool = False  # whether an S3-compatible server runs beside the daemon
    configuration: str = ""  # of the daemon
    environment: Mapping[str, str] = field(default_factory=dict)
    reasons: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True)
class Catalog:
    """All suites, and why the tests of other packages are not among them."""

    suites: Sequence[Suite]
    absent: Mapping[str, str]  # by the packages' names


def load_catalog(path: Path = CATALOG) -> Catalog:
    """Read the suites."""
    with path.open("rb") as file:
        read: dict[str, Any] = tomllib.load(file)
    suites = [_suite(each) for each in read["suite"]]
    return Catalog(suites, read["absent"])


def _suite(read: dict[str, Any]) -> Suite:
    reasons = [each | {"tests": tuple(each.get("tests", "*"))} for each in read.pop("reasons", ())]
    return Suite(**read, reasons=[Reason(**each) for each in reasons])


def result_of(suite: Suite, outcomes: Iterable[Outcome]) -> tuple[dict[str, Any], list[str]]:
    """Count how the tests of a suite ended, by reason.

    Returns what stands in docs/client-suites.json, and what is wrong: a test that did not pass without a reason, and a
    reason that no test has any more. A skipped test without a reason of ours has its own.
    """
    counts = {"failed": Counter[str](), "skipped": Counter[str]()}
    passed, faults, used = 0, [], set[Reason]()
    for outcome in outcomes:
        if outcome.state == "passed":
            passed += 1
            continue
        reason = next((each for each in suite.reasons if each.fits(outcome)), None)
        if reason is not None:
            used.add(reason)
            counts[outcome.state][reason.because] += 1
        elif outcome.state == "skipped":
            counts["skipped"][outcome.text.strip() or "without a reason"] += 1
        else:
            counts["failed"]["not explained"] += 1
            faults.append(f"{outcome.test} fails without a reason: {outcome.text[:_SHOWN]}")
    faults += [f"no test fails because {each.because}" for each in suite.reasons if each not in used]
    if not passed:
        faults.append("no test passed")
    result = {"name": suite.name, "what": suite.what, "version": suite.version, "passed": passed}
    return result | {state: dict(sorted(by_reason.items())) for state, by_reason in counts.items()}, faults
