"""What the reader sees while the demo runs: bars on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
    count = TextColumn("{task.completed:>9,.0f} of {task.total:,.0f}{task.fields[rate]}")
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

    def progress(self, parts: Sequence[course.Progress]) -> None:
        """Tell how far things are."""
        now = self._clock.monotonic()
        if now >= self._next:
            self._next = now + LINE_SECONDS
            self.say("  " + ", ".join(f"{part.name} {part.done:,} of {part.total:,}{_rate(part)}" for part in parts))


class Bars:
    """A bar for each thing, from the moment it is heard of."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def say(self, text: str) -> None:
        """Tell that something happened, above the bars."""
        self._progress.console.print(text, markup=False, highlight=False)

    def progress(self, parts: Sequence[course.Progress]) -> None:
        """Tell how far things are."""
        for part in parts:
            if part.name not in self._tasks:
                self._tasks[part.name] = self._progress.add_task(part.name, total=max(part.total, 1), rate="")
            self._progress.update(
                self._tasks[part.name], completed=part.done, total=max(part.total, 1), rate=_rate(part)
            )


def _rate(part: course.Progress) -> str:
    return "" if part.per_second is None else f" ({part.per_second:,.0f}/s)"
