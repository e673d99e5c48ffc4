"""`cdc scan`: print the items of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import connect
from cdc.cli.options import typed_option, with_settings
from cdc.cli.values import show_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.cli.connection import Connection
    from cdc.settings import Settings

PAGE_ITEMS = 1000
"""Items asked for at a time, so that a reader such as `head` does not wait for a megabyte."""


@click.command("scan")
@click.argument("table")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Stop after N items.")
@typed_option
@with_settings
def command(table: str, limit: int | None, settings: Settings, *, typed: bool) -> None:
    """Print the items of a table.

    As JSON: for reading on a terminal, else one item a line, which `cdc import` takes back.

    \b
    Examples:
      cdc scan orders --limit 10
      cdc scan orders --dynamodb-json > orders.jsonl
    """  # noqa: D301
    with connect(settings) as connection:
        for item in _items(connection, table, limit):
            show_item(item, typed=typed)


def _items(connection: Connection, table: str, limit: int | None) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {"TableName": table}
    left = limit
    while left is None or left > 0:
        request["Limit"] = PAGE_ITEMS if left is None else min(left, PAGE_ITEMS)
        answer = connection.call("Scan", request)
        yield from answer["Items"]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
        left = None if left is None else left - len(answer["Items"])
