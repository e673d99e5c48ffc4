"""The log of one instance: what it prints, Lambda's lines around each invocation, and the tail of it for Invoke."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

from cdc.functions.output import OutputCapture

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.functions import FunctionDefinition, Invocation, Outcome

TAIL_BYTES = 4096
"""What Lambda's Invoke returns of a log (LogType: Tail)."""
TIMED_OUT = "Sandbox.Timedout"


class Tail:
    """The last lines, as many as there is room for."""

    def __init__(self) -> None:
        self._lines: deque[bytes] = deque()
        self._size = 0

    def add(self, text: str) -> None:
        """Take one more line."""
        line = text[-TAIL_BYTES:].encode(errors="backslashreplace") + b"\n"
        self._lines.append(line)
        self._size += len(line)
        while self._size - len(self._lines[0]) >= TAIL_BYTES:
            self._size -= len(self._lines.popleft())

    def take(self) -> bytes:
        """Return the last 4 KB."""
        return b"".join(self._lines)[-TAIL_BYTES:]


class InvocationLog:
    """Attributes lines to the running invocation and hands them on. A log that fails changes no outcome."""

    def __init__(self, definition: FunctionDefinition, log: Callable[[str, str, str], None]) -> None:
        self.output = OutputCapture(self.line)
        self._definition = definition
        self._log = log
        self._tail: Tail | None = None  # where one is wanted
        self._request_id = ""

    def begin(self, invocation: Invocation) -> None:
        """Attribute what follows to this invocation."""
        self.output.cut()  # what was printed between invocations
        self._request_id = invocation.request_id
        self._tail = Tail() if invocation.wants_log else None
        self._platform_line(lambda: f"START RequestId: {self._request_id} Version: $LATEST")

    def end(self, outcome: Outcome) -> Outcome:
        """Attribute what follows to no invocation; return the outcome, with the tail of its log if that is wanted."""
        self.output.cut()
        if not outcome.ok and outcome.error_payload is None:  # else the handler's runtime has said it
            self._platform_line(lambda: f"{outcome.error_message} [{outcome.error_type}]")
        self._platform_line(lambda: f"END RequestId: {self._request_id}")
        self._platform_line(lambda: self._report(outcome))
        self._request_id = ""
        tail, self._tail = self._tail, None
        return outcome if tail is None else replace(outcome, log_tail=tail.take())

    def line(self, text: str) -> None:
        """Log one line."""
        if self._tail is not None:
            self._tail.add(text)
        self._hand_on(text)

    def _platform_line(self, write: Callable[[], str]) -> None:
        """Log a line of Lambda's own, where anybody wants it: there are three to an invocation."""
        if self._tail is None and not self._definition.log_invocations:
            return
        text = write()
        if self._tail is not None:
            self._tail.add(text)
        if self._definition.log_invocations:
            self._hand_on(text)

    def _hand_on(self, text: str) -> None:
        name = self._definition.name
        try:
            self._log(name, self._request_id, text)
        except Exception:
            logging.getLogger(__name__).exception("the log of function %s failed", name)

    def _report(self, outcome: Outcome) -> str:
        fields = [
            f"REPORT RequestId: {self._request_id}",
            f"Duration: {outcome.duration_ms - (outcome.init_ms or 0):.2f} ms",
            f"Billed Duration: {outcome.billed_ms} ms",
            f"Memory Size: {self._definition.memory_size} MB",
        ]
        if outcome.init_ms is not None:
            fields.append(f"Init Duration: {outcome.init_ms:.2f} ms")
        if outcome.error_type == TIMED_OUT:
            fields.append("Status: timeout")
        elif not outcome.ok:
            fields += ["Status: error", f"Error Type: {outcome.error_type}"]
        return "\t".join(fields)
