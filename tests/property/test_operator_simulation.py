"""Seeded lives of a poller with an operator: whatever is paused, skipped, reset and redriven, keys stay in order."""

from __future__ import annotations

import pytest

from cdc.mappings.lane import Lane
from tests.property.operator_life import OperatorLife

SEEDS = 30
STEPS = 30


def live(path, seed):
    life = OperatorLife(path / "a.db", seed)
    try:
        life.run(STEPS)
    finally:
        life.close()


def live_all(folder):
    for seed in range(SEEDS):
        (folder / str(seed)).mkdir()
        live(folder / str(seed), seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_an_operator_breaks_no_order_and_leaves_nothing_stuck(tmp_path, seed):
    live(tmp_path, seed)


def test_a_redrive_beside_its_own_lane_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(Lane, "held", False)
    monkeypatch.setattr("cdc.mappings.redrive.Redrive.has_lanes", True)
    with pytest.raises(AssertionError, match=r"two invocations with one key|was taken|is redriven after"):
        live_all(tmp_path)
