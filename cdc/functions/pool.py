"""The instances of one function: reused last in, first out, at most so many at once, the rest waits in a queue."""

from __future__ import annotations

import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from cdc.functions.command import CommandRunner
from cdc.functions.gate import StartGate
from cdc.functions.in_process import InProcessRunner
from cdc.functions.invocation_log import InvocationLog
from cdc.functions.pump import Pump
from cdc.functions.runner import failure
from cdc.functions.runtime_process import RuntimeProcess
from cdc.functions.sources import Sources
from cdc.functions.warm import WarmRunner
from cdc.functions.worker_process import WorkerProcess
from cdc.model.functions import (
    FunctionDescription,
    FunctionStatus,
    Invocation,
    Kind,
    Outcome,
    TooManyRequestsError,
)

THROTTLED_TEXT = "Rate Exceeded."
"""Lambda's, of a function whose reserved concurrency is 0."""
QUEUE_MAX = 100
"""Requests of a function that wait for an instance; of 6 MB each, more would fill the memory. Mappings wait besides:
each of their lanes has one invocation."""

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.functions.runner import Runner, Surroundings
    from cdc.model.functions import FunctionDefinition


class Job(NamedTuple):
    """An invocation, and whom to tell of its outcome."""

    invocation: Invocation
    done: Callable[[Outcome], None]

    def finish(self, outcome: Outcome) -> None:
        """Tell the outcome; a listener that fails is logged, as nobody else could be told."""
        try:
            self.done(outcome)
        except Exception:
            name, request_id = self.invocation.function_name, self.invocation.request_id
            logging.getLogger(__name__).exception("the listener of function %s, request %s failed", name, request_id)


class Lane:
    """A task with its runner, serving one invocation at a time."""

    def __init__(self, runner: Runner, log: InvocationLog, pump: Pump) -> None:
        self.runner = runner
        self.log = log
        self.pump = pump
        self.job: Job | None = None
        self.started: float | None = None
        """When the running invocation began, on the monotonic clock."""
        self.warned = False
        """Whether it was said that the running invocation overruns."""

    def newly_overrun(self, begun_before: float) -> Invocation | None:
        """Return the running invocation, once, if it began before a moment of the monotonic clock."""
        if self.job is None or self.started is None or self.started >= begun_before or self.warned:
            return None
        self.warned = True
        return self.job.invocation


class Pool:
    """The lanes and the queue of one function as it is defined. A changed definition makes a new pool."""

    def __init__(self, definition: FunctionDefinition, surroundings: Surroundings) -> None:
        self.definition = definition
        self.surroundings = surroundings
        reserved = definition.reserved_concurrency
        self._limit = surroundings.options.max_instances if reserved is None else reserved
        self._created_ms = surroundings.clock.now_ms()
        self._gate = StartGate(surroundings.clock)
        self._sources: Sources | None = None
        if definition.reload_on_change:
            self._sources = Sources(definition.name, definition.working_directory, surroundings.clock)
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._lanes: list[Lane] = []
        self._idle: list[Lane] = []
        self._queue: deque[Job] = deque()
        self._retired = False

    def submit(self, job: Job, *, queue_max: int | None = None) -> None:
        """Hand the job to an idle lane, or to a new one, or queue it. Never blocks.

        Raises `TooManyRequestsError` when `queue_max` jobs wait already, or the function may have no instance.
        """
        with self._lock:
            assert not self._retired
            if self._limit == 0:
                raise TooManyRequestsError(THROTTLED_TEXT)
            if self._idle:
                lane = self._idle.pop()
                lane.job = job
                self.surroundings.loop.call(lane.pump.look)
            elif len(self._lanes) < self._limit:
                self._open_lane(job)
            elif queue_max is None or len(self._queue) < queue_max:
                self._queue.append(job)
            else:
                raise TooManyRequestsError(
                    f"{self._limit} invocations of {self.definition.name} run and {len(self._queue)} wait:"
                    " try again later, or raise its reserved_concurrency"
                )

    def retire(self) -> list[Job]:
        """Take no more jobs; return the queued ones. Idle lanes end now, busy ones after their job."""
        with self._lock:
            self._retired = True
            for lane in self._idle:
                self.surroundings.loop.call(lane.pump.look)
            self._idle.clear()
            queued = list(self._queue)
            self._queue.clear()
            return queued

    def kill(self) -> None:
        """End the running invocations of a retired pool."""
        with self._lock:
            lanes = list(self._lanes)
        for lane in lanes:
            self.surroundings.loop.call(lane.runner.kill)

    @property
    def ended(self) -> bool:
        """Whether nothing of a retired pool runs any more."""
        return not self._lanes

    def wait(self, seconds: float) -> None:
        """Wait for the end of a retired pool, up to so long."""
        with self._changed:
            self._changed.wait_for(lambda: not self._lanes, max(0.0, seconds))

    def status(self) -> FunctionStatus:
        """Describe this moment."""
        clock = self.surroundings.clock
        with self._lock:
            busy = [lane.started or clock.monotonic() for lane in self._lanes if lane.job is not None]
            warm = sum(1 for lane in self._lanes if lane.job is None and lane.runner.warm)
            queued = len(self._queue)
        late_seconds = clock.monotonic() - min(busy, default=0.0) - self.definition.timeout_seconds
        overruns = bool(busy) and self.definition.in_process and late_seconds > 0
        return FunctionStatus(
            name=self.definition.name,
            instances=len(busy) + warm,
            in_flight=len(busy),
            queued=queued,
            overrunning_since_ms=clock.now_ms() - round(late_seconds * 1000) if overruns else None,
        )

    def warn_of_overruns(self) -> None:
        """Log, once each, which in-process calls have passed their timeout and still run: nothing else would tell."""
        if not self.definition.in_process:
            return
        begun_before = self.surroundings.clock.monotonic() - self.definition.timeout_seconds
        with self._lock:
            overrun = [found for lane in self._lanes if (found := lane.newly_overrun(begun_before)) is not None]
        for invocation in overrun:
            logging.getLogger(__name__).warning(
                "function %s, request %s: still runs after its timeout of %d s; it runs in the daemon's process, where it"
                " can't be ended, and its shard waits until it returns",
                self.definition.name,
                invocation.request_id,
                self.definition.timeout_seconds,
            )

    def describe(self) -> FunctionDescription:
        """Describe the function as it is defined, and whether its instances start."""
        changed_ms = None if self._sources is None else self._sources.changed_ms
        return FunctionDescription(
            definition=self.definition,
            arn=self.surroundings.arn(self.definition.name),
            last_modified_ms=changed_ms or self._created_ms,
            start_error=self._gate.error,
        )

    def _open_lane(self, job: Job) -> None:
        log = InvocationLog(self.definition, self.surroundings.log)
        pump = Pump(self.surroundings.loop.loop, self.surroundings.clock)
        lane = Lane(self._runner(log, pump), log, pump)
        lane.job = job
        self.surroundings.loop.start(partial(self._work, lane))
        self._lanes.append(lane)  # before it can end, as that takes the lock

    def _runner(self, log: InvocationLog, pump: Pump) -> Runner:
        definition, surroundings = self.definition, self.surroundings
        match definition.kind:
            case Kind.COMMAND:
                return CommandRunner(definition, surroundings, log, pump)
            case Kind.IN_PROCESS:
                return InProcessRunner(definition, surroundings, log, pump)
        process = RuntimeProcess if definition.kind is Kind.RUNTIME else WorkerProcess
        return WarmRunner(definition, surroundings, log, pump, process, gate=self._gate, sources=self._sources)

    async def _work(self, lane: Lane) -> None:
        try:
            while (job := lane.job) is not None:
                lane.started, lane.warned = self.surroundings.clock.monotonic(), False
                outcome = await self._run(lane, job)
                rests = self._free(lane)
                job.finish(outcome)
                if rests:
                    await self._rest(lane)
            await lane.runner.close()
        except Exception:
            logging.getLogger(__name__).exception("an instance of %s failed", self.definition.name)
        finally:
            lane.pump.clear()
            with self._changed:
                self._lanes.remove(lane)
                self._changed.notify_all()

    def _free(self, lane: Lane) -> bool:
        """Give the lane its next job, or make it idle (True) before the listener may submit that next job."""
        with self._lock:
            lane.started = None
            lane.job = self._queue.popleft() if self._queue else None
            if lane.job is not None or self._retired:
                return False
            # One without its process is taken last, so that a warm one is preferred.
            self._idle.insert(len(self._idle) if lane.runner.warm else 0, lane)
            return True

    async def _rest(self, lane: Lane) -> None:
        """Wait for the lane's next job; without one for too long it is no longer of the pool."""

        def wanted() -> bool:
            return lane.job is not None or self._retired

        until = self.surroundings.clock.monotonic() + self.definition.idle_timeout_seconds
        try:
            await lane.runner.rest(wanted, until)
        except Exception:
            logging.getLogger(__name__).exception("an idle instance of %s failed", self.definition.name)
        if not await lane.pump.run_until(wanted, until):
            with self._lock:
                if lane in self._idle:  # else a job came at the last moment
                    self._idle.remove(lane)

    async def _run(self, lane: Lane, job: Job) -> Outcome:
        lane.log.begin(job.invocation)
        try:
            outcome = await lane.runner.invoke(job.invocation)
        except Exception as error:
            logging.getLogger(__name__).exception("function %s could not be run", self.definition.name)
            outcome = failure(job.invocation, "Sandbox.Failure", f"The function could not be run: {error}")
        return lane.log.end(outcome)
