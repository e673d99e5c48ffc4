"""`cdc delete`: delete an item by its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdc.cli.connection import connect
from cdc.cli.options import typed_option, with_settings
from cdc.cli.values import read_item, show_item

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("delete")
@click.argument("table")
@click.argument("key", metavar="KEY-JSON")
@typed_option
@with_settings
def command(table: str, key: str, settings: Settings, *, typed: bool) -> None:
    """Delete an item by its key.

    KEY-JSON has the key attributes, or is - to read them from standard input. Prints the item that was deleted. When
    there was none, nothing is printed or changed, and that is no error.

    \b
    Examples:
      cdc delete orders '{"id": "1"}'
      cdc get orders '{"id": "1"}' && cdc delete orders '{"id": "1"}'
    """  # noqa: D301
    request = {"TableName": table, "Key": read_item(key, typed=typed), "ReturnValues": "ALL_OLD"}
    with connect(settings) as connection:
        old = connection.call("DeleteItem", request).get("Attributes")
    if old is None:
        click.echo(f"no item of {table} had this key", err=True)
    else:
        show_item(old, typed=typed)
