"""Runs operations against a real file, as the service does: writes through the writer, reads through a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.options import Options
from cdc.store.reading import Reader, Write

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.clock import ManualClock
    from cdc.store.database import Database
    from cdc.store.reading import Read
    from cdc.store.writer import Writer

    Operation = Callable[[dict[str, Any], Options], Read | Write]


class Running:
    """An open file. `run` gives an operation's answer, or raises its refusal."""

    def __init__(self, database: Database, writer: Writer, clock: ManualClock) -> None:
        self.database = database
        self.writer = writer
        self.clock = clock
        self.options = Options(region="eu-west-1", account_id="123456789012")
        self.reader = Reader(database, clock)

    def run(self, operation: Operation, **request: Any) -> dict[str, Any]:
        """Check a request, do its work, and decode the answer."""
        work = operation(request, self.options)
        if isinstance(work, Write):
            body = self.writer.call(work.run, work.size_bytes)
        else:
            with self.reader.snapshot() as view:
                body = work.run(view)
        answer = orjson.loads(body)
        assert isinstance(answer, dict)
        return answer
