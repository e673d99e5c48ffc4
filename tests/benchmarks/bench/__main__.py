"""Measures the daemon beside its floors, prints the ratios, and holds them against the targets.

Exit status 0: all targets are met; 1: one is missed; 2: something could not be measured.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.bench import delivery_part, index_part, load_part, purge_part, report
from tests.benchmarks.bench.bench import QUICK, Bench, Options
from tests.benchmarks.bench.machine import facts, filesystem
from tests.benchmarks.bench.results import Results

if TYPE_CHECKING:
    from collections.abc import Callable

LOADS = ("put", "get", "query")
PARTS = (*LOADS, "indexes", "drain", "delivery", "latency", "purge")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of short windows: to see that it works")
    parser.add_argument("--rounds", type=int, help="how often everything is measured (default 5)")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}; floors come with what they belong to")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to FILE, too")
    given = parser.parse_args()
    given.parts = set(given.only.split(",")) if given.only else set(PARTS)
    if unknown := given.parts - set(PARTS):
        parser.error(f"--only: {', '.join(sorted(unknown))} is none of {', '.join(PARTS)}")
    if given.rounds is not None and given.rounds < 1:
        parser.error("--rounds: expected at least 1")
    return given


def steps(bench: Bench, parts: set[str]) -> list[tuple[str, Callable[[], None]]]:
    """List what is to be run, by name."""
    found: list[tuple[str, Callable[[], None]]] = []
    if loads := parts & set(LOADS):
        found.append((", ".join(sorted(loads)), partial(load_part.run, bench, loads)))
    runs = {
        "indexes": index_part.run,
        "drain": delivery_part.run_drain,
        "delivery": delivery_part.run_delivery,
        "latency": delivery_part.run_latency,
        "purge": purge_part.run,
    }
    return found + [(name, partial(run, bench)) for name, run in runs.items() if name in parts]


def run(options: Options, parts: set[str]) -> tuple[dict[str, Any], Results]:
    """Run the parts in a folder of the current one; a part that fails is noted, and the others go on."""
    results = Results()
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".bench-") as name:
        folder = Path(name)
        if filesystem(folder) == "tmpfs":
            sys.exit(f"{folder} is in memory: start the bench in a folder on a disk")
        machine = facts(folder)
        bench = Bench(options=options, folder=folder, results=results)
        for part, step in steps(bench, parts):
            try:
                step()
            except Exception as error:  # noqa: BLE001  # the other parts can still be measured
                results.failures.append(f"{part}: {error!r}")
                bench.say(f"{part} failed: {error!r}")
    return machine, results


def main() -> None:
    """Measure, print, judge."""
    given = arguments()
    if shutil.which("wrk") is None and given.parts & {*LOADS, "indexes"}:
        sys.exit("wrk is missing: run scripts/install-tools --bench")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # through the with statements, which end every process
    options = QUICK if given.quick else Options()
    if given.rounds is not None:
        options = replace(options, rounds=given.rounds)
    machine, results = run(options, given.parts)
    print("\n".join(report.lines(machine, results)))
    if given.json is not None:
        content = {"machine": machine, "options": asdict(options), **results.as_json()}
        given.json.write_text(json.dumps(content, indent=2) + "\n")
    if results.failures:
        sys.exit(2)
    sys.exit(0 if all(target.met(summary.median) for target, summary in results.judged()) else 1)


if __name__ == "__main__":
    main()
