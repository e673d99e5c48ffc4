"""All functions: which are defined, and how to invoke one."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from cdc.functions.keeper_client import KeeperClient
from cdc.functions.loop import FunctionLoop
from cdc.functions.pool import QUEUE_MAX, THROTTLED_TEXT, Job, Pool
from cdc.functions.requests import RequestCounters
from cdc.functions.runner import FunctionsOptions, Surroundings, failure
from cdc.model.functions import Invocation, Outcome, TooManyRequestsError, UnknownFunctionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from cdc.clock import Clock
    from cdc.functions.requests import RequestCounts
    from cdc.model.functions import FunctionDefinition, FunctionDescription, FunctionStatus

KILL_SECONDS = 5.0
"""For killed invocations to be reported by their threads."""


class Functions:
    """Runs functions: Python ones and runtimes in warm processes, commands in fresh ones, in-process ones on threads.

    `log(function_name, request_id, line)` gets each line that a function prints, from many threads. Of one function
    run as many invocations at once as its reserved concurrency, or else `options.max_instances`; further ones queue.
    An instance that is idle for long is ended. `keep_fds`: see `KeeperClient`.
    A process that makes a session of its own (`setsid`, daemonising) leaves the group that is killed with its function;
    on Linux it is killed when this is closed or its process dies, elsewhere never.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        log: Callable[[str, str, str], None],
        options: FunctionsOptions | None = None,
        keep_fds: Sequence[int] = (),
    ) -> None:
        self._keeper = KeeperClient(keep_fds)
        self._loop = FunctionLoop()
        self._surroundings = Surroundings(
            clock=clock, log=log, keeper=self._keeper, loop=self._loop, options=options or FunctionsOptions()
        )
        self._lock = threading.Lock()
        self._pools: dict[str, Pool] = {}
        self._retired: list[Pool] = []
        self._requests = RequestCounters()
        self._closed = False

    def configure(
        self, definitions: Iterable[FunctionDefinition], environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """Replace what is defined; at any time. `environment` is for all of them, and gives way to their own.

        A function whose definition changed gets new instances, which take over what was queued; the old ones finish
        what they run. What was queued for a function that is gone fails. An in-process module isn't imported again.
        """
        wanted = {definition.name: definition for definition in definitions}
        if any(not definition.in_process for definition in wanted.values()):
            self._keeper.start()
        with self._lock:
            if self._closed:
                return
            self._surroundings = replace(self._surroundings, environment=dict(environment))
            orphans = [job for name in set(self._pools) - set(wanted) for job in self._retire(self._pools.pop(name))]
            throttled = [job for definition in wanted.values() for job in self._define(definition)]
            self._retired = [pool for pool in self._retired if not pool.ended]
        self._refuse(orphans)
        self._refuse(throttled, throttled=True)

    def invoke(self, name: str, event: bytes, request_id: str, done: Callable[[Outcome], None]) -> None:
        """Run a function with an event (JSON); never blocks.

        `done` is called exactly once, on another thread, and must be quick: it holds up the instance's next invocation.
        An unknown function is a failed outcome, and so is one whose reserved concurrency is 0. Only an in-process call that
        never returns has none.
        """
        job = Job(Invocation(function_name=name, request_id=request_id, event=event), done)
        with self._lock:
            pool = self._pools.get(name)
            if pool is not None:
                with contextlib.suppress(TooManyRequestsError):
                    pool.submit(job)
                    return
        self._refuse([job], throttled=pool is not None)

    def request(self, invocation: Invocation, done: Callable[[Outcome], None]) -> None:
        """Run a function for somebody who can be asked to come again, as of Lambda's Invoke; never blocks.

        `done`: as for `invoke`. Raises `UnknownFunctionError`, and `TooManyRequestsError` when the instances that the
        function may have are busy and 100 invocations wait for them, or it may have none; `done` is not called then.
        """
        name = invocation.function_name
        with self._lock:
            pool = self._pools.get(name)
            if pool is None:
                raise UnknownFunctionError(f"Function not found: {self._surroundings.arn(name)}")
            try:
                pool.submit(Job(invocation, partial(self._requested, name, done)), queue_max=QUEUE_MAX)
            except TooManyRequestsError:
                self._requests.refused(name)
                raise
            self._requests.taken(name)

    def _requested(self, name: str, done: Callable[[Outcome], None], outcome: Outcome) -> None:
        self._requests.ended(name, outcome)
        done(outcome)

    def requests(self) -> Mapping[str, RequestCounts]:
        """Tell what `request` was asked for, by function, since this was made."""
        return self._requests.counts()

    def describe(self) -> tuple[FunctionDescription, ...]:
        """Tell of each defined function what Lambda's ListFunctions does, by name."""
        with self._lock:
            pools = [self._pools[name] for name in sorted(self._pools)]
        return tuple(pool.describe() for pool in pools)

    def has_function(self, name: str) -> bool:
        """Tell whether a function of this name is defined."""
        with self._lock:
            return name in self._pools

    def status(self) -> tuple[FunctionStatus, ...]:
        """Describe each defined function, by name."""
        with self._lock:
            pools = [self._pools[name] for name in sorted(self._pools)]
        return tuple(pool.status() for pool in pools)

    def warn_of_overruns(self) -> None:
        """Log, once each, which in-process calls have passed their timeout and still run; to be called every second or so."""
        with self._lock:
            pools = [*self._pools.values(), *self._retired]
        for pool in pools:
            pool.warn_of_overruns()

    def close(self, grace_seconds: float) -> None:
        """Fail what is queued, let what runs finish for so long, kill the rest, end all processes.

        Afterwards only in-process calls that have not returned may still run, on daemonic threads.
        """
        with self._lock:
            self._closed = True
            orphans = [job for pool in self._pools.values() for job in self._retire(pool)]
            self._pools.clear()
            pools = list(self._retired)
        self._refuse(orphans)
        self._join(pools, grace_seconds)
        for pool in pools:
            pool.kill()
        endable = [pool for pool in pools if not (pool.definition.in_process and pool.status().in_flight)]
        self._join(endable, KILL_SECONDS)
        self._keeper.close()
        self._loop.close(KILL_SECONDS if all(pool.ended for pool in pools) else 0)

    def _define(self, definition: FunctionDefinition) -> list[Job]:
        """Have a function run as it is defined; return what was queued and can't be run any more."""
        old = self._pools.get(definition.name)
        surroundings = self._surroundings
        if old is not None and (old.definition, old.surroundings) == (definition, surroundings):
            return []
        new = self._pools[definition.name] = Pool(definition, surroundings)
        queued = [] if old is None else self._retire(old)
        if definition.is_throttled:
            return queued
        for job in queued:
            new.submit(job)
        return []

    def _retire(self, pool: Pool) -> list[Job]:
        self._retired.append(pool)
        return pool.retire()

    def _join(self, pools: Iterable[Pool], seconds: float) -> None:
        clock = self._surroundings.clock
        deadline = clock.monotonic() + seconds
        for pool in pools:
            pool.wait(deadline - clock.monotonic())

    def _refuse(self, jobs: list[Job], *, throttled: bool = False) -> None:
        """Fail jobs on a thread of its own, since the caller may hold a lock that their listeners take.

        `throttled`: those of functions that may have no instance, not of functions that are not there.
        """
        if jobs:
            arguments = (jobs, throttled)
            threading.Thread(target=self._fail, args=arguments, name="refused invocations", daemon=True).start()

    def _fail(self, jobs: list[Job], throttled: bool) -> None:  # noqa: FBT001  # the arguments of a thread
        for job in jobs:
            if self._closed:
                text = "The daemon stopped before the function was run"
                job.finish(failure(job.invocation, "Sandbox.Closed", text, reached=False))
                continue
            kind, text = "TooManyRequestsException", THROTTLED_TEXT
            if not throttled:
                kind = "ResourceNotFoundException"
                text = f"Function not found: {self._surroundings.arn(job.invocation.function_name)}"
            job.finish(Outcome(ok=False, duration_ms=0.0, error_type=kind, error_message=text, reached=False))
