"""Each destination has its sender, which takes the options of the moment."""

from __future__ import annotations

import json
import os

import pytest

from cdc.clock import ManualClock
from cdc.mappings.destinations.s3 import BucketSender
from cdc.mappings.destinations.senders import Senders
from cdc.mappings.destinations.sending import Parcel, SendError, SendingOptions, UnsendableError
from cdc.mappings.destinations.sns import TopicSender
from cdc.mappings.destinations.sqs import QueueSender
from cdc.mappings.destinations.webhook import WebhookSender
from tests.unit.mappings.destinations.receiver import Receiver, with_status

OPTIONS = SendingOptions(region="us-east-1")
PARCEL = Parcel("id-1", b'{"version":"1.0"}')


@pytest.mark.parametrize(
    ("destination", "kind"),
    [
        ("arn:aws:sqs:us-east-1:123456789012:q", QueueSender),
        ("arn:aws:sns:us-east-1:123456789012:t", TopicSender),
        ("arn:aws:s3:::bucket", BucketSender),
        ("https://example.com", WebhookSender),
    ],
)
def test_each_kind_of_destination_has_its_sender(monkeypatch, destination, kind):
    sent: list[Parcel] = []
    monkeypatch.setattr(kind, "__call__", lambda _, parcel: sent.append(parcel))
    Senders(OPTIONS, ManualClock()).send(destination, PARCEL)
    assert sent == [PARCEL]


def test_a_sender_is_kept_for_the_next_message(tmp_path):
    senders = Senders(OPTIONS, ManualClock())
    for _ in range(2):
        senders.send(f"file:{tmp_path}/a", PARCEL)
    assert list(senders._senders) == [f"file:{tmp_path}/a"]
    assert [json.loads(line)["messageId"] for line in (tmp_path / "a").read_text().splitlines()] == ["id-1"] * 2


@pytest.mark.parametrize("destination", ["nowhere", "file:relative", "arn:aws:sqs:us-east-1:123456789012:q.fifo"])
def test_what_is_no_destination_can_never_be_sent_to(destination):
    with pytest.raises(UnsendableError, match=rf"^destination {destination}: "):
        Senders(OPTIONS, ManualClock()).send(destination, PARCEL)


def test_other_options_hold_for_the_next_message():
    receiver = Receiver(with_status(200))
    receiver.start()
    senders = Senders(OPTIONS, ManualClock())
    url = f"http://127.0.0.1:{receiver.port}/"
    senders.send(url, PARCEL)
    senders.configure(SendingOptions(region="us-east-1", webhook_key=os.urandom(32)))
    senders.send(url, PARCEL)
    receiver.stop()
    assert ["webhook-signature" in request.headers for request in receiver.requests] == [False, True]


def test_a_failure_is_the_senders_own(tmp_path):
    with pytest.raises(SendError, match="No such file or directory"):
        Senders(OPTIONS, ManualClock()).send(f"file:{tmp_path}/no/a", PARCEL)
