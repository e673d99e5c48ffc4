"""Many lives of a poller, one after the other, and what came of them: `scripts/simulate`."""

from __future__ import annotations

import argparse
import logging
import platform
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from cdc.clock import SystemClock
from cdc.store.database import open_database
from tests.property.poller_life import Life, small_bounds

ROOT = Path(__file__).parents[2]
SEEDS = 10_000
STEPS = 40  # things that happen in a life
SHOWN = 5  # failing seeds whose traceback is printed


def main() -> int:
    """Run lives, print a summary, and return 1 if any of them went wrong."""
    parser = argparse.ArgumentParser(prog="scripts/simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many lives (default 10000)")
    parser.add_argument("--first", type=int, default=0, help="seed of the first one (default 0)")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)  # of the failures that it makes up
    clock = SystemClock()
    began = clock.monotonic()
    counts: Counter[str] = Counter()
    failed: list[int] = []
    with tempfile.TemporaryDirectory() as folder, small_bounds():
        new = Path(folder) / "new.db"
        open_database(new).close()
        with suppress(KeyboardInterrupt):
            for seed in range(options.first, options.first + options.seeds):
                error = live(new, seed, counts)
                counts["lives"] += 1
                if error is not None:
                    failed.append(seed)
                    if len(failed) <= SHOWN:
                        print(f"seed {seed}:", *traceback.format_exception(error), sep="\n", flush=True)
    describe = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
    date = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    print(f"date          {date:%Y-%m-%dT%H:%M:%SZ}, commit {commit}, python {platform.python_version()}")
    print(f"seeds         from {options.first}, in {clock.monotonic() - began:.0f} s")
    for what, count in sorted(counts.items()):
        print(f"{what:30}{count:>12,}")
    print("failing seeds", ", ".join(map(str, failed)) or "none")
    return 1 if failed else 0


def live(new: Path, seed: int, counts: Counter[str]) -> Exception | None:
    """Live one life on a copy of a new file; return what went wrong."""
    with tempfile.TemporaryDirectory(dir=new.parent) as folder:
        life = Life(Path(shutil.copy(new, folder)), seed)
        try:
            life.run(STEPS)
        except Exception as error:  # noqa: BLE001
            return error
        finally:
            life.bench.stop()
            counts += life.counts
    return None


if __name__ == "__main__":
    sys.exit(main())
