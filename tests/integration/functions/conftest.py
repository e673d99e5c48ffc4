"""A bench on which real functions run: definitions over a temporary folder, their outcomes and their log lines."""

from __future__ import annotations

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from cdc.clock import SystemClock
from cdc.functions.manager import Functions
from cdc.functions.runner import FunctionsOptions
from cdc.model.functions import FunctionDefinition, Invocation, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 20.0
RUNTIME = """
import http.client, json, os, signal, socket, sys, time
ADDRESS = os.environ["AWS_LAMBDA_RUNTIME_API"]
print(os.getpid(), file=open("pids", "a"), flush=True)
connection = http.client.HTTPConnection(ADDRESS)

def call(method, path, body=None, **headers):
    connection.request(method, "/2018-06-01/runtime/" + path, body, headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.headers), answer.read()

def fetch():
    _, headers, body = call("GET", "invocation/next")
    return headers["Lambda-Runtime-Aws-Request-Id"], json.loads(body), headers

def respond(request_id, value):
    return call("POST", f"invocation/{request_id}/response", json.dumps(value))

def refusal(answer):
    return [answer[0], json.loads(answer[2])["errorType"]]

"""
"""What a runtime written by hand needs: each starts with this text."""


class Pending:
    """An invocation under way; counts how often it was answered."""

    def __init__(self) -> None:
        self._ended = threading.Event()
        self.outcomes: list[Outcome] = []

    def done(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._ended.set()

    @property
    def ended(self) -> bool:
        return self._ended.is_set()

    def outcome(self) -> Outcome:
        assert self._ended.wait(PATIENCE_SECONDS), "the invocation has no outcome"
        assert len(self.outcomes) == 1
        return self.outcomes[0]


class Bench:
    """Functions over one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str, str]] = []
        self.definitions: dict[str, FunctionDefinition] = {}
        self._functions: Functions | None = None
        self.options = FunctionsOptions()

    @property
    def functions(self) -> Functions:
        if self._functions is None:
            log = lambda *line: self.lines.append(line)  # noqa: E731
            self._functions = Functions(clock=SystemClock(), log=log, options=self.options)
        return self._functions

    def module(self, text: str, name: str = "h") -> None:
        (self.folder / f"{name}.py").write_text(text)

    def definition(self, name: str, **members: Any) -> FunctionDefinition:
        return FunctionDefinition(name=name, **{"working_directory": self.folder, **members})

    def define(self, name: str = "f", **members: Any) -> None:
        self.definitions[name] = self.definition(name, **members)
        self.functions.configure(self.definitions.values())

    def python(self, body: str, **members: Any) -> None:
        """Define `f` as a Python handler with this body."""
        self.module("import os, sys, time, subprocess, signal\ndef handle(event, context):\n    " + body)
        self.define(handler="h:handle", **members)

    def shell(self, text: str, **members: Any) -> None:
        """Define `f` as a shell command."""
        self.define(command=("sh", "-c", text), **members)

    def runtime(self, body: str, **members: Any) -> None:
        """Define `f` as a runtime in Python that speaks the Runtime API by hand."""
        (self.folder / "runtime.py").write_text(RUNTIME + body)
        self.define(runtime=(sys.executable, "runtime.py"), **members)

    def pids(self) -> list[int]:
        """Return the pids of the runtimes that have run."""
        return [int(line) for line in (self.folder / "pids").read_text().split()]

    def request(self, name: str = "f", event: bytes = b"{}", request_id: str = "r-1", **members: Any) -> Pending:
        """Invoke as Lambda's Invoke does."""
        pending = Pending()
        invocation = Invocation(function_name=name, request_id=request_id, event=event, **members)
        self.functions.request(invocation, pending.done)
        return pending

    def start(self, name: str = "f", event: bytes = b"{}", request_id: str = "r-1") -> Pending:
        pending = Pending()
        self.functions.invoke(name, event, request_id, pending.done)
        return pending

    def call(self, name: str = "f", event: bytes = b"{}", request_id: str = "r-1") -> Outcome:
        return self.start(name, event, request_id).outcome()

    def log(self, request_id: str = "r-1") -> list[str]:
        return [text for _, request, text in self.lines if request == request_id]

    def pid_in(self, name: str) -> int:
        """Wait for a file with a pid in it."""
        file = self.folder / name
        wait_until(lambda: file.exists() and file.read_text().endswith("\n"))
        return int(file.read_text())

    def close(self) -> None:
        if self._functions is not None:
            self._functions.close(0)


def wait_until(predicate: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
    pause, clock = threading.Event(), SystemClock()
    deadline = clock.monotonic() + seconds
    while not predicate():
        assert clock.monotonic() < deadline, "it did not come about"
        pause.wait(0.005)


def open_descriptors() -> set[str]:
    return {entry.name for entry in Path("/proc/self/fd").iterdir()}


def runs(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped doesn't."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


@pytest.fixture(name="wait_until")
def _wait_until() -> Callable[..., None]:
    return wait_until


@pytest.fixture(name="runs")
def _runs() -> Callable[[int], bool]:
    return runs


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    uvloop.new_event_loop().close()  # the first one opens a pipe for signals, which stays
    before = open_descriptors()
    bench = Bench(tmp_path)
    yield bench
    bench.close()
    leaked = [thread.name for thread in threading.enumerate() if thread.name.startswith("function ")]
    assert leaked == []
    assert open_descriptors() <= before  # one that another test had left may be gone by now
