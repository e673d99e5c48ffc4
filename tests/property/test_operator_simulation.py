"""Seeded lives of a poller with an operator: whatever is paused, skipped, reset and redriven, keys stay in order."""

from __future__ import annotations

import pytest

from cdc.mappings.lane import Lane
from tests.property.operator_life import OperatorLife

SEEDS = 30
STEPS = 30
FOUND = (329,)  # a lane that was put elsewhere while its shard got another number of lanes
FOUND_STEPS = 60


def live(path, seed, steps=STEPS):
    life = OperatorLife(path / "a.db", seed)
    try:
        life.run(steps)
    finally:
        life.close()


def live_all(folder):
    for seed in range(SEEDS):
        (folder / str(seed)).mkdir()
        live(folder / str(seed), seed)


@pytest.mark.parametrize(
    ("seed", "steps"), [*((seed, STEPS) for seed in range(SEEDS)), *((seed, FOUND_STEPS) for seed in FOUND)]
)
def test_an_operator_breaks_no_order_and_leaves_nothing_stuck(tmp_path, seed, steps):
    live(tmp_path, seed, steps)


def test_a_redrive_beside_its_own_lane_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(Lane, "held", False)
    monkeypatch.setattr("cdc.mappings.redrive.Redrive.has_lanes", True)
    with pytest.raises(AssertionError, match=r"two invocations with one key|was taken|is redriven after"):
        live_all(tmp_path)
