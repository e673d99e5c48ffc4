"""What a pool asks of a way to run a function, and the options and texts that all of them share."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from cdc.model.functions import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cdc.clock import Clock
    from cdc.functions.keeper_client import Child, KeeperClient
    from cdc.functions.loop import FunctionLoop
    from cdc.model.functions import Invocation

MAX_INSTANCES_DEFAULT = 10
"""Of one function at once, as many as a mapping can have lanes: a burst can't fill the machine with processes."""


@dataclass(frozen=True, kw_only=True)
class FunctionsOptions:
    """Settings of all functions."""

    max_instances: int = MAX_INSTANCES_DEFAULT
    """Of each function that has no reserved concurrency."""
    region: str = "us-east-1"
    account_id: str = "000000000000"

    def __post_init__(self) -> None:
        if self.max_instances < 1:
            raise ValueError(f"max_instances must be at least 1, not {self.max_instances}")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a runner needs besides the definition of its function."""

    clock: Clock
    log: Callable[[str, str, str], None]
    """Called with function name, request id (empty between invocations) and one line of its output."""
    keeper: KeeperClient
    loop: FunctionLoop
    options: FunctionsOptions
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for every function, which its own may override."""

    def arn(self, name: str) -> str:
        """Return a function's ARN."""
        return f"arn:aws:lambda:{self.options.region}:{self.options.account_id}:function:{name}"


class Runner(Protocol):
    """One instance of a function, on the loop's thread."""

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one invocation to its end; when this returns, nothing of a failed process runs any more."""

    async def rest(self, wanted: Callable[[], bool], until: float) -> None:
        """Look after an idle instance until it is wanted, or until a moment of the monotonic clock.

        Return earlier when there is nothing to look after.
        """

    async def close(self) -> None:
        """End for good, gently if it is idle."""

    def kill(self) -> None:
        """Have the running invocation end now, if that can be done."""

    @property
    def warm(self) -> bool:
        """Whether an idle instance has its process still."""


def failure(
    invocation: Invocation, error_type: str, text: str, *, duration_ms: float = 0.0, reached: bool = True
) -> Outcome:
    """Build the outcome of a failure in Lambda's wording, `RequestId: … Error: …`."""
    message = f"RequestId: {invocation.request_id} Error: {text}"
    return Outcome(ok=False, duration_ms=duration_ms, error_type=error_type, error_message=message, reached=reached)


def timed_out(invocation: Invocation, seconds: float, *, duration_ms: float) -> Outcome:
    """Build the outcome of a function that ran longer than it may."""
    text = f"Task timed out after {seconds:.2f} seconds"
    return failure(invocation, "Sandbox.Timedout", text, duration_ms=duration_ms)


def exit_text(code: int) -> str:
    """Say how a process ended in Lambda's words; negative: killed by that signal."""
    if code == 0:
        return "Runtime exited without providing a reason"
    if code > 0:
        return f"Runtime exited with error: exit status {code}"
    name = signal.strsignal(-code) or f"signal {-code}"
    return f"Runtime exited with error: signal: {name.lower()}"


def elapsed_ms(clock: Clock, since: float) -> float:
    """Return the ms since a moment of the monotonic clock, to the microsecond."""
    return round((clock.monotonic() - since) * 1000, 3)


def ended_outcome(invocation: Invocation, child: Child, *, stopped: bool, duration_ms: float) -> Outcome:
    """Build the outcome of an invocation whose process is gone without an answer."""
    reached = not stopped
    if stopped:
        kind, text = "Sandbox.Closed", "The daemon stopped before the function ended"
    elif child.start_error:
        kind, text = "Runtime.InvalidEntrypoint", child.start_error
    elif child.exit_code is None:
        kind, text = "Sandbox.KeeperLost", "The process that watches over functions died; the function was killed"
        reached = False
    else:
        kind, text = "Runtime.ExitError", exit_text(child.exit_code)
    return failure(invocation, kind, text, duration_ms=duration_ms, reached=reached)
