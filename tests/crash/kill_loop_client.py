"""A client process of the kill loop: several writers, each logging a request before it is sent and what came of it."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any

from tests.crash.kill_loop_history import ACKNOWLEDGED, ADD, CREATE, DELETE, PUT, REFUSED, SHARED, SWAP, UNKNOWN
from tests.integration.wire import Refused, Wire

TABLE = "journalled"
OWN_KEYS = 6
SHARED_KEYS = 3
BATCH_MAX = 5
Fields = tuple[str, str, str, int, str]
"""Verb, key, uid, number, expected: a Write of the history without its request."""


def put_item(fields: Fields) -> dict[str, Any]:
    """Write the item that a put stores."""
    _, key, uid, number, _ = fields
    return {"pk": {"S": key}, "w": {"S": uid}, "n": {"N": str(number)}}


def request_of(fields: Fields) -> tuple[str, dict[str, Any]]:
    """Write the request of a single write."""
    verb, key, uid, number, expected = fields
    if verb == DELETE:
        return "DeleteItem", {"TableName": TABLE, "Key": {"pk": {"S": key}}}
    if verb == ADD:
        values = {":uid": {"S": uid}, ":number": {"N": str(number)}}
        update = {"UpdateExpression": "SET w = :uid ADD n :number", "ExpressionAttributeValues": values}
        return "UpdateItem", {"TableName": TABLE, "Key": {"pk": {"S": key}}, **update}
    request: dict[str, Any] = {"TableName": TABLE, "Item": put_item(fields)}
    if verb == CREATE:
        request["ConditionExpression"] = "attribute_not_exists(pk)"
    elif verb == SWAP:
        request["ConditionExpression"] = "w = :expected"
        request["ExpressionAttributeValues"] = {":expected": {"S": expected}}
    return "PutItem", request


def batch_of(batch: list[Fields]) -> tuple[str, dict[str, Any]]:
    """Write the request of a batch of puts and deletes."""
    writes = [
        {"DeleteRequest": {"Key": {"pk": {"S": fields[1]}}}}
        if fields[0] == DELETE
        else {"PutRequest": {"Item": put_item(fields)}}
        for fields in batch
    ]
    return "BatchWriteItem", {"RequestItems": {TABLE: writes}}


class Writer:
    """Sends one request after the other, on keys of its own and on shared counters."""

    def __init__(self, name: str, folder: Path, seed: str) -> None:
        self._name = name
        self._random = random.Random(f"{seed}/{name}")
        self._log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self._numbers = count()
        self._last: dict[str, str] = {}  # the uid that was sent last, by key

    def run(self, port: int, seconds: float) -> None:
        """Write until the daemon is gone, or for so long."""
        wire = Wire(port)
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._send(wire):
            pass
        wire.close()

    def _send(self, wire: Wire) -> bool:
        """Send one request; tell whether its outcome is known."""
        request = f"{self._name}/{next(self._numbers)}"
        writes = self._choose(request)
        operation, body = batch_of(writes) if len(writes) > 1 else request_of(writes[0])
        self._note("sent", request, writes)
        try:
            answer = wire.call(operation, **body)
            outcome = UNKNOWN if answer.get("UnprocessedItems") else ACKNOWLEDGED
        except Refused as refused:
            outcome = REFUSED if refused.status < 500 else UNKNOWN
        except (OSError, HTTPException, ValueError):
            outcome = UNKNOWN
        self._note("ended", request, outcome)
        return outcome != UNKNOWN

    def _choose(self, request: str) -> list[Fields]:
        chance = self._random
        verb = chance.choices((PUT, ADD, CREATE, SWAP, DELETE, SHARED, "batch"), (20, 20, 10, 10, 12, 15, 13))[0]
        keys = [f"{self._name}-{number}" for number in range(OWN_KEYS)]
        if verb == SHARED:
            key = f"{SHARED}{chance.randrange(SHARED_KEYS)}"
            return [(ADD, key, request, chance.randint(-5, 9), "")]
        if verb == "batch":
            several = chance.sample(keys, chance.randint(2, BATCH_MAX))
            return [self._write(chance.choice((PUT, PUT, DELETE)), key, f"{request}.{key}") for key in several]
        return [self._write(verb, chance.choice(keys), request)]

    def _write(self, verb: str, key: str, uid: str) -> Fields:
        expected = self._last.get(key, "none") if verb == SWAP else ""
        self._last[key] = uid
        return verb, key, uid, self._random.randint(0, 99), expected

    def _note(self, kind: str, request: str, content: Any) -> None:
        os.write(self._log, json.dumps([kind, request, content]).encode() + b"\n")
        os.fdatasync(self._log)


def main() -> None:
    """Write whenever a line on standard input says a port and for how many seconds at most; answer `done`."""
    name, folder, seed, threads = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
    writers = [Writer(f"{name}{number}", folder, seed) for number in range(threads)]
    for line in sys.stdin:
        port, seconds = line.split()
        running = [threading.Thread(target=each.run, args=(int(port), float(seconds))) for each in writers]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join()
        sys.stdout.write("done\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
