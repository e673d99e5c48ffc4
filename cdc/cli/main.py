"""The command `cdc`: a group that imports a command's module only when that command runs."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.exceptions import NoSuchCommand

from cdc.cli.errors import EXIT_CODES, report


class Entry(NamedTuple):
    """A command, as the help lists it without importing it."""

    module: str
    summary: str  # the first line of the command's own help


SECTIONS = {
    "Run": {
        "serve": Entry("cdc.cli.serve", "Serve a database file: API, delivery and housekeeping."),
        "init": Entry("cdc.cli.init", "Write a configuration and a first handler."),
        "demo": Entry("cdc.cli.demo", "Show a kill and a complete delivery, on real data."),
    },
    "Look": {
        "status": Entry("cdc.cli.status", "Show tables, streams, shards, mappings and the outbox."),
        "explain": Entry("cdc.cli.explain", "Say what became of a record in each mapping, and why."),
        "tail": Entry("cdc.cli.tail", "Follow the stream of a table."),
        "check": Entry("cdc.cli.check", "Verify the invariants of a database file."),
        "config": Entry("cdc.cli.config", "Show the settings in force."),
    },
    "Data": {
        "create-table": Entry("cdc.cli.create_table", "Create a table, with a stream unless told otherwise."),
        "put": Entry("cdc.cli.put", "Put an item."),
        "get": Entry("cdc.cli.get", "Get an item by its key."),
        "delete": Entry("cdc.cli.delete", "Delete an item by its key."),
        "scan": Entry("cdc.cli.scan", "Print the items of a table."),
        "import": Entry("cdc.cli.import_items", "Import JSON lines or CSV into a table."),
    },
    "Delivery": {
        "mappings": Entry("cdc.cli.mappings", "List mappings, and pause, retry, skip or reset them."),
        "filters": Entry("cdc.cli.filters", "Try filter patterns on records."),
        "dead-letters": Entry("cdc.cli.dead_letters", "List, show, redrive or purge batches that were given up."),
        "outbox": Entry("cdc.cli.outbox", "List, show or retry messages about discarded batches."),
    },
}
_ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items()}


class Commands(click.Group):
    """The commands by name; each module has its one in the variable `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # Click's signature
        """Name the commands in the order of the help."""
        return [name for name, entry in _ENTRIES.items() if _is_here(entry)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        entry = _ENTRIES.get(cmd_name)
        if entry is not None and _is_here(entry):
            command: click.Command = import_module(entry.module).command
            return command
        if cmd_name.startswith("-") or ctx.resilient_parsing:
            return None
        raise NoSuchCommand(cmd_name, possibilities=self.list_commands(ctx), ctx=ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands in their sections, from the summaries alone."""
        here = self.list_commands(ctx)
        for title, entries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items() if name in here])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command line; end the process with one of the documented exit codes, and never with a traceback."""
        extra["standalone_mode"] = False
        extra["prog_name"] = "cdc"
        try:
            result = super().main(*args, **extra)
        except (click.Abort, KeyboardInterrupt):
            sys.exit(130)  # what a shell makes of an interrupt
        except Exception as error:  # noqa: BLE001  # this is the outermost caller
            sys.exit(report(error))
        sys.exit(result if isinstance(result, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a reader that has seen enough, as `head`, ends it quietly."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            _discard_output()
            return 0
        except Exception:
            if ctx.params.get("debug"):
                sys.excepthook(*sys.exc_info())
            raise
        return result


def _is_here(entry: Entry) -> bool:
    return Path(__file__).with_name(f"{entry.module.rpartition('.')[2]}.py").exists()


def _discard_output() -> None:
    """Let what is left in the buffers go nowhere, so that the interpreter does not complain at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _show_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001  # Click's
    if not value or ctx.resilient_parsing:
        return
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415  # 20 ms that no other command needs

    try:
        click.echo(f"cdc {version('durable-cdc')}")
    except PackageNotFoundError:
        click.echo("cdc, from a checkout that is not installed")
    ctx.exit()


@click.group(cls=Commands, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
@click.option("--debug", is_flag=True, help="Show where an error happened, for a report.")
def main(debug: bool) -> None:  # noqa: FBT001  # Commands.invoke reads it
    """DynamoDB tables, Streams and Lambda triggers on one machine, in one SQLite file.

    \b
    A first look:
      cdc init my-app && cd my-app
      cdc serve                                       # in a terminal of its own
      cdc create-table orders --key id
      cdc put orders '{"id": "1", "total": 42}'
      cdc tail orders --from-start

    Commands take the database from --database, CDC_DATABASE_PATH or the configuration (--config, else ./cdc.toml),
    and speak to the server that serves it; without one they open the file themselves.
    """  # noqa: D301  # \b is Click's sign for lines to leave as they are


if __name__ == "__main__":
    main()
