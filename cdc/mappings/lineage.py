"""Self-trigger guard: how many invocations stand behind a record, each started by what the one before it wrote.

A record that a function wrote while it was invoked is one generation younger than the records that it was invoked with;
any other record is of generation 0. A function that answers each of its own writes with another one makes generation
after generation, without end; one that writes for what others have written does not get past the first.
"""

from __future__ import annotations

import threading
from itertools import islice
from typing import TYPE_CHECKING

from cdc.model.app_id import app_id_of

if TYPE_CHECKING:
    from collections.abc import Sequence

LOOP_GENERATIONS = 16
"""Generations from which on it is called a loop (Lambda: recursive loop detection, about 16 invocations)."""
SEQUENCES_KEPT = 65_536
"""Records by functions that are remembered; some 10 MB. Older ones count as written by others."""


class Lineage:
    """Generations of batches and records. For any thread.

    Where invocations of a function overlap, a write counts as of the one with the lowest generation: records by others
    that arrive all the time hide a loop until they pause, and make none of what is no loop.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generations: dict[int, int] = {}  # of records that functions wrote, by sequence, oldest first
        self._flights: dict[str, tuple[str, int]] = {}  # by request id: the function's application id, generation

    def begin(self, request_id: str, function_name: str, sequences: Sequence[int]) -> int:
        """Note that an invocation begins with these records; return its generation, the lowest of theirs."""
        with self._lock:
            known = self._generations
            generation = min((known.get(each, 0) for each in sequences), default=0) if known else 0
            self._flights[request_id] = (app_id_of(function_name), generation)
        return generation

    def end(self, request_id: str) -> None:
        """Note that an invocation has ended."""
        with self._lock:
            self._flights.pop(request_id, None)

    def wrote(self, app_id: str, sequences: range) -> None:
        """Note which records the process of a function has written. Without an invocation in flight, anybody could have."""
        with self._lock:
            generations = [generation for flying, generation in self._flights.values() if flying == app_id]
            if not generations:
                return
            self._generations.update(dict.fromkeys(sequences, min(generations) + 1))
            surplus = len(self._generations) - SEQUENCES_KEPT
            for each in list(islice(self._generations, max(0, surplus))):
                del self._generations[each]
