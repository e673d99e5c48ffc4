"""A daemon killed at any moment while its function fails has each failed attempt in its history that its checkpoint counts."""

from __future__ import annotations

import random
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import select

from cdc.clock import SystemClock
from cdc.model.mappings import DELIVERED
from cdc.store import checkpoints, history, schema
from cdc.store.check import check
from cdc.store.database import open_database
from tests.integration.daemon import Daemon
from tests.integration.tables import create, s
from tests.integration.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 6
KEYS = 60
MOST_SECONDS = 0.8
PATIENCE_SECONDS = 30.0
HANDLER = """
import json, random, sys
event = json.load(sys.stdin)
sys.exit(random.random() < 0.7)
"""
CONFIG = """
[[functions]]
name = "mostly_fails"
command = ["{python}", "{handler}"]
timeout_seconds = 20
[[mappings]]
name = "m"
table = "orders"
function = "mostly_fails"
starting_position = "TRIM_HORIZON"
batch_size = 2
parallelization_factor = 3
"""


def look(path: Path) -> tuple[int, int]:
    """Hold the history against the checkpoints; return how many attempts have failed and batches were delivered."""
    database = open_database(path)
    try:
        assert list(check(database)) == []
        with database.reading() as connection:
            lanes = checkpoints.load_checkpoints(connection)
            for each in lanes:
                newest = history.last_failed_attempt(connection, each)
                assert each.attempts == (0 if newest is None else newest.attempts), each
            failed: dict[tuple[int, int, int], list[int]] = defaultdict(list)
            for row in connection.execute(select(schema.failed_attempts).order_by(schema.failed_attempts.c.id)):
                failed[row.shard, row.lane, row.after_sequence].append(row.attempts)
            delivered = 0
            for row in connection.execute(select(schema.outcomes).where(schema.outcomes.c.kind == DELIVERED)):
                delivered += 1
                before = failed.get((row.shard, row.lane, row.after_sequence), [])
                assert row.attempts == (before[-1] if before else 0) + 1
                assert row.after_sequence < row.first_sequence <= row.last_sequence <= row.through_sequence
                assert row.started_ms <= row.settled_ms
    finally:
        database.close()
    return sum(map(len, failed.values())), delivered


def test_history_is_what_the_checkpoints_count_after_any_kill(tmp_path):
    seed = random.randrange(10**6)
    print(f"seed {seed}")  # noqa: T201
    chance, clock = random.Random(seed), SystemClock()
    handler = tmp_path / "fail.py"
    handler.write_text(HANDLER)
    daemon = Daemon(tmp_path / "cdc.db", CONFIG.format(python=sys.executable, handler=handler))
    failed = delivered = 0
    for round_ in range(ROUNDS):
        daemon.start()
        try:
            if round_ == 0:
                wire = Wire(daemon.port)
                create(wire, TableName="orders", stream="NEW_IMAGE")
                for number in range(KEYS):
                    wire.call("PutItem", TableName="orders", Item={"pk": s(f"k{number}")})
                wire.close()
            clock.sleep(chance.uniform(0, MOST_SECONDS))
        finally:
            daemon.kill()
        failed, delivered = look(daemon.path)
    assert failed > ROUNDS
    assert delivered > 0
