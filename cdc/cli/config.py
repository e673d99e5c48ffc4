"""`cdc config`: the settings in force and where each came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdc.cli.options import with_settings
from cdc.settings import entries
from cdc.settings.rules import shown

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.group("config")
def command() -> None:
    """Show the settings in force."""


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each value: key, value, unit, source.")
@with_settings
def show(settings: Settings, *, as_json: bool) -> None:
    """Show every setting in force, and where each value came from.

    The source is the name of the configuration file, of an environment variable or of a flag, or "default".

    \b
    Examples:
      cdc config show
      CDC_SERVER_PORT=9000 cdc config show | grep port
    """  # noqa: D301
    rows = [(each, _plain(each.value)) for each in entries(settings)]
    if as_json:
        for entry, value in rows:
            click.echo(json.dumps({"key": entry.key, "value": value, "unit": entry.unit, "source": entry.source}))
        return
    texts = [(each.key, f"{'unset' if value is None else shown(value)} {each.unit}".rstrip()) for each, value in rows]
    key_width = max(len(key) for key, _ in texts)
    value_width = max(len(text) for _, text in texts)
    for (entry, _), (key, text) in zip(rows, texts, strict=True):
        click.echo(f"{key:{key_width}}  {text:{value_width}}  {entry.source}")


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value
