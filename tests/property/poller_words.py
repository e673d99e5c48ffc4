"""What a life of a poller is told in: records, settings, calls, answers, and what the file says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

DONE, FAILED, REPORTED, UNREACHED = "done", "failed", "reported", "unreached"


class Record(NamedTuple):
    sequence: int
    key: str
    shard: int
    created_ms: int
    kind: str | None  # what filters look at


class Rules(NamedTuple):
    """Settings of a mapping."""

    batch_size: int = 100
    batching_ms: int = 0
    lanes: int = 1
    age_ms: int | None = None
    retries: int = -1
    bisect: bool = False
    report: bool = False
    window_ms: int = 0
    kinds: frozenset[str] | None = None
    destination: bool = False


class Answer(NamedTuple):
    """What an invocation came to."""

    meaning: str
    sequence: int = 0  # the lowest that was reported
    state: bytes | None = None  # of a window


class Window(NamedTuple):
    """What an event says of a tumbling window."""

    start_ms: int
    state: bytes
    final: bool
    early: bool


class Call(NamedTuple):
    """An invocation in flight."""

    request_id: str
    sequences: list[int]
    event_bytes: int
    window: Window | None
    through: int = 0  # where its batch ends
    window_ms: int | None = None  # the window that its records are of
    void: bool = False


class State(NamedTuple):
    """Where a lane is."""

    position: int  # everything up to here is settled
    ends: tuple[int, ...] = ()  # of the batches that are tried again, in order
    attempts: int = 0
    window_ms: int | None = None  # start of the open one
    state: bytes | None = None


class Letter(NamedTuple):
    """A dead letter, and whether a destination hears of it."""

    request_id: str | None
    shard: int
    first: int
    last: int
    size: int
    condition: str
    attempts: int
    sent: bool


class Outcome(NamedTuple):
    """A row of outcomes."""

    shard: int
    lane: int
    lanes: int
    after: int
    through: int
    kind: str
    records: int
    filtered: int
    attempts: int
    request_id: str | None
    settled_ms: int


class Branch(NamedTuple):
    """One way in which things may stand in the file: with what an answer makes of a batch, or still without."""

    state: State
    owes: tuple[str, int, int, str] | None = None  # the outcome that belongs to it
    letters: tuple[Letter, ...] = ()
    wait_ms: float = 0  # before the batch is tried again


@dataclass
class Lane:
    """A lane as the model knows it."""

    shard: int
    number: int
    count: int
    branches: list[Branch]
    call: Call | None = None
    moved: bool = False  # since it was last seen
    hurried: bool = False  # waits are over
    earliest_ms: float = 0  # for the next call
    latest_ms: float = 0
    postponed: int = 0
    token: int = -1  # of the checkpoint, as it was seen last

    @property
    def state(self) -> State:
        return self.branches[0].state
