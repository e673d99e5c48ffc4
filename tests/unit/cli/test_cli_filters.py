from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

INSERTS = '{"eventName": ["INSERT"]}'
DONE = '{"dynamodb": {"NewImage": {"status": {"S": ["DONE"]}}}}'
FUNCTION = '[[functions]]\nname = "f"\nhandler = "m:f"\n'
MAPPING = '[[mappings]]\nname = "audit"\ntable = "orders"\nfunction = "f"\nstarting_position = "LATEST"\n'


def record(event="INSERT", status="OPEN"):
    change = {"Keys": {"id": {"S": "1"}}, "NewImage": {"id": {"S": "1"}, "status": {"S": status}}}
    return {"eventID": "e1", "eventName": event, "dynamodb": change}


def lines(*records):
    return "".join(json.dumps(each) + "\n" for each in records)


KEYS = '{"id": {"S": "1"}}'


def test_each_record_says_which_filters_match_or_why_none_does(cli):
    records = lines(record("INSERT", "DONE"), record("MODIFY", "DONE"), record("MODIFY", "done"))
    result = cli("filters", "test", "--pattern", INSERTS, "--pattern", DONE, input=records)
    assert result.stdout == (
        f"1 INSERT {KEYS}: matches filters 1, 2\n"
        f"2 MODIFY {KEYS}: matches filter 2\n"
        f"3 MODIFY {KEYS}: no match\n"
        '  filter 1: eventName: wanted "INSERT", found "MODIFY"\n'
        '  filter 2: dynamodb.NewImage.status.S: wanted "DONE", found "done"'
        " (only the case differs; equals-ignore-case leaves it aside)\n"
    )
    assert result.stderr == "2 of 3 records matched\n"
    assert result.exit_code == 1


def test_exit_code_0_says_that_every_record_matches(cli):
    result = cli("filters", "test", "--pattern", INSERTS, input=lines(record()))
    assert (result.exit_code, result.stderr) == (0, "1 of 1 record matched\n")


@pytest.mark.parametrize(
    "text",
    [
        lines(record(), record("REMOVE")),
        lines({"Records": [record(), record("REMOVE")]}),
        json.dumps({"Records": [record(), record("REMOVE")], "NextShardIterator": "x"}, indent=2),
        json.dumps(record(), indent=1) + json.dumps(record("REMOVE"), indent=1),
        lines({"Records": [record()]}, record("REMOVE")),
    ],
)
def test_records_come_as_events_or_alone_on_one_line_or_many(cli, text):
    result = cli("filters", "test", "--pattern", INSERTS, input=text)
    assert [line.split()[:2] for line in result.stdout.splitlines()[:2]] == [["1", "INSERT"], ["2", "REMOVE"]]
    assert result.exit_code == 1


def test_records_come_from_files_which_are_named_where_there_are_several(cli, folder: Path):
    (folder / "a.json").write_text(lines(record()))
    (folder / "b.json").write_text(lines(record("MODIFY")))
    alone = cli("filters", "test", "a.json", "--pattern", INSERTS)
    assert alone.stdout == f"1 INSERT {KEYS}: matches filter 1\n"
    both = cli("filters", "test", "a.json", "b.json", "--pattern", INSERTS)
    assert both.stdout.splitlines()[:2] == [
        f"a.json 1 INSERT {KEYS}: matches filter 1",
        f"b.json 1 MODIFY {KEYS}: no match",
    ]


def test_what_tail_prints_can_be_tried(cli, orders):
    cli("put", orders, '{"id": "1", "status": "DONE"}')
    cli("put", orders, '{"id": "2", "status": "OPEN"}')
    tailed = cli("tail", orders, "--from-start", "--no-follow", "--json").stdout
    result = cli("filters", "test", "--pattern", DONE, "--json", input=tailed)
    assert sorted(json.loads(line)["matches"] for line in result.stdout.splitlines()) == [False, True]


def test_json_has_what_each_filter_says(cli):
    records = lines(record("MODIFY", "OPEN"))
    result = cli(
        "filters", "test", "--pattern", INSERTS, "--pattern", '{"eventname": ["MODIFY"]}', "--json", input=records
    )
    assert json.loads(result.stdout) == {
        "file": "-",
        "record": 1,
        "eventID": "e1",
        "matches": False,
        "filters": [
            {"filter": 1, "matches": False, "path": "eventName", "wanted": '"INSERT"', "found": '"MODIFY"'},
            {
                "filter": 2,
                "matches": False,
                "path": "eventname",
                "wanted": '"MODIFY"',
                "found": "nothing: the record has no eventname, it has eventID, eventName and dynamodb",
                "hint": "did you mean eventName?",
            },
        ],
    }
    assert (result.exit_code, result.stderr) == (1, "")


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Filters": [{"Pattern": DONE}, {"Pattern": INSERTS}]}, indent=2),
        f"{DONE}\n{INSERTS}\n",
        json.dumps(json.loads(DONE), indent=2) + "\n" + INSERTS,
    ],
)
def test_patterns_come_from_a_file(cli, folder: Path, text):
    (folder / "patterns.json").write_text(text)
    result = cli("filters", "test", "--patterns-file", "patterns.json", input=lines(record("MODIFY", "DONE"), record()))
    assert result.stdout.splitlines() == [f"1 MODIFY {KEYS}: matches filter 1", f"2 INSERT {KEYS}: matches filter 2"]


def test_patterns_come_from_a_mapping_of_the_configuration(cli, folder: Path):
    inline = '{ dynamodb = { NewImage = { status = { S = ["DONE"] } } } }'
    (folder / "cdc.toml").write_text(f"{FUNCTION}{MAPPING}filters = [{inline}, '{INSERTS}']\n")
    result = cli("filters", "test", "--mapping", "audit", input=lines(record("MODIFY", "DONE"), record()))
    assert result.stdout.splitlines() == [f"1 MODIFY {KEYS}: matches filter 1", f"2 INSERT {KEYS}: matches filter 2"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "--pattern, --patterns-file or --mapping is needed, for the patterns to try."),
        (("--pattern", '{"a": 1}'), "filter 1: a: 1 stands alone: expected a list of alternatives, as in [1]"),
        (("--pattern", INSERTS, "--pattern", "{"), "filter 2: not JSON at character 2 ("),
        ((*["--pattern", INSERTS] * 11,), "11 filters: expected at most 10"),
        (("--patterns-file", "empty.json"), "there is no pattern in empty.json: expected JSON patterns, or FilterCrit"),
        (("--patterns-file", "bad.json"), "bad.json line 2: not JSON: "),
        (
            ("--patterns-file", "criteria.json"),
            "criteria.json: not FilterCriteria as the AWS CLI takes them: expected ",
        ),
        (("--mapping", "other"), "the configuration has no mapping other: known: audit"),
        (("--mapping", "audit"), "the mapping audit has no filters, so every record reaches its function"),
        (
            ("--mapping", "x", "--config", "none.toml"),
            "the configuration has no mapping x: it has none; --config names",
        ),
    ],
)
def test_patterns_that_cannot_be_used_are_exit_code_2_and_one_line(cli, folder: Path, arguments, message):
    (folder / "cdc.toml").write_text(FUNCTION + MAPPING)
    (folder / "none.toml").write_text("")
    (folder / "empty.json").write_text("\n")
    (folder / "bad.json").write_text(INSERTS + "\noops")
    (folder / "criteria.json").write_text('{"Filters": [{"Pattern": {"eventName": ["INSERT"]}}]}')
    result = cli("filters", "test", *arguments, input=lines(record()))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(f"cdc: {message}")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no record in standard input\n"),
        ('{"Records": []}', "there is no record in standard input\n"),
        (lines(record()) + "oops", "standard input line 2: not JSON: Expecting value\n"),
        (
            '{"id": "1"}',
            (
                'standard input line 1: {"id": "1"} is no record: expected a record, {"eventName": …, "dynamodb": {…}}, or an '
                'event, {"Records": […]}\n'
            ),
        ),
        ("[1]", "standard input line 1: [1] is no record: expected a record"),
        ('{"Records": [5]}', "standard input line 1: 5 is no record: expected a record"),
        (b"\xff", "standard input line 1: not UTF-8 at byte 1\n"),
    ],
)
def test_what_is_no_record_is_exit_code_1_and_one_line(cli, text, message):
    result = cli("filters", "test", "--pattern", INSERTS, input=text)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"cdc: {message}")


def test_a_missing_file_is_named(cli):
    result = cli("filters", "test", "missing.json", "--pattern", INSERTS)
    assert (result.exit_code, result.stderr) == (1, "cdc: missing.json: No such file or directory\n")


def test_odd_records_are_shown_and_do_no_harm(cli):
    odd = '{"eventName": "\\ud800 \\u001b[1m", "dynamodb": {"Keys": 5}}\n{"dynamodb": {}}\n'
    result = cli("filters", "test", "--pattern", INSERTS, input=odd)
    assert result.exit_code == 1
    assert result.stdout.startswith(r'1 "\ud800 \u001b[1m" 5: no match')
    assert "\n2 None null: no match\n" in result.stdout
