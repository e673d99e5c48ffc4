"""`cdc create-table`: create a table, with a stream unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from cdc.cli.connection import connect
from cdc.cli.options import with_settings

if TYPE_CHECKING:
    from cdc.settings import Settings

DEFAULT_VIEW_TYPE = "NEW_AND_OLD_IMAGES"
_VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
_TYPES = ("S", "N", "B")


class KeyAttribute(click.ParamType[tuple[str, str]]):
    """A key attribute as NAME or NAME:TYPE; S is the type that needs no telling."""

    name = "NAME[:TYPE]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Divide it."""
        if isinstance(value, tuple):
            return value
        name, colon, kind = value.rpartition(":")
        if not colon:
            return value, "S"
        if not name or kind not in _TYPES:
            self.fail(f"{value}: expected NAME, NAME:S, NAME:N or NAME:B", param, ctx)
        return name, kind


KEY_ATTRIBUTE = KeyAttribute()


@click.command("create-table")
@click.argument("name")
@click.option("--key", type=KEY_ATTRIBUTE, required=True, help="Partition key; TYPE is S (text, the default), N or B.")
@click.option("--sort", type=KEY_ATTRIBUTE, help="Sort key.")
@click.option(
    "--view-type", type=click.Choice(_VIEW_TYPES), help=f"Images in the stream.  [default: {DEFAULT_VIEW_TYPE}]"
)
@click.option("--no-stream", is_flag=True, help="Keep no stream of changes.")
@with_settings
def command(
    name: str,
    key: tuple[str, str],
    sort: tuple[str, str] | None,
    view_type: str | None,
    settings: Settings,
    *,
    no_stream: bool,
) -> None:
    """Create a table, with a stream unless told otherwise.

    The table is on demand. Its stream has both images of each change.

    \b
    Examples:
      cdc create-table orders --key id
      cdc create-table flights --key carrier --sort departure
      cdc create-table clicks --key user:N --sort at:N --view-type KEYS_ONLY
      cdc create-table cache --key path --no-stream
    """  # noqa: D301
    if no_stream and view_type is not None:
        raise click.UsageError("--view-type and --no-stream exclude each other.")
    images = None if no_stream else view_type or DEFAULT_VIEW_TYPE
    with connect(settings, create=True) as connection:
        connection.call("CreateTable", table_request(name, key, sort, images))
    click.echo(f"created table {name}, {'without a stream' if images is None else f'with a stream ({images})'}")


def table_request(
    name: str, key: tuple[str, str], sort: tuple[str, str] | None, view_type: str | None
) -> dict[str, Any]:
    """Build the CreateTable request of an on-demand table; `view_type` None makes no stream."""
    keys = [(key, "HASH"), *([(sort, "RANGE")] if sort else [])]
    attributes = dict([key, *([sort] if sort else [])])
    request: dict[str, Any] = {
        "TableName": name,
        "KeySchema": [{"AttributeName": attribute, "KeyType": kind} for (attribute, _), kind in keys],
        "AttributeDefinitions": [{"AttributeName": each, "AttributeType": kind} for each, kind in attributes.items()],
        "BillingMode": "PAY_PER_REQUEST",
    }
    if view_type is not None:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view_type}
    return request
