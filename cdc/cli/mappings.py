"""`cdc mappings`: list mappings, and act on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdc.cli import mapping_settings
from cdc.cli.connection import open_file
from cdc.cli.moments import Position
from cdc.cli.options import with_settings

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.group("mappings")
def command() -> None:
    """List mappings, and pause, retry, skip or reset them.

    Each outlives a restart, and works with and without a server.

    \b
    Examples:
      cdc mappings list
      cdc mappings create --table orders --function audit --starting-position LATEST
      cdc mappings pause audit
      cdc mappings skip audit
      cdc mappings reset audit 2h
    """  # noqa: D301


for each in mapping_settings.COMMANDS:
    command.add_command(each)


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


_shard_option = click.option("--shard", metavar="ID", help="Only in this shard; the end of its id will do.")


@command.command("pause")
@click.argument("name")
@_shard_option
@with_settings
def pause(name: str, shard: str | None, settings: Settings) -> None:
    """Deliver no more batches of a mapping until it is resumed, also after a restart.

    A batch in flight is finished. The checkpoint stays; records wait for as long as retention keeps them.

    \b
    Examples:
      cdc mappings pause audit
      cdc mappings pause audit --shard 5a3df1c2
    """  # noqa: D301
    with open_file(settings) as service:
        service.control.pause(name, shard)
    rest = "" if shard is None else f" --shard {shard}"
    click.echo(f"paused {name}{rest and f' in shard {shard}'}: go on with `cdc mappings resume {name}{rest}`")


@command.command("resume")
@click.argument("name")
@_shard_option
@with_settings
def resume(name: str, shard: str | None, settings: Settings) -> None:
    """Go on delivering a paused mapping from its checkpoint. A shard that was paused is resumed by itself.

    \b
    Examples:
      cdc mappings resume audit
      cdc mappings resume audit --shard 5a3df1c2
    """  # noqa: D301
    with open_file(settings) as service:
        service.control.resume(name, shard)
    click.echo(f"resumed {name}{'' if shard is None else f' in shard {shard}'}")


@command.command("retry")
@click.argument("name")
@_shard_option
@with_settings
def retry(name: str, shard: str | None, settings: Settings) -> None:
    """Try the batches that fail again now, instead of after their pause of up to a minute.

    \b
    Example:
      cdc mappings retry audit
    """  # noqa: D301
    with open_file(settings) as service:
        count = service.control.retry(name, shard)
    click.echo(f"{_batches(count)} of {name} {'is' if count == 1 else 'are'} tried again")


@command.command("skip")
@click.argument("name")
@_shard_option
@with_settings
def skip(name: str, shard: str | None, settings: Settings) -> None:
    """Skip the batches that fail. The function never gets their records, and no dead letter has them.

    `cdc status` counts the skipped records for as long as retention keeps them, and `cdc mappings reset` goes back.

    \b
    Examples:
      cdc mappings skip audit
      cdc mappings skip audit --shard 5a3df1c2
    """  # noqa: D301
    with open_file(settings) as service:
        skipped = service.control.skip(name, shard)
    for batch in skipped:
        records = f"{batch.records:,} {'record' if batch.records == 1 else 'records'}"
        click.echo(f"skipped {records} of {name} in {batch.shard_id}, through sequence {batch.last_sequence}")


@command.command("reset")
@click.argument("name")
@click.argument("position", type=Position())
@_shard_option
@with_settings
def reset(name: str, position: dict[str, Any], shard: str | None, settings: Settings) -> None:
    """Have a mapping go on elsewhere: forward or back, also after a restart.

    POSITION is TRIM_HORIZON (the oldest record kept), LATEST (what comes), the sequence number of the first record to be
    delivered, or its age or time. Going back delivers records again: the function must bear that.

    \b
    Examples:
      cdc mappings reset audit TRIM_HORIZON
      cdc mappings reset audit 2h
      cdc mappings reset audit 2026-05-01T12:00
      cdc mappings reset audit 100000000000000000042 --shard 5a3df1c2
    """  # noqa: D301
    with open_file(settings) as service:
        moved = service.control.reset(name, **position, shard_id=shard)
    for each in moved:
        click.echo(f"{name} goes on after sequence {each.after} in {each.shard_id}")
    if not moved:
        click.echo(f"{name} has not begun a shard yet, and will begin there")


def _batches(count: int) -> str:
    return f"{count:,} {'batch' if count == 1 else 'batches'}"


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
