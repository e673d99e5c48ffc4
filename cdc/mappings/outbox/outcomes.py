"""The writes that settle an attempt at a message: each is one transaction of the store's transitions."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cdc.store import outbox as store

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.outbox import Entry
    from cdc.store.transaction import Transaction

    Write = Callable[[Transaction], object]

OLD_ROWS = 1000
"""Messages given up for their age in one write: some milliseconds. As many again follow with the next failure."""


def sent(entry: Entry) -> Write:
    """Note that a message was sent."""
    return partial(store.sent, entry_id=entry.id)


def failed(entry: Entry, error: str, next_attempt_ms: int) -> Write:
    """Count an attempt that failed, to be followed by another."""
    return partial(store.failed, entry_id=entry.id, error=error, next_attempt_ms=next_attempt_ms)


def given_up(entry: Entry, error: str) -> Write:
    """Keep a message that can't be sent."""
    return partial(store.give_up, entry_id=entry.id, error=error)


def given_up_for_age(entry: Entry, error: str, since_ms: int) -> Write:
    """Keep a message that could not be sent for too long, with those of its destination that are as old."""

    def run(transaction: Transaction) -> int:
        first = store.give_up(transaction, entry.id, error)
        return first + store.give_up_old(transaction, entry.destination, since_ms, error, OLD_ROWS)

    return run
