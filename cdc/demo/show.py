"""What the reader sees while the demo runs: bars on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, Progress, TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.clock import Clock
    from cdc.demo import course

LINE_SECONDS = 2.0
"""Between two lines where there is no terminal."""


@contextmanager
def shown(clock: Clock) -> Iterator[course.Show]:
    """Show in the way that fits standard output."""
    if not sys.stdout.isatty():
        yield Lines(clock)
        return
    count = TextColumn("{task.completed:>9,.0f} of {task.total:,.0f} {task.fields[note]}")
    with Progress(TextColumn("{task.description}"), BarColumn(), count, transient=True) as progress:
        yield Bars(progress)


class Lines:
    """A line now and then, as for a log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = 0.0

    def say(self, text: str) -> None:
        """Tell that something happened."""
        click.echo(text)
        sys.stdout.flush()

    def progress(self, progress: course.Progress) -> None:
        """Tell how far things are."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + LINE_SECONDS
            delivered = ", ".join(f"{count:,} to {name}" for name, count in progress.delivered.items())
            self.say(
                f"  {progress.rows:,} of {progress.rows_total:,} rows, {progress.rows_per_second:,.0f}/s; "
                f"delivered of {progress.records:,} records: {delivered}"
            )


class Bars:
    """A bar for the rows and one for each mapping."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows = progress.add_task("rows written", total=1, note="")
        self._mappings = {
            name: progress.add_task(f"delivered to {name}", total=1, note="") for name in ("totals", "audit")
        }

    def say(self, text: str) -> None:
        """Tell that something happened, above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)

    def progress(self, progress: course.Progress) -> None:
        """Tell how far things are."""
        note = f"({progress.rows_per_second:,.0f}/s)"
        self._progress.update(self._rows, completed=progress.rows, total=progress.rows_total, note=note)
        for name, count in progress.delivered.items():
            self._progress.update(self._mappings[name], completed=count, total=max(progress.records, 1))
