"""What the clients sent and heard, and the exact check of a stream and a table against it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"
PUT, ADD, CREATE, SWAP, DELETE = "put", "add", "create", "swap", "delete"
SHARED = "shared-"
"""How the keys begin that all clients write; each other key has one client, whose requests follow each other."""

Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Write:
    """One write of one key. A delete carries no attribute of its own: it is known by the write that it removes."""

    request: str  # id of the request; those of a batch share it
    verb: str
    key: str
    uid: str  # the item's attribute `w` afterwards
    number: int  # the attribute `n` afterwards; ADD adds it
    expected: str  # SWAP: the `w` that the item must have
    outcome: str = UNKNOWN


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """One record as GetRecords gave it."""

    sequence: int
    shard: str
    event: str
    key: str
    old: Item | None
    new: Item | None


def read_log(lines: Iterable[str]) -> list[Write]:
    """Read a client's log; a request whose end was not logged is unknown."""
    sent: dict[str, list[Write]] = {}
    for line in lines:
        kind, request, content = json.loads(line)
        if kind == "sent":
            sent[request] = [Write(request, *fields) for fields in content]
        else:
            sent[request] = [Write(request, w.verb, w.key, w.uid, w.number, w.expected, content) for w in sent[request]]
    return [write for writes in sent.values() for write in writes]


def effect(write: Write, item: Item | None) -> tuple[Item | None, bool]:
    """Return the item that the write makes of `item`, and whether it is to be refused instead."""
    if write.verb == DELETE:
        return None, False
    if write.verb == CREATE and item is not None:
        return item, True
    if write.verb == SWAP and (item is None or item["w"]["S"] != write.expected):
        return item, True
    before = int(item["n"]["N"]) if write.verb == ADD and item is not None else 0
    return {"pk": {"S": write.key}, "w": {"S": write.uid}, "n": {"N": str(before + write.number)}}, False


def is_of(record: StreamRecord, old: Item | None, new: Item | None) -> bool:
    """Tell whether it is the record of this change."""
    event = "INSERT" if old is None else "REMOVE" if new is None else "MODIFY"
    return (record.event, record.old, record.new) == (event, old, new)


@dataclass
class Ledger:
    """The state that the acknowledged writes and the stream lead to; each call adds what happened since the last."""

    items: dict[str, Item] = field(default_factory=dict)
    records: dict[int, StreamRecord] = field(default_factory=dict)
    outcomes: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # requests, in words
    _torn: dict[str, set[bool]] = field(default_factory=lambda: defaultdict(set))

    def settle(self, writes: Iterable[Write], records: list[StreamRecord]) -> list[str]:
        """Match writes, in each client's order, with the records that came; return what does not fit.

        To be called while nobody writes: each new record then comes after all that were known before.
        """
        found = self._take(records)
        ours: dict[str, list[Write]] = defaultdict(list)
        theirs: dict[str, list[StreamRecord]] = defaultdict(list)
        for write in writes:
            ours[write.key].append(write)
            self.outcomes[write.outcome] += 1
        for record in sorted(records, key=lambda each: each.sequence):
            theirs[record.key].append(record)
        self._torn.clear()
        for key in sorted(ours.keys() | theirs.keys()):
            settle = self._settle_shared if key.startswith(SHARED) else self._settle_own
            found += settle(key, ours[key], theirs[key])
        torn = [request for request, applied in self._torn.items() if len(applied) == 2]
        return found + [f"{request}: a part of the batch was written, another was not" for request in torn]

    def compare_items(self, stored: dict[str, Item]) -> list[str]:
        """Compare the table with the state; return what differs."""
        return [
            f"{key}: the table has {stored.get(key)}, the acknowledged writes make {self.items.get(key)}"
            for key in sorted(stored.keys() | self.items.keys())
            if stored.get(key) != self.items.get(key)
        ]

    def compare_records(self, again: list[StreamRecord]) -> list[str]:
        """Compare a reading of the whole stream with all records that were seen; return what differs."""
        found = [
            f"sequence {record.sequence}: was {self.records.get(record.sequence)}, is {record}"
            for record in again
            if self.records.get(record.sequence) != record
        ]
        gone = self.records.keys() - {record.sequence for record in again}
        found += [f"sequence {sequence}: was read before and is gone" for sequence in sorted(gone)]
        if len(again) != len({record.sequence for record in again}):
            found.append("a sequence number was read twice")
        return found

    def _take(self, records: list[StreamRecord]) -> list[str]:
        """Remember new records, which come shard by shard; return what is wrong with their sequence numbers."""
        newest_before = max(self.records, default=0)
        newest: dict[str, int] = {}
        found = []
        for record in records:
            if record.sequence <= newest.get(record.shard, newest_before):
                found.append(f"{record.key}: sequence {record.sequence} does not come after those before it")
            if record.sequence in self.records:
                found.append(f"{record.key}: sequence {record.sequence} is used twice")
            newest[record.shard] = record.sequence
            self.records[record.sequence] = record
        return found

    def _settle_own(self, key: str, writes: list[Write], records: list[StreamRecord]) -> list[str]:
        """Go through a key of one client: its records are those of its writes, in order."""
        found = []
        item, place = self.items.get(key), 0
        for write in writes:
            new, refused = effect(write, item)
            if refused != (write.outcome == REFUSED) and write.outcome != UNKNOWN:
                found.append(f"{write.request}: {write.outcome}, while the item was {item}: {write}")
            if refused or write.outcome == REFUSED or (item is None and new is None):
                continue
            present = place < len(records) and is_of(records[place], item, new)
            if write.outcome == UNKNOWN:
                self._torn[write.request].add(present)
            elif not present:
                there = records[place] if place < len(records) else "nothing"
                found.append(f"{write.request}: acknowledged, and its record is not in the stream but {there}: {write}")
            if present:
                item, place = new, place + 1
        found += [f"{key}: a record of no write, or out of order: {record}" for record in records[place:]]
        self._keep(key, item)
        return found

    def _settle_shared(self, key: str, writes: list[Write], records: list[StreamRecord]) -> list[str]:
        """Go through a counter of all clients: its records tell the order, and each is of one write."""
        found = []
        item, left = self.items.get(key), {write.uid: write for write in writes}
        clients: dict[str, int] = {}  # the last request of each, by number
        for record in records:
            write = left.pop((record.new or {}).get("w", {}).get("S", ""), None)
            if write is None or write.outcome == REFUSED or not is_of(record, item, effect(write, item)[0]):
                found.append(f"{key}: a record of no write, or of another state than {item}: {record}")
                continue
            client, _, number = write.request.partition("/")
            if int(number) <= clients.get(client, -1):
                found.append(f"{key}: the writes of client {client} are out of order: {record}")
            clients[client] = int(number)
            item = record.new
        found += [
            f"{write.request}: {write.outcome}, and not in the stream: {write}"
            for write in left.values()
            if write.outcome != UNKNOWN
        ]
        self._keep(key, item)
        return found

    def _keep(self, key: str, item: Item | None) -> None:
        if item is None:
            self.items.pop(key, None)
        else:
            self.items[key] = item
