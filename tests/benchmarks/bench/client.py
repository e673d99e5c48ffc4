"""A small HTTP client for what the bench asks besides the load: one connection, one request at a time."""

from __future__ import annotations

import http.client
import json
from typing import Any

TABLES = "DynamoDB_20120810"
STREAMS = "DynamoDBStreams_20120810"
TIMEOUT_SECONDS = 30


class Client:
    """Calls operations of the daemon."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def send(self, service: str, operation: str, request: dict[str, Any]) -> bytes:
        """Return the body of an answer.

        Raises: RuntimeError for any status but 200.
        """
        headers = {"X-Amz-Target": f"{service}.{operation}", "Content-Type": "application/x-amz-json-1.0"}
        self._connection.request("POST", "/", json.dumps(request), headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise RuntimeError(f"{operation}: {response.status} {body[:300]!r}")
        return body

    def call(self, service: str, operation: str, **request: Any) -> dict[str, Any]:
        """Return an answer.

        Raises: RuntimeError for any status but 200.
        """
        answer: dict[str, Any] = json.loads(self.send(service, operation, request))
        return answer
