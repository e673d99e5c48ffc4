"""`cdc put`: put an item."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cdc.cli.connection import connect
from cdc.cli.options import typed_option, with_settings
from cdc.cli.values import read_item

if TYPE_CHECKING:
    from cdc.settings import Settings


@click.command("put")
@click.argument("table")
@click.argument("item", metavar="JSON")
@typed_option
@with_settings
def command(table: str, item: str, settings: Settings, *, typed: bool) -> None:
    """Put an item.

    JSON is the item as an object, or - to read it from standard input. Texts become S, numbers N with every digit,
    true and false BOOL, null NULL, lists L and objects M. An item with the same key is replaced.

    \b
    Examples:
      cdc put orders '{"id": "1", "total": 42, "tags": ["new"]}'
      cdc put orders '{"id": {"S": "1"}, "photo": {"B": "aGVsbG8="}}' --dynamodb-json
      cdc put orders - < item.json
    """  # noqa: D301
    request = {"TableName": table, "Item": read_item(item, typed=typed), "ReturnValues": "ALL_OLD"}
    with connect(settings) as connection:
        old = connection.call("PutItem", request).get("Attributes")
    click.echo(f"{'replaced' if old else 'inserted'} an item in {table}", err=True)
