"""`cdc mappings`: list, pause, resume or forget mappings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdc.cli.connection import open_file
from cdc.cli.options import with_settings

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.group("mappings")
def command() -> None:
    """List, pause, resume or forget mappings.

    \b
    Examples:
      cdc mappings list
      cdc mappings pause audit
      cdc mappings resume audit
    """  # noqa: D301


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help='A JSON list, as "mappings" of `cdc status --json`.')
@with_settings
def list_mappings(settings: Settings, *, as_json: bool) -> None:
    """List the mappings: what each delivers, its state, and how far behind it is.

    \b
    Examples:
      cdc mappings list
      cdc mappings list --json
    """  # noqa: D301
    with open_file(settings) as service:
        mappings = service.status()["mappings"]
    if as_json:
        import json  # noqa: PLC0415  # only here

        click.echo(json.dumps(mappings, indent=2))
        return
    from cdc.cli.tables import mappings_table, show  # noqa: PLC0415  # Rich

    if not mappings:
        click.echo("there are no mappings: `cdc serve` makes those that its configuration declares", err=True)
        return
    show(mappings_table(mappings))


@command.command("pause")
@click.argument("name")
@with_settings
def pause(name: str, settings: Settings) -> None:
    """Deliver no more batches of a mapping until it is resumed, also after a restart.

    Its checkpoint stays; records wait for as long as retention keeps them.

    \b
    Example:
      cdc mappings pause audit
    """  # noqa: D301
    with open_file(settings) as service:
        service.pause_mapping(name)
    click.echo(f"paused {name}: go on with `cdc mappings resume {name}`")


@command.command("resume")
@click.argument("name")
@with_settings
def resume(name: str, settings: Settings) -> None:
    """Go on delivering a paused mapping from its checkpoint.

    \b
    Example:
      cdc mappings resume audit
    """  # noqa: D301
    with open_file(settings) as service:
        service.resume_mapping(name)
    click.echo(f"resumed {name}")


@command.command("forget")
@click.argument("name")
@with_settings
def forget(name: str, settings: Settings) -> None:
    """Delete a mapping that the configuration no longer names, with its checkpoints.

    A mapping of the same name starts anew at its starting position.

    \b
    Example:
      cdc mappings forget audit
    """  # noqa: D301
    with open_file(settings) as service:
        service.forget_mapping(name)
    click.echo(f"forgot {name}")
