"""Seeded lives of an outbox: whatever happens, each message arrives with its id and text, or is kept with its reason.

Several destinations that work, fail, hang or refuse some messages, writes that are held back or fail, an operator who
retries, clocks that jump, and crashes between any two steps.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from cdc.mappings.backoff import MAX_SECONDS
from cdc.mappings.destinations.sending import Parcel, SendError, UnsendableError
from cdc.mappings.outbox.dispatcher import LOOK_SECONDS
from cdc.mappings.outbox.line import LINE_FLIGHTS
from cdc.model.errors import InternalServerError, ServiceUnavailable
from cdc.model.outbox import FAILED, PENDING, SENT, Message
from cdc.store import outbox
from cdc.store.check import check
from cdc.store.database import open_database
from tests.unit.mappings.outbox.desk import Desk, Sending

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.store.transaction import Transaction

SEEDS = 100
STEPS = 80
DESTINATIONS = ("file:/a", "file:/b", "https://c.example/", "arn:aws:s3:::d")
WORKS, DOWN, HANGS = "works", "down", "hangs"


@dataclass
class Ledger:
    """What the model knows of one message."""

    destination: str
    payload: bytes
    poison: bool  # the destination never takes it
    arrivals: int = 0
    excused: int = 0  # arrivals whose outcome a crash may have kept from the disk
    refusals: int = 0  # attempts that ended in a failure


@dataclass
class Simulation:
    """One life, and the model that watches it."""

    path: Path
    seed: int
    messages: dict[str, Ledger] = field(default_factory=dict)
    open: list[Sending] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.desk = Desk(self.path, jitter=self.chance.random())
        self.desk.answer = self.watch
        self.modes = dict.fromkeys(DESTINATIONS, WORKS)

    def watch(self, attempt: Sending) -> SendError | str | None:
        """Check an attempt the moment it starts, and answer for its destination."""
        known = self.messages[attempt.id]
        key = f"key-{attempt.id}" if known.destination.startswith("arn:") else None
        assert attempt.destination == known.destination
        assert attempt.parcel == Parcel(attempt.id, known.payload, key)
        assert attempt.id not in {each.id for each in self.open}, "sent twice at a time"
        under_way = Counter(each.destination for each in self.open)[attempt.destination]
        assert under_way < LINE_FLIGHTS
        assert known.arrivals == known.excused, "sent again though it is known to be there"
        if self.modes[attempt.destination] == HANGS:
            self.open.append(attempt)
            return "is under way"
        return self.reply(attempt)

    def reply(self, attempt: Sending) -> SendError | None:
        known = self.messages[attempt.id]
        if known.poison:
            return UnsendableError("too large")
        if self.modes[attempt.destination] != WORKS:
            known.refusals += 1
            return SendError("is down")
        known.arrivals += 1
        return None

    # What may happen

    def discard(self) -> None:
        """Add messages as discarded batches do; some of their transactions fail as a whole."""
        for _ in range(self.chance.randint(1, 5)):
            number, destination = len(self.messages), self.chance.choice(DESTINATIONS)
            message_id, payload = f"id-{number}", b'{"number":%d}' % number
            key = f"key-{message_id}" if destination.startswith("arn:") else None
            if self.chance.random() < 0.2:
                self.break_off(message_id)
            self.messages[message_id] = Ledger(destination, payload, self.chance.random() < 0.1)
            self.desk.add(message_id, destination, payload, object_key=key)

    def break_off(self, message_id: str) -> None:
        """Add a message in a transaction that fails afterwards: it must not be there, nor be in its successor's way."""

        def run(transaction: Transaction) -> None:
            message = Message(message_id=message_id, destination="file:/z", payload=b"z", mapping_name="m", records=1)
            outbox.add(transaction, message)
            raise ZeroDivisionError

        with pytest.raises(InternalServerError):
            self.desk.writer.call(run)

    def switch(self) -> None:
        self.modes[self.chance.choice(DESTINATIONS)] = self.chance.choice((WORKS, DOWN, HANGS))

    def answer(self) -> None:
        if self.open:
            attempt = self.open.pop(self.chance.randrange(len(self.open)))
            attempt.done(self.reply(attempt))

    def step(self) -> None:
        self.desk.dispatcher.step(self.desk.clock.monotonic())

    def commit(self) -> None:
        self.desk.commit()

    def run_freely(self) -> None:
        self.desk.run()

    def wait(self) -> None:
        self.desk.clock.advance(self.chance.choice((0.1, 1, 5, 70)))

    def crash(self) -> None:
        self.desk.queue.clear()
        self.open.clear()
        for message_id, state in self.desk.states().items():
            if state != SENT:
                self.messages[message_id].excused = self.messages[message_id].arrivals
        self.desk.restart()

    def switch_store(self) -> None:
        self.desk.store_error = None if self.desk.store_error else ServiceUnavailable("The disk is full")

    def jump(self) -> None:
        """Set the wall clock; what was to be sent is delayed by it for a minute at most."""
        self.desk.clock.set_wall_ms(self.desk.clock.now_ms() + self.chance.choice((-86_400_000, 86_400_000)))

    def retry(self) -> None:
        self.desk.writer.call(outbox.retry)

    def run(self) -> None:
        happenings = (
            *(self.discard, self.step, self.commit, self.answer) * 4,
            *(self.run_freely, self.wait, self.switch) * 2,
            *(self.crash, self.crash, self.switch_store, self.jump, self.retry),
        )
        for _ in range(STEPS):
            self.chance.choice(happenings)()
        self.check_punctuality()
        self.end()

    def check_punctuality(self) -> None:
        """One destination works, the others don't: a message for it is there at once, by another process in a second."""
        good, *others = self.chance.sample(DESTINATIONS, len(DESTINATIONS))
        self.desk.store_error = None
        self.modes = {good: WORKS, **{each: self.chance.choice((DOWN, HANGS)) for each in others}}
        while any(each.destination == good for each in self.open):
            self.answer()
        self.desk.advance(2 * MAX_SECONDS)
        self.messages["last"] = Ledger(good, b"{}", poison=False)
        key = "key-last" if good.startswith("arn:") else None
        self.desk.add("last", good, object_key=key)
        self.desk.run()
        assert self.messages["last"].arrivals == 1

    def end(self) -> None:
        """Let everything work again, and see what became of each message."""
        self.modes = dict.fromkeys(DESTINATIONS, WORKS)
        while self.open:
            self.answer()
        self.desk.advance(2 * MAX_SECONDS + LOOK_SECONDS)
        states = self.desk.states()
        assert states.keys() == self.messages.keys()
        by_state = defaultdict(set)
        for message_id, known in self.messages.items():
            entry = self.desk.entry(message_id)
            by_state[entry.state].add(message_id)
            assert known.arrivals >= (not known.poison), "lost"
            assert known.arrivals <= known.excused + 1, "sent again for nothing"
            assert entry.state == (FAILED if known.poison else SENT)
            assert entry.attempts <= 1 + known.refusals + known.excused, "an attempt is counted that nobody saw"
            if known.poison:
                assert outbox.load_payload(self.desk.database.reader(), entry) == known.payload
        assert not by_state[PENDING]
        assert list(check(self.desk.database)) == []


@pytest.fixture(scope="session")
def new_file(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("new") / "a.db"
    open_database(path).close()
    return path


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_message_arrives_or_is_kept_with_its_reason(tmp_path, new_file, seed):
    simulation = Simulation(shutil.copy(new_file, tmp_path / "a.db"), seed)
    try:
        simulation.run()
    finally:
        simulation.desk.stop()
