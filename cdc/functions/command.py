"""Command functions: a fresh subprocess for each invocation, event on standard input, answer on standard output."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, cast

import orjson

from cdc.functions.environment import environment_of
from cdc.functions.output import DRAIN_BYTES_MAX, READ_BYTES
from cdc.functions.runner import elapsed_ms, ended_outcome, timed_out
from cdc.functions.worker import RESULT_BYTES_MAX
from cdc.model.functions import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.functions.invocation_log import InvocationLog
    from cdc.functions.keeper_client import Child
    from cdc.functions.output import OutputCapture
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition, Invocation


class Answer:
    """What a command wrote to standard output, up to Lambda's bound of an answer."""

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._size = 0

    @property
    def too_large(self) -> bool:
        """Whether more was written than an answer may have."""
        return self._size > RESULT_BYTES_MAX

    def feed(self, data: bytes) -> None:
        """Take the next bytes; more than the bound is dropped."""
        self._size += len(data)
        if not self.too_large:
            self._chunks.append(data)

    def json(self) -> bytes | None:
        """Return the bytes if they are JSON."""
        data = b"".join(self._chunks).strip()
        try:
            orjson.loads(data)
        except ValueError:
            return None
        return data


def event_file(event: bytes) -> BinaryIO:
    """Return the event as an open file, in memory where the system can.

    Not a pipe: a command that doesn't read its input, or reads it late, holds nobody up.
    """
    if sys.platform == "linux":
        file: BinaryIO = os.fdopen(os.memfd_create("event"), "w+b", buffering=0)
    else:
        file = cast("BinaryIO", tempfile.TemporaryFile(buffering=0))  # noqa: SIM115 - the caller closes it
    file.write(event)
    file.seek(0)
    return file


class Run:
    """One process of a command, from its start to the end of its group."""

    def __init__(
        self,
        definition: FunctionDefinition,
        surroundings: Surroundings,
        invocation: Invocation,
        capture: OutputCapture,
        pump: Pump,
    ) -> None:
        assert definition.command is not None
        self.answer = Answer()
        self._capture = capture
        self._open = ExitStack()
        with ExitStack() as failing, ExitStack() as theirs:
            failing.push(self._open)
            event = theirs.enter_context(event_file(invocation.event))
            self._stdout, out = self._pipe(theirs)
            self._stderr, err = self._pipe(theirs)
            environment = environment_of(definition, surroundings)
            environment["AWS_LAMBDA_REQUEST_ID"] = invocation.request_id
            if invocation.client_context:
                environment["AWS_LAMBDA_CLIENT_CONTEXT"] = invocation.client_context.decode()
            self.child: Child = surroundings.keeper.spawn(
                definition.command,
                environment=environment,
                working_directory=definition.working_directory,
                streams=(event.fileno(), out, err),
            )
            self._open.callback(self.child.close)
            failing.pop_all()
        self._pump = pump
        pump.add(self._stdout, self._on_stdout)
        pump.add(self._stderr, self._on_stderr)
        self.child.watch(pump, pump.look)

    async def wait(self, deadline: float) -> bool:
        """Return True once the process and its group are gone; at the deadline kill them first and return False."""
        in_time = await self._pump.run_until(lambda: self.child.ended, deadline)
        if not in_time:
            self.child.kill()
            await self._pump.run_until(lambda: self.child.ended)
        # Not until the end of the pipes: a grandchild in a session of its own may hold them for ever.
        for read in (self._on_stdout, self._on_stderr):
            for _ in range(DRAIN_BYTES_MAX // READ_BYTES):
                if not read():
                    break
        return in_time

    def close(self) -> None:
        """Give up the descriptors."""
        self._pump.clear()
        self._open.close()

    def _pipe(self, theirs: ExitStack) -> tuple[int, int]:
        read, write = os.pipe()
        self._open.callback(os.close, read)
        theirs.callback(os.close, write)
        os.set_blocking(read, False)
        return read, write

    def _on_stdout(self) -> bool:
        data = self._read(self._stdout)
        self.answer.feed(data)
        return bool(data)

    def _on_stderr(self) -> bool:
        data = self._read(self._stderr)
        self._capture.feed(data)
        return bool(data)

    def _read(self, fd: int) -> bytes:
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return b""
        if not data:
            self._pump.remove(fd)
        return data


class CommandRunner:
    """An instance of a command function: nothing of it is kept between invocations.

    Exit status 0 is success. What it printed on standard output is the result if it is JSON; other output, such as
    progress that a script prints, doesn't fail it: the result is None then.
    """

    def __init__(
        self, definition: FunctionDefinition, surroundings: Surroundings, log: InvocationLog, pump: Pump
    ) -> None:
        self._definition = definition
        self._surroundings = surroundings
        self._log = log
        self._pump = pump
        self._child: Child | None = None
        self._stopped = False

    @property
    def warm(self) -> bool:
        """No process outlives its invocation."""
        return False

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run the command to its end."""
        clock, seconds = self._surroundings.clock, self._definition.timeout_seconds
        started = clock.monotonic()
        run = Run(self._definition, self._surroundings, invocation, self._log.output, self._pump)
        try:
            self._child = run.child
            if self._stopped:
                run.child.kill()
            in_time = await run.wait(started + seconds)
        finally:
            self._child = None
            run.close()
        duration_ms = elapsed_ms(clock, started)
        if run.child.exit_code == 0:
            return self._succeeded(invocation, run.answer, duration_ms)
        if not in_time and not self._stopped:
            return timed_out(invocation, seconds, duration_ms=duration_ms)
        return ended_outcome(invocation, run.child, stopped=self._stopped, duration_ms=duration_ms)

    async def rest(self, wanted: Callable[[], bool], until: float) -> None:
        """Nothing of an idle instance needs looking after."""

    async def close(self) -> None:
        """Nothing is left to end."""

    def kill(self) -> None:
        """Kill the process group of the running invocation."""
        self._stopped = True
        child = self._child
        if child is not None:
            child.kill()

    def _succeeded(self, invocation: Invocation, answer: Answer, duration_ms: float) -> Outcome:
        if answer.too_large:
            text = f"Response payload size exceeded maximum allowed payload size ({RESULT_BYTES_MAX} bytes)."
            return Outcome(
                ok=False, duration_ms=duration_ms, error_type="Function.ResponseSizeTooLarge", error_message=text
            )
        result = answer.json()
        if result is None:
            log = logging.getLogger(__name__)
            log.debug("function %s, request %s: no JSON on stdout", self._definition.name, invocation.request_id)
        return Outcome(ok=True, duration_ms=duration_ms, result=result)
