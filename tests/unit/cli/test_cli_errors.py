from __future__ import annotations

import re

import click
import pytest

from cdc.cli.errors import EXIT_CODES, FILE, REFUSED, SERVER, USAGE, CommandError, UnreachableError, explain
from cdc.model.errors import ResourceNotFoundException, ValidationException
from cdc.model.lambda_errors import InvalidParameterValueException
from cdc.settings import SettingsError
from cdc.store.sqlite import StoreError, dbapi2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (CommandError("no"), REFUSED, "no"),
        (CommandError("no", FILE), FILE, "no"),
        (UnreachableError("gone"), SERVER, "gone"),
        (SettingsError("port = 0"), USAGE, "port = 0"),
        (StoreError("locked"), FILE, "locked"),
        (ValidationException("bad key"), REFUSED, "ValidationException: bad key"),
        (
            InvalidParameterValueException("Invalid filter pattern definition.", Reason="filter 1: {} is empty"),
            REFUSED,
            "InvalidParameterValueException: Invalid filter pattern definition. filter 1: {} is empty",
        ),
        (ValidationException(), REFUSED, "ValidationException"),
        (click.UsageError("what?"), USAGE, "what? Try `cdc --help`."),
        (click.ClickException("hm"), 1, "hm"),
        (FileNotFoundError(2, "No such file or directory", "x.csv"), REFUSED, "x.csv: No such file or directory"),
        (dbapi2.OperationalError("disk I/O error"), FILE, "the database file can't be used: disk I/O error"),
    ],
)
def test_an_error_has_a_line_and_an_exit_code(error, code, text):
    line, found = explain(error)
    assert found == code
    assert line.startswith(text)


def test_a_missing_table_comes_with_a_hint():
    line, _ = explain(ResourceNotFoundException("Requested resource not found"))
    assert "cdc create-table" in line


def test_the_help_documents_each_exit_code():
    documented = {int(code) for code in re.findall(r"^  (\d)  ", EXIT_CODES, re.MULTILINE)}
    assert documented == {0, REFUSED, USAGE, FILE, SERVER}
