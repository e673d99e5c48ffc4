"""The way to AWS: what is refused before any request, whose errors may pass, and what is said without boto3."""

from __future__ import annotations

import importlib.util
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError

from cdc.mappings.destinations.aws import BOTO3_MISSING, Clients, as_send_errors, has_boto3
from cdc.mappings.destinations.s3 import BucketSender
from cdc.mappings.destinations.sending import Parcel, SendError, SendingOptions, UnsendableError
from cdc.mappings.destinations.sns import TopicSender
from cdc.mappings.destinations.sqs import QueueSender
from cdc.model.destinations import Bucket, Queue, Topic, parse_destination

QUEUE = parse_destination("arn:aws:sqs:eu-west-1:123456789012:q")
TOPIC = parse_destination("arn:aws:sns:eu-west-1:123456789012:t")
BUCKET = parse_destination("arn:aws:s3:::bucket")
OPTIONS = SendingOptions(region="eu-north-1", endpoint_url="http://127.0.0.1:1", timeout_seconds=7)
MESSAGE_ID = "5cfa8d0e-6a5b-4b9c-8f4c-0a6a3c1d2e3f"
ATTRIBUTE_BYTES = len("cdc-message-id") + len("String") + len(MESSAGE_ID)


@pytest.fixture(autouse=True)
def surroundings(monkeypatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


class Recorder:
    """Stands in for the clients, and for each of them."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def get(self, service: str, region: str | None = None) -> Any:
        self.calls.append((service, {"region": region}))
        return self

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> dict[str, str]:
            self.calls.append((name, request))
            return {"QueueUrl": "http://queue"}

        return call


def senders(clients: Any) -> list[Any]:
    assert isinstance(QUEUE, Queue)
    assert isinstance(TOPIC, Topic)
    assert isinstance(BUCKET, Bucket)
    return [QueueSender(QUEUE, clients), TopicSender(TOPIC, clients), BucketSender(BUCKET, clients)]


@pytest.mark.parametrize(("which", "limit", "service"), [(0, 1 << 20, "SQS"), (1, 256 << 10, "SNS")])
def test_a_message_over_the_limit_can_never_be_sent_and_one_at_the_limit_is(which, limit, service):
    recorder = Recorder()
    send = senders(recorder)[which]
    send(Parcel(MESSAGE_ID, b"x" * (limit - ATTRIBUTE_BYTES)))
    assert recorder.calls
    recorder.calls.clear()
    with pytest.raises(UnsendableError, match=rf"^the message has {limit + 1} bytes, and {service} takes {limit}$"):
        send(Parcel(MESSAGE_ID, b"x" * (limit - ATTRIBUTE_BYTES + 1)))
    assert recorder.calls == []


def test_the_url_of_a_queue_is_asked_for_once():
    recorder = Recorder()
    send = senders(recorder)[0]
    for _ in range(2):
        send(Parcel(MESSAGE_ID, b"{}"))
    assert [name for name, _ in recorder.calls] == ["sqs", "get_queue_url", "send_message", "sqs", "send_message"]
    assert recorder.calls[0][1] == {"region": "eu-west-1"}
    assert recorder.calls[1][1] == {"QueueName": "q", "QueueOwnerAWSAccountId": "123456789012"}


def test_an_object_without_a_key_can_never_be_put():
    with pytest.raises(UnsendableError, match="has no key"):
        senders(Recorder())[2](Parcel(MESSAGE_ID, b"{}"))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_without_boto3_a_message_waits_and_says_what_to_install(monkeypatch, which):
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    assert not has_boto3()
    send = senders(Clients(OPTIONS))[which]
    with pytest.raises(SendError) as caught:
        send(Parcel(MESSAGE_ID, b"{}", "key"))
    assert str(caught.value) == BOTO3_MISSING
    assert not isinstance(caught.value, UnsendableError)


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (
            ClientError({"Error": {"Code": "AWS.SimpleQueueService.NonExistentQueue", "Message": "no\nqueue"}}, "x"),
            SendError,
            "NonExistentQueue: no queue",
        ),
        (ClientError({"Error": {"Code": "InvalidMessageContents", "Message": "no"}}, "x"), UnsendableError, "Invalid"),
        (ClientError({"Error": {"Code": "EntityTooLarge", "Message": "no"}}, "x"), UnsendableError, "EntityTooLarge"),
        (ClientError({}, "x"), SendError, ":"),
        (EndpointConnectionError(endpoint_url="http://x"), SendError, "Could not connect to the endpoint URL"),
        (NoCredentialsError(), SendError, "Unable to locate credentials"),
    ],
)
def test_errors_of_the_service_and_of_the_way_there_are_told_apart_from_those_of_the_message(error, kind, text):
    with pytest.raises(SendError, match=text) as caught, as_send_errors():
        raise error
    assert type(caught.value) is kind


def test_a_client_is_made_once_for_service_and_region_with_the_configured_endpoint_and_times():
    clients = Clients(OPTIONS)
    made: list[Any] = []
    threads = [threading.Thread(target=lambda: made.append(clients.get("sqs", "eu-west-1"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in made}) == 1
    meta = made[0].meta
    assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:1", "eu-west-1")
    assert (meta.config.connect_timeout, meta.config.read_timeout) == (7, 7)
    assert meta.config.retries["total_max_attempts"] == 1
    assert clients.get("sqs", "eu-west-2") is not made[0]


def test_the_region_of_a_bucket_is_that_of_the_environment_else_that_of_the_settings(monkeypatch):
    assert Clients(OPTIONS).get("s3").meta.region_name == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert Clients(OPTIONS).get("s3").meta.region_name == "us-west-2"
