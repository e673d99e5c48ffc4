"""A life of a poller from one seed: what happens to it, and the models that watch it.

Bounds of the product are scaled down, so that a life of some dozen records reaches them.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any
from unittest.mock import patch
from zlib import crc32

import orjson

from cdc.mappings import batch, delivery, windows
from cdc.model.keys import encode_key
from cdc.store import records
from cdc.store.check import check
from cdc.streams.wire import RecordWriter
from tests.property.poller_answers import MODES, WORKS, make_up
from tests.property.poller_model import EVENT_BYTES, STATE_BYTES, Model
from tests.property.poller_words import Call, Outcome, Record, Rules, State, Window
from tests.unit.mappings.bench import Bench, Invocation, disk_full
from tests.unit.store.files import item_of, put, remove

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.model.functions import Outcome as Ended
    from cdc.store.transaction import Transaction
    from tests.property.poller_words import Lane

RETENTION_SECONDS = 1000
FUNCTIONS = {"m": "f", "n": "g", "o": "h"}
KINDS = "abc"
BOUNDS = (
    (batch, "EVENT_BYTES", EVENT_BYTES),
    (batch, "TURN_RECORDS", 6),
    (batch, "TURN_EXAMINED", 12),
    (windows, "STATE_BYTES", STATE_BYTES),
    (delivery, "SAVE_RECORDS", 10),
)
AGE_EXCEEDED = "RecordAgeExceeded"
OUTCOMES = """shard, lane, lane_count, after_sequence, through_sequence, kind, records, filtered, attempts, request_id,
    settled_ms"""
CHECKPOINTS = "shard, lane, lane_count, token, sequence, retry_through, splits, attempts, window_start_ms, window_state"
LETTERS = "request_id, shard_id, first_sequence, last_sequence, record_count, condition, attempts"
MESSAGES = "outbox JOIN outbox_payloads ON outbox_id = outbox.id"


@contextmanager
def small_bounds() -> Iterator[None]:
    """Scale the product's bounds down."""
    with ExitStack() as stack:
        for module, name, value in BOUNDS:
            stack.enter_context(patch.object(module, name, value))
        yield


def lane_of(key: str, count: int) -> int:
    """Tell the lane of a key, as the lanes of a file must stay for ever."""
    return crc32(b'{"pk":{"S":"%s"}}' % key.encode()) % count


class _Deaf:
    """Stands in for the poller where nobody tells it of a commit."""

    def committed(self, _: frozenset[int]) -> None:
        """Hear nothing."""


class Life:
    """One life."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.bench = Bench(path, jitter=self.chance.choice((0.0, 0.2, 0.4, 0.8)))  # so that all waits are whole ms
        self.ids = self.bench.requests
        self.bench.functions.names = set(FUNCTIONS.values())
        self.bench.functions.answer = self.watch
        self.faults: list[Exception] = []
        self.counts: Counter[str] = Counter()  # of what has happened
        self.models: dict[str, Model] = {}
        self.records: dict[int, list[Record]] = {}
        self.mapping_ids: dict[str, int] = {}
        self.shard_ids: dict[str, int] = {}  # by name on the wire
        self.items: set[str] = set()
        self.open: list[Invocation] = []
        self.seen: dict[str, int] = {}  # outcomes and letters, by mapping
        self.writes = 0
        self.troubled_until_ms = 0  # the poller leaves a store alone for a while that has failed
        self.sizes: dict[int, int] = {}
        self.paused: set[str] = set()
        self.modes = {name: self.chance.choice(MODES) for name in FUNCTIONS.values()}
        self.hangs = self.chance.choice((0.0, 0.2, 0.7))
        self.bench.create(shards=self.chance.randint(1, 3), retention=RETENTION_SECONDS)
        for name in list(FUNCTIONS)[: self.chance.randint(1, 3)]:
            self.declare(name, self.rules())
        self.step()

    # Mappings

    def rules(self, old: Rules | None = None) -> Rules:
        """Choose settings; with `old`, those that change while the daemon runs."""
        chance = self.chance
        new = Rules(
            batch_size=chance.choice((1, 2, 3, 5, 10)),
            batching_ms=chance.choice((0, 0, 0, 3000)),
            lanes=chance.choice((1, 1, 2, 3)),
            age_ms=chance.choice((None, None, 60_000, 120_000)),
            retries=chance.choice((-1, -1, 0, 1, 2, 4)),
            bisect=chance.random() < 0.5,
            report=chance.random() < 0.5,
        )
        if old is not None:
            new = new._replace(window_ms=old.window_ms, kinds=old.kinds, destination=old.destination)
            return new._replace(lanes=1) if old.window_ms else new
        window_ms = chance.choice((0, 0, 10_000, 60_000, 90_000))
        kinds = chance.choice((None, None, frozenset("a"), frozenset("ab"), frozenset("z")))
        lanes = 1 if window_ms else new.lanes
        return new._replace(window_ms=window_ms, kinds=kinds, lanes=lanes, destination=chance.random() < 0.7)

    def declare(self, name: str, rules: Rules) -> None:
        pattern = {"dynamodb": {"NewImage": {"kind": {"S": sorted(rules.kinds or ())}}}}
        self.bench.declare(
            name,
            function=FUNCTIONS[name],
            starting_position="LATEST" if name == "o" else "TRIM_HORIZON",
            batch_size=rules.batch_size,
            maximum_batching_window_in_seconds=rules.batching_ms // 1000,
            parallelization_factor=rules.lanes,
            maximum_record_age_in_seconds=-1 if rules.age_ms is None else rules.age_ms // 1000,
            maximum_retry_attempts=rules.retries,
            bisect_batch_on_function_error=rules.bisect,
            report_batch_item_failures=rules.report,
            tumbling_window_in_seconds=rules.window_ms // 1000,
            filters=() if rules.kinds is None else (orjson.dumps(pattern).decode(),),
            on_failure="file:/var/failed.jsonl" if rules.destination else None,
        )
        if name not in self.models:
            start = self.next_sequence - 1 if name == "o" else 0
            model = Model(
                rules, start, RETENTION_SECONDS * 1000, self.bench.jitter, self.records, lane_of, self.size_of
            )
            self.models[name], self.seen[name] = model, 0
            self.mapping_ids[name] = self.bench.mapping_id(name)
        model = self.models[name]
        model.ages_ms, model.rules = (*model.ages_ms, model.rules.age_ms), rules
        self.renewed(name)

    def renewed(self, name: str) -> None:
        """Tell a model that waits are over."""
        for lane in self.models[name].lanes.values():
            lane.hurried = True

    # What the file says

    @property
    def next_sequence(self) -> int:
        return int(self.query("SELECT next_sequence FROM state")[0][0])

    def query(self, text: str, *values: Any) -> list[Any]:
        return list(self.bench.database.reader().execute(text, values).fetchall())

    def sync(self, name: str) -> None:
        """Tell a model what the file says."""
        model, mapping, now_ms = self.models[name], self.mapping_ids[name], self.bench.clock.now_ms()
        for row in self.query(
            f"SELECT id, {OUTCOMES} FROM outcomes WHERE mapping_id = ? AND id > ? ORDER BY id", mapping, self.seen[name]
        ):
            self.seen[name] = row[0]
            outcome = Outcome(*row[1:])
            model.outcome(outcome, now_ms)
            self.counts[f"records {outcome.kind}"] += outcome.records
        stored = set()
        for row in self.query(f"SELECT {CHECKPOINTS} FROM checkpoints WHERE mapping_id = ?", mapping):
            shard, number, count, token, sequence, retry, splits, *rest = row
            if (shard, number) not in model.lanes or model.lanes[shard, number].count != count:
                model.begin(shard, count, sequence, now_ms)
            ends = (*(() if retry is None else (retry,)), *orjson.loads(splits))
            model.stored(model.lanes[shard, number], State(sequence, ends, *rest), token, now_ms)
            stored.add((shard, number))
        for key in set(model.lanes) - stored:  # retention has taken the shard
            gone = model.lanes.pop(key)
            assert all(model.expired(each, now_ms) for each in model.of(gone, 0))

    def compare_letters(self, name: str) -> None:
        """Each discard has one dead letter, and one message if there is a destination."""
        self.note_shards()
        letters = self.query(f"SELECT {LETTERS} FROM dead_letters WHERE mapping_name = ?", name)
        found = Counter((request_id, self.shard_ids[shard_id], *rest) for request_id, shard_id, *rest in letters)
        expected = self.models[name].letters
        assert found == Counter(letter[:-1] for letter in expected)
        payloads = self.query(f"SELECT payload FROM {MESSAGES} WHERE mapping_name = ?", name)
        told = Counter(self.letter_told_of(orjson.loads(payload)) for (payload,) in payloads)
        as_told = [each._replace(attempts=max(1, each.attempts)) for each in expected if each.sent]
        assert told == Counter(letter[:-1] for letter in as_told)

    def note_shards(self) -> None:
        """Remember the names of shards, which letters outlive."""
        for _, shard in self.bench.reader.view().catalog.shards.values():
            self.shard_ids[shard.shard_id] = shard.id

    def letter_told_of(self, message: Any) -> tuple[Any, ...]:
        request, about = message["requestContext"], message["DDBStreamBatchInfo"]
        request_id = None if request["condition"] == AGE_EXCEEDED else request["requestId"]  # there was no invocation
        ends = (_sequence(about["startSequenceNumber"]), _sequence(about["endSequenceNumber"]))
        shard, attempts = self.shard_ids[about["shardId"]], request["approximateInvokeCount"]
        return (request_id, shard, *ends, about["batchSize"], request["condition"], attempts)

    def size_of(self, record: Record) -> int:
        """Tell how many bytes a record has in an event."""
        if record.sequence not in self.sizes:
            view = self.bench.reader.view()
            stream, shard = view.catalog.shards[record.shard]
            writer = RecordWriter(stream, self.bench.options, self.bench.reader.file_id)
            for each in records.read(view.connection, view.catalog, shard, record.sequence - 1, records.READ_BLOCKS):
                self.sizes[each.sequence] = len(writer.event_record(each))
        return self.sizes[record.sequence]

    # Invocations

    def watch(self, call: Invocation) -> Ended | None:
        """Check an invocation the moment it starts. The poller would take what is raised for the function's failure."""
        try:
            self.check(call)
        except Exception as error:  # noqa: BLE001
            self.faults.append(error)
        if self.chance.random() < self.hangs:
            self.open.append(call)
            return None
        return self.answer_to(call)

    def model_of(self, call: Invocation) -> tuple[str, Model]:
        return next((name, self.models[name]) for name, function in FUNCTIONS.items() if function == call.function)

    def check(self, call: Invocation) -> None:
        name, model = self.model_of(call)
        self.sync(name)
        event, now_ms = orjson.loads(call.event), self.bench.clock.now_ms()
        self.counts["invocations"] += 1
        lane = self.lane_of_call(model, call, event)
        for key, sequence in zip(call.keys, call.sequences, strict=True):
            record = next(each for each in self.records[lane.shard] if each.sequence == sequence)
            assert record.key == key
            for other in model.lanes.values():
                behind = model.wanted(other, other.state.position, sequence - 1) if other is not lane else []
                earlier = [each for each in behind if each.key == key and not model.expired(each, now_ms)]
                assert not earlier, "a key's earlier record is not settled yet"
        made = Call(call.request_id, call.sequences, len(call.event), self.window_of(event, model.rules))
        model.called(lane, made, now_ms, closed=self.is_closed(lane))

    def window_of(self, event: Any, rules: Rules) -> Window | None:
        assert ("window" in event) == (rules.window_ms > 0)
        if "window" not in event:
            return None
        start_ms, end_ms = (_time_ms(event["window"][each]) for each in ("start", "end"))
        assert end_ms == start_ms + rules.window_ms
        final, early = event["isFinalInvokeForWindow"], event["isWindowTerminatedEarly"]
        return Window(start_ms, orjson.dumps(event["state"]), final, early)

    def is_closed(self, lane: Lane) -> bool:
        return not self.bench.reader.view().catalog.shards[lane.shard][1].open

    def lane_of_call(self, model: Model, call: Invocation, event: Any) -> Lane:
        shards = self.bench.reader.view().catalog.shards
        if "shardId" in event:
            (shard,) = (number for number, (_, each) in shards.items() if each.shard_id == event["shardId"])
            return model.lanes[shard, 0]
        first = call.sequences[0]
        (shard,) = (number for number, some in self.records.items() if any(each.sequence == first for each in some))
        count = model.lanes[shard, 0].count
        return model.lanes[shard, 0 if count == 1 else lane_of(call.keys[0], count)]

    def answer_to(self, call: Invocation) -> Ended:
        """Make up what a function comes to, and tell the model."""
        _, model = self.model_of(call)
        ended, answer = make_up(self.chance, self.modes[call.function], call.sequences, model.rules)
        self.counts[f"answers {answer.meaning}"] += 1
        for lane in model.lanes.values():
            if lane.call is not None and lane.call.request_id == call.request_id:
                model.answered(lane, answer, self.bench.clock.now_ms())
        return ended

    # What may happen

    def put(self) -> None:
        """Clients write: several records in one transaction, in this process or another."""
        bench = self.bench
        table = bench.reader.view().catalog.tables["t"]
        sequence, changes = self.next_sequence, []
        for _ in range(self.chance.randint(1, 16)):
            key = f"key-{self.chance.randint(0, 9)}"
            kind = None if key in self.items and self.chance.random() < 0.15 else self.chance.choice(KINDS)
            self.writes += 1
            changes.append((key, kind, self.writes, self.chance.choice((1, 1, 1, 500, 1200))))
            (self.items.add if kind else self.items.discard)(key)
            if table.stream is not None:
                key_hash = int.from_bytes(encode_key(table.schema, item_of(key))[:4], "big")
                shard = table.stream.shard_of(key_hash.to_bytes(4, "big")).id
                made = Record(sequence, key, shard, bench.clock.now_ms(), kind)
                self.records.setdefault(shard, []).append(made)
            sequence += 1

        def run(transaction: Transaction) -> frozenset[int]:
            for key, kind, number, size in changes:
                if kind is None:
                    remove(transaction, "t", key)
                else:
                    put(transaction, "t", item_of(key, kind=kind, v=f"{number} {'x' * size}"))
            assert transaction.connection is not None  # asking for it writes the records
            return frozenset(transaction.appended_shards)

        shards = bench.write(run)
        if self.chance.random() < 0.7:
            bench.poller.committed(shards)
        else:  # another process: nobody tells the poller but the file
            bench.poller.file_changed()

    def answer(self) -> None:
        if self.open:
            call = self.open.pop(self.chance.randrange(len(self.open)))
            call.done(self.answer_to(call))

    def step(self) -> None:
        self.bench.poller.step(self.bench.clock.monotonic())

    def crash(self) -> None:
        """End at this moment; sometimes with other settings in the configuration afterwards."""
        self.counts["crashes"] += 1
        self.open.clear()
        self.bench.restart()
        self.bench.requests = self.ids
        for name, model in self.models.items():
            self.sync(name)
            model.crashed()
            self.compare_letters(name)
            if self.chance.random() < 0.3:
                rules = self.rules()
                undivided = all(lane.count == 1 for lane in model.lanes.values())
                self.declare(name, rules if undivided else rules._replace(window_ms=0))

    def commit_and_crash(self) -> None:
        """End between a commit and what follows from it."""
        self.bench.commit()
        self.crash()

    def switch_store(self) -> None:
        self.bench.store_error = None if self.bench.store_error else disk_full()
        self.troubled_until_ms = self.bench.clock.now_ms() + 60_000

    def any_name(self) -> str:
        return self.chance.choice(list(self.models))

    def pause(self) -> None:
        name, paused = self.any_name(), self.chance.random() < 0.5
        (self.paused.add if paused else self.paused.discard)(name)
        self.bench.pause(paused=paused, name=name)
        self.renewed(name)

    def change(self) -> None:
        """Change settings while it runs."""
        name = self.any_name()
        self.sync(name)
        self.declare(name, self.rules(self.models[name].rules))
        self.step()

    def switch_mode(self) -> None:
        self.modes[self.chance.choice(list(self.modes))] = self.chance.choice(MODES)
        self.hangs = self.chance.choice((0.0, 0.2, 0.7))

    def switch_function(self) -> None:
        names, name = self.bench.functions.names, self.chance.choice(list(FUNCTIONS.values()))
        (names.discard if name in names else names.add)(name)
        self.bench.poller.poke()

    def renew_stream(self) -> None:
        if self.bench.reader.view().catalog.tables["t"].stream is None:
            self.bench.enable(shards=self.chance.randint(1, 3), retention=RETENTION_SECONDS)
        else:
            self.bench.disable()

    def purge(self) -> None:
        self.note_shards()
        for name in self.models:
            self.sync(name)
        self.bench.purge()
        for name in self.models:
            self.sync(name)
        newest = self.query("SELECT coalesce(max(id), 0) FROM outcomes")[0][0]
        self.seen = dict.fromkeys(self.seen, newest)

    def wait(self) -> None:
        """Let time pass while the poller does not run."""
        self.bench.clock.advance(self.chance.choice((0.1, 0.3, 1, 5, 5, 30, 60)))

    def wait_long(self) -> None:
        self.bench.clock.advance(self.chance.choice((130, 400, 700)))

    def work_on(self) -> None:
        """Let time pass, in which the poller runs when it wants to."""
        self.bench.advance(self.chance.choice((1, 10, 60, 200)))
        self.run_freely()

    def run_freely(self) -> None:
        """Let it do all that it can now; then nothing may be left that it could have done."""
        self.bench.run()
        self.raise_faults()
        now_ms = self.bench.clock.now_ms()
        if self.bench.store_error is not None or now_ms < self.troubled_until_ms:
            return
        for name, model in self.models.items():
            self.sync(name)
            if name not in self.paused and FUNCTIONS[name] in self.bench.functions.names:
                closed = [lane for lane in model.lanes.values() if self.is_closed(lane)]
                waited_for = {lane.shard for lane in closed if lane.call or model.wanted(lane, lane.state.position)}
                for lane in model.lanes.values():
                    if any(shard < lane.shard for shard in waited_for):
                        continue  # other filters may want records in a shard that had come to its end
                    assert model.rests(lane, now_ms, closed=self.is_closed(lane)), f"{name} does nothing at {lane}"

    def run(self, steps: int) -> None:
        """Live it, with so many things that happen."""
        happenings = (
            *(self.put, self.answer, self.run_freely, self.work_on) * 7,
            *(self.put, self.step, self.bench.commit, self.wait, self.switch_mode) * 3,
            *(self.crash, self.commit_and_crash, self.change, self.pause, self.switch_store, self.renew_stream),
            *(self.purge, self.switch_function, self.wait_long),
        )
        for _ in range(steps):
            self.chance.choice(happenings)()
            self.raise_faults()
        self.end()

    def raise_faults(self) -> None:
        for fault in self.faults:
            raise fault

    def end(self) -> None:
        """Let everything work again, and see what becomes of the rest."""
        self.bench.store_error, self.hangs = None, 0.2
        self.modes = dict.fromkeys(self.modes, WORKS)
        self.bench.functions.names = set(FUNCTIONS.values())
        for name in self.models:
            self.bench.pause(paused=False, name=name)
            self.renewed(name)
        self.paused.clear()
        self.bench.poller.file_changed()
        for _ in range(200):
            self.bench.advance(61)
            self.raise_faults()
            if not self.open and self.is_done():
                break
            while self.open:
                self.answer()
        else:
            raise AssertionError("it does not come to an end")
        self.run_freely()
        for name in self.models:
            self.compare_letters(name)
        self.raise_faults()
        violations = list(check(self.bench.database))
        assert not violations, violations

    def is_done(self) -> bool:
        """Whether each record is settled, or has expired."""
        now_ms = self.bench.clock.now_ms()
        for name, model in self.models.items():
            self.sync(name)
            for shard, written in self.records.items():
                lanes = [lane for lane in model.lanes.values() if lane.shard == shard]
                left = [each for lane in lanes for each in model.wanted(lane, lane.state.position)]
                left += [each for each in written if not lanes and model.wants(each) and each.sequence > model.start]
                if any(not model.expired(each, now_ms) for each in left):
                    return False
        return True


def _time_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _sequence(text: str) -> int:
    return int(text) - 10**20
