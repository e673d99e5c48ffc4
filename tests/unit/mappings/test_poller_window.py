"""The batching window: a batch waits until it is full or the window is over."""

from __future__ import annotations

import pytest

from cdc.mappings import batch as batches
from tests.unit.mappings.bench import numbered


@pytest.fixture
def windowed(bench):
    bench.create()
    bench.declare(maximum_batching_window_in_seconds=5, batch_size=3)
    bench.run()
    return bench


def test_the_window_opens_with_the_first_record_and_its_end_delivers(windowed):
    windowed.advance(2)
    windowed.put("a")
    windowed.advance(3)
    windowed.put("b")
    assert windowed.lane().phase == "batching window open"
    windowed.advance(1.999)
    assert windowed.calls == []
    windowed.advance(0.001)
    assert [(call.keys, call.at) for call in windowed.calls] == [(["a", "b"], 7)]


def test_a_full_batch_does_not_wait(windowed):
    windowed.put("a", "b")
    windowed.advance(1)
    windowed.put("c", "d")
    windowed.run()
    assert [(call.keys, call.at) for call in windowed.calls] == [(["a", "b", "c"], 1)]
    windowed.advance(5)
    assert [(call.keys, call.at) for call in windowed.calls[1:]] == [(["d"], 6)]


def test_an_event_that_is_full_does_not_wait(bench, monkeypatch):
    monkeypatch.setattr(batches, "EVENT_BYTES", 3000)
    bench.create()
    bench.declare(maximum_batching_window_in_seconds=300, batch_size=10_000)
    bench.put(*numbered(20))
    bench.run()
    assert len(bench.calls) >= 2
    assert all(len(call.event) <= 3000 for call in bench.calls)
    assert bench.lane().phase == "batching window open"


def test_the_end_of_a_shard_ends_the_window(windowed):
    windowed.put("a")
    windowed.run()
    windowed.disable()
    windowed.run()
    assert windowed.delivered() == ["a"]


def test_a_change_of_the_catalogue_leaves_the_window_as_it_is(windowed):
    windowed.put("a")
    windowed.advance(4)
    windowed.create("other")
    windowed.poller.poke()
    windowed.advance(1)
    assert [call.at for call in windowed.calls] == [5]


def test_pausing_closes_the_window(windowed):
    windowed.put("a")
    windowed.advance(4)
    windowed.pause(paused=True)
    windowed.advance(10)
    assert windowed.calls == []
    windowed.pause(paused=False)
    windowed.advance(5)
    assert [(call.keys, call.at) for call in windowed.calls] == [(["a"], 19)]


def test_records_that_expire_in_an_open_window_are_trimmed(bench):
    bench.create(retention=100)
    bench.declare(maximum_batching_window_in_seconds=60)
    bench.pause(paused=True)
    bench.put("a")
    bench.run()
    bench.advance(50)
    bench.pause(paused=False)
    bench.run()
    bench.advance(20)
    bench.put("b")
    bench.advance(40)
    assert [(call.keys, call.at) for call in bench.calls] == [(["b"], 110)]
    assert [(each.kind, each.records) for each in bench.outcomes()] == [("trimmed", 1), ("delivered", 1)]


def test_a_batch_that_is_gathered_is_cut_anew_when_the_settings_change(bench):
    bench.create()
    bench.declare(maximum_batching_window_in_seconds=10)
    bench.put("a", "b", "c")
    bench.advance(5)
    bench.declare(maximum_batching_window_in_seconds=10, batch_size=2)
    bench.advance(15)
    assert [(call.keys, call.at) for call in bench.calls] == [(["a", "b"], 5), (["c"], 15)]
