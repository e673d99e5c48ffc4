"""The state of delivery for other processes: a JSON file beside the database, written anew each second while it changes.

Counters and plans live in the memory of the process that delivers. `cdc status` and `cdc explain`, and the API where it
is another process, read them here. It is not durable, and nothing depends on it.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from cdc.store import roles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from cdc.functions.requests import RequestCounts
    from cdc.mappings.outbox.counters import OutboxCounters
    from cdc.mappings.status import MappingState

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 1.0
"""How often the file is written, while something changes; it takes about a millisecond with a hundred mappings."""


def dump_state(
    mappings: Iterable[MappingState],
    outbox: Mapping[str, OutboxCounters],
    requests: Mapping[str, RequestCounts],
    now_ms: int,
) -> bytes:
    """Write the state of delivery as JSON. `outbox`: by the mapping's name; `requests`: by the function's."""
    return orjson.dumps(
        {
            "pid": os.getpid(),
            "at_ms": now_ms,
            "mappings": {state.name: state for state in mappings},
            "outbox": outbox,
            "requests": requests,
        }
    )


def load_state(text: bytes) -> dict[str, Any]:
    """Read what `dump_state` wrote: `pid`, `at_ms`, `requests`, and `mappings` by name, each with its `outbox` or None."""
    state: dict[str, Any] = orjson.loads(text)
    outbox = state.pop("outbox")
    for name, mapping in state["mappings"].items():
        mapping["outbox"] = outbox.get(name)
    return state


def read_state(database: Path) -> dict[str, Any] | None:
    """Read what the process that delivers has published; None when none does, or it has not yet."""
    holder = roles.holder(database, roles.POLL)
    if holder is None:
        return None
    with suppress(OSError, orjson.JSONDecodeError):
        state = load_state(_path(database).read_bytes())
        if state["pid"] == holder["pid"]:
            return state
    return None


class Publisher:
    """Writes the state from `start` to `stop`, on a thread of its own."""

    def __init__(self, database: Path, state: Callable[[], bytes], moved: Callable[[], object]) -> None:
        """Write what `state` gives, when what `moved` gives is another than before."""
        self._path = _path(database)
        self._state = state
        self._moved = moved
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cdc-publisher", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End, and remove the file: it says what is."""
        self._over.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def _run(self) -> None:
        seen: object = None
        failed = False
        while True:
            moved = self._moved()
            try:
                if moved != seen:
                    self._write(self._state())
                    seen, failed = moved, False
            except OSError as error:
                if not failed:
                    log.warning("%s can't be written: %s; `cdc status` has no metrics", self._path, error)
                failed = True
            if self._over.wait(PUBLISH_SECONDS):
                return

    def _write(self, text: bytes) -> None:
        new = self._path.with_name(self._path.name + ".new")
        new.write_bytes(text)
        new.replace(self._path)


def _path(database: Path) -> Path:
    return database.with_name(f"{database.name}.poll.state")
