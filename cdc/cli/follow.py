"""Following a table's streams over GetRecords: parents before children, one stream after another, in commit order."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdc.cli.errors import CommandError
from cdc.model.errors import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cdc.clock import Clock

    Record = dict[str, Any]
    Call = Callable[[str, dict[str, Any]], dict[str, Any]]

TRIM_HORIZON = {"ShardIteratorType": "TRIM_HORIZON"}
LATEST = {"ShardIteratorType": "LATEST"}
DISCOVER_SECONDS = 2.0
"""How often new streams and shards are looked for when none has ended."""
COMMIT_MS = 1000
"""How long before its commit a record may get its time; a record that is seen twice is better than one that is not."""
_TRIMMED = "records expired before they were read: going on at the oldest one kept"


@dataclass(eq=False)
class Reader:
    """A place in one shard."""

    arn: str
    shard_id: str
    waits_for: frozenset[str]  # shards to be read to their end before this one
    position: dict[str, Any]  # of GetShardIterator, for when the iterator is lost
    iterator: str | None = None
    waiting: deque[Record] = field(default_factory=deque)
    idle: bool = False  # the last page had no record
    ended: bool = False  # the shard is closed, and nothing is left to read

    @property
    def finished(self) -> bool:
        """Whether all its records were taken."""
        return self.ended and not self.waiting


class Follower:
    """Reads a table's streams; shards and streams that appear are read from their beginning."""

    def __init__(self, call: Call, clock: Clock, table: str, start: dict[str, Any], shard: str | None = None) -> None:
        """Begin at `start`: the position that GetShardIterator is asked for in the shards of this moment."""
        self._call = call
        self._clock = clock
        self._table = table
        self._shard = shard  # the only one wanted, by the end of its id, with its descendants
        self._readers: dict[str, Reader] = {}
        self._notes: list[str] = []
        self.streams = 0  # found when last looked for
        self._discover_at = clock.monotonic()
        self._discover(start)
        for reader in list(self._readers.values()):
            self._prepare(reader)

    @property
    def shards(self) -> int:
        """How many shards are being read."""
        return len([reader for reader in self._readers.values() if not reader.finished])

    @property
    def caught_up(self) -> bool:
        """Whether everything written so far was read."""
        return all(reader.finished or (reader.idle and not reader.waiting) for reader in self._readers.values())

    def take_notes(self) -> list[str]:
        """Return what there is to say besides records, once."""
        notes, self._notes = self._notes, []
        return notes

    def poll(self) -> Iterator[Record]:
        """Read one page of each shard that needs one, and yield what follows in commit order.

        Raises: ServiceError; UnreachableError.
        """
        if self._clock.monotonic() >= self._discover_at:
            self._discover(TRIM_HORIZON)
        ready = self._ready()
        for reader in ready:
            if not reader.waiting and not reader.ended:
                self._read(reader)
        if any(reader.ended for reader in ready):
            self._discover_at = self._clock.monotonic()
        return self._merge(ready)

    def _ready(self) -> list[Reader]:
        unfinished = {shard_id for shard_id, reader in self._readers.items() if not reader.finished}
        return [
            reader for reader in self._readers.values() if not reader.finished and not reader.waits_for & unfinished
        ]

    @staticmethod
    def _merge(readers: list[Reader]) -> Iterator[Record]:
        """Yield records by sequence number, as long as no shard can have an earlier one."""
        while all(reader.waiting or reader.idle or reader.ended for reader in readers):
            first = min((reader for reader in readers if reader.waiting), key=_sequence, default=None)
            if first is None:
                return
            yield first.waiting.popleft()

    def _discover(self, start: dict[str, Any]) -> None:
        """Look for streams and shards that are not known yet."""
        self._discover_at = self._clock.monotonic() + DISCOVER_SECONDS
        known = bool(self._readers)
        earlier: frozenset[str] = frozenset()
        arns = list(self._stream_arns())
        self.streams = len(arns)
        if not arns:
            self._call(
                "DescribeTable", {"TableName": self._table}
            )  # a table that does not exist is no table to wait for
        for arn in arns:
            shards = list(self._described(arn))
            for shard in shards:
                if shard["ShardId"] not in self._readers and self._is_wanted(shard):
                    self._add(arn, shard, earlier, start)
            earlier |= {shard["ShardId"] for shard in shards}
        if self._shard is not None and not known and not self._readers:
            raise CommandError(f"no shard of {self._table} ends with {self._shard}: `cdc status` lists them")

    def _add(self, arn: str, shard: dict[str, Any], earlier: frozenset[str], start: dict[str, Any]) -> None:
        closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
        parent = shard.get("ParentShardId")
        self._readers[shard["ShardId"]] = Reader(
            arn=arn,
            shard_id=shard["ShardId"],
            waits_for=earlier | ({parent} if parent else set()),
            position=start,
            ended=closed and start is LATEST,
        )

    def _is_wanted(self, shard: dict[str, Any]) -> bool:
        wanted = self._shard
        return wanted is None or shard["ShardId"].endswith(wanted) or shard.get("ParentShardId") in self._readers

    def _stream_arns(self) -> Iterator[str]:
        """Yield the table's streams, oldest first."""
        request: dict[str, Any] = {"TableName": self._table}
        while True:
            answer = self._call("ListStreams", request)
            yield from (stream["StreamArn"] for stream in answer["Streams"])
            if "LastEvaluatedStreamArn" not in answer:
                return
            request["ExclusiveStartStreamArn"] = answer["LastEvaluatedStreamArn"]

    def _described(self, arn: str) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {"StreamArn": arn}
        while True:
            try:
                description = self._call("DescribeStream", request)["StreamDescription"]
            except ServiceError as error:
                if error.code == "ResourceNotFoundException":  # its records have expired since it was listed
                    return
                raise
            yield from description["Shards"]
            if "LastEvaluatedShardId" not in description:
                return
            request["ExclusiveStartShardId"] = description["LastEvaluatedShardId"]

    def _prepare(self, reader: Reader) -> None:
        if reader.iterator is None and not reader.ended:
            request = {"StreamArn": reader.arn, "ShardId": reader.shard_id, **reader.position}
            reader.iterator = self._call("GetShardIterator", request)["ShardIterator"]

    def _read(self, reader: Reader) -> None:
        try:
            self._prepare(reader)
            if reader.position is LATEST:  # nothing was written up to now, or it would be read now
                since = (self._clock.now_ms() - COMMIT_MS) / 1000
                reader.position = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": since}
            answer = self._call("GetRecords", {"ShardIterator": reader.iterator})
        except ServiceError as error:
            self._recover(reader, error)
            return
        records = answer["Records"]
        if records:
            last = records[-1]["dynamodb"]["SequenceNumber"]
            reader.position = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        reader.waiting.extend(records)
        reader.iterator = answer.get("NextShardIterator")
        reader.ended = reader.iterator is None
        reader.idle = not records

    def _recover(self, reader: Reader, error: ServiceError) -> None:
        """Find the place again that an iterator, or time, has lost."""
        reader.iterator = None
        match error.code:
            case "ExpiredIteratorException":  # the process was suspended for a while
                pass
            case "TrimmedDataAccessException":
                self._notes.append(_TRIMMED)
                reader.position = TRIM_HORIZON
            case "ResourceNotFoundException":
                reader.ended = True
            case _:
                raise error


def _sequence(reader: Reader) -> int:
    return int(reader.waiting[0]["dynamodb"]["SequenceNumber"])
