"""What goes wrong on the command line: one line on standard error, with a hint, and one of a few exit codes."""

from __future__ import annotations

import click
from click.exceptions import NoArgsIsHelpError

REFUSED = 1
"""The operation was refused or did not finish; a check found violations."""
USAGE = 2
"""Wrong usage or settings."""
FILE = 3
"""The database file can't be used."""
SERVER = 4
"""The server can't be reached, or can't start."""

EXIT_CODES = """\
\b
Exit codes:
  0  done
  1  refused or not finished: an error of the operation, a bad line, a violation
  2  wrong usage or settings
  3  the database file can't be used: missing, locked, newer, or not ours
  4  the server can't be reached, or can't start"""

_DATABASE_MODULES = {"sqlalchemy", "pysqlite3", "sqlite3"}
_HINTS = {
    "ResourceNotFoundException": "`cdc status` lists what there is, `cdc create-table --help` shows how to add a table",
    "ServiceUnavailable": "nothing was changed; try again, and look at the free disk space if it stays",
}


class CommandError(click.ClickException):
    """The command can't do what was asked; the message is one line and says what to do."""

    def __init__(self, message: str, exit_code: int = REFUSED) -> None:
        super().__init__(message)
        self.code = exit_code


class UnreachableError(CommandError):
    """The server did not answer."""

    def __init__(self, message: str) -> None:
        super().__init__(message, SERVER)


def report(error: BaseException) -> int:
    """Write an error to standard error and return the exit code that it ends the command with."""
    if isinstance(error, NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
        return USAGE
    text, code = explain(error)
    click.echo(f"cdc: {' '.join(text.split())}", err=True)
    return code


def explain(error: BaseException) -> tuple[str, int]:
    """Say an error in one line, and choose its exit code."""
    # The modules of the errors cost time that `cdc --help` has not.
    from cdc.model.errors import ServiceError  # noqa: PLC0415
    from cdc.settings import SettingsError  # noqa: PLC0415
    from cdc.store.sqlite import StoreError  # noqa: PLC0415

    match error:
        case click.UsageError():
            command = "cdc" if error.ctx is None else error.ctx.command_path
            return f"{error.format_message()} Try `{command} --help`.", USAGE
        case CommandError():
            return error.message, error.code
        case click.ClickException():
            return error.format_message(), error.exit_code
        case SettingsError():
            return str(error), USAGE
        case StoreError():
            return str(error), FILE
        case ServiceError():
            hint = _HINTS.get(error.code)
            text = f"{error.code}: {error.message}" if error.message else error.code
            text += f" {reason}" if (reason := error.extra.get("Reason")) else ""
            return f"{text} ({hint})" if hint else text, REFUSED
    return _explain_other(error)


def _explain_other(error: BaseException) -> tuple[str, int]:
    if type(error).__module__.partition(".")[0] in _DATABASE_MODULES:
        cause = getattr(error, "orig", None) or error
        return f"the database file can't be used: {cause}; see whether `cdc check` finds it intact", FILE
    if isinstance(error, OSError):
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror or error}", REFUSED
    return f"internal error: {type(error).__name__}: {error}; `cdc --debug …` shows where, for a report", REFUSED
