"""In-process handlers: a callable of the daemon's own interpreter, called on a thread of its instance.

A thread can't be killed. One that overruns its timeout goes on, is shown by the status, and its invocation is over
only when it returns: then as a timeout, whatever it answered. The pool warns of it when the timeout has passed. Its output
isn't captured, but goes where the daemon's goes; a stack trace is logged.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import threading
from dataclasses import replace
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import orjson

from cdc.functions import worker
from cdc.functions.environment import log_stream_name
from cdc.functions.process import Answer, answered
from cdc.functions.runner import elapsed_ms, failure, timed_out
from cdc.functions.streams import keep_streams_open
from cdc.model.functions import Outcome, log_group_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.functions.invocation_log import InvocationLog
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition, Invocation

_IMPORTING = threading.Lock()


def load(handler: str, folder: str) -> Callable[[Any, Any], Any]:
    """Import the handler, looking into `folder` first.

    The folder goes to the end of the path afterwards, so that its files never shadow what the daemon imports later.
    Raises `worker.HandlerError`; also when another folder's module of the same name was imported before.
    """
    root = handler.partition(":")[0].replace("/", ".").partition(".")[0]
    with _IMPORTING:
        spec = importlib.machinery.PathFinder.find_spec(root, [folder])
        loaded = getattr(sys.modules.get(root), "__file__", None)
        if spec is not None and spec.origin is not None and loaded not in (None, spec.origin):
            text = f"Unable to import module '{root}' of {folder}: {loaded} has that name in this process"
            raise worker.HandlerError("Runtime.ImportModuleError", text)
        keep_streams_open()
        sys.path.insert(0, folder)
        try:
            return worker.load(handler)
        finally:
            sys.path.remove(folder)
            if folder not in sys.path:
                sys.path.append(folder)


class InProcessRunner:
    """An instance of an in-process function: its thread, which begins with the first invocation."""

    def __init__(
        self, definition: FunctionDefinition, surroundings: Surroundings, log: InvocationLog, pump: Pump
    ) -> None:
        self._definition = definition
        self._surroundings = surroundings
        self._log = log
        self._pump = pump
        self._handler: Callable[[Any, Any], Any] | None = None
        self._log_stream_name = log_stream_name(surroundings.clock.now_ms())
        self._invocations: SimpleQueue[tuple[Invocation, float] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._outcome: Outcome | BaseException | None = None

    @property
    def warm(self) -> bool:
        """An idle instance holds nothing."""
        return False

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Call the handler; whatever it raises is the invocation's failure."""
        started = self._surroundings.clock.monotonic()
        if self._thread is None:
            name = f"function {self._definition.name}"
            thread = threading.Thread(target=self._work, name=name, daemon=True)
            thread.start()
            self._thread = thread
        self._outcome = None
        self._invocations.put((invocation, started))
        await self._pump.run_until(lambda: self._outcome is not None)
        return self._take()

    async def rest(self, wanted: Callable[[], bool], until: float) -> None:
        """Nothing of an idle instance needs looking after."""

    async def close(self) -> None:
        """End the thread, which has nothing to do."""
        self._invocations.put(None)
        if self._thread is not None:
            self._thread.join()

    def kill(self) -> None:
        """Do nothing: a thread can't be killed."""

    def _work(self) -> None:
        while (following := self._invocations.get()) is not None:
            try:
                outcome: Outcome | BaseException = self._call(*following)
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                outcome = error
            self._surroundings.loop.call(partial(self._returned, outcome))

    def _returned(self, outcome: Outcome | BaseException) -> None:
        self._outcome = outcome
        self._pump.look()

    def _take(self) -> Outcome:
        assert self._outcome is not None
        if isinstance(self._outcome, BaseException):
            raise self._outcome
        return self._outcome

    def _call(self, invocation: Invocation, started: float) -> Outcome:
        clock, seconds = self._surroundings.clock, self._definition.timeout_seconds
        result: bytes | None = None
        fault: dict[str, Any] | None = None
        init_ms = None
        try:
            if self._handler is None:
                self._handler = load(self._definition.handler or "", os.fspath(self._definition.working_directory))
                init_ms = elapsed_ms(clock, started)
            result = worker.run(self._handler, invocation.event, self._context(invocation, started + seconds))
        except SystemExit:
            text = "Runtime exited without providing a reason"
            return failure(invocation, "Runtime.ExitError", text, duration_ms=elapsed_ms(clock, started))
        except BaseException as error:  # noqa: BLE001 - whatever the handler raised is its answer
            fault = worker.describe(error, invocation.request_id)
            for line in worker.for_log(fault).split("\n"):
                self._log.line(line)
        duration_ms = elapsed_ms(clock, started)
        if duration_ms > seconds * 1000:
            return timed_out(invocation, seconds, duration_ms=duration_ms)
        if fault is not None:
            return replace(answered(Answer(worker.ERROR, orjson.dumps(fault)), duration_ms), init_ms=init_ms)
        return Outcome(ok=True, duration_ms=duration_ms, init_ms=init_ms, result=result)

    def _context(self, invocation: Invocation, deadline: float) -> worker.Context:
        return worker.Context(
            aws_request_id=invocation.request_id,
            function_name=self._definition.name,
            invoked_function_arn=self._surroundings.arn(self._definition.name),
            memory_limit_in_mb=str(self._definition.memory_size),
            log_group_name=log_group_name(self._definition.name),
            log_stream_name=self._log_stream_name,
            client_context=worker.client_context(invocation.client_context),
            deadline=deadline,
            monotonic=self._surroundings.clock.monotonic,
        )
