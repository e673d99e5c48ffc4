"""A process that stays for many invocations: its output, its end, and what it answers, on the loop of all functions."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import orjson

from cdc.functions import worker
from cdc.functions.environment import environment_of
from cdc.functions.output import READ_BYTES
from cdc.model.functions import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cdc.functions.keeper_client import Child
    from cdc.functions.output import OutputCapture
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.model.functions import FunctionDefinition, Invocation

GOODBYE_SECONDS = 2.0
"""For an idle process to run its exit handlers, before it is killed."""


class Answer(NamedTuple):
    """What a process said; the kinds are those of a worker's frames (cdc/functions/worker.py)."""

    kind: bytes
    payload: bytes  # JSON: the result, or Lambda's error object


def answered(answer: Answer, duration_ms: float) -> Outcome:
    """Build the outcome that a process reported."""
    kind, payload = answer
    if kind == worker.RESULT:
        return Outcome(ok=True, duration_ms=duration_ms, result=payload)
    fault = orjson.loads(payload)
    return Outcome(
        ok=False,
        duration_ms=duration_ms,
        error_type=str(fault.get("errorType") or ""),
        error_message=str(fault.get("errorMessage") or ""),
        error_payload=payload,
    )


class WarmProcess(ABC):
    """The child, its log pipe and its leash; how events and answers travel is a subclass's affair."""

    child: Child

    def __init__(
        self, definition: FunctionDefinition, surroundings: Surroundings, capture: OutputCapture, pump: Pump
    ) -> None:
        self.definition = definition
        self.surroundings = surroundings
        self.pump = pump
        self.answer: Answer | None = None
        self.open = ExitStack()
        """Descriptors, to be closed at the end."""
        self._capture = capture

    @property
    @abstractmethod
    def gone(self) -> bool:
        """Whether it ended, or is of no use because it closed the channel."""

    @property
    @abstractmethod
    def untouched(self) -> bool:
        """Whether the invocation handed over has certainly not reached the handler."""

    @abstractmethod
    def hand_over(self, invocation: Invocation, milliseconds: int) -> None:
        """Begin to give an invocation to the process, which has so long for it."""

    @abstractmethod
    def catch_up(self) -> None:
        """Take what it sent before it ended: that counts."""

    @abstractmethod
    def hang_up(self) -> bool:
        """Tell an idle process that nothing more will come; return whether it will then end by itself."""

    def spawn(self, argv: Sequence[str], variables: Mapping[str, str], stdin: int) -> None:
        """Start the child, with these variables besides those of every function."""
        self._log, log_write = os.pipe()
        self.open.callback(os.close, self._log)
        try:
            self.child = self.surroundings.keeper.spawn(
                argv,
                environment={**environment_of(self.definition, self.surroundings), **variables},
                working_directory=self.definition.working_directory,
                streams=(stdin, log_write, log_write),
            )
        finally:
            os.close(log_write)
        self.open.callback(self.child.close)
        os.set_blocking(self._log, False)
        self.pump.add(self._log, self._on_log)
        self.child.watch(self.pump, self.catch_up)

    async def initialised(self, deadline: float) -> Answer | None:
        """Return what the process says first: that it is ready, or why not; None when it ended or the deadline came."""
        return await self._answered(deadline)

    async def exchange(self, invocation: Invocation, deadline: float) -> Answer | None:
        """Run one invocation and return its answer: None when the process ended or the deadline came."""
        self.answer = None
        self.hand_over(invocation, max(0, round((deadline - self.surroundings.clock.monotonic()) * 1000)))
        return await self._answered(deadline)

    def look(self) -> None:
        """Take what has happened meanwhile, without waiting."""
        self.pump.once()

    async def rest(self, wanted: Callable[[], bool], until: float) -> None:
        """Return when the instance is wanted, the time has come, or the process is gone."""
        await self.pump.run_until(lambda: wanted() or self.gone, until)

    async def say_goodbye(self, wanted: Callable[[], bool] | None = None) -> None:
        """Let an idle process end by itself, if it will; who wants the instance doesn't wait for it."""
        if self.hang_up():
            until = self.surroundings.clock.monotonic() + GOODBYE_SECONDS
            await self.pump.run_until(lambda: self.child.ended or (wanted is not None and wanted()), until)

    async def end(self) -> None:
        """Kill what still runs of the group, wait until it is gone and read the last of its output."""
        self.child.kill()
        await self.pump.run_until(lambda: self.child.ended)
        self._capture.drain(self._log)
        self.pump.clear()
        self.open.close()

    async def _answered(self, deadline: float) -> Answer | None:
        await self.pump.run_until(lambda: self.answer is not None or self.child.ended, deadline)
        self._capture.drain(self._log)
        return self.answer

    def _on_log(self) -> None:
        try:
            data = os.read(self._log, READ_BYTES)
        except BlockingIOError:
            return
        if data:
            self._capture.feed(data)
        else:
            self.pump.remove(self._log)
