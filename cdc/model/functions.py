"""Functions as values: what is configured, one invocation of it, what came of it, and how a function is doing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TIMEOUT_SECONDS_DEFAULT = 3
"""Lambda's default; short enough that a hanging handler is noticed at once."""
TIMEOUT_SECONDS_MAX = 900
"""Lambda's bound."""

_HANDLER = re.compile(r"[^\W\d]\w*(?:[./][^\W\d]\w*)*:[^\W\d]\w*")


@dataclass(frozen=True, kw_only=True)
class FunctionDefinition:
    """A function as configured: a Python `handler` or a `command`, never both.

    Raises `ValueError`, naming the function, when a member is out of bounds.
    """

    name: str
    working_directory: Path
    """Where the process runs, and where a handler's module is looked for first."""
    handler: str | None = None
    """`module:callable`; the module may be dotted."""
    command: tuple[str, ...] | None = None
    """The program and its arguments; the program is looked up on the function's PATH."""
    timeout_seconds: int = TIMEOUT_SECONDS_DEFAULT
    environment: Mapping[str, str] = field(default_factory=dict)
    """Added to the daemon's own environment."""
    in_process: bool = False
    """Run the handler on a thread of the daemon: no timeout can end it and its output isn't captured."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "environment", MappingProxyType(dict(self.environment)))
        for wrong, text in self._faults():
            if wrong:
                raise ValueError(f"function {self.name!r}: {text}")

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        texts = (*(self.command or ()), *self.environment, *self.environment.values())
        return (
            (not self.name, "the name is empty"),
            ((self.handler is None) == (self.command is None), "needs either handler or command"),
            (
                self.handler is not None and not _HANDLER.fullmatch(self.handler),
                f"handler must be 'module:callable', not {self.handler!r}",
            ),
            (self.command is not None and not (self.command and self.command[0]), "command is empty"),
            (
                not 1 <= self.timeout_seconds <= TIMEOUT_SECONDS_MAX,
                f"timeout_seconds must be 1 to {TIMEOUT_SECONDS_MAX}, not {self.timeout_seconds}",
            ),
            (self.in_process and self.handler is None, "in_process needs a handler, not a command"),
            (any("\0" in text for text in texts), "command and environment can't contain a NUL character"),
            (any(not key or "=" in key for key in self.environment), "environment names can't be empty or contain '='"),
        )


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One call of a function."""

    function_name: str
    request_id: str
    """Unique to the invocation; also the `aws_request_id` that the handler sees."""
    event: bytes
    """JSON, passed on untouched."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of an invocation. A failure has the error type and message that Lambda's Invoke reports."""

    ok: bool
    duration_ms: float
    """From being handed to an instance, start of the process included, to the end; queueing is not in it."""
    result: bytes | None = None
    """The JSON that the handler answered; None when it failed, or when a command printed no JSON."""
    error_type: str = ""
    """`Sandbox.Timedout`, `Runtime.ExitError`, …, or the class of the handler's exception."""
    error_message: str = ""


@dataclass(frozen=True, kw_only=True)
class FunctionStatus:
    """How a function is doing at this moment."""

    name: str
    instances: int
    """Warm worker processes, running commands, or running in-process calls."""
    in_flight: int
    queued: int
    """Invocations waiting because `max_instances` of the function are busy."""
    overrunning_since_ms: int | None
    """Wall time, ms since 1970, at which the oldest in-process call still running passed its timeout."""
