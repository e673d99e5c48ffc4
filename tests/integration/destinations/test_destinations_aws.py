"""Messages of a running daemon reach queues, topics and buckets of a moto server, in the form that Lambda gives them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdc.mappings.destinations.aws import Clients
from cdc.mappings.destinations.s3 import BucketSender
from cdc.mappings.destinations.sending import Parcel, SendingOptions
from cdc.mappings.failure_record import failure_record, object_key
from cdc.model.destinations import Bucket, parse_destination
from cdc.model.outbox import FAILED, SENT
from tests.integration.destinations.conftest import eventually, new_batch
from tests.integration.destinations.moto_server import ENVIRONMENT, MotoServer

ACCOUNT = "123456789012"


def new_queue(moto: MotoServer, name: str, region: str = "us-east-1", **attributes: str) -> tuple[Any, str]:
    sqs = moto.client("sqs", region)
    return sqs, sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def received(sqs: Any, url: str, count: int = 1) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []

    def take() -> bool:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages.extend(answer.get("Messages", []))
        return len(messages) >= count

    eventually(take, f"{count} messages are in {url}")
    return messages


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_a_queue_gets_the_record_of_the_failure_in_its_own_region(moto, aws_office, region):
    sqs, url = new_queue(moto, "failed", region)
    batch = new_batch()
    aws_office.discard(batch, f"arn:aws:sqs:{region}:{ACCOUNT}:failed")
    [message] = received(sqs, url)
    assert message["Body"].encode() == failure_record(batch, with_event=False)
    assert message["MessageAttributes"]["cdc-message-id"]["StringValue"] == batch.message_id
    entry = aws_office.wait_for(batch, SENT)
    assert (entry.attempts, entry.last_error) == (1, None)


def test_a_topic_gets_the_same_and_passes_it_on_to_its_queue(moto, aws_office):
    sqs, url = new_queue(moto, "subscribed")
    sns = moto.client("sns")
    topic = sns.create_topic(Name="failed")["TopicArn"]
    arn = f"arn:aws:sqs:us-east-1:{ACCOUNT}:subscribed"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    batch = new_batch(function_error=None)
    aws_office.discard(batch, topic)
    [message] = received(sqs, url)
    envelope = json.loads(message["Body"])
    assert envelope["Message"].encode() == failure_record(batch, with_event=False)
    assert envelope["MessageAttributes"]["cdc-message-id"]["Value"] == batch.message_id
    aws_office.wait_for(batch, SENT)


def test_a_bucket_gets_an_object_with_the_event_under_its_key(moto, aws_office):
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="failed-batches")
    batch = new_batch()
    aws_office.discard(batch, "arn:aws:s3:::failed-batches")
    aws_office.wait_for(batch, SENT)
    found = s3.get_object(Bucket="failed-batches", Key=object_key(batch))
    body = found["Body"].read()
    assert body == failure_record(batch, with_event=True)
    assert json.loads(body)["payload"] == json.loads(batch.event)
    assert found["ContentType"] == "application/json"
    assert found["Metadata"] == {"cdc-message-id": batch.message_id}


def test_a_repetition_takes_the_place_of_the_object(moto, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="once")
    bucket, batch = parse_destination("arn:aws:s3:::once"), new_batch()
    assert isinstance(bucket, Bucket)
    send = BucketSender(bucket, Clients(SendingOptions(region="us-east-1", endpoint_url=moto.url)))
    for _ in range(2):
        send(Parcel(batch.message_id, failure_record(batch, with_event=True), object_key(batch)))
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="once")["Contents"]] == [object_key(batch)]


def test_a_queue_that_is_made_later_gets_what_waited_for_it(moto, aws_office):
    batch = new_batch()
    aws_office.discard(batch, f"arn:aws:sqs:us-east-1:{ACCOUNT}:later")
    assert "The specified queue does not exist" in aws_office.wait_for_error(batch)
    sqs, url = new_queue(moto, "later")
    assert len(received(sqs, url)) == 1
    aws_office.wait_for(batch, SENT)


@pytest.mark.parametrize(
    ("destination", "error"),
    [
        (f"arn:aws:sns:us-east-1:{ACCOUNT}:missing", "NotFound: "),
        ("arn:aws:s3:::missing-bucket", "NoSuchBucket: The specified bucket does not exist"),
    ],
)
def test_what_is_missing_is_said_and_tried_again(aws_office, destination, error):
    batch = new_batch()
    aws_office.discard(batch, destination)
    assert error in aws_office.wait_for_error(batch)
    eventually(lambda: aws_office.entry(batch).attempts > 1, "it is tried again")


def test_a_message_that_no_topic_takes_is_kept_and_shown(moto, aws_office):
    topic = moto.client("sns").create_topic(Name="small")["TopicArn"]
    batch = new_batch(function_arn="f" * (256 << 10))
    aws_office.discard(batch, topic)
    entry = aws_office.wait_for(batch, FAILED)
    assert "and SNS takes 262144" in (entry.last_error or "")
    assert aws_office.service.message_payload(batch.message_id) == failure_record(batch, with_event=False)
    [shown] = [each for each in aws_office.service.status()["outbox"] if each["destination"] == topic]
    assert (shown["failed"], shown["pending"]) == (1, 0)
    assert shown["last_error"] == entry.last_error


def test_a_large_event_reaches_a_bucket_whole(moto, aws_office):
    s3 = moto.client("s3")
    s3.create_bucket(Bucket="large")
    batch = new_batch(event=b'{"Records":["' + b"x" * (6 << 20) + b'"]}')
    aws_office.discard(batch, "arn:aws:s3:::large")
    aws_office.wait_for(batch, SENT)
    assert s3.get_object(Bucket="large", Key=object_key(batch))["Body"].read() == failure_record(batch, with_event=True)


def test_a_service_that_is_down_gets_its_messages_when_it_is_back(tmp_path, new_office):
    moto = MotoServer(tmp_path)
    moto.start()
    office = new_office(f'endpoint_url = "{moto.url}"\ntimeout_seconds = 5')
    moto.stop()
    batches = [new_batch() for _ in range(5)]
    for batch in batches:
        office.discard(batch, f"arn:aws:sqs:us-east-1:{ACCOUNT}:back")
    assert "Could not connect to the endpoint URL" in office.wait_for_error(batches[0])
    moto.start()
    try:
        sqs, url = new_queue(moto, "back")
        ids = {each["MessageAttributes"]["cdc-message-id"]["StringValue"] for each in received(sqs, url, 5)}
        assert ids == {batch.message_id for batch in batches}
        for batch in batches:
            office.wait_for(batch, SENT)
    finally:
        moto.stop()
