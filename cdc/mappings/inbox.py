"""What other threads have to tell the poller: a queue that its thread waits at."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from cdc.store.writer import Job

Message = TypeVar("Message")


class Written(NamedTuple):
    """Writes of the poller have been committed, or failed; each job's tag is who waits for it."""

    jobs: list[Job[Any]]


class Inbox(Generic[Message]):
    """Any thread puts; one thread waits and takes."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Message] = SimpleQueue()
        self._waited: list[Message] = []
        self._closed = False

    def put(self, message: Message) -> None:
        """Leave a message; wakes the thread that waits. A closed inbox drops it."""
        if not self._closed:
            self._queue.put(message)

    def wait(self, seconds: float | None) -> bool:
        """Wait until there is a message, or so long; tell whether there is one. None waits for as long as it takes."""
        if self._waited:
            return True
        try:
            self._waited.append(self._queue.get(timeout=None if seconds is None else max(0.0, seconds)))
        except Empty:
            return False
        return True

    def take(self) -> list[Message]:
        """Take all messages that are there, in the order of their coming."""
        taken, self._waited = self._waited, []
        for _ in range(self._queue.qsize()):  # those that come meanwhile are for the next time
            taken.append(self._queue.get_nowait())
        return taken

    def close(self) -> None:
        """Drop what comes from now on."""
        self._closed = True
