"""Dead letters are kept with their events, delivered again when asked, and purged by their own age."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest

from cdc.model.dead_letters import DEAD, REDRIVEN, REDRIVING, RETRIES_EXHAUSTED, DeadLetter
from cdc.model.errors import InternalServerError
from cdc.store import dead_letters

LETTER = DeadLetter(
    mapping_id=1,
    mapping_name="m",
    function_name="f",
    table_name="t",
    stream_id=1,
    shard_id="shardId-1",
    first_sequence=5,
    last_sequence=9,
    record_count=2,
    condition=RETRIES_EXHAUSTED,
    attempts=3,
    error_type="ValueError",
    error_message="no",
    request_id="r",
    first_created_ms=1,
    last_created_ms=2,
    created_ms=1_700_000_000_000,
)


@pytest.fixture
def add(writer):
    def add(**changes):
        return writer.call(lambda each: dead_letters.add(each, replace(LETTER, **changes), b'{"Records":[]}'))

    return add


@pytest.fixture
def find(database):
    def find(**wanted):
        with database.reading() as connection:
            return dead_letters.find(connection, **wanted)

    return find


def test_what_is_kept_is_found_by_mapping_state_and_id(add, find):
    first, second = add(), add(mapping_name="other", mapping_id=2)
    assert find() == [replace(LETTER, id=first), replace(LETTER, id=second, mapping_name="other", mapping_id=2)]
    assert [each.id for each in find(mapping_name="other")] == [second]
    assert [each.id for each in find(ids=[first, 99])] == [first]
    assert find(state=REDRIVEN) == []


def test_the_event_is_read_as_it_was_kept_and_a_flipped_byte_is_noticed(add, writer, database):
    letter = add()
    with database.reading() as connection:
        assert dead_letters.load_event(connection, letter) == b'{"Records":[]}'
        assert dead_letters.load_event(connection, 99) is None
    writer.call(lambda each: each.cursor.execute("UPDATE dead_letters SET event = x'7b7d'"))
    with database.reading() as connection, pytest.raises(InternalServerError, match="damaged"):
        dead_letters.load_event(connection, letter)


def test_a_redrive_ends_in_success_failure_or_refusal(add, find, writer, clock):
    letters = [add() for _ in range(3)]
    for letter in letters:
        assert writer.call(lambda each, letter=letter: dead_letters.ask_redrive(each, letter, forced=True))
        assert not writer.call(lambda each, letter=letter: dead_letters.ask_redrive(each, letter, forced=True))
    assert {(each.state, each.forced) for each in find()} == {(REDRIVING, True)}
    assert writer.call(lambda each: dead_letters.redriven(each, letters[0], "again"))
    assert writer.call(lambda each: dead_letters.redrive_failed(each, letters[1], "KeyError", "x", "again"))
    assert writer.call(lambda each: dead_letters.refuse_redrive(each, letters[2], "newer ones were delivered"))
    done, failed, refused = find()
    assert (done.state, done.redriven_ms, done.request_id) == (REDRIVEN, clock.now_ms(), "again")
    assert (failed.state, failed.attempts, failed.redrive_error, failed.error_type) == (
        DEAD,
        4,
        "KeyError: x",
        "KeyError",
    )
    assert (refused.state, refused.attempts, refused.redrive_error) == (DEAD, 3, "newer ones were delivered")


def test_those_that_wait_are_counted(add, database, writer):
    letters = [add(), add(), add(mapping_id=2)]
    writer.call(lambda each: dead_letters.ask_redrive(each, letters[0], forced=False))
    writer.call(lambda each: dead_letters.redriven(each, letters[0], "r"))
    with database.reading() as connection:
        assert dead_letters.count(connection) == {1: 1, 2: 1}


def test_what_is_being_delivered_again_is_neither_removed_nor_purged(add, find, writer):
    busy, idle, old = add(), add(), add()
    writer.call(lambda each: dead_letters.ask_redrive(each, busy, forced=False))
    assert writer.call(partial(dead_letters.remove, ids=[busy, idle])) == 1
    assert writer.call(partial(dead_letters.purge, before_ms=LETTER.created_ms, rows=9)) == 0
    assert writer.call(partial(dead_letters.purge, before_ms=LETTER.created_ms + 1, rows=9)) == 1
    assert [each.id for each in find()] == [busy]
    assert old not in [each.id for each in find()]
