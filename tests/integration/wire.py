"""Requests as they are on the wire: JSON over one kept-alive connection per thread, answers and refusals decoded."""

from __future__ import annotations

import json
import select
import threading
from dataclasses import dataclass, field
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

STREAM_OPERATIONS = {"ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"}
JSON_1_0 = "application/x-amz-json-1.0"
TIMEOUT_SECONDS = 30


class Refused(Exception):  # it is what a refusal is called in tests
    """The service answered with an error."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        self.status = status
        self.body = body
        self.code = str(body.get("__type", "")).rpartition("#")[2]
        self.message = str(body.get("message", body.get("Message", "")))
        super().__init__(f"{status} {self.code}: {self.message}")


@dataclass(frozen=True)
class Reply:
    """An HTTP response as it came."""

    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes

    def json(self) -> Any:
        """Decode the body."""
        return json.loads(self.body)


def target_of(operation: str) -> str:
    """Return the value of X-Amz-Target for an operation."""
    service = "DynamoDBStreams_20120810" if operation in STREAM_OPERATIONS else "DynamoDB_20120810"
    return f"{service}.{operation}"


@dataclass
class Wire:
    """Sends requests to one port; may be used from any thread."""

    port: int
    _local: threading.local = field(default_factory=threading.local)

    def call(self, operation: str, **request: Any) -> dict[str, Any]:
        """Run an operation and return its answer; raises Refused."""
        reply = self.post(operation, json.dumps(request).encode())
        body = reply.json() if reply.body else {}
        assert isinstance(body, dict)
        if reply.status != 200:
            raise Refused(reply.status, body)
        return body

    def refusal(self, operation: str, request: dict[str, Any]) -> Refused:
        """Run an operation that must be refused, and return the refusal."""
        try:
            answer = self.call(operation, **request)
        except Refused as refused:
            return refused
        raise AssertionError(f"{operation} was accepted: {answer}")

    def post(self, operation: str, body: bytes, **headers: str) -> Reply:
        """Send a body to an operation; a header's name is given with `_` for `-`."""
        given = {"X-Amz-Target": target_of(operation), "Content-Type": JSON_1_0}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.send("POST", "/", body, given)

    def send(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Reply:
        """Send any HTTP request."""
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
            connection.close()  # by the server, as nothing was asked for long; clients of AWS look, too
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, names, response.read())
        except BaseException:
            connection.close()  # the next request opens a new one
            raise

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def pages(self, operation: str, key: str = "LastEvaluatedKey", **request: Any) -> Iterator[dict[str, Any]]:
        """Run a Query or Scan to its end, page by page."""
        while True:
            page = self.call(operation, **request)
            yield page
            if key not in page:
                return
            request["ExclusiveStartKey"] = page[key]

    def items(self, operation: str, **request: Any) -> list[dict[str, Any]]:
        """Return all items of a Query or Scan."""
        return [item for page in self.pages(operation, **request) for item in page["Items"]]
