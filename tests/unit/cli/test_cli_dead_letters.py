from __future__ import annotations

import json

import pytest

from cdc.service import open_service
from tests.unit.service.requests import declaration, give_up_batch

pytestmark = pytest.mark.usefixtures("orders")
EVENT = b'{"Records":[{"eventID":"1"}]}'


@pytest.fixture
def letters(folder) -> list[int]:
    with open_service(folder / "cdc.db") as service:
        service.declare_mappings([declaration("audit", table="orders"), declaration("totals", table="orders")])
        return [give_up_batch(service, name, EVENT) for name in ("audit", "audit", "totals")]


def listed(cli, *options):
    return [(each["id"], each["state"]) for each in json.loads(cli("dead-letters", "list", "--json", *options).stdout)]


@pytest.mark.usefixtures("letters")
def test_the_json_has_the_keys_that_the_help_promises(cli):
    found = json.loads(cli("dead-letters", "list", "--json").stdout)
    promised = cli("dead-letters", "list", "--help").stdout
    assert [key for key in found[0] if key not in promised] == []
    assert (found[0]["mapping"], found[0]["records"], found[0]["first_sequence"]) == (
        "audit",
        2,
        "100000000000000000001",
    )


@pytest.mark.usefixtures("letters")
def test_the_table_for_people_shows_what_was_given_up_and_why(cli):
    text = cli("dead-letters", "list").stdout
    for part in ("audit", "0f0f0f0f", "100000000000000000001", "dead", "ValueError: no"):
        assert part in text


def test_no_letters_says_so(cli):
    assert cli("dead-letters", "list").stderr == "there are no dead letters\n"
    assert cli("dead-letters", "list", "--mapping", "x").stderr == "there are no such dead letters\n"
    assert listed(cli) == []


def test_a_letter_is_shown_with_its_records(cli, letters):
    shown = json.loads(cli("dead-letters", "show", str(letters[1])).stdout)
    assert (shown["id"], shown["event"]) == (letters[1], json.loads(EVENT))
    missing = cli("dead-letters", "show", "99")
    assert missing.exit_code == 1
    assert "no dead letter has the id 99" in missing.stderr


def test_letters_are_redriven_and_purged(cli, letters):
    said = cli("dead-letters", "redrive", str(letters[0])).stdout
    assert said == "1 dead letter is to be delivered again: `cdc dead-letters list` shows what becomes of them\n"
    assert listed(cli, "--state", "redriving") == [(letters[0], "redriving")]
    assert "is redriving: only one" in cli("dead-letters", "redrive", str(letters[0])).stderr
    assert cli("dead-letters", "redrive", "--mapping", "audit", "--force").stdout.startswith("1 dead letter is")
    assert cli("dead-letters", "purge", "--state", "dead").stdout == "1 dead letter is deleted\n"
    assert listed(cli) == [(letters[0], "redriving"), (letters[1], "redriving")]
    forced = [each["forced"] for each in json.loads(cli("dead-letters", "list", "--json").stdout)]
    assert forced == [False, True]


@pytest.mark.parametrize("arguments", [(), ("1", "--all"), ("--mapping", "a", "--all"), ("1", "--mapping", "a")])
@pytest.mark.parametrize("verb", ["redrive", "purge"])
def test_one_way_of_choosing_is_wanted(cli, verb, arguments):
    result = cli("dead-letters", verb, *arguments)
    assert result.exit_code == 2
    assert "Name dead letters by their ids, or say which by options, or give --all." in result.stderr
