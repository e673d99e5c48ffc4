"""A real file with tables, streams and records, that a test can stop, reopen and read over the wire's operations."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
import pytest

from cdc.clock import ManualClock
from cdc.model.catalog import MAX_HASH, Stream, TableDefinition
from cdc.model.mappings import TRIMMED, Declaration, MappingSettings
from cdc.model.options import Options
from cdc.store import catalog, checkpoints, mappings, records
from cdc.store.database import open_database
from cdc.store.reading import Reader
from cdc.store.writer import Writer
from cdc.streams import lifecycle, reading
from cdc.streams.retention import purge_step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cdc.model.catalog import Shard
    from cdc.model.mappings import Checkpoint
    from cdc.store.transaction import Transaction
    from cdc.streams.retention import PurgeResult

Result = TypeVar("Result")
OPERATIONS = SimpleNamespace(
    ListStreams=reading.list_streams,
    DescribeStream=reading.describe_stream,
    GetShardIterator=reading.get_shard_iterator,
    GetRecords=reading.get_records,
)


class House:
    """A file with a manual clock. `options` may be replaced at any time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = ManualClock()
        self.options = Options(shards=1)
        self.start()

    def start(self) -> None:
        self.database = open_database(self.path)
        self.writer = Writer(self.database, self.clock)
        self.reader = Reader(self.database, self.clock)

    def stop(self) -> None:
        self.writer.close()
        self.database.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def write(self, run: Callable[[Transaction], Result]) -> Result:
        return self.writer.call(run)

    def create(self, name: str = "orders", view_type: str = "KEYS_ONLY", **definition: Any) -> Stream:
        """Create a table and enable its stream."""

        def run(transaction: Transaction) -> Stream:
            catalog.insert_table(transaction, define(name, **definition))
            return lifecycle.enable_stream(transaction, self.options, transaction.catalog.tables[name], view_type)

        return self.write(run)

    def enable(self, name: str = "orders", view_type: str = "KEYS_ONLY") -> Stream:
        return self.write(
            lambda each: lifecycle.enable_stream(each, self.options, each.catalog.tables[name], view_type)
        )

    def disable(self, stream: Stream) -> None:
        self.write(lambda each: lifecycle.disable_stream(each, self.stream(stream)))

    def retain(self, **seconds: int) -> None:
        """Set the retention of tables, by name."""
        self.options = Options(shards=self.options.shards, table_retention_seconds=seconds)
        self.write(lambda each: lifecycle.set_retentions(each, self.options))

    def stream(self, stream: Stream) -> Stream:
        """Look a stream up again."""
        return next(each for each in self.reader.view().catalog.streams if each.id == stream.id)

    def shard(self, stream: Stream, number: int = 0) -> Shard:
        return self.stream(stream).shards[number]

    def append(self, stream: Stream, count: int = 1, number: int = 0, size_bytes: int = 1) -> list[int]:
        """Write records, all in one transaction; return their sequences."""
        stream = self.stream(stream)
        shard = stream.shards[number].id
        change = orjson.dumps({"Keys": {"k": {"S": "x" * size_bytes}}})
        return self.write(
            lambda each: [
                records.append(each, shard, stream.retention_seconds, 0, size_bytes + 1, change) for _ in range(count)
            ]
        )

    def ask(self, operation: str, **request: Any) -> Any:
        """Answer an operation as the wire would."""
        read = getattr(OPERATIONS, operation)(request, self.options)
        return orjson.loads(read.run(self.reader.view()))

    def arn(self, stream: Stream) -> str:
        return f"arn:aws:dynamodb:us-east-1:000000000000:table/{stream.table_name}/stream/{stream.label}"

    def iterator(self, stream: Stream, kind: str = "TRIM_HORIZON", number: int = 0, **more: Any) -> str:
        answer = self.ask(
            "GetShardIterator",
            StreamArn=self.arn(stream),
            ShardId=stream.shards[number].shard_id,
            ShardIteratorType=kind,
            **more,
        )
        return str(answer["ShardIterator"])

    def sequences(self, iterator: str, **more: Any) -> list[int]:
        """Read one page and return its sequences as they are stored."""
        page = self.ask("GetRecords", ShardIterator=iterator, **more)
        return [int(each["dynamodb"]["SequenceNumber"]) - 10**20 for each in page["Records"]]

    def readable(self, stream: Stream, number: int = 0) -> list[int]:
        return self.sequences(self.iterator(stream, number=number))

    def purge(self) -> PurgeResult:
        return purge_step(self.writer, self.reader, self.clock.now_ms())

    def declare(self, name: str, table: str = "orders") -> int:
        """Declare a mapping; return its id."""
        declaration = Declaration(
            name=name,
            table_name=table,
            settings=MappingSettings(function_name="f", starting_position="TRIM_HORIZON", batch_size=10),
        )
        self.write(lambda each: mappings.declare(each, declaration, f"uuid-{name}"))
        with self.database.reading() as connection:
            return next(each.id for each in mappings.load_mappings(connection) if each.name == name)

    def begin(self, mapping_id: int, shard: Shard, sequence: int) -> Checkpoint:
        return self.write(lambda each: checkpoints.begin(each, mapping_id, shard.id, 1, sequence)[0])

    def checkpoint(self, mapping_id: int, shard: Shard) -> Checkpoint:
        with self.database.reading() as connection:
            found = checkpoints.load_checkpoint(connection, mapping_id, shard.id, 0)
        assert found is not None
        return found

    def trimmed_counts(self) -> dict[int, int]:
        with self.database.reading() as connection:
            return checkpoints.counts(connection, TRIMMED)

    def segments(self) -> list[int]:
        return [segment.id for segment in self.reader.view().catalog.segments]


def define(name: str, **more: Any) -> TableDefinition:
    fields: dict[str, Any] = {
        "table_id": "00000000-0000-0000-0000-000000000000",
        "attributes": (("k", "S"),),
        "hash_name": "k",
        "range_name": None,
        "billing_mode": "PAY_PER_REQUEST",
    }
    return TableDefinition(name=name, **(fields | more))


@pytest.fixture
def new_house(tmp_path) -> Iterator[Callable[[], House]]:
    """Make houses, each in a file of its own."""
    made: list[House] = []

    def make() -> House:
        made.append(House(tmp_path / f"{len(made)}.db"))
        return made[-1]

    yield make
    for each in made:
        each.stop()


@pytest.fixture
def house(new_house: Callable[[], House]) -> House:
    return new_house()


@pytest.fixture
def orders(house: House) -> Stream:
    """The stream of the table `orders`, with one shard over the whole ring, kept for a day."""
    stream = house.create()
    assert [(shard.hash_low, shard.hash_high) for shard in stream.shards] == [(0, MAX_HASH)]
    return stream
