"""Loading items into a table: batches of 25 from a few threads, each key's lines in the order of the file."""

from __future__ import annotations

import threading
import zlib
from queue import Queue
from typing import TYPE_CHECKING, Any

from cdc.cli.rows import BadLineError
from cdc.model.errors import ServiceError
from cdc.model.numbers import normalise

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.cli.rows import Row

    Call = Callable[[str, dict[str, Any]], dict[str, Any]]

BATCH_ITEMS = 25
"""What BatchWriteItem takes."""
LANES = 4
"""Threads that write: enough that a group of writes is waiting whenever the writer commits one."""
QUEUED_BATCHES = 4
"""Batches that a lane lets wait before the reading of the file waits for it."""
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.1
"""Pause after a busy answer; it doubles each time, to 3 seconds in all."""
_BUSY = frozenset({"ServiceUnavailable", "ThrottlingException", "ProvisionedThroughputExceededException"})


class Loader:
    """Writes rows to one table. Rows of one key keep their order, so that the last one wins and the stream has each."""

    def __init__(self, call: Call, sleep: Callable[[float], object], table: str, keys: tuple[str, ...]) -> None:
        self.call = call
        self.sleep = sleep
        self.table = table
        self._keys = keys
        self._lock = threading.Lock()
        self._failure: tuple[int, Exception] | None = None
        self.stored = 0
        self._lanes = [_Lane(self, number) for number in range(LANES)]

    @property
    def failure(self) -> tuple[int, Exception] | None:
        """The first line that could not be stored, and why."""
        return self._failure

    def add(self, row: Row) -> None:
        """Queue a row, after a wait if much is queued.

        Raises: BadLineError when it has no key.
        """
        key = self._key(row)
        lane = self._lanes[zlib.crc32(key.encode("utf-8", "surrogatepass")) % LANES]
        lane.add(key, row)

    def finish(self) -> None:
        """Store what is queued, and end the threads."""
        for lane in self._lanes:
            lane.close()
        for lane in self._lanes:
            lane.thread.join()

    def count(self, items: int) -> None:
        """Note items that were stored."""
        with self._lock:
            self.stored += items

    def fail(self, line: int, error: Exception) -> None:
        """Note a line that could not be stored; the first one of the file is kept."""
        with self._lock:
            if self._failure is None or line < self._failure[0]:
                self._failure = (line, error)

    def _key(self, row: Row) -> str:
        """Write a row's key as text that is equal for equal keys."""
        parts = []
        for name in self._keys:
            value = row.item.get(name)
            if not isinstance(value, dict) or len(value) != 1:
                raise BadLineError(row.line, f"no value for {name}, which is part of the key of {self.table}")
            ((kind, content),) = value.items()
            try:
                parts.append(normalise(content) if kind == "N" and isinstance(content, str) else repr(content))
            except ServiceError as error:
                raise BadLineError(row.line, f"{name}: {error.message}") from None
        return "\0".join(parts)


class _Lane:
    """One thread and the batches that it has yet to write."""

    def __init__(self, loader: Loader, number: int) -> None:
        self._loader = loader
        self._queue: Queue[list[Row] | None] = Queue(QUEUED_BATCHES)
        self._batch: dict[str, Row] = {}
        self._failed = False
        self.thread = threading.Thread(target=self._run, name=f"import-{number}", daemon=True)
        self.thread.start()

    def add(self, key: str, row: Row) -> None:
        if key in self._batch:  # a batch has each key once
            self._flush()
        self._batch[key] = row
        if len(self._batch) == BATCH_ITEMS:
            self._flush()

    def close(self) -> None:
        self._flush()
        self._queue.put(None)

    def _flush(self) -> None:
        if self._batch:
            self._queue.put(list(self._batch.values()))
            self._batch = {}

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            if not self._failed:  # what follows a line that failed is left out; lines before it are in other lanes
                self._store(batch)

    def _store(self, batch: list[Row]) -> None:
        try:
            self._write(batch)
        except ServiceError:
            self._store_one_by_one(batch)
        except Exception as error:  # noqa: BLE001  # of a thread: it is shown by the one that waits for it
            self._fail(batch[0].line, error)

    def _store_one_by_one(self, batch: list[Row]) -> None:
        """Find the line that a batch was refused for, and store those before it."""
        for row in batch:
            try:
                self._patiently("PutItem", {"TableName": self._loader.table, "Item": row.item})
            except Exception as error:  # noqa: BLE001  # the same
                self._fail(row.line, error)
                return
            self._loader.count(1)

    def _write(self, batch: list[Row]) -> None:
        table = self._loader.table
        left: list[Any] = [{"PutRequest": {"Item": row.item}} for row in batch]
        for attempt in range(ATTEMPTS):
            answer = self._patiently("BatchWriteItem", {"RequestItems": {table: left}})
            unprocessed = answer.get("UnprocessedItems", {}).get(table, [])
            self._loader.count(len(left) - len(unprocessed))
            left = unprocessed
            if not left:
                return
            self._loader.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        raise TimeoutError(f"{len(left)} items of a batch are still unprocessed after {ATTEMPTS} attempts")

    def _patiently(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation, again and later each time while the answer is that the service is busy."""
        for attempt in range(ATTEMPTS - 1):
            try:
                return self._loader.call(operation, request)
            except ServiceError as error:
                if error.code not in _BUSY:
                    raise
            self._loader.sleep(FIRST_PAUSE_SECONDS * 2**attempt)
        return self._loader.call(operation, request)

    def _fail(self, line: int, error: Exception) -> None:
        self._failed = True
        self._loader.fail(line, error)
