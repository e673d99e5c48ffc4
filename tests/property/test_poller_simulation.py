"""Seeded lives of a poller, watched by a model: whatever happens, each invocation, outcome and dead letter is the right one.

Clients in this process and another, several mappings and shards, lanes, retries, ages, halves, reports of all kinds, filters,
tumbling and batching windows, bounds of events and states, destinations, functions that fail, hang or answer nonsense, a store
that refuses writes, pauses, changed settings, streams that end, purges, and crashes at any moment.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cdc.store.database import open_database
from tests.property.poller_life import Life, small_bounds

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = 180
STEPS = 16  # fewer things happen than in `scripts/simulate`
# Lanes whose number changed while a failure was being written, and where some had come to the end of a closed shard.
FOUND = (675, 757, 3782, 4574)
FOUND_STEPS = 40


@pytest.fixture(scope="session")
def new_file(tmp_path_factory) -> Path:
    path: Path = tmp_path_factory.mktemp("new") / "a.db"
    open_database(path).close()
    return path


@pytest.mark.parametrize(
    ("seed", "steps"), [*((seed, STEPS) for seed in range(SEEDS)), *((seed, FOUND_STEPS) for seed in FOUND)]
)
def test_every_invocation_outcome_and_dead_letter_is_the_right_one(tmp_path, new_file, seed, steps):
    with small_bounds():
        life = Life(shutil.copy(new_file, tmp_path / "a.db"), seed)
        try:
            life.run(steps)
        finally:
            life.bench.stop()
