"""Kills a daemon under load a hundred times, checks everything after each start, and prints what it did and found.

Exit status 0: nothing was lost, repeated needlessly or disordered, and no repair was needed; 1: otherwise.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks.bench.machine import facts
from tests.crash.kill_loop import KillLoop, describe

SAY_EVERY = 10
MACHINE = ("date", "commit", "cores", "cpu", "memory_gib", "load_before", "kernel", "filesystem", "python", "sqlite")


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, metavar="N", help="how many kills (default 100)")
    parser.add_argument("--seed", default=secrets.token_hex(4), help="repeats the plan of another run")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="M", help="begin no round after so long")
    given = parser.parse_args()
    if given.rounds < 1 or not given.minutes > 0:
        parser.error("expected at least one round and more than no time")
    return given


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_some(text: str) -> None:
    """Print how far it is, now and then."""
    if int(text.partition(":")[0]) % SAY_EVERY == 0:
        say(f"round {text}")


def main() -> None:
    """Run, print and judge."""
    given = arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))  # through the with statement, which ends every process
    folder = Path(tempfile.mkdtemp(prefix="cdc-soak-"))
    machine = facts(folder)
    say(f"seed {given.seed}, files in {folder}")
    started = time.monotonic()
    with KillLoop(folder, given.seed) as loop:
        summary = loop.run(given.rounds, say_some, started + given.minutes * 60)
    say("")
    say(f"machine       {', '.join(f'{name} {machine[name]}' for name in MACHINE)}")
    say(f"took          {time.monotonic() - started:.0f} s")
    for line in describe(loop):
        say(line)
    if summary.violations:
        say(f"The files are kept in {folder}")
        sys.exit(1)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
