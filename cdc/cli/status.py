"""`cdc status`: tables, streams, shards, mappings and the outbox."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import open_file
from cdc.cli.options import with_settings
from cdc.store import roles

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("status")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as described above.")
@with_settings
def command(settings: Settings, *, as_json: bool) -> None:
    """Show tables, streams, shards, mappings and the outbox.

    Reads the file itself, so it works with and without a server, and says which processes serve the file.

    \b
    The JSON is an interface: keys are added, not changed. Times are milliseconds since 1970, ages milliseconds,
    sequence numbers texts of 21 digits.
      database, now_ms
      served_by   api, poll: null, or an object with pid; of api with url, of poll with overruns: the
                  in-process functions that run on after their timeout, and since when
      tables      name, items, size_bytes, stream (label or null)
      streams     arn, table, view_type, enabled, retention_hours,
                  shards: shard_id, open, start_sequence, head_sequence (or null)
      mappings    name, table, function, state, batch_size, on_failure (or null), iterator_age_ms,
                  trimmed_records, skipped_records, dead_letters, shards: shard_id, lane, checkpoint,
                  iterator_age_ms, behind, failed_attempts, last_result, last_error (or null),
                  updated_ms, paused;
                  metrics: null when no process delivers, or since it began, as CloudWatch names
                  them: invocations, errors, throttles, duration_ms (of all), concurrent_executions,
                  destination_delivery_failures, polled, filtered_out, invoked, failed_invoke,
                  dropped, on_failure_destination_delivered (records), recursive_invocations;
                  loop: null, or of a function that triggers itself: generation, seen_ms
      outbox      destination, pending, oldest_pending_ms, next_attempt_ms (both null when none is
                  pending), sent, failed, last_error (or null)

    \b
    Examples:
      cdc status
      cdc status --json | jq '.mappings[] | {name, state, iterator_age_ms}'
    """  # noqa: D301
    path = settings.database.path
    with open_file(settings) as service:
        served_by = {name: roles.holder(path, name) for name in (roles.API, roles.POLL)}
        state = {"database": str(path), "served_by": served_by} | service.status()
    if as_json:
        click.echo(json.dumps(state, indent=2, ensure_ascii=False))
    else:
        _show(state)


def _show(state: dict[str, Any]) -> None:
    from cdc.cli import tables  # noqa: PLC0415  # Rich

    parts: list[Any] = [f"{state['database']}: {_serving(state['served_by'])}"]
    parts += [
        f"function {name} has run on after its timeout for {tables.age_text(state['now_ms'] - since_ms)}, in the daemon's"
        " process, where it can't be ended: its shard waits until it returns"
        for name, since_ms in ((state["served_by"][roles.POLL] or {}).get("overruns") or {}).items()
    ]
    if state["tables"]:
        parts.append(tables.tables_table(state["tables"]))
    else:
        parts.append("no tables: make one, such as with `cdc create-table orders --key id`")
    if state["streams"]:
        parts.append(tables.streams_table(state["streams"]))
    if state["mappings"]:
        parts.append(tables.mappings_table(state["mappings"]))
    if any(mapping["shards"] for mapping in state["mappings"]):
        parts.append(tables.lanes_table(state["mappings"]))
    if any(mapping["metrics"] for mapping in state["mappings"]):
        parts.append(tables.metrics_table(state["mappings"]))
    if state["outbox"]:
        parts.append(tables.outbox_table(state["outbox"], state["now_ms"]))
    failed = sum(each["failed"] for each in state["outbox"])
    if failed:
        parts.append(f"{failed:,} messages were given up and are kept: `cdc outbox list --state failed` shows why")
    trimmed = [mapping for mapping in state["mappings"] if mapping["trimmed_records"]]
    parts += [
        f"{mapping['name']}: {mapping['trimmed_records']:,} records expired before they were delivered"
        for mapping in trimmed
    ]
    parts += [
        f"{mapping['name']}: {mapping['skipped_records']:,} records were skipped by an operator"
        for mapping in state["mappings"]
        if mapping["skipped_records"]
    ]
    dead = sum(mapping["dead_letters"] for mapping in state["mappings"])
    if dead:
        parts.append(f"{dead:,} batches were given up and are kept: `cdc dead-letters list` shows why")
    parts += [
        f"{mapping['name']}: {mapping['function']} triggers itself, {mapping['loop']['generation']:,} times in a row when"
        f" last seen, {tables.age_text(state['now_ms'] - mapping['loop']['seen_ms'])} ago"
        for mapping in state["mappings"]
        if mapping["loop"]
    ]
    tables.show(*parts)


def _serving(served_by: dict[str, dict[str, Any] | None]) -> str:
    api, poll = served_by[roles.API], served_by[roles.POLL]
    if api is None and poll is None:
        return "no process serves it"
    listening = "no API" if api is None else f"process {api['pid']} listens on {api.get('url', '(starting)')}"
    delivering = "nothing is delivered" if poll is None else f"process {poll['pid']} delivers"
    return f"{listening}, {delivering}"
