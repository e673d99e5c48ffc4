"""Handlers of the bench: they note what arrived in the file that BENCH_LOG names, one write for each batch."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import Any


@cache
def _log() -> int:
    return os.open(os.environ["BENCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def count(event: dict[str, Any], context: object) -> None:  # noqa: ARG001  # Lambda's signature
    """Note how many records came."""
    os.write(_log(), b"%d\n" % len(event["Records"]))


def wait(event: dict[str, Any], context: object) -> None:
    """Take 0.1 ms a record, as a handler that asks another service does."""
    time.sleep(len(event["Records"]) / 10_000)
    count(event, context)


def note(event: dict[str, Any], context: object) -> None:  # noqa: ARG001  # Lambda's signature
    """Note the number in each item and the time of its arrival, in nanoseconds of the monotonic clock."""
    now = time.monotonic_ns()
    numbers = (int(record["dynamodb"]["NewImage"]["n"]["N"]) for record in event["Records"])
    os.write(_log(), b"".join(b"%d %d\n" % (number, now) for number in numbers))
