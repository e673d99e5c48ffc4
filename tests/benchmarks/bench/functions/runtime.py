"""A runtime of the bench in one page: it fetches events from the Lambda Runtime API, decodes them and counts the records."""

from __future__ import annotations

import gc
import http.client
import os

import orjson

BASE = "/2018-06-01/runtime/invocation"


def main() -> None:
    """Count until the daemon ends the process."""
    gc.set_threshold(50_000)  # an event is 8,000 dicts, and no garbage
    log = os.open(os.environ["BENCH_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    while True:
        connection.request("GET", f"{BASE}/next")
        answer = connection.getresponse()
        request_id, event = answer.headers["Lambda-Runtime-Aws-Request-Id"], answer.read()
        os.write(log, b"%d\n" % len(orjson.loads(event)["Records"]))
        connection.request("POST", f"{BASE}/{request_id}/response", b"null")
        connection.getresponse().read()


if __name__ == "__main__":
    main()
