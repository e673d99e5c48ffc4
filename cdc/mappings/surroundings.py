"""What the poller is handed: everything outside itself, so that a test can stand in for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import Clock
    from cdc.model.functions import Outcome
    from cdc.model.options import Options
    from cdc.store.database import Database
    from cdc.store.reading import Reader, View


class Invoker(Protocol):
    """Runs functions."""

    def invoke(self, name: str, event: bytes, request_id: str, done: Callable[[Outcome], None]) -> None:
        """Start an invocation and return at once; `done` is called once, by any thread."""

    def has_function(self, name: str) -> bool:
        """Tell whether a function of this name is configured."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """Store, functions, time and chance."""

    database: Database
    reader: Reader
    submit: Callable[..., None]
    """Queues the writes that it is called with; `Writer.submit`."""
    invoker: Invoker
    clock: Clock
    options: Options
    new_request_id: Callable[[], str]
    """Makes a UUID for an invocation."""
    jitter: Callable[[], float]
    """Gives numbers from 0 to 1, evenly."""


class Sight(NamedTuple):
    """What one step sees."""

    now: float  # of the monotonic clock, seconds
    view: View
    newest: int  # every record up to this sequence is in the view's catalogue
