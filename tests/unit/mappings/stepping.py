"""Stepping a state machine by hand, on a clock that stands still: its writes are queued, and run when the test says so."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any

from cdc.model.errors import ServiceError

if TYPE_CHECKING:
    from cdc.clock import ManualClock
    from cdc.store.writer import Job, Writer


class Stepped:
    """What surrounds a machine, such as the poller; who has it sets these."""

    machine: Any  # has `step(now)`, which gives when to wake it, and `inbox`
    clock: ManualClock
    writer: Writer
    queue: list[Job[Any]]
    store_error: ServiceError | None  # of every write while it is set
    hold_writes: bool
    wake_at: float | None

    def commit(self) -> None:
        """Run the writes that the machine has queued."""
        jobs, self.queue[:] = self.queue[:], []
        if not jobs:
            return
        try:
            if self.store_error is not None:
                raise self.store_error
            results = self.writer.call(lambda each: [job.run(each) for job in jobs])
            for job, result in zip(jobs, results, strict=True):
                job.result = result
        except ServiceError as error:
            for job in jobs:
                job.error = error
        for notify, group in groupby(jobs, key=lambda job: job.notify):
            notify(list(group))

    def run(self, steps: int = 10_000) -> None:
        """Step until nothing is left to do at this moment."""
        for _ in range(steps):
            self.wake_at = self.machine.step(self.clock.monotonic())
            if not self.hold_writes:
                self.commit()
            idle = self.wake_at is None or self.wake_at > self.clock.monotonic()
            if idle and not self.machine.inbox.wait(0):
                return
        raise AssertionError("the machine does not come to rest")

    def advance(self, seconds: float) -> None:
        """Let time pass, waking the machine when it asked for it."""
        end = self.clock.monotonic() + seconds
        self.run()
        while self.wake_at is not None and self.wake_at <= end:
            self.clock.advance(self.wake_at - self.clock.monotonic())
            self.run()
        self.clock.advance(end - self.clock.monotonic())
        self.run()
