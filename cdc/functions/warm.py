"""Functions whose process stays for many invocations: an instance is one at a time, started again when it is gone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cdc.functions import worker
from cdc.functions.process import answered
from cdc.functions.runner import elapsed_ms, ended_outcome, timed_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.functions.gate import StartGate
    from cdc.functions.invocation_log import InvocationLog
    from cdc.functions.output import OutputCapture
    from cdc.functions.process import WarmProcess
    from cdc.functions.pump import Pump
    from cdc.functions.runner import Surroundings
    from cdc.functions.sources import Sources
    from cdc.model.functions import FunctionDefinition, Invocation, Outcome

    NewProcess = Callable[[FunctionDefinition, Surroundings, OutputCapture, Pump], WarmProcess]

INIT_SECONDS = 10.0
"""Lambda's bound for loading the handler; after that it is loaded anew under the function's timeout."""


class WarmRunner:
    """An instance; its process survives successes and handled exceptions.

    `gate` and `sources` are shared with the other instances of the function; `sources` None: the code isn't watched.
    """

    def __init__(
        self,
        definition: FunctionDefinition,
        surroundings: Surroundings,
        log: InvocationLog,
        pump: Pump,
        new_process: NewProcess,
        *,
        gate: StartGate,
        sources: Sources | None,
    ) -> None:
        self._definition = definition
        self._surroundings = surroundings
        self._log = log
        self._pump = pump
        self._new_process = new_process
        self._gate = gate
        self._sources = sources
        self._version = 0
        self._process: WarmProcess | None = None
        self._stopped = False

    @property
    def warm(self) -> bool:
        """Whether there is a process that the next invocation will use."""
        return self._process is not None

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation; a process that timed out, ended or could not load the handler is gone afterwards."""
        try:
            await self._leave_what_is_of_no_use()
            outcome = None if self._process is None else await self._run_warm(self._process, invocation)
            if outcome is None:
                await self._wait_at_gate()
                outcome = await self._run_cold(invocation)
        except BaseException:
            if self._process is not None:
                await self._end()
            raise
        return outcome

    async def rest(self, wanted: Callable[[], bool], until: float) -> None:
        """Log what background threads print, and notice the end of the process, until it is wanted; end it in time."""
        process = self._process
        if process is None:
            return
        await process.rest(wanted, until)
        if process.gone:
            await self._end()
        elif not wanted():
            await process.say_goodbye(wanted)
            await self._end()

    async def close(self) -> None:
        """End the process, with its exit handlers if it has some."""
        if self._process is not None:
            await self._process.say_goodbye()
            await self._end()

    def kill(self) -> None:
        """Kill the process group; the running invocation fails."""
        self._stopped = True
        if self._process is not None:
            self._process.child.kill()
        self._pump.look()

    async def _leave_what_is_of_no_use(self) -> None:
        """Part with a process that has ended meanwhile, or that has loaded code of before a change."""
        process = self._process
        if process is not None:
            process.look()
            if process.gone:
                await self._end()
        if self._sources is not None and (version := self._sources.look()) != self._version:
            self._version = version
            self._gate.open()
            await self.close()

    async def _wait_at_gate(self) -> None:
        seconds = self._gate.closed_seconds
        if seconds > 0:
            await self._pump.run_until(lambda: self._stopped, self._surroundings.clock.monotonic() + seconds)

    async def _run_warm(self, process: WarmProcess, invocation: Invocation) -> Outcome | None:
        """Run on the process that is there; None when it ended without having taken the invocation."""
        clock = self._surroundings.clock
        started = clock.monotonic()
        await process.exchange(invocation, started + self._definition.timeout_seconds)
        if process.child.ended and process.untouched and not self._stopped:
            await self._end()
            return None
        return await self._settled(process, invocation, elapsed_ms(clock, started))

    async def _run_cold(self, invocation: Invocation) -> Outcome:
        clock = self._surroundings.clock
        started = clock.monotonic()
        process, until = await self._initialise()
        init_ms = elapsed_ms(clock, started)
        ready = process.answer is not None and process.answer.kind == worker.READY
        if ready:
            self._gate.open()
            await process.exchange(invocation, until or clock.monotonic() + self._definition.timeout_seconds)
        outcome = replace(await self._settled(process, invocation, elapsed_ms(clock, started)), init_ms=init_ms)
        if not ready:
            self._gate.failed(f"{outcome.error_type}: {outcome.error_message}")
        return outcome

    async def _initialise(self) -> tuple[WarmProcess, float | None]:
        """Start a process and hear what it says first; with it comes when the invocation has to be over, if that is set.

        One that takes too long is started again, under the function's timeout (Lambda: life cycle, init phase).
        """
        clock = self._surroundings.clock
        process = self._start()
        if await process.initialised(clock.monotonic() + INIT_SECONDS) is not None or process.child.ended:
            return process, None
        await self._end()
        self._log.line(f"INIT_REPORT Init Duration: {INIT_SECONDS * 1000:.2f} ms\tPhase: init\tStatus: timeout")
        until = clock.monotonic() + self._definition.timeout_seconds
        process = self._start()
        await process.initialised(until)
        return process, until

    def _start(self) -> WarmProcess:
        process = self._process = self._new_process(self._definition, self._surroundings, self._log.output, self._pump)
        if self._stopped:
            process.child.kill()
        return process

    async def _end(self) -> None:
        process, self._process = self._process, None
        assert process is not None
        await process.end()

    async def _settled(self, process: WarmProcess, invocation: Invocation, duration_ms: float) -> Outcome:
        """Build the outcome from what the process said last, and end it when it is of no more use."""
        stopped, answer = self._stopped, process.answer
        if answer is not None:
            outcome = answered(answer, duration_ms)
        elif not process.child.ended and not stopped:
            outcome = timed_out(invocation, self._definition.timeout_seconds, duration_ms=duration_ms)
        else:
            outcome = ended_outcome(invocation, process.child, stopped=stopped, duration_ms=duration_ms)
        if answer is None or answer.kind == worker.INIT_ERROR:
            await self._end()
        return outcome
