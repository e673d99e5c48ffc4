"""A process that delivers and sends until all is done, or that kills itself with SIGKILL at a point that has a name.

Run as: python -m tests.crash.poller_process DATABASE FOLDER [POINT TIMES]: it dies when it comes to the point for the nth
time. Poller, writer and outbox are the daemon's own, on threads of their own; what dies stands in for their surroundings.
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import orjson

from cdc.clock import SystemClock
from cdc.mappings.outbox.thread import OutboxThread
from cdc.mappings.thread import PollerThread
from cdc.mappings.writes import Purpose
from cdc.model.functions import Outcome
from cdc.service import open_service

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.mappings.destinations.sending import Parcel
    from cdc.service import Service
    from cdc.store.transaction import Transaction
    from cdc.store.writer import Job, Writer

BEFORE_CHECKPOINT = "after invoke, before checkpoint"
IN_SETTLE = "in the transaction that settles a batch"
IN_DISCARD = "in the transaction that discards a batch"
BEFORE_SENDING = "after dead letter, before destination"
AFTER_SENDING = "after destination, before outbox row"
IN_BISECT = "in mid-bisect"
IN_WINDOW = "in the middle of a window"
AT_WINDOW_END = "after the last call of a window, before it is closed"
POINTS = (
    BEFORE_CHECKPOINT,
    IN_SETTLE,
    IN_DISCARD,
    BEFORE_SENDING,
    AFTER_SENDING,
    IN_BISECT,
    IN_WINDOW,
    AT_WINDOW_END,
)
POISON = "poison"
MAPPINGS = (LANES, HALVES, WINDOWS) = ("lanes", "halves", "windows")  # each with a function of its name
RECORDS = 90
PATIENCE_SECONDS = 60.0
CALLS, MESSAGES = "calls.jsonl", "messages.jsonl"


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a journal that outlives this process."""
    with path.open("ab") as file:
        file.write(orjson.dumps(line) + b"\n")


@dataclass
class End:
    """Where this process ends."""

    point: str | None = None
    times: int = 0

    def reach(self, point: str) -> None:
        """Come to a point."""
        if point == self.point:
            self.times -= 1
            if self.times == 0:
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class Functions:
    """Functions that fail at poison, and count the records of a tumbling window in its state."""

    journal: Path
    end: End

    def has_function(self, _: str) -> bool:
        """Have all of them."""
        return True

    def invoke(self, name: str, event: bytes, request_id: str, done: Callable[[Outcome], None]) -> None:
        """Answer at once, and say so in the journal before."""
        told = orjson.loads(event)
        records = [each["dynamodb"] for each in told["Records"]]
        keys = [each["Keys"]["pk"]["S"] for each in records]
        fails, final = name != WINDOWS and any(POISON in key for key in keys), told.get("isFinalInvokeForWindow", False)
        if name == HALVES and len(keys) == 2:  # a batch of ten is down to a quarter
            self.end.reach(IN_BISECT)
        if not final and told.get("state"):
            self.end.reach(IN_WINDOW)
        seen = told.get("state", {}).get("seen", 0) + len(keys)
        line = {"function": name, "process": os.getpid(), "request": request_id, "keys": keys, "fails": fails}
        line |= {"sequences": [int(each["SequenceNumber"]) - 10**20 for each in records], "final": final, "seen": seen}
        append(self.journal, line | {"window": told.get("window"), "shard": told.get("shardId")})
        if fails:
            done(Outcome(ok=False, duration_ms=1, error_type="ValueError", error_message="poison"))
        else:
            done(Outcome(ok=True, duration_ms=1, result=orjson.dumps({"state": {"seen": seen}})))


@dataclass
class DyingWriter:
    """The writer as the poller knows it."""

    writer: Writer
    end: End
    listen: Callable[..., None] = field(init=False)

    def __post_init__(self) -> None:
        self.listen = self.writer.listen

    def submit(self, *jobs: Job[Any]) -> None:
        """Queue writes; the point may be before one, or in its transaction."""
        for job in jobs:
            job.run = self._armed(job.tag.write.purpose, job.run)
        self.writer.submit(*jobs)

    def _armed(self, purpose: Purpose, run: Callable[[Transaction], Any]) -> Callable[[Transaction], Any]:
        if purpose is Purpose.DELIVERED:
            self.end.reach(BEFORE_CHECKPOINT)
        elif purpose is Purpose.WINDOW:
            self.end.reach(AT_WINDOW_END)

        def run_and_die(transaction: Transaction) -> Any:
            result = run(transaction)
            if purpose in {Purpose.DELIVERED, Purpose.DEAD}:
                self.end.reach(IN_SETTLE if purpose is Purpose.DELIVERED else IN_DISCARD)
            return result

        return run_and_die


def is_done(service: Service, expected: dict[str, int]) -> bool:
    """Tell whether each mapping has settled so many records, and nothing else is to be done."""
    reader = service.database.reader()
    settled = reader.execute(
        "SELECT name, sum(records) FROM outcomes JOIN mappings ON mappings.id = mapping_id"
        " WHERE kind IN ('delivered', 'dead') GROUP BY name"
    ).fetchall()
    (windows,) = reader.execute("SELECT count(*) FROM checkpoints WHERE window_start_ms IS NOT NULL").fetchone()
    (pending,) = reader.execute("SELECT count(*) FROM outbox WHERE state = 'pending'").fetchone()
    return dict(settled) == expected and not windows and not pending


def main(database: Path, folder: Path, end: End) -> None:
    """Work until all is done."""
    clock = SystemClock()

    def send(_: str, parcel: Parcel) -> None:
        end.reach(BEFORE_SENDING)
        about = orjson.loads(parcel.payload)["DDBStreamBatchInfo"]
        append(folder / MESSAGES, {"id": parcel.message_id, "about": about})
        end.reach(AFTER_SENDING)

    with open_service(database) as service:
        expected = dict.fromkeys(MAPPINGS, RECORDS)
        outbox = OutboxThread(
            service.database, service.writer, send, clock=clock, jitter=lambda: 1.0, retry_seconds=3600
        )
        poller = PollerThread(
            service.database,
            cast("Writer", DyingWriter(service.writer, end)),
            Functions(folder / CALLS, end),
            clock=clock,
            options=service.options,
            new_request_id=lambda: str(uuid.uuid4()),
            jitter=lambda: 1.0,
        )
        outbox.start()
        poller.start()
        deadline = clock.monotonic() + PATIENCE_SECONDS
        while not is_done(service, expected):
            assert clock.monotonic() < deadline, poller.status()
            clock.sleep(0.02)
        assert poller.drain(10)
        assert outbox.drain(10)


if __name__ == "__main__":
    dies = len(sys.argv) > 3
    main(Path(sys.argv[1]), Path(sys.argv[2]), End(sys.argv[3], int(sys.argv[4])) if dies else End())
