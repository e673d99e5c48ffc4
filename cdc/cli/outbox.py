"""`cdc outbox`: messages about discarded batches, on their way to the mappings' destinations."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from cdc.cli.connection import open_file
from cdc.cli.options import with_settings

if TYPE_CHECKING:
    from cdc.settings import Settings

LIST_MESSAGES = 100


@click.group("outbox")
def command() -> None:
    """List, show or retry messages about discarded batches.

    \b
    Examples:
      cdc outbox list --state failed
      cdc outbox show 3b241101-e2bb-4255-8caf-4136c566a962
      cdc outbox retry --all
    """  # noqa: D301


@command.command("list")
@click.option("--state", type=click.Choice(["pending", "sent", "failed"]), help="Only messages in this state.")
@click.option("--limit", type=click.IntRange(min=1), default=LIST_MESSAGES, show_default=True, help="Messages at most.")
@click.option("--json", "as_json", is_flag=True, help="A JSON list, as described above.")
@with_settings
def list_messages(settings: Settings, *, state: str | None, limit: int, as_json: bool) -> None:
    """List messages, the newest first.

    A message is pending until it is sent; one that can't be sent is tried again for destinations.retry_hours, and then
    failed. It is listed for destinations.keep_hours more.

    \b
    The JSON is an interface: keys are added, not changed. Times are milliseconds since 1970.
      message_id, mapping, records, destination, object_key (or null), size_bytes, state, attempts,
      next_attempt_ms, last_error (or null), created_ms, settled_ms (or null)

    \b
    Examples:
      cdc outbox list
      cdc outbox list --state failed --json | jq -r '.[].last_error'
    """  # noqa: D301
    with open_file(settings) as service:
        found, now_ms = service.messages(state, limit), service.clock.now_ms()
    messages = [
        {
            "message_id": each.message_id,
            "mapping": each.mapping_name,
            "records": each.records,
            "destination": each.destination,
            "object_key": each.object_key,
            "size_bytes": each.size_bytes,
            "state": each.state,
            "attempts": each.attempts,
            "next_attempt_ms": each.next_attempt_ms,
            "last_error": each.last_error,
            "created_ms": each.created_ms,
            "settled_ms": each.settled_ms,
        }
        for each in found
    ]
    if as_json:
        click.echo(json.dumps(messages, indent=2, ensure_ascii=False))
        return
    from cdc.cli.tables import messages_table, show  # noqa: PLC0415  # Rich

    if not messages:
        click.echo("there are no such messages" if state else "the outbox is empty", err=True)
        return
    show(messages_table(messages, now_ms))


@command.command("show")
@click.argument("message_id")
@with_settings
def show_message(message_id: str, settings: Settings) -> None:
    """Print what a message says, as it is sent: JSON. Not for one that was sent, which its destination has.

    \b
    Example:
      cdc outbox show 3b241101-e2bb-4255-8caf-4136c566a962 | jq .payload.Records
    """  # noqa: D301
    with open_file(settings) as service:
        payload = service.message_payload(message_id)
    click.echo(payload)


@command.command("retry")
@click.argument("message_ids", nargs=-1, metavar="[MESSAGE_ID]...")
@click.option("--destination", metavar="TEXT", help="All failed messages to this destination.")
@click.option("--all", "everything", is_flag=True, help="All failed messages.")
@with_settings
def retry(message_ids: tuple[str, ...], settings: Settings, *, destination: str | None, everything: bool) -> None:
    """Have failed messages sent again, for destinations.retry_hours from now, by the process that delivers.

    \b
    Examples:
      cdc outbox retry 3b241101-e2bb-4255-8caf-4136c566a962
      cdc outbox retry --destination arn:aws:sqs:us-east-1:123456789012:failed-batches
      cdc outbox retry --all
    """  # noqa: D301
    if (bool(message_ids), destination is not None, everything).count(True) != 1:
        raise click.UsageError("Name messages, or give --destination, or --all.")
    with open_file(settings) as service:
        count = service.retry_messages(message_ids or None, destination)
    click.echo(f"{count:,} {'message is' if count == 1 else 'messages are'} to be sent again")
