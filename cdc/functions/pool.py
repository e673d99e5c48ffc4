"""The instances of one function: reused last in, first out, at most so many at once, the rest waits in a queue."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from cdc.functions.command import CommandRunner
from cdc.functions.in_process import InProcessRunner
from cdc.functions.python_worker import PythonRunner
from cdc.functions.runner import Wake, failure
from cdc.model.functions import FunctionStatus, Invocation, Outcome

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
    """A thread with its runner, serving one invocation at a time."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.wake = Wake()
        self.job: Job | None = None
        self.started: float | None = None
        """When the running invocation began, on the monotonic clock."""


class Pool:
    """The lanes and the queue of one function as it is defined. A changed definition makes a new pool."""

    def __init__(self, definition: FunctionDefinition, surroundings: Surroundings) -> None:
        self.definition = definition
        self._surroundings = surroundings
        self._lock = threading.Lock()
        self._lanes: list[Lane] = []
        self._idle: list[Lane] = []
        self._queue: deque[Job] = deque()
        self._retired = False
        self._threads: list[threading.Thread] = []

    def submit(self, job: Job) -> None:
        """Hand the job to an idle lane, or to a new one, or queue it. Never blocks."""
        with self._lock:
            assert not self._retired
            if self._idle:
                lane = self._idle.pop()
                lane.job = job
                lane.wake.set()
            elif len(self._lanes) < self._surroundings.options.max_instances:
                self._open_lane(job)
            else:
                self._queue.append(job)

    def retire(self) -> list[Job]:
        """Take no more jobs; return the queued ones. Idle lanes end now, busy ones after their job."""
        with self._lock:
            self._retired = True
            for lane in self._idle:
                lane.wake.set()
            self._idle.clear()
            queued = list(self._queue)
            self._queue.clear()
            return queued

    def kill(self) -> None:
        """End the running invocations of a retired pool."""
        with self._lock:
            lanes = list(self._lanes)
        for lane in lanes:
            lane.runner.kill()

    def threads(self) -> list[threading.Thread]:
        """Return the threads of a retired pool that still run."""
        return [thread for thread in self._threads if thread.is_alive()]

    def status(self) -> FunctionStatus:
        """Describe this moment."""
        clock = self._surroundings.clock
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

    def _open_lane(self, job: Job) -> None:
        lane = Lane(self._runner())
        lane.job = job
        name = f"function {self.definition.name}"
        thread = threading.Thread(target=self._work, args=(lane,), name=name, daemon=True)
        self._lanes.append(lane)
        self._threads.append(thread)
        thread.start()

    def _runner(self) -> Runner:
        if self.definition.command is not None:
            return CommandRunner(self.definition, self._surroundings)
        if self.definition.in_process:
            return InProcessRunner(self.definition, self._surroundings)
        return PythonRunner(self.definition, self._surroundings)

    def _work(self, lane: Lane) -> None:
        while (job := lane.job) is not None:
            lane.started = self._surroundings.clock.monotonic()
            outcome = self._run(lane, job)
            rests = self._free(lane)
            job.finish(outcome)
            if rests:
                self._rest(lane)
        try:
            lane.runner.close()
        finally:
            with self._lock:
                self._lanes.remove(lane)
            lane.wake.close()

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

    def _rest(self, lane: Lane) -> None:
        try:
            if lane.job is None:  # the listener submitted none
                lane.runner.rest(lane.wake)
        except Exception:
            logging.getLogger(__name__).exception("an idle instance of %s failed", self.definition.name)
        lane.wake.wait()

    def _run(self, lane: Lane, job: Job) -> Outcome:
        try:
            return lane.runner.invoke(job.invocation)
        except Exception as error:
            logging.getLogger(__name__).exception("function %s could not be run", self.definition.name)
            return failure(job.invocation, "Sandbox.Failure", f"The function could not be run: {error}")
