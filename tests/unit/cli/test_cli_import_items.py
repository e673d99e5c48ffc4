from __future__ import annotations

import json

import pytest

from cdc.cli.progress import rate_text


def ids(cli, table="orders"):
    return sorted(json.loads(line)["id"] for line in cli("scan", table).stdout.splitlines())


def lines(count, start=1):
    return "".join(f'{{"id": "{number:04}", "n": {number}}}\n' for number in range(start, start + count))


def test_a_file_of_json_lines_is_imported(cli, orders, folder):
    (folder / "orders.jsonl").write_text(lines(130))
    result = cli("import", orders, "orders.jsonl")
    assert result.exit_code == 0
    assert result.stdout.startswith("imported into orders: 130 items, ")
    assert ids(cli) == [f"{number:04}" for number in range(1, 131)]


def test_csv_makes_a_table_and_keeps_numbers(cli, folder):
    (folder / "f.csv").write_text("carrier,flight,delay,zip\nUA,1545,11.50,01234\nUA,1546,NA,\n")
    arguments = ("import", "flights", "f.csv", "--create", "--key", "carrier", "--sort", "flight:N", "--missing", "NA")
    assert cli(*arguments).exit_code == 0
    assert cli("scan", "flights").stdout.splitlines() == [
        '{"carrier": "UA", "delay": 11.5, "flight": 1545, "zip": "01234"}',
        '{"carrier": "UA", "flight": 1546}',
    ]
    again = cli(*arguments)
    assert again.exit_code == 0, "a table of the same key is used"
    assert len(cli("tail", "flights", "--no-follow").stdout.splitlines()) == 2, "what is as it was makes no record"


def test_the_type_of_a_key_is_the_tables(cli, orders, folder):
    (folder / "o.csv").write_text("id,n\n1,2\n")
    assert cli("import", orders, "o.csv").exit_code == 0
    assert cli("scan", orders, "--dynamodb-json").stdout == '{"id": {"S": "1"}, "n": {"N": "2"}}\n'


def test_types_of_columns_can_be_given(cli, orders, folder):
    (folder / "o.csv").write_text("id,n,b\n1,2,true\n")
    assert cli("import", orders, "o.csv", "--columns", "n:S,b:BOOL").exit_code == 0
    assert cli("scan", orders).stdout == '{"b": true, "id": "1", "n": "2"}\n'


def test_standard_input_is_read_for_a_dash(cli, orders):
    typed = '{"id": {"S": "1"}, "s": {"SS": ["x"]}}\n'
    assert cli("import", orders, "-", "--format", "jsonl", "--dynamodb-json", input=typed).exit_code == 0
    assert cli("scan", orders, "--dynamodb-json").stdout == typed


def test_at_a_line_that_is_no_item_all_before_it_are_stored(cli, orders, folder):
    (folder / "o.jsonl").write_text(lines(60) + "oops\n" + lines(60, start=61))
    result = cli("import", orders, "o.jsonl")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("cdc: o.jsonl line 61: not JSON: Expecting value at character 1; expected")
    assert "all lines before it are stored (60 items, " in result.stderr
    assert ids(cli) == [f"{number:04}" for number in range(1, 61)]


def test_at_a_line_that_is_refused_all_before_it_are_stored(cli, orders):
    text = lines(90) + '{"id": ""}\n' + lines(90, start=92)
    result = cli("import", orders, "-", "--format", "jsonl", input=text)
    assert result.exit_code == 1
    assert result.stderr.startswith("cdc: standard input line 91: ValidationException: ")
    assert {f"{number:04}" for number in range(1, 91)} <= set(ids(cli))


def test_a_line_without_its_key_is_named(cli, orders):
    result = cli("import", orders, "-", "--format", "jsonl", input='{"id": "1"}\n{"n": 1}\n')
    assert result.exit_code == 1
    assert "standard input line 2: no value for id, which is part of the key of orders" in result.stderr


def test_the_last_line_of_a_key_wins_and_the_stream_has_each(cli, orders):
    text = "".join(f'{{"id": "{number % 3}", "n": {number}}}\n' for number in range(1, 100))
    assert cli("import", orders, "-", "--format", "jsonl", input=text).exit_code == 0
    assert sorted(json.loads(line)["n"] for line in cli("scan", orders).stdout.splitlines()) == [97, 98, 99]
    assert len(cli("tail", orders, "--no-follow").stdout.splitlines()) == 99


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("orders", "x.dat"), "--format jsonl or csv is needed"),
        (("orders", "x.csv", "--create"), "--create needs --key."),
        (("orders", "x.csv", "--key", "id"), "--key and --sort are for --create."),
        (("orders", "x.jsonl", "--missing", "NA"), "--columns and --missing are for CSV."),
        (("orders", "x.csv", "--dynamodb-json"), "--dynamodb-json is for JSON lines."),
        (("orders", "x.csv", "--columns", "a:X"), "Invalid value for '--columns': a:X: expected NAME:TYPE"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(cli, arguments, text):
    result = cli("import", *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"cdc: {text}")


def test_a_file_that_is_not_there_is_one_line(cli, orders):
    result = cli("import", orders, "no.csv")
    assert (result.exit_code, result.stderr) == (1, "cdc: no.csv: No such file or directory\n")


@pytest.mark.usefixtures("orders")
def test_a_table_that_is_not_there_is_refused(cli, folder):
    (folder / "o.csv").write_text("id\n1\n")
    assert cli("import", "nosuch", "o.csv").stderr.startswith("cdc: ResourceNotFoundException: ")


def test_a_table_with_another_key_is_not_taken_for_the_wanted_one(cli, orders, folder):
    (folder / "o.csv").write_text("id\n1\n")
    result = cli("import", orders, "o.csv", "--create", "--key", "name")
    assert result.exit_code == 1
    assert result.stderr.startswith("cdc: orders exists with another key (id:S)")


def test_a_rate_is_readable():
    assert rate_text(1, 0) == "1 item, 1,000/s"
    assert rate_text(12_345, 2) == "12,345 items, 6,172/s"
