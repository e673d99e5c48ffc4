"""The thread of all instances: an event loop on which each is a task."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

import uvloop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


class FunctionLoop:
    """An event loop on a thread of its own, from the first task to the end of the last one after `close`.

    Hundreds of instances on one thread: with a thread for each, most of the time went into handing the interpreter around.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing: asyncio.Future[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._calls: deque[Callable[[], object]] = deque()
        self._is_called = False

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop itself, whose thread is started when it is first asked for."""
        with self._lock:
            if self._loop is None:
                self._loop = uvloop.new_event_loop()
                self._closing = self._loop.create_future()
                self._thread = threading.Thread(target=self._run, name="cdc-functions", daemon=True)
                self._thread.start()
            return self._loop

    def start(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run a task; from any thread."""
        self.call(partial(self._begin, work))

    def call(self, function: Callable[[], object]) -> None:
        """Call a function on the loop's thread, soon; from any thread."""
        self._calls.append(function)
        if not self._is_called:  # one waking of the thread is enough for many
            self._is_called = True
            self.loop.call_soon_threadsafe(self._call_all)

    def close(self, seconds: float) -> None:
        """End when the last task has ended, and wait up to so long for that; no task may be started any more."""
        with self._lock:
            loop, thread, closing, self._closing = self._loop, self._thread, self._closing, None
        if loop is not None and thread is not None and closing is not None:
            loop.call_soon_threadsafe(closing.set_result, None)
            thread.join(seconds)

    def _run(self) -> None:
        assert self._loop is not None
        assert self._closing is not None
        try:
            self._loop.run_until_complete(self._serve(self._closing))
        finally:
            self._loop.close()

    async def _serve(self, closing: asyncio.Future[None]) -> None:
        await closing
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _call_all(self) -> None:
        self._is_called = False
        for _ in range(len(self._calls)):
            try:
                self._calls.popleft()()
            except Exception:
                logging.getLogger(__name__).exception("an instance of a function failed")

    def _begin(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self.loop.create_task(work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
