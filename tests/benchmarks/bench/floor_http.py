"""Floor H: uvicorn, answering a constant from a bare ASGI callable.

`python -m tests.benchmarks.bench.floor_http BYTES` prints its address and serves answers of that many bytes, with the
headers of the daemon's, until it is ended. The body of a request is read and dropped.
"""

from __future__ import annotations

import asyncio
import gc
import sys
from typing import TYPE_CHECKING, Any

import uvicorn
import uvloop

from cdc.api.http import BACKLOG, KEEP_ALIVE_SECONDS
from cdc.daemon import SWITCH_SECONDS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]


class Constant:
    """Answers every request alike."""

    def __init__(self, size_bytes: int) -> None:
        headers = [
            (b"content-type", b"application/x-amz-json-1.0"),
            (b"content-length", b"%d" % size_bytes),
            (b"x-amzn-requestid", b"A" * 52),
            (b"x-amz-crc32", b"2745614147"),
        ]
        self._start = {"type": "http.response.start", "status": 200, "headers": headers}
        self._body = {"type": "http.response.body", "body": b"{" + b" " * (size_bytes - 2) + b"}"}

    async def __call__(self, _scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        while (await receive()).get("more_body"):
            pass
        await send(self._start)
        await send(self._body)


async def serve(app: Constant) -> None:
    """Serve on a free port of 127.0.0.1 and print the address."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            http="httptools",
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            headers=[("Server", "Server")],
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
        await asyncio.sleep(0.01)
    print(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", flush=True)
    gc.collect()
    gc.freeze()
    await serving


def main() -> None:
    """Serve until a signal."""
    sys.setswitchinterval(SWITCH_SECONDS)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Constant(int(sys.argv[1]))))


if __name__ == "__main__":
    main()
