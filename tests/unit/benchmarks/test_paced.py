"""The schedule of the open loop, and the choice of the writes around a purge."""

from __future__ import annotations

import pytest

from tests.benchmarks.bench import delivery_part, paced, purge_part
from tests.benchmarks.bench.children import ChildError
from tests.benchmarks.bench.seed import FIRST_NUMBER


def test_puts_are_due_at_the_rate():
    assert paced.schedule(4000, 4, 0.0) == [0, 250_000, 500_000, 750_000]


def test_jitter_moves_a_put_by_less_than_its_share_of_the_pause_and_repeats():
    due = paced.schedule(1000, 100, 0.5)
    assert all(index * 1_000_000 <= each < (index + 0.5) * 1_000_000 for index, each in enumerate(due))
    assert due == paced.schedule(1000, 100, 0.5)


def test_latency_counts_from_when_a_write_was_due_and_only_near_the_purge():
    pause_ns = 250_000
    due = [index * pause_ns for index in range(12_000)]  # 3 s at 4,000 a second
    slow = range(5_000, 5_100)
    answered = [each + (50_000_000 if index in slow else 1_000_000) for index, each in enumerate(due)]
    near = purge_part.around({"due_ns": due, "answered_ns": answered}, 1_275_000_000)
    assert (near["p50_ms"], near["p99_ms"], near["max_ms"]) == (1.0, 50.0, 50.0)
    assert near["p99_whole_run_ms"] == 1.0
    far = purge_part.around({"due_ns": due, "answered_ns": answered}, 2_400_000_000)
    assert far["max_ms"] == 1.0


def test_a_purge_outside_the_measured_time_is_a_failure():
    with pytest.raises(ChildError):
        purge_part.around({"due_ns": [0], "answered_ns": [1]}, 10_000_000_000)


def test_each_arrival_of_a_write_counts_as_each_mapping_has_its_own(tmp_path):
    first = FIRST_NUMBER
    arrivals = tmp_path / "arrivals"
    arrivals.write_text(f"{first} 100\n{first + 1} 200\n{first} 300\n")
    assert delivery_part.await_arrivals(arrivals, 3) == [(0, 100), (1, 200), (0, 300)]
