"""`cdc tail`: follow the stream of a table."""

from __future__ import annotations

import json
import select
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import connect
from cdc.cli.errors import CommandError, UnreachableError
from cdc.cli.follow import LATEST, TRIM_HORIZON, Follower
from cdc.cli.moments import Moment
from cdc.cli.options import with_settings
from cdc.cli.values import plain_text
from cdc.clock import SystemClock

if TYPE_CHECKING:
    from cdc.cli.connection import Connection
    from cdc.settings import Settings

POLL_SECONDS = 0.2
"""Pause when everything is read: five looks a second at each shard cost a server 1 % of a core."""
_COLOURS = {"INSERT": "green", "MODIFY": "yellow", "REMOVE": "red"}


class Source:
    """A connection that is made again when the server went away, so that a tail outlives a restart."""

    def __init__(self, settings: Settings, clock: SystemClock) -> None:
        self._settings = settings
        self._clock = clock
        self._connection: Connection = connect(settings)

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation; wait for a server that went away, until it is back or the file can be opened instead."""
        said = False
        while True:
            try:
                return self._connection.call(operation, request)
            except UnreachableError as error:
                if not said:
                    click.echo(f"cdc: {error.message}; waiting", err=True)
                said = True
            self._clock.sleep(POLL_SECONDS)
            self.close()
            self._connection = connect(self._settings)

    def close(self) -> None:
        """Give the connection up."""
        self._connection.close()


@click.command("tail")
@click.argument("table")
@click.option("--from-start", is_flag=True, help="Begin at the oldest record kept.  [default: at what comes]")
@click.option("--since", type=Moment(), help="Begin at a time, such as 10m ago, or 2026-05-01T12:00.")
@click.option("--follow/--no-follow", default=True, help="Wait for more; or print what is kept, and end.")
@click.option("--shard", metavar="ID", help="Only this shard and its children; the end of its id will do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: the records of GetRecords.")
@with_settings
def command(
    table: str,
    since: float | None,
    shard: str | None,
    settings: Settings,
    *,
    from_start: bool,
    follow: bool,
    as_json: bool,
) -> None:
    """Follow the stream of a table.

    Prints a line for each record, in commit order: time, sequence number, event, key and what changed. Goes on over
    closed shards, a stream that is enabled again, and a restart of the server. Ctrl-C ends it, with exit code 0.

    \b
    Examples:
      cdc tail orders
      cdc tail orders --since 10m --json | jq .dynamodb.NewImage
      cdc tail orders --from-start --no-follow > changes.txt
    """  # noqa: D301
    if from_start and since is not None:
        raise click.UsageError("--from-start and --since exclude each other.")
    start: dict[str, Any] = LATEST if follow and not from_start else TRIM_HORIZON
    if since is not None:
        start = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
    clock = SystemClock()
    source = Source(settings, clock)
    try:
        follower = Follower(source.call, clock, table, start, shard)
        _announce(table, follower, follow=follow)
        _print(follower, clock, follow=follow, as_json=as_json)
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        source.close()


def _announce(table: str, follower: Follower, *, follow: bool) -> None:
    if follower.shards:
        if follow:
            click.echo(f"following {table}: {follower.shards} shards; Ctrl-C ends", err=True)
    elif follow:
        click.echo(f"{table} has no stream: waiting for one; Ctrl-C ends", err=True)
    elif follower.streams == 0:
        raise CommandError(f"{table} has no stream: enable one with UpdateTable")


def _print(follower: Follower, clock: SystemClock, *, follow: bool, as_json: bool) -> None:
    while True:
        printed = False
        for record in follower.poll():
            printed = True
            click.echo(json.dumps(record, ensure_ascii=False) if as_json else line(record))
        for note in follower.take_notes():
            click.echo(f"cdc: {note}", err=True)
        if not printed and follower.caught_up:
            if not follow or _reader_is_gone():
                return
            clock.sleep(POLL_SECONDS)


def _reader_is_gone() -> bool:
    """Tell whether standard output is a pipe that nobody reads any more, as after `| head` has seen enough."""
    watch = select.poll()
    try:
        watch.register(sys.stdout.fileno(), 0)
        return any(happened & select.POLLERR for _, happened in watch.poll(0))
    except (OSError, ValueError):
        return False


def line(record: dict[str, Any]) -> str:
    """Write a record as a line for people; colours go when the output is no terminal."""
    change, event = record["dynamodb"], record["eventName"]
    created = datetime.fromtimestamp(change["ApproximateCreationDateTime"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    where = click.style(f"{created} {change['SequenceNumber']}", dim=True)
    name = click.style(event, fg=_COLOURS.get(event))
    parts = [where, name, plain_text(change["Keys"]), *_difference(change)]
    return " ".join(parts)


def _difference(change: dict[str, Any]) -> list[str]:
    """Say what changed, as far as the stream's view type lets us: the new attributes, and what they were before."""
    keys, new, old = change["Keys"], change.get("NewImage"), change.get("OldImage")
    if new is not None and old is not None:
        now = {name: value for name, value in new.items() if old.get(name) != value}
        before = {name: value for name, value in old.items() if new.get(name) != value}
        return [plain_text(now), "was", plain_text(before)]
    image = new if new is not None else old
    if image is None:
        return []
    text = plain_text({name: value for name, value in image.items() if name not in keys})
    return [text] if new is not None else ["was", text]
