"""A process killed at any moment between discarding batches and sending messages about them loses and invents none."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cdc.clock import SystemClock
from cdc.mappings.destinations.senders import Senders
from cdc.mappings.destinations.sending import SendingOptions
from cdc.mappings.outbox.thread import OutboxThread
from cdc.model.mappings import Declaration, MappingSettings
from cdc.model.outbox import SENT
from cdc.service import open_service
from cdc.store import checkpoints
from cdc.store.check import check
from tests.unit.store.files import create_table, item_of, put

if TYPE_CHECKING:
    from cdc.service import Service

ROOT = Path(__file__).parents[2]
ROUNDS = 8
RECORDS = 20_000  # more than all rounds use up
PATIENCE_SECONDS = 60.0
MOST_SECONDS = 0.8
DECLARATION = Declaration(
    name="m",
    table_name="t",
    settings=MappingSettings(function_name="f", starting_position="TRIM_HORIZON", batch_size=1),
)


def prepare(service: Service) -> None:
    """Make a shard with many records, and a mapping that has not begun with them."""
    service.writer.call(partial(create_table, shards=1))
    service.declare_mappings([DECLARATION])
    service.writer.call(lambda transaction: checkpoints.begin(transaction, 1, 1, 1, 0))

    def fill(transaction, start: int) -> None:
        for number in range(start, start + 1000):
            put(transaction, "t", item_of(f"k{number}"))

    for start in range(0, RECORDS, 1000):
        service.writer.call(partial(fill, start=start))


def run_and_kill(database: Path, file: Path, seconds: float) -> list[str]:
    """Run the discarder, kill it some time after its first commit, and return the ids that it has acknowledged."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.crash.outbox_discarder", str(database), str(file)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        first = output.readline()
        SystemClock().sleep(seconds)
        process.kill()
        rest = output.read()
    process.wait()
    return (first + rest).split()


def send_the_rest(service: Service) -> None:
    """Send what is pending, as the next process does."""
    clock = SystemClock()
    senders = Senders(SendingOptions(region="us-east-1"), clock)
    thread = OutboxThread(
        service.database, service.writer, senders.send, clock=clock, jitter=lambda: 0.5, retry_seconds=3600
    )
    thread.start()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while any(each["pending"] for each in service.status()["outbox"]):
        assert clock.monotonic() < deadline
        clock.sleep(0.05)
    assert thread.drain(PATIENCE_SECONDS)


def lines_of(file: Path) -> list[str]:
    """Read the ids in a file; a line that a kill has torn is no JSON."""
    ids = []
    for line in file.read_bytes().splitlines():
        try:
            ids.append(str(json.loads(line)["messageId"]))
        except ValueError:
            continue
    return ids


def test_each_discarded_batch_has_one_message_that_arrives(tmp_path):
    database, file = tmp_path / "cdc.db", tmp_path / "failed.jsonl"
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance = random.Random(seed)
    with open_service(database) as service:
        prepare(service)
    acknowledged: list[str] = []
    for _ in range(ROUNDS):
        acknowledged += run_and_kill(database, file, chance.random() * MOST_SECONDS)
    with open_service(database) as service:
        left = sum(each["pending"] for each in service.status()["outbox"])
        send_the_rest(service)
        messages = service.messages()
        with service.database.reading() as connection:
            checkpoint = checkpoints.load_checkpoint(connection, 1, 1, 0)
        assert list(check(service.database)) == []
    arrived = Counter(lines_of(file))
    again = arrived.total() - len(arrived)
    print(f"{len(messages)} discarded, {left} pending after the last kill, {again} repetitions")  # noqa: T201
    assert checkpoint is not None
    assert len(messages) == checkpoint.sequence, "as many messages as batches that the checkpoint has passed"
    assert {each.state for each in messages} == {SENT}
    assert {each.message_id for each in messages} == set(arrived), "all of them arrived, and nothing else"
    assert set(acknowledged) <= set(arrived)
    assert again <= ROUNDS * 4, "only what was under way at a kill comes again"
