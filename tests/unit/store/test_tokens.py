"""Request tokens: found for ten minutes from the completion of their request, each in its operation's own space."""

from __future__ import annotations

from functools import partial

import pytest

from cdc.store.tokens import LIFE_MS, Completed, find_token, purge_tokens, store_token

DONE = Completed(b"digest", [("t", 100), ("u", 0)])
LIFE_SECONDS = LIFE_MS / 1000


@pytest.fixture
def store(writer):
    def store(token, operation="Op", completed=DONE):
        writer.call(partial(store_token, operation=operation, token=token, completed=completed))

    return store


@pytest.fixture
def find(writer):
    return lambda token, operation="Op": writer.call(partial(find_token, operation=operation, token=token))


def test_a_token_is_found_with_what_was_done_under_it(store, find):
    store("a")
    assert find("a") == DONE
    assert find("b") is None
    assert find("a", "OtherOp") is None


def test_a_token_counts_for_ten_minutes(store, find, clock):
    store("a")
    clock.advance(LIFE_SECONDS - 0.001)
    assert find("a") == DONE
    clock.advance(0.001)
    assert find("a") is None


def test_a_token_that_no_longer_counts_is_taken_over(store, find, clock):
    store("a")
    clock.advance(LIFE_SECONDS)
    other = Completed(b"other", [])
    store("a", completed=other)
    assert find("a") == other


def test_old_tokens_are_removed_some_at_a_time_and_others_stay(store, find, clock, writer):
    for token in "abc":
        store(token)
    clock.advance(LIFE_SECONDS)
    store("d")
    assert [writer.call(partial(purge_tokens, rows=2)) for _ in range(3)] == [2, 1, 0]
    assert find("d") == DONE
