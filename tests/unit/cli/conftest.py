"""The command line in this process, in a folder of its own, and a stand-in for a server."""

from __future__ import annotations

import json
import os
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from cdc.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    Cli = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, without settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith("CDC_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def cli(folder: Path) -> Cli:  # noqa: ARG001  # the folder that it runs in
    """Run a command line: `cli("put", "orders", '{"id": "1"}')`."""

    def run(*arguments: str, input: str | bytes | None = None) -> Result:  # noqa: A002  # Click's name
        return CliRunner().invoke(main, arguments, input=input)

    return run


@pytest.fixture
def orders(cli: Cli) -> str:
    """A table keyed by id, with a stream."""
    assert cli("create-table", "orders", "--key", "id").exit_code == 0
    return "orders"


class StandIn:
    """A server that answers what it is told and remembers what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, Any]] = []
        self.answers: list[tuple[int, bytes]] = []
        self.connections: set[Any] = set()
        self.hang_up_after = 0  # requests on one connection, 0 for any number
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            served = 0

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                stand_in.requests.append((self.headers["X-Amz-Target"], json.loads(body)))
                stand_in.connections.add(self.client_address)
                status, answer = stand_in.answers.pop(0)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.served += 1
                self.close_connection = self.served == stand_in.hang_up_after

            def log_message(self, *_arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    server = StandIn()
    yield server
    server.stop()
