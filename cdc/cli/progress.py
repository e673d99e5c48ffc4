"""Progress of an import on standard error: a bar with a rate on a terminal, else a line now and then."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.clock import Clock

    Show = Callable[[int, int], None]

LINE_SECONDS = 5.0
"""Between two lines where no bar can be drawn."""
BAR_SECONDS = 0.1


@contextmanager
def progress(title: str, total_bytes: int | None, clock: Clock) -> Iterator[Show]:
    """Lend a function to call with the bytes read and the items stored so far, as often as one likes."""
    if sys.stderr.isatty():
        with _bar(title, total_bytes, clock) as show:
            yield show
    else:
        yield _lines(title, total_bytes, clock)


def rate_text(items: int, seconds: float) -> str:
    """Write a number of items and their rate."""
    return f"{items:,} item{'' if items == 1 else 's'}, {items / max(seconds, 1e-3):,.0f}/s"


def _every(seconds: float, clock: Clock, show: Callable[[int, int, float], None]) -> Show:
    """Call `show` not more often than that, with the seconds since the beginning."""
    start = clock.monotonic()
    due = start + seconds

    def run(read_bytes: int, items: int) -> None:
        nonlocal due
        now = clock.monotonic()
        if now >= due:
            due = now + seconds
            show(read_bytes, items, now - start)

    return run


def _lines(title: str, total_bytes: int | None, clock: Clock) -> Show:
    def show(read_bytes: int, items: int, elapsed_seconds: float) -> None:
        share = f" ({read_bytes / total_bytes:.0%})" if total_bytes else ""
        click.echo(f"{title}: {rate_text(items, elapsed_seconds)}{share}", err=True)

    return _every(LINE_SECONDS, clock, show)


@contextmanager
def _bar(title: str, total_bytes: int | None, clock: Clock) -> Iterator[Show]:
    from rich.console import Console  # noqa: PLC0415  # 0.1 s, for a terminal alone
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn  # noqa: PLC0415

    columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
    columns += [TextColumn("{task.fields[rate]}"), TimeRemainingColumn()]
    with Progress(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(title, total=total_bytes, rate="")

        def show(read_bytes: int, items: int, elapsed_seconds: float) -> None:
            drawn.update(task, completed=read_bytes, rate=rate_text(items, elapsed_seconds))

        yield _every(BAR_SECONDS, clock, show)
