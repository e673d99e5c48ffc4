"""Where messages about discarded batches go: a destination as a text, and as the value that the text stands for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

TEXT_MAX_CHARACTERS = 2048
"""Of a destination: an ARN has at most 350, and few servers take a longer URL."""
FORMS = "the ARN of an SQS queue, an SNS topic or an S3 bucket, an http:// or https:// URL, or file:PATH"
"""What a destination may be, in words."""

_ARN = re.compile(
    r"arn:aws[a-zA-Z0-9-]*:(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d{0,12}):(?P<rest>.*)"
)
_QUEUE = re.compile(r"[A-Za-z0-9_-]{1,80}")  # SQS: CreateQueue
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,256}")  # SNS: CreateTopic
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")  # S3: CreateBucket
_FIFO = ".fifo"


class DestinationError(ValueError):
    """The text names no destination; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Queue:
    """A standard queue of SQS."""

    with_records: ClassVar[bool] = False  # whether the message holds the batch itself
    text: str  # its ARN
    region: str
    account_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A standard topic of SNS."""

    with_records: ClassVar[bool] = False
    text: str  # its ARN
    region: str


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of S3."""

    with_records: ClassVar[bool] = True
    text: str  # its ARN
    name: str


@dataclass(frozen=True, slots=True)
class Webhook:
    """A URL that messages are posted to."""

    with_records: ClassVar[bool] = True
    text: str  # the URL
    tls: bool
    host: str
    port: int
    target: str  # path and query


@dataclass(frozen=True, slots=True)
class File:
    """A file that messages are appended to, each a line."""

    with_records: ClassVar[bool] = True
    text: str  # file: and the path
    path: Path  # absolute


Destination = Queue | Topic | Bucket | Webhook | File


def parse_destination(text: str, folder: Path | None = None) -> Destination:
    """Read a destination. The path of a file that is not absolute starts at `folder`.

    Raises: DestinationError. Lambda: OnFailure.Destination, less Kafka topics, plus URLs and files.
    """
    if len(text) > TEXT_MAX_CHARACTERS:
        raise DestinationError(f"expected at most {TEXT_MAX_CHARACTERS} characters")
    scheme = text.partition(":")[0].lower()
    match scheme:
        case "arn":
            return _of_arn(text)
        case "http" | "https":
            return _webhook(text)
        case "file":
            return _file(text.partition(":")[2], folder)
        case "kafka":
            raise DestinationError(f"Kafka topics are destinations of Kafka sources alone: expected {FORMS}")
    raise DestinationError(f"expected {FORMS}")


def needs_aws(destination: Destination) -> bool:
    """Tell whether messages reach a destination by way of boto3."""
    return isinstance(destination, Queue | Topic | Bucket)


def _of_arn(text: str) -> Queue | Topic | Bucket:
    match = _ARN.fullmatch(text)
    if match is None:
        raise DestinationError("is no ARN: expected one such as arn:aws:sqs:us-east-1:123456789012:failed-batches")
    service, name = match["service"], match["rest"]
    if service == "s3":
        return _bucket(text, name, match["region"] + match["account"])
    if service not in {"sqs", "sns"}:
        raise DestinationError(f"is an ARN of {service}: expected {FORMS}")
    kind = "queue" if service == "sqs" else "topic"
    example = f"arn:aws:{service}:us-east-1:123456789012:failed-batches"
    if not match["region"] or len(match["account"]) != 12:
        raise DestinationError(f"names no region and account of 12 digits: expected such as {example}")
    if name.endswith(_FIFO):
        raise DestinationError(
            f"is a FIFO {kind}: Lambda sends failed batches to standard ones alone; name such a {kind}"
        )
    if (_QUEUE if service == "sqs" else _TOPIC).fullmatch(name) is None:
        raise DestinationError(f"names no {kind}: expected letters, digits, - and _ at its end, such as {example}")
    if service == "sqs":
        return Queue(text, match["region"], match["account"], name)
    return Topic(text, match["region"])


def _bucket(text: str, name: str, place: str) -> Bucket:
    if place or _BUCKET.fullmatch(name) is None or ".." in name:
        raise DestinationError(
            "names no bucket: expected the ARN of a whole bucket, such as arn:aws:s3:::failed-batches"
        )
    return Bucket(text, name)


def _webhook(text: str) -> Webhook:
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise DestinationError(
            "has characters that no URL has: expected ASCII without blanks, others as %XX (and xn--)"
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise DestinationError(f"is no URL ({error}): expected such as https://example.com/failed-batches") from None
    if not parts.hostname or port == 0:
        raise DestinationError("names no host to connect to: expected such as https://example.com/failed-batches")
    if parts.username is not None or parts.password is not None:
        raise DestinationError("has a user in it, which status and logs would show: let the receiver check signatures")
    if parts.fragment:
        raise DestinationError(f"ends in #{parts.fragment}, which no server gets to see: leave it out")
    tls = parts.scheme == "https"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Webhook(text, tls, parts.hostname, port or (443 if tls else 80), target)


def _file(path: str, folder: Path | None) -> File:
    if path.startswith("//") and not path.startswith("///"):
        raise DestinationError("names a host: expected file:PATH with a path of this machine")
    if not path or "\0" in path or path.endswith("/"):
        raise DestinationError("names no file: expected file:PATH, such as file:failed-batches.jsonl")
    try:
        whole = Path(path).expanduser()
        whole = whole if folder is None else folder / whole
    except RuntimeError as error:  # no such user after ~
        raise DestinationError(f"leads nowhere ({error}): expected file:PATH") from None
    if not whole.is_absolute():
        raise DestinationError("is relative, with no folder to start at: expected an absolute path")
    return File(f"file:{whole}", whole)
