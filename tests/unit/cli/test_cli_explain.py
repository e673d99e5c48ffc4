"""`cdc explain`: what became of a record, for people and for programs."""

from __future__ import annotations

import json

import pytest

from cdc.model.mappings import Declaration, MappingSettings
from cdc.service import open_service


@pytest.fixture
def mapped(orders, folder):
    settings = MappingSettings(
        function_name="f", starting_position="TRIM_HORIZON", filters=('{"eventName": ["REMOVE"]}',)
    )
    with open_service(folder / "cdc.db") as service:
        service.declare_mappings([Declaration(name="audit", table_name=orders, settings=settings)])
    return orders


def keys_of(value):
    if isinstance(value, dict):
        return {*value, *(key for each in value.values() for key in keys_of(each))}
    return {key for each in value for key in keys_of(each)} if isinstance(value, list) else set()


def test_the_json_has_the_keys_that_the_help_promises(cli, mapped):
    cli("put", mapped, '{"id": "1"}')
    result = cli("explain", mapped, "--key", '{"id": "1"}', "--json")
    assert result.exit_code == 0
    explained = json.loads(result.stdout)
    promised = cli("explain", "--help").stdout
    explained["records"][0].pop("key")
    assert [key for key in keys_of(explained) if key not in promised] == []
    [fate] = explained["records"][0]["mappings"]
    assert (fate["mapping"], fate["fate"], fate["lane"]) == ("audit", "waiting", None)
    assert fate["filters"][0]["path"] == "eventName"


def test_the_text_names_the_record_and_says_what_each_mapping_made_of_it(cli, mapped):
    cli("put", mapped, '{"id": "1"}')
    head, line = cli("explain", mapped, "--key", '{"id": {"S": "1"}}', "--dynamodb-json").stdout.splitlines()
    assert ' INSERT {"id":{"S":"1"}}, written ' in head
    assert line.startswith(
        "  audit: waiting: no process delivers: `cdc serve` does; the filters are going to pass over it"
    )
    assert cli("explain", mapped, head.split()[0]).stdout.splitlines() == [head, line]


def test_older_records_of_a_key_are_counted(cli, mapped):
    for number in range(3):
        cli("put", mapped, json.dumps({"id": "1", "v": number}))
    result = cli("explain", mapped, "--key", '{"id": "1"}', "--limit", "1")
    assert "MODIFY" in result.stdout
    assert "2 older records are not shown: --limit shows more" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "Give a sequence number, as `cdc tail` shows them, or --key."),
        (("100000000000000000001", "--key", "{}"), 2, "Give a sequence number"),
        (("--key", "{"), 1, "not JSON"),
        (("--key", '{"id": {"X": "1"}}', "--dynamodb-json"), 1, "Supplied AttributeValue is empty"),
        (("--key", '{"id": [1]}'), 1, "the key of orders is text, a number or binary, not L"),
        (("--key", "{}"), 1, "the key of orders has the attributes id, not none"),
        (("--limit", "0", "--key", '{"id": "1"}'), 2, "0 is not in the range"),
    ],
)
def test_what_is_wrong_is_refused_in_a_line(cli, mapped, arguments, code, says):
    result = cli("explain", mapped, *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert says in result.stderr
