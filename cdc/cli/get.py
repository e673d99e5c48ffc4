"""`cdc get`: get an item by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdc.cli.connection import connect
from cdc.cli.errors import CommandError
from cdc.cli.options import typed_option, with_settings
from cdc.cli.values import read_item, show_item

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("get")
@click.argument("table")
@click.argument("key", metavar="KEY-JSON")
@typed_option
@with_settings
def command(table: str, key: str, settings: Settings, *, typed: bool) -> None:
    """Get an item by its key.

    KEY-JSON has the key attributes, or is - to read them from standard input. The item is printed as JSON: for reading
    on a terminal, else on one line. Exit code 1 when no item has the key.

    \b
    Examples:
      cdc get orders '{"id": "1"}'
      cdc get flights '{"carrier": "UA", "departure": "2013-01-01T05:15"}' | jq .arr_delay
    """  # noqa: D301
    request = {"TableName": table, "Key": read_item(key, typed=typed), "ConsistentRead": True}
    with connect(settings) as connection:
        item = connection.call("GetItem", request).get("Item")
    if item is None:
        raise CommandError(f"no item of {table} has this key")
    show_item(item, typed=typed)
