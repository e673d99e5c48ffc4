"""What every part of the bench is handed: its options, a folder of its own, and where results go."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.bench.results import Results


@dataclass(frozen=True, kw_only=True)
class Options:
    """How long and how often to measure."""

    rounds: int = 5
    window_seconds: int = 3  # of one measurement under load
    backlog: int = 100_000  # records to drain and to deliver
    idle_writes: int = 200
    paced_seconds: int = 5  # of the runs at a fixed rate


QUICK = Options(rounds=1, window_seconds=1, backlog=20_000, idle_writes=60, paced_seconds=5)


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One run of the bench."""

    options: Options
    folder: Path  # on a disk, removed at the end
    results: Results
    _began: float = field(default_factory=time.monotonic)

    @property
    def log(self) -> Path:
        """Where the programs of the bench complain."""
        return self.folder / "errors.log"

    def say(self, text: str) -> None:
        """Tell on standard error what is going on."""
        print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)
