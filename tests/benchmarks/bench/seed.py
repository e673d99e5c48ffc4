"""Filling database files through the library, before a daemon serves them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from cdc.store.writer import Job
from cdc.tables.write import put_item

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.service import Service

QUEUED = 2048
"""Writes that wait at a time: more would only fill memory."""
FIRST_NUMBER = 100_000_000_000
"""Counters in items start here, so that all have 12 digits and all items of a table the same size."""
STEP = 7919
PAYLOAD = "durable change data capture " * 6
STREAM = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}


def create_table(service: Service, name: str, *, stream: bool = True, sorted_by_number: bool = False) -> None:
    """Create an on-demand table with the key `pk`, and the sort key `n` if it is sorted."""
    request: dict[str, Any] = {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    }
    if sorted_by_number:
        request["AttributeDefinitions"].append({"AttributeName": "n", "AttributeType": "N"})
        request["KeySchema"].append({"AttributeName": "n", "KeyType": "RANGE"})
    if stream:
        request["StreamSpecification"] = STREAM
    service.create_table(**request)


def put_request(table: str, key: str, number: int) -> dict[str, Any]:
    """Build a PutItem of an item whose JSON has about 230 bytes."""
    return {"TableName": table, "Item": {"n": {"N": str(number)}, "payload": {"S": PAYLOAD}, "pk": {"S": key}}}


def puts(table: str, keys: int, count: int) -> Iterable[dict[str, Any]]:
    """Make `count` puts that go round `keys` keys, each item differing from the one before."""
    for index in range(count):
        yield put_request(table, f"item-{index * STEP % keys:08d}", FIRST_NUMBER + index)


def write_all(service: Service, requests: Iterable[dict[str, Any]]) -> None:
    """Run puts in the writer's groups and wait for all of them.

    Raises: what the first one that failed raised.
    """
    room = threading.Semaphore(QUEUED)
    errors: list[Exception] = []

    def finish(jobs: list[Job[Any]]) -> None:
        errors.extend(job.error for job in jobs if job.error is not None)
        room.release(len(jobs))

    for request in requests:
        write = put_item(request, service.options)
        room.acquire()
        service.writer.submit(Job(write.run, finish, write.size_bytes))
    for _ in range(QUEUED):
        room.acquire()
    if errors:
        raise errors[0]
