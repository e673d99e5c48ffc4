"""The state of delivery for other processes: a JSON file beside the database, written anew each second while it changes.

Counters and plans live in the memory of the process that delivers. `cdc status` and `cdc explain`, and the API where it
is another process, read them here. It is not durable, and nothing depends on it.
"""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import orjson

from cdc.store import roles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from cdc.mappings.outbox.counters import OutboxCounters
    from cdc.mappings.status import MappingState

log = logging.getLogger(__name__)

PUBLISH_SECONDS = 1.0
"""How often the file is written, while something changes; it takes about a millisecond with a hundred mappings."""


def delivery_state(
    mappings: Iterable[MappingState], outbox: Mapping[str, OutboxCounters], now_ms: int
) -> dict[str, Any]:
    """Describe delivery as JSON values. `outbox`: by the mapping's name."""
    return {
        "pid": os.getpid(),
        "at_ms": now_ms,
        "mappings": {
            state.name: asdict(state) | {"outbox": asdict(outbox[state.name]) if state.name in outbox else None}
            for state in mappings
        },
    }


def read_state(database: Path) -> dict[str, Any] | None:
    """Read what the process that delivers has published; None when none does, or it has not yet."""
    holder = roles.holder(database, roles.POLL)
    if holder is None:
        return None
    with suppress(OSError, orjson.JSONDecodeError):
        state: dict[str, Any] = orjson.loads(_path(database).read_bytes())
        if state["pid"] == holder["pid"]:
            return state
    return None


class Publisher:
    """Writes the state from `start` to `stop`, on a thread of its own."""

    def __init__(self, database: Path, state: Callable[[], dict[str, Any]], moved: Callable[[], object]) -> None:
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
                    self._write(orjson.dumps(self._state()))
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
