from __future__ import annotations

import json

import pytest

from cdc.model.outbox import FAILED, PENDING
from cdc.service import open_service
from tests.unit.service.requests import give_up, post

pytestmark = pytest.mark.usefixtures("orders")
IDS = ["id-1", "id-2", "id-3"]


@pytest.fixture
def messages(folder) -> list[str]:
    """Two failed messages and a pending one."""
    with open_service(folder / "cdc.db") as service:
        post(service, *IDS, payload=b'{"version":"1.0","payload":{"Records":[]}}')
        give_up(service, "id-1", "id-2")
    return IDS


def states(folder) -> dict[str, str]:
    with open_service(folder / "cdc.db") as service:
        return {each.message_id: each.state for each in service.messages()}


@pytest.mark.usefixtures("messages")
def test_the_json_has_the_keys_that_the_help_promises(cli):
    listed = json.loads(cli("outbox", "list", "--json").stdout)
    assert [each["message_id"] for each in listed] == ["id-3", "id-2", "id-1"]
    promised = cli("outbox", "list", "--help").stdout
    assert [key for key in listed[0] if key not in promised] == []
    failed = json.loads(cli("outbox", "list", "--state", "failed", "--limit", "1", "--json").stdout)
    assert [(each["message_id"], each["mapping"], each["records"], each["last_error"]) for each in failed] == [
        ("id-2", "m", 7, "is down")
    ]


@pytest.mark.usefixtures("messages")
def test_the_table_for_people_shows_what_failed_and_why(cli):
    text = cli("outbox", "list").stdout
    for part in ("id-1", "file:/a", "failed", "pending", "is down"):
        assert part in text


def test_an_empty_outbox_says_so(cli):
    assert cli("outbox", "list").stderr == "the outbox is empty\n"
    assert cli("outbox", "list", "--state", "sent").stderr == "there are no such messages\n"
    assert json.loads(cli("outbox", "list", "--json").stdout) == []


@pytest.mark.usefixtures("messages")
def test_a_message_is_shown_as_it_is_sent(cli):
    assert json.loads(cli("outbox", "show", "id-1").stdout) == {"version": "1.0", "payload": {"Records": []}}
    missing = cli("outbox", "show", "id-9")
    assert missing.exit_code == 1
    assert "no message has the id id-9" in missing.stderr


@pytest.mark.parametrize(
    ("arguments", "said", "again"),
    [
        (("id-1",), "1 message is to be sent again", {"id-1"}),
        (("id-1", "id-2"), "2 messages are to be sent again", {"id-1", "id-2"}),
        (("--all",), "2 messages are to be sent again", {"id-1", "id-2"}),
        (("--destination", "file:/a"), "2 messages are", {"id-1", "id-2"}),
        (("--destination", "file:/b"), "0 messages are", set()),
    ],
)
@pytest.mark.usefixtures("messages")
def test_failed_messages_are_retried_as_chosen(cli, folder, arguments, said, again):
    result = cli("outbox", "retry", *arguments)
    assert result.stdout.startswith(said)
    expected = {each: PENDING if each in again | {"id-3"} else FAILED for each in IDS}
    assert states(folder) == expected


@pytest.mark.parametrize("arguments", [(), ("id-1", "--all"), ("--all", "--destination", "file:/a")])
@pytest.mark.usefixtures("messages")
def test_a_retry_needs_one_choice(cli, folder, arguments):
    result = cli("outbox", "retry", *arguments)
    assert result.exit_code == 2
    assert "Name messages, or give --destination, or --all." in result.stderr
    assert states(folder)["id-1"] == FAILED


@pytest.mark.usefixtures("messages")
def test_what_was_not_given_up_is_not_retried(cli):
    result = cli("outbox", "retry", "id-3")
    assert result.exit_code == 1
    assert "no message with the id id-3 was given up: that one is pending" in result.stderr


@pytest.mark.usefixtures("messages")
def test_the_status_shows_the_outbox(cli):
    text = cli("status").stdout
    for part in ("file:/a", "is down", "2 messages were given up and are kept: `cdc outbox list --state failed`"):
        assert part in text
    promised = cli("status", "--help").stdout
    [shown] = json.loads(cli("status", "--json").stdout)["outbox"]
    assert [key for key in shown if key not in promised] == []
