from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cdc.cli import main as module
from cdc.cli.errors import CommandError
from cdc.cli.main import SECTIONS, main

ROOT = Path(__file__).parents[3]
ENTRIES = {name: entry for section in SECTIONS.values() for name, entry in section.items() if module._is_here(entry)}
HEAVY = ("sqlalchemy", "uvloop", "orjson", "rich", "apscheduler", "alembic", "cdc.settings", "http.client")


def commands():
    """Every command and subcommand, by its full name."""
    for name, entry in ENTRIES.items():
        command = import_module(entry.module).command
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", below) for each, below in command.commands.items())
        else:
            yield name, command


def test_the_help_lists_the_commands_and_the_exit_codes(cli):
    result = cli("--help")
    assert result.exit_code == 0
    assert [name for name in ENTRIES if f"\n  {name} " not in result.stdout] == []
    assert "Exit codes:\n    0  done\n" in result.stdout


def test_the_help_loads_no_library_but_click():
    text = f"""
import sys
from cdc.cli.main import main
try:
    main(["--help"])
except SystemExit:
    print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", text], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "Usage: cdc" in done.stdout
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("name", ENTRIES)
def test_the_summary_of_a_command_is_the_first_line_of_its_own_help(name):
    command = import_module(ENTRIES[name].module).command
    assert (command.help or "").partition("\n")[0] == ENTRIES[name].summary
    assert command.name == name


@pytest.mark.parametrize(("name", "command"), [*commands()], ids=lambda value: value if isinstance(value, str) else "")
def test_the_help_of_a_command_shows_an_example_of_it(name, command):
    text = cleandoc(command.help)
    assert "\b\nExample" in text
    assert f"\n  cdc {name}" in text
    assert all(option.help for option in command.params if isinstance(option, click.Option))


def test_without_arguments_the_help_is_a_usage_error(cli):
    result = cli()
    assert result.exit_code == 2
    assert result.stderr.startswith("Usage: cdc")


def test_a_command_with_a_slip_gets_the_nearest_one(cli):
    result = cli("statsu")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "cdc: No such command 'statsu'. Did you mean 'status'? Try `cdc --help`.\n"


def test_a_usage_error_is_one_line_that_names_the_help_of_the_command(cli):
    result = cli("put", "orders")
    assert result.exit_code == 2
    assert result.stderr == "cdc: Missing argument 'JSON'. Try `cdc put --help`.\n"


def test_the_version_is_shown(cli):
    result = cli("--version")
    assert result.exit_code == 0
    assert result.stdout.startswith("cdc")


class Failing(module.Commands):
    """A command line whose every command raises an error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("cdc", params=main.params)
        self._error = error

    def get_command(self, ctx, cmd_name):
        del ctx
        return click.Command(cmd_name, callback=self._fail)

    def _fail(self):
        raise self._error


def test_a_fault_of_ours_is_one_line_and_where_it_happened_on_demand():
    group = Failing(KeyError("x"))
    plain, debug = CliRunner().invoke(group, ["fail"]), CliRunner().invoke(group, ["--debug", "fail"])
    assert plain.exit_code == 1
    assert plain.stderr == "cdc: internal error: KeyError: 'x'; `cdc --debug …` shows where, for a report\n"
    assert "Traceback" in debug.stderr


def test_an_error_on_several_lines_becomes_one():
    assert CliRunner().invoke(Failing(CommandError("a\n  b")), ["fail"]).stderr == "cdc: a b\n"


def test_a_closed_pipe_ends_a_command_quietly():
    result = CliRunner().invoke(Failing(BrokenPipeError()), ["fail"])
    assert (result.exit_code, result.stderr) == (0, "")


def test_an_interrupt_ends_a_command_as_shells_expect():
    assert CliRunner().invoke(Failing(KeyboardInterrupt()), ["fail"]).exit_code == 130


def test_a_pipe_that_is_closed_while_output_waits_in_a_buffer_gives_no_complaint(tmp_path):
    """Python writes what is left at its end, and complains when nobody reads it."""
    command = f"{sys.executable} -m cdc config show --database {tmp_path}/cdc.db | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("database.path")
    assert (done.returncode, done.stderr) == (0, "")
