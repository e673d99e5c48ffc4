"""Run the suites of other projects' packages against cdc; called by `scripts/client-suites`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.clients.suites.catalog import load_catalog, result_of
from tests.clients.suites.reports import ReportError
from tests.clients.suites.results import read_results, write_results
from tests.clients.suites.running import SuiteError, run_suite
from tests.compatibility.page import PAGE, page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.clients.suites.catalog import Suite


def main() -> int:
    """Run the suites that are asked for, and write their results and the page; 1 if a failure has no reason."""
    suites = {each.name: each for each in load_catalog().suites}
    parser = argparse.ArgumentParser(prog="scripts/client-suites", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="SUITE", help=f"of {', '.join(suites)}; all by default")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where packages are fetched to, and stay")
    asked = parser.parse_args()
    if unknown := sorted(set(asked.names) - suites.keys()):
        parser.error(f"no such suite: {', '.join(unknown)}")
    chosen = [suites[name] for name in asked.names or suites]
    if asked.keep is not None:
        return _run(chosen, asked.keep.resolve())
    with TemporaryDirectory(prefix="client-suites-") as folder:
        return _run(chosen, Path(folder))


def _run(chosen: Sequence[Suite], folder: Path) -> int:
    faults: list[str] = []
    for suite in chosen:
        _say(f"{suite.name} {suite.version} …")
        found = _run_one(suite, folder / suite.name)
        _say(*(f"  {each}" for each in found))
        faults += found
    PAGE.write_text(page())
    return 1 if faults else 0


def _run_one(suite: Suite, folder: Path) -> list[str]:
    """Run a suite and keep its result, unless it can't be run; return what is wrong."""
    try:
        result, faults = result_of(suite, run_suite(suite, folder))
    except (ReportError, SuiteError) as error:
        return [str(error)]
    failed, skipped = (sum(result[state].values()) for state in ("failed", "skipped"))
    _say(f"  {result['passed']} passed, {failed} failed, {skipped} skipped")
    results = {each["name"]: each for each in read_results()} | {suite.name: result}
    write_results([results[each.name] for each in load_catalog().suites if each.name in results])
    return faults


def _say(*lines: str) -> None:
    sys.stderr.writelines(f"{line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
