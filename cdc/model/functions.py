"""Functions as values: what is configured, one invocation of it, what came of it, and how a function is doing."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_SECONDS_DEFAULT = 3
"""Lambda's default; short enough that a hanging handler is noticed at once."""
TIMEOUT_SECONDS_MAX = 900
"""Lambda's bound."""
MEMORY_SIZE_DEFAULT = 128
MEMORY_SIZE_MIN, MEMORY_SIZE_MAX = 128, 10_240
"""MB; Lambda's default and bounds."""
RESERVED_CONCURRENCY_MAX = 1000
"""Lambda's bound for all functions of an account."""
IDLE_TIMEOUT_SECONDS_DEFAULT = 600
"""Lambda keeps an idle instance for 5 to 15 minutes."""
IDLE_TIMEOUT_SECONDS_MAX = 86_400

_HANDLER = re.compile(r"[^\W\d]\w*(?:[./][^\W\d]\w*)*:[^\W\d]\w*")


class Kind(Enum):
    """How a function is run."""

    PYTHON = "python"  # a handler that stays loaded in a worker process
    IN_PROCESS = "in-process"  # a handler on a thread of the daemon
    COMMAND = "command"  # a program, started for each invocation
    RUNTIME = "runtime"  # a program that fetches its invocations from the Lambda Runtime API


@dataclass(frozen=True, kw_only=True)
class FunctionDefinition:
    """A function as configured: a Python `handler`, a `command` or a `runtime`.

    Raises `ValueError`, naming the function, when a member is out of bounds.
    """

    name: str
    working_directory: Path
    """Where the process runs, and where a handler's module is looked for first."""
    handler: str | None = None
    """`module:callable`; the module may be dotted. With a `runtime`: whatever that one expects in `_HANDLER`."""
    command: tuple[str, ...] | None = None
    """The program and its arguments; the program is looked up on the function's PATH."""
    runtime: tuple[str, ...] | None = None
    """The same, for a client of the Lambda Runtime API."""
    timeout_seconds: int = TIMEOUT_SECONDS_DEFAULT
    memory_size: int = MEMORY_SIZE_DEFAULT
    """MB, told to the handler and not enforced."""
    reserved_concurrency: int | None = None
    """Instances at once; None: as many as any function has; 0: it is throttled, and nothing runs."""
    idle_timeout_seconds: int = IDLE_TIMEOUT_SECONDS_DEFAULT
    """After which an idle instance is ended."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the daemon's own environment."""
    in_process: bool = False
    """Run the handler on a thread of the daemon: no timeout can end it and its output isn't captured."""
    reload_on_change: bool = False
    """Start anew, before the next invocation, when a source file in the working directory has changed."""
    log_invocations: bool = False
    """Log START, END and REPORT of each invocation, as Lambda does."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))
        for wrong, text in self._faults():
            if wrong:
                raise ValueError(f"function {self.name!r}: {text}")

    @property
    def kind(self) -> Kind:
        """How it is run."""
        if self.command is not None:
            return Kind.COMMAND
        if self.runtime is not None:
            return Kind.RUNTIME
        return Kind.IN_PROCESS if self.in_process else Kind.PYTHON

    @property
    def is_throttled(self) -> bool:
        """Whether it may have no instance."""
        return self.reserved_concurrency == 0

    @property
    def program(self) -> tuple[str, ...]:
        """The program and its arguments, of a command or a runtime."""
        return self.command or self.runtime or ()

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        texts = (*self.program, *self.environment, *self.environment.values())
        python = self.handler if self.runtime is None else None
        ways = sum(each is not None for each in (python, self.command, self.runtime))
        return (
            (not self.name, "the name is empty"),
            (ways != 1, "needs one of handler, command and runtime"),
            (
                python is not None and not _HANDLER.fullmatch(python),
                f"handler must be 'module:callable', not {self.handler!r}",
            ),
            (python is None and not (self.program and self.program[0]), f"{self.kind.value} is empty"),
            *(self._out_of_bounds(name, low, high) for name, low, high in _BOUNDS),
            (self.in_process and python is None, f"in_process needs a handler, not a {self.kind.value}"),
            (
                self.reload_on_change and self.kind in {Kind.COMMAND, Kind.IN_PROCESS},
                "reload_on_change needs a process that outlives an invocation, and is not the daemon's",
            ),
            (any("\0" in text for text in texts), "program and environment can't contain a NUL character"),
            (any(not key or "=" in key for key in self.environment), "environment names can't be empty or contain '='"),
        )

    def _out_of_bounds(self, name: str, low: int, high: int) -> tuple[bool, str]:
        value = getattr(self, name)
        return value is not None and not low <= value <= high, f"{name} must be {low} to {high}, not {value}"


_BOUNDS = (
    ("timeout_seconds", 1, TIMEOUT_SECONDS_MAX),
    ("memory_size", MEMORY_SIZE_MIN, MEMORY_SIZE_MAX),
    ("reserved_concurrency", 0, RESERVED_CONCURRENCY_MAX),
    ("idle_timeout_seconds", 1, IDLE_TIMEOUT_SECONDS_MAX),
)


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One call of a function."""

    function_name: str
    request_id: str
    """Unique to the invocation; also the `aws_request_id` that the handler sees."""
    event: bytes
    """JSON, passed on untouched."""
    client_context: bytes = b""
    """JSON of an object, decoded from Invoke's `X-Amz-Client-Context`; empty: none."""
    wants_log: bool = False
    """Whether the outcome is to have the tail of its log (Lambda: Invoke, LogType)."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an invocation. A failure has the error type and message that Lambda's Invoke reports."""

    ok: bool
    duration_ms: float
    """From being handed to an instance, start of the process included, to the end; queueing is not in it."""
    init_ms: float | None = None
    """The part of it that starting the process and loading the handler took; None when the instance was warm."""
    result: bytes | None = None
    """What the handler answered, as JSON; None when it failed, or when a command printed no JSON."""
    error_type: str = ""
    """`Sandbox.Timedout`, `Runtime.ExitError`, …, or the class of the handler's exception."""
    error_message: str = ""
    reached: bool = True
    """False when it is no fault of the function: there is none, none of its instances was free, or it was ended with
    the daemon. Its error type alone does not tell, since a handler may raise errors of the same names."""
    error_payload: bytes | None = None
    """The error object as the handler's runtime told it, where it told one: type, message, stack."""
    log_tail: bytes = b""
    """The last 4 KB of what was logged for this invocation, START, END and REPORT included; empty unless it was wanted."""

    @property
    def payload(self) -> bytes:
        """What Lambda's Invoke answers: the result, or the error object (Lambda: Invoke, Payload)."""
        if self.ok:
            return b"null" if self.result is None else self.result
        if self.error_payload is not None:
            return self.error_payload
        fault = {"errorType": self.error_type, "errorMessage": self.error_message}
        return json.dumps(fault, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")

    @property
    def billed_ms(self) -> int:
        """Whole ms that Lambda would bill, which since 2025 includes the init."""
        return math.ceil(self.duration_ms)


@dataclass(frozen=True, kw_only=True)
class FunctionStatus:
    """How a function is doing at this moment."""

    name: str
    instances: int
    """Warm processes, running commands, or running in-process calls."""
    in_flight: int
    queued: int
    """Invocations waiting because as many instances are busy as the function may have."""
    overrunning_since_ms: int | None
    """Wall time, ms since 1970, at which the oldest in-process call still running passed its timeout."""


@dataclass(frozen=True, kw_only=True)
class FunctionDescription:
    """What Lambda's GetFunction and ListFunctions tell of a function, in our words."""

    definition: FunctionDefinition
    arn: str
    last_modified_ms: int
    """Wall time, ms since 1970, from which on this definition, or its changed code, is in force."""
    start_error: str
    """Why its last instance could not be started; empty while instances start."""

    @property
    def state(self) -> str:
        """`Active`, or `Failed` while its instances can't be started (Lambda: State)."""
        return "Failed" if self.start_error else "Active"


def log_group_name(name: str) -> str:
    """Return the name that CloudWatch would give a function's logs."""
    return f"/aws/lambda/{name}"


class TooManyRequestsError(Exception):
    """As many invocations run and wait as the function may have (Lambda: TooManyRequestsException)."""


class UnknownFunctionError(Exception):
    """No function of this name is defined (Lambda: ResourceNotFoundException)."""
