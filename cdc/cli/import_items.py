"""`cdc import`: JSON lines or CSV into a table."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from cdc.cli.connection import connect
from cdc.cli.create_table import DEFAULT_VIEW_TYPE, KEY_ATTRIBUTE, table_request
from cdc.cli.errors import REFUSED, CommandError, explain
from cdc.cli.loading import Loader
from cdc.cli.options import typed_option, with_settings
from cdc.cli.progress import progress, rate_text
from cdc.cli.rows import COLUMN_TYPES, BadLineError, CsvOptions, csv_rows, json_rows
from cdc.clock import SystemClock
from cdc.model.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.cli.connection import Connection
    from cdc.cli.progress import Show
    from cdc.cli.rows import Row
    from cdc.settings import Settings

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
KeyAttribute = tuple[str, str]


class Columns(click.ParamType[dict[str, str]]):
    """Types of columns, as name:type,name:type."""

    name = "NAME:TYPE,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Divide them."""
        if isinstance(value, dict):
            return value
        types = {}
        for part in str(value).split(","):
            name, _, kind = part.strip().rpartition(":")
            if not name or kind not in COLUMN_TYPES:
                self.fail(f"{part}: expected NAME:TYPE with a type of {', '.join(COLUMN_TYPES)}", param, ctx)
            types[name] = kind
        return types


class Source:
    """The lines of a file, which knows how far it was read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.read_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for line in self._stream:
            self.read_bytes += len(line)
            yield line


@click.command("import")
@click.argument("table")
@click.argument("file")
@click.option("--format", "kind", type=click.Choice(["jsonl", "csv"]), help="[default: by the file's extension]")
@click.option("--create", is_flag=True, help="Create the table if it does not exist, with a stream; needs --key.")
@click.option("--key", type=KEY_ATTRIBUTE, help="Partition key of the new table.")
@click.option("--sort", type=KEY_ATTRIBUTE, help="Sort key of the new table.")
@click.option("--columns", type=Columns(), default={}, help="Types of CSV columns: S, N or BOOL.  [default: inferred]")
@click.option("--missing", multiple=True, metavar="TEXT", help="A CSV field that stands for no value, such as NA.")
@typed_option
@with_settings
def command(
    table: str,
    file: str,
    kind: str | None,
    key: KeyAttribute | None,
    sort: KeyAttribute | None,
    columns: dict[str, str],
    missing: tuple[str, ...],
    settings: Settings,
    *,
    create: bool,
    typed: bool,
) -> None:
    """Import JSON lines or CSV into a table.

    FILE is a file, or - for standard input. A line of JSON is an item. CSV has a header with the names of attributes;
    a column is N when its first 1,000 values are numbers, else S; key attributes have the table's type; numbers keep
    every digit; an empty field is left out. An item replaces one with the same key, so an import can be repeated.

    At a line that is no item the import stops and names it; all lines before it are stored. Exit code 1 then.

    \b
    Examples:
      cdc import orders orders.jsonl
      cdc import flights flights.csv --create --key carrier --sort time_hour --missing NA
      cdc import zips zips.csv --columns zip:S,population:N
      zcat export.jsonl.gz | cdc import orders - --format jsonl --dynamodb-json
    """  # noqa: D301
    kind = kind or FORMATS.get(Path(file).suffix.lower())
    _check_usage(kind, create=create, key=key, sort=sort, columns=columns, missing=missing, typed=typed)
    with _opened(file) as (stream, total_bytes), connect(settings, create=create) as connection:
        types = _prepare_table(connection, table, key if create else None, sort)
        source = Source(stream)
        rows = (
            json_rows(source, typed=typed)
            if kind == "jsonl"
            else csv_rows(source, CsvOptions(columns | types, frozenset({"", *missing})))
        )
        clock = SystemClock()
        loader = Loader(connection.call, clock.sleep, table, tuple(types))
        start = clock.monotonic()
        with progress(f"importing into {table}", total_bytes, clock) as show:
            bad = _load(rows, loader, source, show)
    done = rate_text(loader.stored, clock.monotonic() - start)
    if bad is not None:
        line, reason, code = bad
        name = "standard input" if file == "-" else file
        raise CommandError(f"{name} line {line}: {reason}; all lines before it are stored ({done})", code)
    click.echo(f"imported into {table}: {done}")


def _check_usage(
    kind: str | None, *, create: bool, key: Any, sort: Any, columns: Any, missing: Any, typed: bool
) -> None:
    if kind is None:
        raise click.UsageError(f"--format jsonl or csv is needed where FILE does not end with {', '.join(FORMATS)}.")
    if create and key is None:
        raise click.UsageError("--create needs --key.")
    if not create and (key or sort):
        raise click.UsageError("--key and --sort are for --create.")
    if kind == "jsonl" and (columns or missing):
        raise click.UsageError("--columns and --missing are for CSV.")
    if kind == "csv" and typed:
        raise click.UsageError("--dynamodb-json is for JSON lines.")


@contextmanager
def _opened(file: str) -> Iterator[tuple[IO[bytes], int | None]]:
    """Open the file, and tell its size if it has one."""
    if file == "-":
        yield sys.stdin.buffer, None
        return
    path = Path(file)
    with path.open("rb") as stream:
        yield stream, path.stat().st_size or None


def _prepare_table(
    connection: Connection, table: str, key: KeyAttribute | None, sort: KeyAttribute | None
) -> dict[str, str]:
    """Return the key attributes of a table with their types; a table that is missing is created when `key` is given."""
    try:
        described = connection.call("DescribeTable", {"TableName": table})["Table"]
    except ServiceError as error:
        if error.code != "ResourceNotFoundException" or key is None:
            raise
        request = table_request(table, key, sort, DEFAULT_VIEW_TYPE)
        described = connection.call("CreateTable", request)["TableDescription"]
    types = {each["AttributeName"]: each["AttributeType"] for each in described["AttributeDefinitions"]}
    found = {each["AttributeName"]: types[each["AttributeName"]] for each in described["KeySchema"]}
    wanted = dict([key, *([sort] if sort else [])]) if key else found
    if wanted != found:
        keys = ", ".join(f"{name}:{kind}" for name, kind in found.items())
        raise CommandError(f"{table} exists with another key ({keys}): leave --create out, or name another table")
    return found


def _load(rows: Iterator[Row], loader: Loader, source: Source, show: Show) -> tuple[int, str, int] | None:
    """Load all rows up to the first bad one; return its line, the reason and the exit code."""
    bad: tuple[int, str, int] | None = None
    try:
        for row in rows:
            if loader.failure is not None:
                break
            loader.add(row)
            show(source.read_bytes, loader.stored)
    except BadLineError as error:
        bad = (error.line, error.reason, REFUSED)
    finally:
        loader.finish()
    if loader.failure is not None and (bad is None or loader.failure[0] < bad[0]):
        line, cause = loader.failure
        return (line, *explain(cause))
    return bad
