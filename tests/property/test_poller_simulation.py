"""Seeded lives of a poller: whatever happens, each key's records come in order, and none is skipped or doubled for nothing.

Writes over several shards by this process and another, functions that fail or take their time, a store that refuses
writes, pauses, changed settings, re-enabled streams, expiry with and without purges, and crashes at any moment.
"""

from __future__ import annotations

import random
import shutil
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from cdc.model.keys import encode_key
from cdc.store.check import check
from cdc.store.database import open_database
from tests.unit.mappings.bench import FAILURE, OK, Bench, Invocation, disk_full
from tests.unit.store.files import item_of

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = 100
STEPS = 60
RETENTION_SECONDS = 1000
MAPPINGS = {"m": "f", "n": "g"}


@dataclass(frozen=True)
class Written:
    """A record as the model knows it."""

    sequence: int
    key: str
    shard: int
    created_ms: int

    def has_expired(self, now_ms: int) -> bool:
        return self.created_ms <= now_ms - RETENTION_SECONDS * 1000


@dataclass
class Ledger:
    """What the model knows of one mapping."""

    taken: set[int] = field(default_factory=set)  # sequences of successful invocations
    excused: set[int] = field(default_factory=set)  # may come again: their invocation failed, or a crash followed
    sent: set[int] = field(default_factory=set)
    open: list[Invocation] = field(default_factory=list)
    failed: dict[int, list[int]] = field(default_factory=dict)  # by shard: what is to be tried again as it was


class Simulation:
    """One life, and the model that watches it."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bench = Bench(path, jitter=self.chance.random())
        self.bench.functions.answer = self.watch
        self.written: dict[int, Written] = {}
        self.ledgers = {name: Ledger() for name in MAPPINGS}
        self.faults: list[Exception] = []
        self.bench.create(shards=self.chance.randint(1, 4), retention=RETENTION_SECONDS)
        for name in MAPPINGS:
            self.declare(name)

    def declare(self, name: str) -> None:
        window = self.chance.choice((0, 0, 3))
        self.bench.declare(
            name,
            function=MAPPINGS[name],
            batch_size=self.chance.choice((1, 3, 10)),
            maximum_batching_window_in_seconds=window,
        )

    def watch(self, call: Invocation) -> None:
        """Check an invocation the moment it starts. The poller would take what is raised for the function's failure."""
        try:
            self.check(call)
        except Exception as error:  # noqa: BLE001
            self.faults.append(error)

    def check(self, call: Invocation) -> None:
        ledger = next(self.ledgers[name] for name, function in MAPPINGS.items() if function == call.function)
        now_ms = self.bench.clock.now_ms()
        records = [self.written[sequence] for sequence in call.sequences]
        assert [record.sequence for record in records] == sorted({record.sequence for record in records})
        assert [record.key for record in records] == call.keys
        (shard,) = {record.shard for record in records}
        in_flight = {self.written[other.sequences[0]].shard for other in ledger.open}
        assert shard not in in_flight, "two batches of a shard are in flight"
        assert not any(record.has_expired(now_ms) for record in records)
        again = [each for each in ledger.failed.pop(shard, []) if not self.written[each].has_expired(now_ms)]
        assert not again or call.sequences == again, "what failed was not tried again as it was"
        for record in records:
            assert record.sequence not in ledger.sent - ledger.excused, "delivered twice for no reason"
        first = records[0].sequence
        keys = set(call.keys)
        for earlier in self.written.values():
            if earlier.key in keys and earlier.sequence < first and not earlier.has_expired(now_ms):
                assert earlier.sequence in ledger.taken, "a key's earlier record was not delivered yet"
        ledger.sent |= set(call.sequences)
        ledger.excused -= set(call.sequences)
        ledger.open.append(call)

    # What may happen

    def put(self) -> None:
        bench = self.bench
        view = bench.reader.view()
        table = view.catalog.tables["t"]
        if table.stream is None:
            return
        with bench.database.reading() as connection:
            sequence = connection.exec_driver_sql("SELECT next_sequence FROM state").scalar_one()
        keys = [f"key-{self.chance.randint(0, 9)}" for _ in range(self.chance.randint(1, 12))]
        for number, key in enumerate(keys, start=sequence):
            key_hash = int.from_bytes(encode_key(table.schema, item_of(key))[:4], "big")
            self.written[number] = Written(
                number, key, table.stream.shard_of(key_hash.to_bytes(4, "big")).id, bench.clock.now_ms()
            )
        if self.chance.random() < 0.7:
            bench.put(*keys)
        else:
            other = Bench.__new__(Bench)  # another process: nobody tells the poller but the file
            other.__dict__ = {**bench.__dict__, "poller": _Deaf()}
            other.put(*keys)
            bench.poller.file_changed()

    def answer(self) -> None:
        name = self.chance.choice(list(MAPPINGS))
        ledger = self.ledgers[name]
        if ledger.open:
            self.reply(ledger, ledger.open.pop(self.chance.randrange(len(ledger.open))), 0.3)

    def reply(self, ledger: Ledger, call: Invocation, failures: float) -> None:
        if self.chance.random() < failures:
            ledger.excused |= set(call.sequences)
            ledger.failed[self.written[call.sequences[0]].shard] = call.sequences
            call.done(FAILURE)
        else:
            ledger.taken |= set(call.sequences)
            call.done(OK)

    def step(self) -> None:
        self.bench.poller.step(self.bench.clock.monotonic())

    def crash(self) -> None:
        for ledger in self.ledgers.values():
            ledger.excused |= ledger.sent
            ledger.open.clear()
            ledger.failed.clear()
        self.bench.restart()

    def switch_store(self) -> None:
        self.bench.store_error = None if self.bench.store_error else disk_full()

    def pause(self) -> None:
        self.bench.pause(paused=self.chance.random() < 0.5, name=self.chance.choice(list(MAPPINGS)))

    def renew_stream(self) -> None:
        if self.bench.reader.view().catalog.tables["t"].stream is None:
            self.bench.enable(shards=self.chance.randint(1, 4), retention=RETENTION_SECONDS)
        else:
            self.bench.disable()

    def purge(self) -> None:
        for ledger in self.ledgers.values():
            for call in ledger.open:  # the purge may move the checkpoint under it
                ledger.excused |= set(call.sequences)
        self.bench.purge()

    def wait(self) -> None:
        self.bench.clock.advance(self.chance.choice((0.1, 1, 5, 5, 400)))

    def run(self) -> None:
        happenings = (
            *(self.put, self.answer, self.step, self.bench.commit) * 5,
            *(self.run_freely, self.wait) * 3,
            *(self.crash, self.pause, self.switch_store, self.renew_stream, self.purge),
            lambda: self.declare(self.chance.choice(list(MAPPINGS))),
        )
        for _ in range(STEPS):
            happening = self.chance.choice(happenings)
            happening()
            self.raise_faults()
        self.end()
        self.raise_faults()

    def raise_faults(self) -> None:
        for fault in self.faults:
            raise fault

    def run_freely(self) -> None:
        self.bench.run()

    def end(self) -> None:
        """Let everything work again, and see what becomes of the rest."""
        self.bench.store_error = None
        for name in MAPPINGS:
            self.bench.pause(paused=False, name=name)
        self.bench.poller.file_changed()
        self.bench.advance(61)
        while any(ledger.open for ledger in self.ledgers.values()):
            for ledger in self.ledgers.values():
                for call in ledger.open[:]:
                    ledger.open.remove(call)
                    self.reply(ledger, call, 0.05)
            self.bench.advance(61)
        for name, ledger in self.ledgers.items():
            self.settle(name, ledger)
        assert list(check(self.bench.database)) == []

    def settle(self, name: str, ledger: Ledger) -> None:
        """Compare the outcomes with what was written and taken: each record is in one of them, and rightly so."""
        reached = {each.shard: each.start_sequence for each in self.bench.checkpoints(name)}
        by_shard: dict[int, list[Written]] = defaultdict(list)
        for record in self.written.values():
            by_shard[record.shard].append(record)
        for shard, start in reached.items():
            self.assert_forgotten(by_shard[shard], 0, start)
        for outcome in self.bench.outcomes(name):
            if outcome.after_sequence != reached[outcome.shard]:
                self.assert_forgotten(by_shard[outcome.shard], reached[outcome.shard], outcome.after_sequence)
            reached[outcome.shard] = outcome.through_sequence
            passed = [
                record
                for record in by_shard[outcome.shard]
                if outcome.after_sequence < record.sequence <= outcome.through_sequence
            ]
            assert len(passed) == outcome.records, outcome
            if outcome.kind == "delivered":
                assert {record.sequence for record in passed} <= ledger.taken
            else:
                assert all(record.has_expired(outcome.settled_ms) for record in passed)
        for shard, records in by_shard.items():
            left = [each for each in records if each.sequence > reached.get(shard, 0)]
            self.assert_forgotten(left, 0, left[-1].sequence if left else 0)

    def assert_forgotten(self, records: list[Written], after: int, through: int) -> None:
        """Only what has expired long ago may be without an outcome: those are kept as long as the records."""
        now_ms = self.bench.clock.now_ms()
        assert all(record.has_expired(now_ms) for record in records if after < record.sequence <= through)


class _Deaf:
    """Stands in for the poller where nobody tells it of a commit."""

    def committed(self, _: frozenset[int]) -> None:
        """Hear nothing."""


@pytest.fixture(scope="session")
def new_file(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("new") / "a.db"
    open_database(path).close()
    return path


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_record_is_delivered_in_order_or_trimmed(tmp_path, new_file, seed):
    simulation = Simulation(shutil.copy(new_file, tmp_path / "a.db"), seed)
    try:
        simulation.run()
    finally:
        simulation.bench.stop()
