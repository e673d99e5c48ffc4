"""`cdc dead-letters`: batches that were given up."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import open_file
from cdc.cli.options import with_settings
from cdc.model.catalog import sequence_text

if TYPE_CHECKING:
    from cdc.model.dead_letters import DeadLetter
    from cdc.settings import Settings

_STATES = ["dead", "redriving", "redriven"]
_mapping_option = click.option("--mapping", metavar="NAME", help="Only those of this mapping.")


@click.group("dead-letters")
def command() -> None:
    """List, show, redrive or purge batches that were given up.

    They are called dead letters. A mapping gives a batch up when maximum_retry_attempts or
    maximum_record_age_in_seconds is reached. Its records are kept for retention.dead_letters_hours, whether or not the
    mapping has a destination.

    \b
    Examples:
      cdc dead-letters list --mapping audit
      cdc dead-letters show 7 | jq .event.Records
      cdc dead-letters redrive 7
    """  # noqa: D301


@command.command("list")
@_mapping_option
@click.option("--state", type=click.Choice(_STATES), help="Only those in this state.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, as described above.")
@with_settings
def list_letters(settings: Settings, mapping: str | None, state: str | None, *, as_json: bool) -> None:
    """List dead letters, oldest first.

    One is dead until it is redriven: `redriving` until the process that delivers has done so, `redriven` when the function
    has taken it, and dead again when that failed, or was refused.

    \b
    The JSON is an interface: keys are added, not changed. Times are milliseconds since 1970.
      id, mapping, function, table, shard_id, first_sequence, last_sequence, records, condition, attempts,
      error_type, error_message, request_id (or null), first_created_ms, last_created_ms, created_ms,
      state, forced, redriven_ms (or null), redrive_error (or null)

    \b
    Examples:
      cdc dead-letters list
      cdc dead-letters list --state dead --json | jq '.[] | {id, error_message}'
    """  # noqa: D301
    with open_file(settings) as service:
        letters, now_ms = service.dead_letters.find(mapping_name=mapping, state=state), service.clock.now_ms()
    if as_json:
        click.echo(json.dumps([_shown(each) for each in letters], indent=2, ensure_ascii=False))
        return
    if not letters:
        click.echo("there are no such dead letters" if mapping or state else "there are no dead letters", err=True)
        return
    from cdc.cli.tables import letters_table, show  # noqa: PLC0415  # Rich

    show(letters_table(map(_shown, letters), now_ms))


@command.command("show")
@click.argument("letter_id", type=int, metavar="ID")
@with_settings
def show_letter(letter_id: int, settings: Settings) -> None:
    """Print a dead letter as one JSON object: what `list --json` has of it, and the event with its records.

    \b
    Example:
      cdc dead-letters show 7 | jq .event.Records[0].dynamodb
    """  # noqa: D301
    with open_file(settings) as service:
        event = service.dead_letters.event(letter_id)
        [letter] = service.dead_letters.find([letter_id])
    click.echo(json.dumps(_shown(letter) | {"event": json.loads(event)}, indent=2, ensure_ascii=False))


@command.command("redrive")
@click.argument("letter_ids", type=int, nargs=-1, metavar="[ID]...")
@_mapping_option
@click.option("--all", "everything", is_flag=True, help="All that are dead.")
@click.option("--force", is_flag=True, help="Even if the function has had a newer record of one of its keys.")
@with_settings
def redrive(
    letter_ids: tuple[int, ...], settings: Settings, mapping: str | None, *, everything: bool, force: bool
) -> None:
    """Deliver dead letters again, through the function of their mapping, by the process that delivers.

    It is one attempt at the whole letter, in the order of the records. New records of its keys wait meanwhile, those of
    other keys don't. A letter is refused when the function has had a newer record of one of its keys, or when retention has
    taken what would tell; `list` says why then, and --force delivers it all the same.

    \b
    Examples:
      cdc dead-letters redrive 7
      cdc dead-letters redrive --mapping audit
      cdc dead-letters redrive --all --force
    """  # noqa: D301
    _check_choice(letter_ids, mapping is not None, everything)
    with open_file(settings) as service:
        count = service.dead_letters.redrive(letter_ids or None, mapping_name=mapping, forced=force)
    click.echo(f"{_letters(count)} to be delivered again: `cdc dead-letters list` shows what becomes of them")


@command.command("purge")
@click.argument("letter_ids", type=int, nargs=-1, metavar="[ID]...")
@_mapping_option
@click.option("--state", type=click.Choice(["dead", "redriven"]), help="All in this state.")
@click.option("--all", "everything", is_flag=True, help="All that are not being redriven.")
@with_settings
def purge(
    letter_ids: tuple[int, ...], settings: Settings, mapping: str | None, state: str | None, *, everything: bool
) -> None:
    """Delete dead letters, with their records, for good.

    \b
    Examples:
      cdc dead-letters purge 7
      cdc dead-letters purge --mapping audit --state redriven
      cdc dead-letters purge --all
    """  # noqa: D301
    _check_choice(letter_ids, mapping is not None or state is not None, everything)
    with open_file(settings) as service:
        count = service.dead_letters.purge(letter_ids or None, mapping_name=mapping, state=state)
    click.echo(f"{_letters(count)} deleted")


def _check_choice(letter_ids: tuple[int, ...], some: bool, everything: bool) -> None:  # noqa: FBT001
    if (bool(letter_ids), some, everything).count(True) != 1:
        raise click.UsageError("Name dead letters by their ids, or say which by options, or give --all.")


def _letters(count: int) -> str:
    return f"{count:,} {'dead letter is' if count == 1 else 'dead letters are'}"


def _shown(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "mapping": letter.mapping_name,
        "function": letter.function_name,
        "table": letter.table_name,
        "shard_id": letter.shard_id,
        "first_sequence": sequence_text(letter.first_sequence),
        "last_sequence": sequence_text(letter.last_sequence),
        "records": letter.record_count,
        "condition": letter.condition,
        "attempts": letter.attempts,
        "error_type": letter.error_type,
        "error_message": letter.error_message,
        "request_id": letter.request_id,
        "first_created_ms": letter.first_created_ms,
        "last_created_ms": letter.last_created_ms,
        "created_ms": letter.created_ms,
        "state": letter.state,
        "forced": letter.forced,
        "redriven_ms": letter.redriven_ms,
        "redrive_error": letter.redrive_error,
    }
