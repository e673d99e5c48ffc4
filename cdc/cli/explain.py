"""`cdc explain`: what became of a record in each mapping, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from cdc.cli.connection import open_file
from cdc.cli.options import typed_option, with_settings
from cdc.cli.values import parse_item
from cdc.model.history import KEY_RECORDS

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("explain")
@click.argument("table")
@click.argument("sequence", required=False)
@click.option("--key", metavar="KEY-JSON", help="The records of this key, the newest ones.")
@click.option("--limit", type=click.IntRange(min=1), default=KEY_RECORDS, show_default=True, help="Records of a key.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as described above.")
@typed_option
@with_settings
def command(
    table: str, sequence: str | None, key: str | None, limit: int, settings: Settings, *, as_json: bool, typed: bool
) -> None:
    """Say what became of a record in each mapping, and why.

    It was delivered, when and in which batch; or the filters passed over it, and at which leaf; or it waits, and for
    what; or it was given up, and is in a dead letter; or an operator skipped it; or it expired first. History is kept as
    long as records are.

    \b
    The JSON is an interface: keys are added, not changed. Times are milliseconds since 1970, sequence numbers texts.
      table, now_ms, older_records (of the key, not shown)
      records   sequence, event, key, created_ms, expired, stream, shard_id, mappings:
        mapping, function, text
        fate              delivered, filtered, waiting, dead, skipped, trimmed, reset,
                          not wanted (from before the mapping's start), unknown
        lane              of the shard; null: the shard is not begun
        batch             null, or what settled it: outcome, first_sequence, last_sequence, after_sequence,
                          through_sequence, records, filtered, attempts, request_id, started_ms, settled_ms
        failed_attempts   attempts, records, through_sequence, request_id, error, started_ms, failed_ms
        filters           where those of today don't match: filter, path, wanted, found, hint
        dead_letters      id, condition, state, attempts, error_type, error_message, request_id,
                          created_ms, redriven_ms
        history           all that settled it, or put the checkpoint elsewhere over it, as batch

    \b
    Examples:
      cdc explain orders 100000000000000000042
      cdc explain orders --key '{"id": "1"}' --json | jq '.records[].mappings[].fate'
    """  # noqa: D301
    if (sequence is None) == (key is None):
        raise click.UsageError("Give a sequence number, as `cdc tail` shows them, or --key.")
    with open_file(settings) as service:
        if sequence is not None:
            explained = service.explain(table, sequence=sequence)
        else:
            explained = service.explain(table, key=parse_item(key or "", typed=typed), limit=limit)
    if as_json:
        click.echo(json.dumps(explained, indent=2, ensure_ascii=False))
        return
    from cdc.service.explain import explained_text  # noqa: PLC0415  # as open_file does

    if explained["older_records"]:
        click.echo(f"{explained['older_records']:,} older records are not shown: --limit shows more", err=True)
    for line in explained_text(explained):
        click.echo(line)
