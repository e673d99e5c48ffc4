"""The background work: each kind has its turn, whatever another stumbles over; and a thread does it when it is woken."""

from __future__ import annotations

import threading

from cdc.service.background import BackgroundThread
from cdc.tables import backups, ttl
from tests.unit.service.requests import create, put

PATIENCE_SECONDS = 30


def expiring(service):
    """Give a table items and then TTL, so that there is something to do; returns what shows whether it is done."""
    create(service)
    put(service, "a")
    specification = {"Enabled": True, "AttributeName": "ttl"}
    service.update_time_to_live(TableName="abc", TimeToLiveSpecification=specification)
    return lambda: service.describe_time_to_live(TableName="abc")["TimeToLiveDescription"]["TimeToLiveStatus"]


def fail(*_):
    raise ZeroDivisionError


class Turns:
    """A step that counts its turns; `more` is what it answers."""

    def __init__(self, step=None):
        self.step, self.count, self.more, self.came = step, 0, True, threading.Event()

    def __call__(self, *given):
        self.count += 1
        self.came.set()
        return self.more if self.step is None else self.step(*given)


def test_what_fails_is_logged_and_the_others_have_their_turn(service, monkeypatch, caplog):
    turns = Turns()
    monkeypatch.setattr(ttl, "backfill_step", fail)
    monkeypatch.setattr(backups, "copy_step", turns)
    assert service.background.step()
    turns.more = False
    assert not service.background.step()
    assert turns.count == 2
    assert caplog.text.count("giving older items their time failed; it is tried again") == 2


def test_the_thread_does_what_a_change_of_the_catalogue_brings_and_ends_when_it_is_told_to(service, monkeypatch):
    turns = Turns(backups.copy_step)
    monkeypatch.setattr(backups, "copy_step", turns)
    thread = BackgroundThread(service.background, service.writer, service.clock)
    thread.start()
    assert turns.came.wait(PATIENCE_SECONDS)
    turns.came.clear()
    status = expiring(service)
    assert turns.came.wait(PATIENCE_SECONDS)
    thread.stop()
    service.background.finish()
    assert status() == "ENABLED"
