"""`cdc check`: verify the invariants of a database file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import open_file, require
from cdc.cli.errors import REFUSED
from cdc.cli.options import with_settings

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("check")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--all", "every", is_flag=True, help="Print every violation, not the first alone.")
@with_settings
@click.pass_context
def command(ctx: click.Context, file: Path | None, settings: Settings, *, every: bool) -> None:
    """Verify the invariants of a database file.

    Replays the streams against the tables, and verifies checksums, sequence numbers, shards, checkpoints and outcomes,
    in one snapshot; a server beside it goes on. Exit code 1 and the first violation if there is one.

    \b
    Examples:
      cdc check
      cdc check backup.db --all
    """  # noqa: D301
    if file is not None:
        settings = replace(settings, database=replace(settings.database, path=file.absolute()))
    found = 0
    for line in _violations(settings.database.path):
        click.echo(line)
        found += 1
        if not every:
            break
    if found:
        ctx.exit(REFUSED)
    click.echo(_summary(settings))


def _violations(path: Path) -> Any:
    """Yield the violations as lines."""
    from cdc.store.check import check  # noqa: PLC0415  # SQLAlchemy
    from cdc.store.database import open_database  # noqa: PLC0415  # the same

    require(path)
    database = open_database(path)
    try:
        for violation in check(database):
            yield violation.text
    finally:
        database.close()


def _summary(settings: Settings) -> str:
    with open_file(settings) as service:
        status = service.status()
    streams, mappings = status["streams"], status["mappings"]
    parts = (
        _count(len(status["tables"]), "table"),
        _count(sum(table["items"] for table in status["tables"]), "item"),
        _count(len(streams), "stream"),
        _count(sum(len(stream["shards"]) for stream in streams), "shard"),
        _count(len(mappings), "mapping"),
        _count(sum(len(mapping["shards"]) for mapping in mappings), "checkpoint"),
    )
    return f"{settings.database.path}: no violation in {', '.join(parts[:-1])} and {parts[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
