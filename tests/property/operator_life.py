"""A seeded life of a poller with an operator: pauses, retries, skips, resets and redrives at any moment, and what must hold."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from cdc.mappings.redrive import keys_of
from cdc.model.catalog import sequence_text
from cdc.model.errors import ServiceError
from cdc.service import open_service
from cdc.store.check import check
from tests.unit.mappings.bench import FAILURE, OK, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.model.functions import Outcome
    from tests.unit.mappings.bench import Invocation

KEYS = tuple(f"k{number}" for number in range(6))
REFUSED = replace(FAILURE, error_type="TooManyRequestsException", reached=False)
FATES = {"delivered", "dead", "skipped", "reset"}


class Call(NamedTuple):
    """An invocation in flight, or one that ended."""

    invocation: Invocation
    newest: dict[str, int]  # of each key in it, the newest sequence
    of_redrive: bool
    resets: int | None  # that there had been when it began; None: the poller had not heard of the last one


class OperatorLife:
    """One mapping, some keys, and an operator. Raises AssertionError at the first promise that doesn't hold."""

    def __init__(self, path: Path, seed: int) -> None:
        self.chance = Random(seed)
        self.bench = Bench(path, jitter=self.chance.random())
        self.bench.create(shards=self.chance.randint(1, 3))
        self.open: list[Call] = []
        self.broken: set[str] = set()  # keys that the function fails at
        self.resets = 0
        self.heard_at = 0.0  # when the poller has heard of the last reset at the latest
        self.taken: dict[str, int] = {}  # newest sequence of each key that the function took, since the last reset
        self.ever: dict[str, set[int]] = {}  # what it took of each key, but for what a reset has it take again
        self.written: list[int] = []
        self.faults: list[AssertionError] = []
        self.service = open_service(path, self.bench.options, self.bench.clock)
        self.bench.functions.answer = self.watch
        self.declare()

    def close(self) -> None:
        """End it."""
        self.service.close()
        self.bench.stop()

    def run(self, steps: int) -> None:
        """Let things happen, then let all of it come to its end."""
        for _ in range(steps):
            self.chance.choices(*zip(*self.acts(), strict=True))[0]()
            self.bench.poller.file_changed()
            self.advance(self.chance.choice((0, 0, 1, 5, 70)))
        self.settle()

    def acts(self) -> tuple[tuple[object, int], ...]:
        """List what may happen, with how often."""
        return (
            (self.put, 12),
            (self.answer, 10),
            (self.break_key, 4),
            (self.redrive, 8),
            (self.pause, 4),
            (self.resume, 5),
            (lambda: self.try_act("retry", self.shard()), 3),
            (lambda: self.try_act("skip", self.shard()), 2),
            (self.reset, 2),
            (self.declare, 2),
            (self.crash, 2),
            (lambda: self.service.dead_letters.purge(state="redriven"), 1),
        )

    # What happens

    def declare(self) -> None:
        """Give the mapping other settings."""
        self.bench.declare(
            batch_size=self.chance.randint(1, 5),
            parallelization_factor=self.chance.randint(1, 3),
            maximum_retry_attempts=self.chance.choice((0, 0, 1, 3)),
            bisect_batch_on_function_error=self.chance.random() < 0.3,
        )

    def put(self) -> None:
        """Write some items."""
        before = self.newest()
        self.bench.put(*self.chance.sample(KEYS, self.chance.randint(1, len(KEYS))))
        self.written += range(before + 1, self.newest() + 1)

    def newest(self) -> int:
        """Return the newest sequence number of the file."""
        return int(self.bench.write(lambda each: each.counters.next_sequence)) - 1

    def break_key(self) -> None:
        """Have the function fail at other keys."""
        self.broken = set(self.chance.sample(KEYS, self.chance.randint(0, 2)))

    def answer(self) -> None:
        """End an invocation that is in flight."""
        if self.open:
            call = self.open.pop(self.chance.randrange(len(self.open)))
            outcome = self.outcome_of(call)
            self.note(call, outcome)
            call.invocation.done(outcome)

    def redrive(self) -> None:
        """Ask for some dead letters to be delivered again."""
        dead = [each.id for each in self.service.dead_letters.find(state="dead") if each.id is not None]
        if dead:
            chosen = self.chance.sample(dead, self.chance.randint(1, min(3, len(dead))))
            self.service.dead_letters.redrive(chosen, forced=self.chance.random() < 0.3)

    def pause(self) -> None:
        """Pause the mapping, or a shard."""
        self.try_act("pause", self.shard())

    def resume(self) -> None:
        """Resume the mapping, or a shard."""
        self.try_act("resume", self.shard())

    def try_act(self, verb: str, shard: str | None, **more: object) -> None:
        """Act on the mapping; that there is nothing to act on is fine."""
        with suppress(ServiceError):
            getattr(self.service.control, verb)("m", shard_id=shard, **more)

    def reset(self) -> None:
        """Put the mapping elsewhere, in all shards so that one answer tells what counts."""
        first = self.chance.choice([0, self.newest() + 1, *self.written])
        if first in self.written:
            self.try_act("reset", None, sequence=sequence_text(first))
        else:
            self.try_act("reset", None, position="LATEST" if first else "TRIM_HORIZON")
        self.ever = {key: {each for each in taken if each < first} for key, taken in self.ever.items()}
        self.resets += 1
        self.heard_at = self.bench.clock.monotonic() + 1
        self.taken.clear()

    def crash(self) -> None:
        """End as by a kill, and begin again."""
        self.bench.restart()
        self.open.clear()

    def shard(self) -> str | None:
        """Choose a shard, or all."""
        states = self.bench.poller.status()
        lanes = states[0].lanes if states else ()
        return self.chance.choice([None, *sorted({lane.shard_id for lane in lanes})])

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.bench.advance(seconds)
        if self.faults:
            raise self.faults[0]

    # Invocations

    def watch(self, invocation: Invocation) -> Outcome | None:
        """Check an invocation as it begins. The poller would take what is raised for the function's failure."""
        try:
            call = self.begun(invocation)
        except AssertionError as error:
            self.faults.append(error)
            return FAILURE
        if self.chance.random() < 0.3:
            self.open.append(call)
            return None
        outcome = self.outcome_of(call)
        self.note(call, outcome)
        return outcome

    def begun(self, invocation: Invocation) -> Call:
        """Check that an invocation may begin."""
        [run] = self.bench.poller._roster.runs.values()
        redrive = run.redrive if run.redrive and run.redrive.request_id == invocation.request_id else None
        newest = dict(zip(invocation.keys, invocation.sequences, strict=True))
        for other in self.open:
            assert not other.newest.keys() & newest.keys(), "two invocations with one key at a time"
        if redrive is None:
            for key, sequence in zip(reversed(invocation.keys), reversed(invocation.sequences), strict=True):
                assert sequence > self.taken.get(key, 0), f"{key} at {sequence} after {self.taken[key]} was taken"
        elif not redrive.letter.forced:
            passed = self.passed(invocation)
            for key, sequence in newest.items():
                newer = {each for each in self.ever.get(key, ()) if sequence < each <= passed[sequence]}
                assert not newer, f"{key} at {sequence} is redriven after {newer}"
        heard = self.bench.clock.monotonic() >= self.heard_at
        return Call(invocation, newest, redrive is not None, self.resets if heard else None)

    def passed(self, invocation: Invocation) -> dict[int, int]:
        """Tell how far the lane of each key has come, by the key's newest sequence: what is beyond will come again."""
        shards = self.bench.reader.view().catalog.shards
        return {
            key.sequence: max(
                each.sequence
                for each in self.bench.checkpoints()
                if key.place.is_in(shards[each.shard][1], each.lane, each.lane_count)
            )
            for key in keys_of(invocation.event, "pk")
        }

    def outcome_of(self, call: Call) -> Outcome:
        """Make up what an invocation comes to."""
        if self.chance.random() < 0.05:
            return REFUSED
        return FAILURE if self.broken & call.newest.keys() or self.chance.random() < 0.1 else OK

    def note(self, call: Call, outcome: Outcome) -> None:
        """Note what the function took. What was in flight at a reset counts for nothing, unless it was a redrive."""
        if not outcome.ok or (call.resets != self.resets and not call.of_redrive):
            return
        for key, sequence in call.newest.items():
            self.ever.setdefault(key, set()).add(sequence)
            if not call.of_redrive:
                self.taken[key] = max(self.taken.get(key, 0), sequence)

    # The end

    def settle(self) -> None:
        """Let all of it come to its end, and see what became of each record."""
        self.broken = set()
        self.service.control.resume("m")
        for shard in {lane.shard_id for lane in self.bench.state().lanes}:
            self.service.control.resume("m", shard)
        self.bench.poller.file_changed()
        for _ in range(100):
            while self.open:
                self.answer()
            self.advance(120)
            if not self.waits():
                break
        assert not self.waits(), "something is stuck"
        assert self.bench.poller.busy == 0
        fates = {sequence: self.fate_of(sequence) for sequence in self.written}
        assert set(fates.values()) <= FATES, fates
        assert list(check(self.bench.database)) == []

    def waits(self) -> bool:
        """Tell whether anything is left to do."""
        behind = any(lane["behind"] for lane in self.service.status()["mappings"][0]["shards"])
        return behind or bool(self.open) or bool(self.service.dead_letters.find(state="redriving"))

    def fate_of(self, sequence: int) -> str:
        """Ask what became of a record."""
        explained = self.service.explain("t", sequence=sequence_text(sequence))
        [fate] = explained["records"][0]["mappings"]
        return str(fate["fate"])
