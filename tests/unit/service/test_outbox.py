"""The outbox from outside: listing, reading, retrying and purging messages, and how a status sums them up."""

from __future__ import annotations

import pytest

from cdc.model.errors import ServiceError
from cdc.model.outbox import FAILED, PENDING, SENT
from cdc.service.core import PURGE_MESSAGES, UnknownMessageError
from cdc.store import outbox
from tests.unit.service.requests import declaration, give_up, post


def states(service):
    return {each.message_id: each.state for each in service.messages()}


def test_messages_are_listed_newest_first_by_state_up_to_a_bound(service):
    post(service, "1", "2", "3")
    give_up(service, "2")
    assert [each.message_id for each in service.messages()] == ["3", "2", "1"]
    assert [each.message_id for each in service.messages(limit=1)] == ["3"]
    assert [each.message_id for each in service.messages(FAILED)] == ["2"]


def test_a_payload_can_be_read_until_its_message_is_sent(service):
    post(service, "1")
    assert service.message_payload("1") == b'{"a":1}'
    service.writer.call(lambda transaction: outbox.sent(transaction, 1))
    with pytest.raises(ServiceError, match=r"^message 1 was sent: file:/a has it, and its text is not kept$"):
        service.message_payload("1")
    with pytest.raises(UnknownMessageError, match="no message has the id 2: `cdc outbox list` shows"):
        service.message_payload("2")


def test_a_damaged_payload_is_said_to_be_one(service):
    post(service, "1")
    service.writer.call(lambda each: each.cursor.execute("UPDATE outbox_payloads SET crc = crc + 1") and None)
    with pytest.raises(ServiceError, match="the payload of message 1 is damaged in the file: `cdc check`"):
        service.message_payload("1")


@pytest.mark.parametrize(
    ("chosen", "again"),
    [({"message_ids": ["1", "3"]}, {"1", "3"}), ({"destination": "file:/b"}, {"3"}), ({}, {"1", "2", "3"})],
)
def test_messages_that_were_given_up_are_retried_as_chosen(service, chosen, again):
    post(service, "1", "2")
    post(service, "3", destination="file:/b")
    give_up(service, "1", "2", "3")
    assert service.retry_messages(**chosen) == len(again)
    assert {message_id for message_id, state in states(service).items() if state == PENDING} == again


@pytest.mark.parametrize(("message_id", "found"), [("2", "that one is pending"), ("9", "there is none")])
def test_a_retry_of_what_was_not_given_up_is_refused_as_a_whole(service, message_id, found):
    post(service, "1", "2")
    give_up(service, "1")
    with pytest.raises(UnknownMessageError, match=rf"no message with the id {message_id} was given up: {found}"):
        service.retry_messages(["1", message_id])
    assert states(service) == {"1": FAILED, "2": PENDING}


def test_a_purge_deletes_what_was_settled_long_ago_and_warns_of_what_was_never_sent(service, clock, caplog):
    post(service, "old", "failed", "pending")
    service.writer.call(lambda transaction: outbox.sent(transaction, 1))
    give_up(service, "failed")
    clock.advance(100)
    post(service, "young")
    service.writer.call(lambda transaction: outbox.sent(transaction, 4))
    assert not service.purge_outbox(101)
    assert service.purge_outbox(50)
    assert states(service) == {"pending": PENDING, "young": SENT}
    assert "1 messages that were given up have been kept for their time, and are deleted" in caplog.text
    assert not service.purge_outbox(50)


def test_a_purge_is_short(service, clock):
    post(service, *map(str, range(PURGE_MESSAGES + 1)))
    for number in range(PURGE_MESSAGES + 1):
        service.writer.call(lambda transaction, number=number: outbox.sent(transaction, number + 1))
    clock.advance(1)
    assert [service.purge_outbox(0.5) for _ in range(3)] == [True, True, False]


def test_a_status_sums_up_each_destination_and_names_it_with_its_mapping(service, clock):
    service.declare_mappings([declaration("m", on_failure="file:/a"), declaration("n")])
    post(service, "1", "2")
    give_up(service, "1")
    found = service.status()
    assert {each["name"]: each["on_failure"] for each in found["mappings"]} == {"m": "file:/a", "n": None}
    assert found["outbox"] == [
        {
            "destination": "file:/a",
            "pending": 1,
            "oldest_pending_ms": clock.now_ms(),
            "next_attempt_ms": clock.now_ms(),
            "sent": 0,
            "failed": 1,
            "last_error": "is down",
        }
    ]
