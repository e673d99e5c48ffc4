"""Python functions: an instance is one warm worker process at a time, started again when it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from cdc.functions import worker
from cdc.functions.output import OutputCapture
from cdc.functions.runner import elapsed_ms, ended_outcome, timed_out
from cdc.functions.worker_process import WorkerProcess
from cdc.model.functions import Outcome

if TYPE_CHECKING:
    from cdc.functions.runner import Surroundings, Wake
    from cdc.model.functions import FunctionDefinition, Invocation

INIT_SECONDS = 10
"""Lambda's bound for importing the handler; a longer timeout of the function extends it."""
GOODBYE_SECONDS = 2.0
"""For an idle worker to run its exit handlers, before it is killed."""


class PythonRunner:
    """An instance of a Python function; its process survives successes and handled exceptions."""

    def __init__(self, definition: FunctionDefinition, surroundings: Surroundings) -> None:
        self._definition = definition
        self._surroundings = surroundings
        self._capture = OutputCapture(surroundings.log, definition.name)
        self._process: WorkerProcess | None = None
        self._stopped = False

    @property
    def warm(self) -> bool:
        """Whether there is a process that the next invocation will use."""
        return self._process is not None

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; a process that timed out, ended or could not load the handler is gone afterwards."""
        clock = self._surroundings.clock
        started = clock.monotonic()
        self._capture.switch(invocation.request_id)
        try:
            process = self._process or self._start()
            frame, seconds = self._exchange(process, invocation, started)
            overran = frame is None and not process.child.ended and not self._stopped
            if frame is None or frame[0] == worker.INIT_ERROR:
                self._end()
        except BaseException:
            if self._process is not None:
                self._end()
            raise
        finally:
            self._capture.switch("")
        duration_ms = elapsed_ms(clock, started)
        if frame is not None:
            return answered(frame, duration_ms)
        if overran:
            return timed_out(invocation, seconds, duration_ms=duration_ms)
        return ended_outcome(invocation, process.child, stopped=self._stopped, duration_ms=duration_ms)

    def rest(self, wake: Wake) -> None:
        """Log what background threads print, and notice the end of the process, until the flag is set."""
        if self._process is not None:
            self._process.wait_for(wake)
            if self._process.gone:
                self._end()

    def close(self) -> None:
        """End the process, with its exit handlers if it is idle."""
        if self._process is not None:
            self._process.say_goodbye(self._surroundings.clock.monotonic() + GOODBYE_SECONDS)
            self._end()

    def kill(self) -> None:
        """Kill the process group; the running invocation fails."""
        self._stopped = True
        process = self._process
        if process is not None:
            process.child.kill()

    def _start(self) -> WorkerProcess:
        process = self._process = WorkerProcess(self._definition, self._surroundings, self._capture)
        if self._stopped:
            process.child.kill()
        return process

    def _exchange(
        self, process: WorkerProcess, invocation: Invocation, started: float
    ) -> tuple[tuple[bytes, bytes] | None, int]:
        """Return the frame that answers the invocation, and the seconds that it had."""
        seconds = self._definition.timeout_seconds
        if not process.ready:
            init_seconds = max(INIT_SECONDS, seconds)
            frame = process.exchange((), started + init_seconds)
            if frame is None or frame[0] != worker.READY:
                return frame, init_seconds
            process.ready = True
        return process.exchange(self._request(invocation), self._surroundings.clock.monotonic() + seconds), seconds

    def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        process.end()

    def _request(self, invocation: Invocation) -> tuple[bytes, bytes, bytes]:
        request_id = invocation.request_id.encode()
        milliseconds = self._definition.timeout_seconds * 1000
        lengths = (len(invocation.event), 4), (len(request_id), 2), (milliseconds, 4)
        return b"".join(number.to_bytes(size, "big") for number, size in lengths), request_id, invocation.event


def answered(frame: tuple[bytes, bytes], duration_ms: float) -> Outcome:
    """Build the outcome that the worker reported."""
    kind, payload = frame
    if kind == worker.RESULT:
        return Outcome(ok=True, duration_ms=duration_ms, result=payload)
    fault = orjson.loads(payload)
    return Outcome(
        ok=False, duration_ms=duration_ms, error_type=fault["errorType"], error_message=fault["errorMessage"]
    )
