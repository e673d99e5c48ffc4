"""Destinations: each kind of text becomes its value, and a wrong one is refused with what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.model.destinations import (
    TEXT_MAX_CHARACTERS,
    Bucket,
    DestinationError,
    File,
    Queue,
    Topic,
    Webhook,
    needs_aws,
    parse_destination,
)

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:failed-batches"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:failed_batches"
BUCKET = "arn:aws:s3:::failed.batches-1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (QUEUE, Queue(QUEUE, "eu-west-1", "123456789012", "failed-batches")),
        (TOPIC, Topic(TOPIC, "eu-west-1")),
        (BUCKET, Bucket(BUCKET, "failed.batches-1")),
        (
            QUEUE.replace("aws", "aws-us-gov", 1),
            Queue(QUEUE.replace("aws", "aws-us-gov", 1), "eu-west-1", "123456789012", "failed-batches"),
        ),
        ("https://example.com", Webhook("https://example.com", True, "example.com", 443, "/")),
        ("http://10.0.0.1:81/a?b=c", Webhook("http://10.0.0.1:81/a?b=c", False, "10.0.0.1", 81, "/a?b=c")),
        ("http://[::1]:81/", Webhook("http://[::1]:81/", False, "::1", 81, "/")),
        ("file:/var/failed.jsonl", File("file:/var/failed.jsonl", Path("/var/failed.jsonl"))),
        ("file:///var/failed.jsonl", File("file:/var/failed.jsonl", Path("/var/failed.jsonl"))),
        ("file:a b/failed.jsonl", File("file:/etc/cdc/a b/failed.jsonl", Path("/etc/cdc/a b/failed.jsonl"))),
    ],
)
def test_a_text_becomes_the_destination_that_it_names(text, value):
    assert parse_destination(text, Path("/etc/cdc")) == value


@pytest.mark.parametrize("text", [QUEUE, TOPIC, BUCKET, "https://example.com/a?b", "file:/x"])
def test_the_text_of_a_destination_names_the_same_one(text):
    destination = parse_destination(text)
    assert parse_destination(destination.text) == destination


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected the ARN of an SQS queue, an SNS topic or an S3 bucket, an http"),
        ("failed.jsonl", "expected the ARN of an SQS queue"),
        ("ftp://example.com/x", "expected the ARN of an SQS queue"),
        ("kafka://topic", "Kafka topics are destinations of Kafka sources alone"),
        ("arn:aws:sqs", "is no ARN: expected one such as arn:aws:sqs:us-east-1:123456789012:failed-batches"),
        ("arn:aws:lambda:us-east-1:123456789012:function:f", "is an ARN of lambda: expected the ARN of an SQS"),
        (f"{QUEUE}.fifo", "is a FIFO queue: Lambda sends failed batches to standard ones alone"),
        (f"{TOPIC}.fifo", "is a FIFO topic: Lambda sends"),
        (QUEUE.replace("failed-batches", "a.b"), "names no queue: expected letters, digits, - and _"),
        (QUEUE.replace("failed-batches", "q" * 81), "names no queue"),
        (QUEUE.replace("failed-batches", ""), "names no queue"),
        (TOPIC.replace("failed_batches", "a:b"), "names no topic"),
        (QUEUE.replace("123456789012", "1"), "names no region and account of 12 digits"),
        (QUEUE.replace("eu-west-1", ""), "names no region and account"),
        ("arn:aws:s3:::Bucket", "names no bucket: expected the ARN of a whole bucket, such as arn:aws:s3:::"),
        ("arn:aws:s3:::bucket/key", "names no bucket"),
        ("arn:aws:s3:us-east-1:123456789012:accesspoint/x", "names no bucket"),
        ("arn:aws:s3:::a..b", "names no bucket"),
        ("https://", "names no host"),
        ("https:example.com", "names no host"),
        ("https://example.com:0/", "names no host"),
        ("https://example.com:99999/", "is no URL (Port out of range"),
        ("https://[::1/", "is no URL (Invalid IPv6 URL"),
        ("https://user:secret@example.com/", "has a user in it"),
        ("https://example.com/#top", "ends in #top, which no server gets to see"),
        ("https://exämple.com/", "has characters that no URL has"),
        ("https://example.com/a b", "has characters that no URL has"),
        ("https://example.com/a\nb", "has characters that no URL has"),
        ("file:", "names no file"),
        ("file:folder/", "names no file"),
        ("file:a\0b", "names no file"),
        ("file://host/x", "names a host: expected file:PATH"),
        ("file:~no-such-user/x", "leads nowhere"),
        ("file:relative", "is relative, with no folder to start at"),
        ("https://example.com/" + "x" * TEXT_MAX_CHARACTERS, "expected at most 2048 characters"),
    ],
)
def test_a_wrong_text_is_refused_with_what_would_be_right(text, message):
    with pytest.raises(DestinationError) as caught:
        parse_destination(text)
    assert str(caught.value).startswith(message)


def test_no_message_shows_the_password_of_a_url():
    with pytest.raises(DestinationError) as caught:
        parse_destination("https://user:secret@example.com/")
    assert "secret" not in str(caught.value)


def test_queues_topics_and_buckets_need_aws_and_the_others_get_the_records():
    kinds = [parse_destination(text) for text in (QUEUE, TOPIC, BUCKET, "http://a", "file:/x")]
    assert [needs_aws(kind) for kind in kinds] == [True, True, True, False, False]
    assert [kind.with_records for kind in kinds] == [False, False, True, True, True]
