"""What an instance waits for: descriptors, a deadline, a condition."""

from __future__ import annotations

import asyncio
import os
import socket

import pytest

from cdc.clock import ManualClock, SystemClock
from cdc.functions.pump import Pump


@pytest.fixture
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture
def pipe():
    read, write = os.pipe()
    yield read, write
    os.close(read)
    os.close(write)


def test_it_gives_up_at_the_deadline_and_not_when_finished(loop):
    clock = ManualClock()
    pump = Pump(loop, clock)
    assert loop.run_until_complete(pump.run_until(lambda: True, clock.monotonic())) is True
    assert loop.run_until_complete(pump.run_until(lambda: False, clock.monotonic())) is False


def test_a_descriptor_that_is_ready_is_called_and_ends_the_wait(loop, pipe):
    pump, taken = Pump(loop, SystemClock()), []
    pump.add(pipe[0], lambda: taken.append(os.read(pipe[0], 1)))
    os.write(pipe[1], b"ab")
    assert loop.run_until_complete(pump.run_until(lambda: len(taken) == 2))
    assert taken == [b"a", b"b"]


def test_one_that_is_written_to_is_called_only_while_it_is_wanted(loop):
    pump, called = Pump(loop, SystemClock()), []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        pump.add(ours.fileno(), lambda: called.append(1), writing=True)
        assert loop.run_until_complete(pump.run_until(lambda: bool(called)))
        pump.add(ours.fileno(), lambda: called.append(1))
        called.clear()
        pump.once()
        assert called == []
        pump.clear()


def test_a_condition_that_nothing_calls_for_is_noticed_by_a_look(loop):
    found: list[int] = []
    pump = Pump(loop, SystemClock())
    loop.call_soon(found.append, 1)
    loop.call_soon(pump.look)
    assert loop.run_until_complete(pump.run_until(lambda: bool(found)))


def test_a_callback_that_fails_fails_who_waits(loop, pipe):
    pump = Pump(loop, SystemClock())
    pump.add(pipe[0], lambda: 1 / 0)
    os.write(pipe[1], b"a")
    with pytest.raises(ZeroDivisionError):
        loop.run_until_complete(pump.run_until(lambda: False))
    pump.clear()


def test_a_callback_that_fails_while_nobody_waits_is_logged(loop, pipe, caplog):
    pump = Pump(loop, SystemClock())
    pump.add(pipe[0], lambda: 1 / 0)
    os.write(pipe[1], b"a")
    pump.once()
    assert "an idle instance of a function failed" in caplog.text


def test_what_was_removed_is_called_no_more(loop, pipe):
    pump, called = Pump(loop, SystemClock()), []
    pump.add(pipe[0], lambda: called.append(1))
    os.write(pipe[1], b"a")
    pump.remove(pipe[0])
    pump.remove(pipe[0])
    pump.once()
    assert called == []


def test_a_wait_that_ends_early_leaves_its_deadline_to_the_next_one(loop):
    pump, clock = Pump(loop, SystemClock()), SystemClock()
    found: list[int] = []
    loop.call_soon(found.append, 1)
    loop.call_soon(pump.look)
    assert loop.run_until_complete(pump.run_until(lambda: bool(found), clock.monotonic() + 0.01))
    began = clock.monotonic()
    assert loop.run_until_complete(pump.run_until(lambda: False, began + 0.05)) is False
    assert clock.monotonic() - began >= 0.05
    assert loop.run_until_complete(pump.run_until(lambda: False, clock.monotonic() + 0.01)) is False
