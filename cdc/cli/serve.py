"""`cdc serve`: the daemon in the foreground."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cdc.cli.errors import SERVER, CommandError
from cdc.cli.options import config_option, database_option, load_settings

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.settings import Settings


@click.command("serve")
@database_option
@click.option("--host", help="Address to listen on.  [default: as configured, else 127.0.0.1]")
@click.option("--port", help="Port to listen on, 0 for a free one.  [default: as configured, else 8000]")
@config_option
@click.option("--api/--no-api", default=True, help="Listen for requests and look after the file.  [default: yes]")
@click.option("--poll/--no-poll", default=True, help="Deliver to the mappings' functions.  [default: yes]")
def command(
    database: str | None, host: str | None, port: str | None, config: Path | None, *, api: bool, poll: bool
) -> None:
    """Serve a database file: API, delivery and housekeeping.

    Prints where it listens and what it delivers, and logs to standard error. GET /health answers when it is ready.
    SIGTERM and Ctrl-C finish what is in flight and stop; SIGHUP reads the configuration again. One process has the API
    of a file, and one delivers; --no-api and --no-poll divide them.

    \b
    Examples:
      cdc serve
      cdc serve --database flights.db --port 0
      cdc serve --config /etc/cdc.toml --host 0.0.0.0
      cdc serve --no-poll & cdc serve --no-api
    """  # noqa: D301
    if not api and not poll:
        raise click.UsageError("--no-api and --no-poll together leave nothing to do.")

    def reload() -> Settings:
        from cdc import logs  # noqa: PLC0415  # with the daemon's modules, which `--help` does without

        flags = {"database.path": database, "server.host": host, "server.port": port}
        settings = load_settings(config, flags)
        logs.configure(settings.logging.level, settings.logging.format)
        return settings

    settings = reload()
    from cdc.daemon import Daemon, DaemonError, Roles  # noqa: PLC0415  # 0.4 s, which a wrong setting does not wait for

    try:
        Daemon(settings, reload, Roles(api=api, poll=poll), _announce).run()
    except DaemonError as error:
        raise CommandError(str(error), SERVER) from error


def _announce(line: str) -> None:
    click.echo(line)
    sys.stdout.flush()
