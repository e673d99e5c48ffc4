"""A poller on a real file, stepped by hand: a clock that stands still, functions that do what the test says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from cdc.clock import ManualClock
from cdc.mappings.poller import Poller
from cdc.mappings.surroundings import Surroundings
from cdc.model.errors import ServiceError, ServiceUnavailable
from cdc.model.functions import Outcome
from cdc.model.mappings import Declaration, MappingSettings
from cdc.model.options import Options
from cdc.store import checkpoints, dead_letters, mappings
from cdc.store.database import open_database
from cdc.store.reading import Reader
from cdc.store.schema import outcomes
from cdc.store.writer import Job, Writer
from cdc.streams import lifecycle
from cdc.streams.retention import purge_step
from tests.unit.mappings.stepping import Stepped
from tests.unit.store.files import DAY, create_table, item_of, put

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cdc.mappings.status import LaneState, MappingState
    from cdc.model.dead_letters import DeadLetter
    from cdc.model.mappings import Checkpoint
    from cdc.store.transaction import Transaction

OK = Outcome(ok=True, duration_ms=1.0, result=b"null")
FAILURE = Outcome(ok=False, duration_ms=1.0, error_type="ValueError", error_message="no")


@dataclass
class Invocation:
    """A call of a function that the test answers, or that was answered."""

    function: str
    event: bytes
    request_id: str
    done: Callable[[Outcome], None]
    at: float

    @property
    def records(self) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = orjson.loads(self.event)["Records"]
        return records

    @property
    def keys(self) -> list[str]:
        return [record["dynamodb"]["Keys"]["pk"]["S"] for record in self.records]

    @property
    def sequences(self) -> list[int]:
        return [int(record["dynamodb"]["SequenceNumber"]) - 10**20 for record in self.records]


@dataclass
class Functions:
    """Functions whose answers are what `answer` says; None leaves an invocation open, for the test to answer."""

    clock: ManualClock
    names: set[str] = field(default_factory=lambda: {"f", "g"})
    answer: Callable[[Invocation], Outcome | None] = lambda _: OK
    calls: list[Invocation] = field(default_factory=list)

    def has_function(self, name: str) -> bool:
        return name in self.names

    def invoke(self, name: str, event: bytes, request_id: str, done: Callable[[Outcome], None]) -> None:
        call = Invocation(name, event, request_id, done, self.clock.monotonic())
        self.calls.append(call)
        outcome = self.answer(call)
        if outcome is not None:
            done(outcome)


class Bench(Stepped):
    """Everything around a poller. `crash` and `restart` leave the file as it is."""

    def __init__(self, path: Path, jitter: float = 0.0) -> None:
        self.path = path
        self.clock = ManualClock()
        self.functions = Functions(self.clock)
        self.options = Options(shards=1)
        self.jitter = jitter
        self.store_error: ServiceError | None = None  # of every checkpoint write while it is set
        self.hold_writes = False
        self.start()

    def start(self) -> None:
        self.database = open_database(self.path)
        self.writer = Writer(self.database, self.clock)
        self.reader = Reader(self.database, self.clock)
        self.queue: list[Job[Any]] = []
        self.requests = iter(range(10**9))
        self.machine = self.poller = Poller(
            Surroundings(
                database=self.database,
                reader=self.reader,
                submit=lambda *jobs: self.queue.extend(jobs),
                invoker=self.functions,
                clock=self.clock,
                options=self.options,
                new_request_id=lambda: f"request-{next(self.requests)}",
                jitter=lambda: self.jitter,
            )
        )
        self.wake_at: float | None = 0.0

    def stop(self) -> None:
        self.writer.close()
        self.database.close()

    def restart(self) -> None:
        """End as a crash does, what is in flight included, and start again."""
        self.stop()
        self.functions.calls = []
        self.start()

    def write(self, run: Callable[[Transaction], Any]) -> Any:
        return self.writer.call(run)

    def create(self, name: str = "t", *, shards: int = 1, retention: int = DAY, stream: bool = True) -> None:
        view = "NEW_AND_OLD_IMAGES" if stream else None
        self.write(lambda each: create_table(each, name, view, shards=shards, retention=retention))

    def enable(self, name: str = "t", shards: int = 1, retention: int = DAY) -> None:
        options = Options(shards=shards, retention_seconds=retention)
        self.write(lambda each: lifecycle.enable_stream(each, options, each.catalog.tables[name], "NEW_AND_OLD_IMAGES"))
        self.poller.file_changed()

    def disable(self, name: str = "t") -> None:
        def run(transaction: Transaction) -> None:
            stream = transaction.catalog.tables[name].stream
            assert stream is not None
            lifecycle.disable_stream(transaction, stream)

        self.write(run)
        self.poller.file_changed()

    def put(self, *keys: str, table: str = "t", value: str | None = None) -> None:
        """Write items, each with a record of its own, in one transaction, and tell the poller."""

        def run(transaction: Transaction) -> frozenset[int]:
            for key in keys:
                put(transaction, table, item_of(key, v=transaction.counters.next_sequence if value is None else value))
            assert transaction.connection is not None  # asking for it writes the records
            return frozenset(transaction.appended_shards)

        self.poller.committed(self.write(run))

    def declare(self, name: str = "m", table: str = "t", function: str = "f", **more: Any) -> None:
        settings = MappingSettings(function_name=function, **{"starting_position": "TRIM_HORIZON"} | more)
        declaration = Declaration(name=name, table_name=table, settings=settings)
        self.write(lambda each: mappings.declare(each, declaration, f"uuid-{name}"))
        self.poller.poke()

    def pause(self, *, paused: bool, name: str = "m") -> None:
        self.write(lambda each: mappings.set_paused(each, self.mapping_id(name), paused=paused))
        self.poller.poke()

    def letters(self) -> list[DeadLetter]:
        with self.database.reading() as connection:
            return dead_letters.find(connection)

    def redrive(self, *letters: DeadLetter, forced: bool = False) -> None:
        """Ask for letters to be delivered again."""

        def run(transaction: Transaction) -> None:
            for each in letters:
                assert each.id is not None
                assert dead_letters.ask_redrive(transaction, each.id, forced=forced)
                mappings.touch(transaction, each.mapping_id)

        self.write(run)
        self.poller.poke()

    def purge(self) -> None:
        purge_step(self.writer, self.reader, self.clock.now_ms())

    def mapping_id(self, name: str = "m") -> int:
        with self.database.reading() as connection:
            return next(each.id for each in mappings.load_mappings(connection) if each.name == name)

    def checkpoints(self, name: str = "m") -> list[Checkpoint]:
        of_mapping = self.mapping_id(name)
        with self.database.reading() as connection:
            return [each for each in checkpoints.load_checkpoints(connection) if each.mapping_id == of_mapping]

    def checkpoint(self, name: str = "m") -> Checkpoint:
        (only,) = self.checkpoints(name)
        return only

    def outcomes(self, name: str = "m") -> list[Any]:
        of_mapping = self.mapping_id(name)
        with self.database.reading() as connection:
            rows = connection.execute(outcomes.select().order_by(outcomes.c.id))
            return [row for row in rows if row.mapping_id == of_mapping]

    def state(self, name: str = "m") -> MappingState:
        return next(state for state in self.poller.status() if state.name == name)

    def lane(self, name: str = "m") -> LaneState:
        (only,) = self.state(name).lanes
        return only

    @property
    def calls(self) -> list[Invocation]:
        return self.functions.calls

    def delivered(self, function: str = "f") -> list[str]:
        return [key for call in self.calls if call.function == function for key in call.keys]


def disk_full() -> ServiceUnavailable:
    return ServiceUnavailable("The disk is full")


def numbered(count: int, start: int = 0) -> Iterator[str]:
    return (f"k{number:04d}" for number in range(start, start + count))
