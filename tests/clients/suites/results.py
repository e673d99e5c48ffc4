"""The results in `docs/client-suites.json`, and the section of `docs/compatibility.md` that they are in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

RESULTS = Path(__file__).parents[3] / "docs" / "client-suites.json"
_SECTION = """\
`scripts/client-suites` fetches packages that carry their tests, and runs these, unmodified, against a fresh daemon. It
ends with an error when a test fails that none of the reasons below is about."""


def read_results() -> list[dict[str, Any]]:
    """Read the results of the last runs, in the order of the suites."""
    found: list[dict[str, Any]] = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    return found


def write_results(results: Sequence[Mapping[str, Any]]) -> None:
    """Keep the results of suites."""
    RESULTS.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")


def lines_of(results: Sequence[Mapping[str, Any]], absent: Mapping[str, str]) -> Iterator[str]:
    """Write the section's lines: what each suite came to, why tests did not pass, and which packages have no tests."""
    yield from ("", "## Test-suites of clients", "", _SECTION, "")
    yield from ("| suite | tests | passed | failed | skipped |", "|---|---|---|---|---|")
    for each in results:
        failed, skipped = (sum(each[state].values()) for state in ("failed", "skipped"))
        yield f"| {each['name']} {each['version']} | {each['what']} | {each['passed']} | {failed} | {skipped} |"
    yield from ("", "Why tests failed or were skipped:", "")
    for each in results:
        for state in ("failed", "skipped"):
            yield from (f"- {each['name']}, {count} {state}: {why}" for why, count in each[state].items())
    yield from ("", "Packages whose tests can't be run:", "")
    yield from (f"- {name}: {why}" for name, why in absent.items())
