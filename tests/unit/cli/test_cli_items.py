"""put, get, delete and scan on a real file."""

from __future__ import annotations

import json

import pytest

NUMBER = "12345678901234567890.123456789012345678"


def test_an_item_that_was_put_is_got(cli, orders):
    put = cli("put", orders, f'{{"id": "1", "total": {NUMBER}, "tags": ["a", null, true]}}')
    assert (put.exit_code, put.stdout, put.stderr) == (0, "", "inserted an item in orders\n")
    got = cli("get", orders, '{"id": "1"}')
    assert (got.exit_code, got.stdout) == (0, f'{{"id": "1", "tags": ["a", null, true], "total": {NUMBER}}}\n')


def test_an_item_is_replaced(cli, orders):
    cli("put", orders, '{"id": "1", "a": 1}')
    assert cli("put", orders, '{"id": "1", "b": 2}').stderr == "replaced an item in orders\n"
    assert cli("get", orders, '{"id": "1"}').stdout == '{"b": 2, "id": "1"}\n'


def test_typed_json_goes_in_and_out(cli, orders):
    item = '{"id": {"S": "1"}, "set": {"NS": ["1", "2"]}}'
    assert cli("put", orders, item, "--dynamodb-json").exit_code == 0
    assert cli("get", orders, '{"id": {"S": "1"}}', "--dynamodb-json").stdout == item + "\n"
    assert cli("scan", orders, "--dynamodb-json").stdout == item + "\n"
    assert cli("delete", orders, '{"id": {"S": "1"}}', "--dynamodb-json").stdout == item + "\n"


def test_standard_input_is_read_for_a_dash(cli, orders):
    assert cli("put", orders, "-", input='{"id": "1", "name": "Zoë"}').exit_code == 0
    assert cli("get", orders, "-", input='{"id": "1"}').stdout == '{"id": "1", "name": "Zoë"}\n'
    refused = cli("put", orders, "-", input=b'{"id": "\xff"}')
    assert (refused.exit_code, refused.stderr) == (1, "cdc: standard input is not UTF-8 at byte 9\n")


def test_a_missing_item_is_said_and_is_exit_code_1(cli, orders):
    got = cli("get", orders, '{"id": "9"}')
    assert (got.exit_code, got.stdout, got.stderr) == (1, "", "cdc: no item of orders has this key\n")


def test_a_deleted_item_is_printed_and_gone(cli, orders):
    cli("put", orders, '{"id": "1"}')
    first, second = (cli("delete", orders, '{"id": "1"}') for _ in range(2))
    assert (first.exit_code, first.stdout) == (0, '{"id": "1"}\n')
    assert (second.exit_code, second.stdout, second.stderr) == (0, "", "no item of orders had this key\n")


def test_a_scan_prints_every_item_on_a_line_over_all_pages(cli, orders, monkeypatch):
    monkeypatch.setattr("cdc.cli.scan.PAGE_ITEMS", 3)
    lines = "".join(f'{{"id": "{number}"}}\n' for number in range(10))
    cli("import", orders, "-", "--format", "jsonl", input=lines)
    found = cli("scan", orders).stdout.splitlines()
    assert sorted(json.loads(line)["id"] for line in found) == [str(number) for number in range(10)]
    for limit in (1, 3, 4, 10, 11):
        assert cli("scan", orders, "--limit", str(limit)).stdout.splitlines() == found[:limit]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("put", "orders", '{"id": 1}'), 1, "ValidationException: One or more parameter values were invalid: Type"),
        (("put", "nosuch", '{"id": "1"}'), 1, "ResourceNotFoundException: "),
        (("put", "orders", '{"id"}'), 1, "not JSON: Expecting ':' delimiter at character 6; expected an object"),
        (("put", "orders", '{"id": {"S": 1}}', "--dynamodb-json"), 1, "SerializationException"),
        (("scan", "orders", "--limit", "0"), 2, "Invalid value for '--limit'"),
        (("get", "orders", '{"id": "1"}', "--database", "other.db"), 3, "there is no database"),
        (("get", "orders", "{}", "--config", "no.toml"), 2, "no.toml: can't be read: No such file"),
    ],
)
@pytest.mark.usefixtures("orders")
def test_an_error_is_one_line_with_its_exit_code(cli, arguments, code, text):
    result = cli(*arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr.startswith(f"cdc: {text}")
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_not_ours_is_refused(cli, folder):
    (folder / "cdc.db").write_text("not a database, but long enough to look at its first bytes" * 10)
    result = cli("scan", "orders")
    assert result.exit_code == 3
    assert "is not a SQLite file" in result.stderr
