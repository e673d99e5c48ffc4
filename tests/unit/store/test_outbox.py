"""The outbox: a message is added once, changes as its attempts go, and its payload stays whole until it is sent."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cdc.model.errors import InternalServerError
from cdc.model.outbox import FAILED, PENDING, SENT, Message
from cdc.store import outbox
from cdc.store.outbox import PURGE_BYTES, DamagedError, Traffic
from tests.unit.store.files import opened

if TYPE_CHECKING:
    from cdc.model.outbox import Entry

HOUR_MS = 3_600_000
A, B, C = "file:/a", "file:/b", "file:/c"


def message(number: int, destination: str = A, payload: bytes = b'{"version":"1.0"}', **more: Any) -> Message:
    return Message(
        message_id=f"id-{number}", destination=destination, payload=payload, mapping_name="m", records=5, **more
    )


def add(writer, *messages: Message) -> list[int]:
    return [writer.call(partial(outbox.add, message=each)) for each in messages]


def entry(database, message_id: str = "id-1") -> Entry:
    with database.reading() as connection:
        found = outbox.load_entry(connection, message_id)
    assert found is not None
    return found


def test_a_message_is_pending_from_its_commit_on(database, writer, clock):
    [entry_id] = add(writer, message(1, object_key="k"))
    found = entry(database)
    now_ms = clock.now_ms()
    assert (found.id, found.message_id, found.destination, found.object_key) == (entry_id, "id-1", A, "k")
    assert (found.mapping_name, found.records, found.size_bytes) == ("m", 5, 17)
    assert (found.state, found.attempts, found.last_error, found.settled_ms) == (PENDING, 0, None, None)
    assert found.created_ms == found.pending_since_ms == found.next_attempt_ms == now_ms
    assert outbox.load_payload(database.reader(), found) == b'{"version":"1.0"}'
    assert outbox.upcoming(database.reader(), A, 10) == [found]


def test_a_message_id_is_taken_once(database, writer):
    add(writer, message(1))
    with pytest.raises(InternalServerError):
        add(writer, message(1, B))
    assert entry(database).destination == A


def test_sending_lets_go_of_the_payload(database, writer, clock):
    [entry_id] = add(writer, message(1))
    writer.call(partial(outbox.failed, entry_id=entry_id, error="down", next_attempt_ms=clock.now_ms()))
    clock.advance(5)
    assert writer.call(partial(outbox.sent, entry_id=entry_id))
    found = entry(database)
    assert (found.state, found.attempts, found.last_error, found.settled_ms) == (SENT, 2, None, clock.now_ms())
    assert outbox.upcoming(database.reader(), A, 10) == []
    with pytest.raises(DamagedError):
        outbox.load_payload(database.reader(), found)


def test_a_message_is_sent_once_by_the_books(database, writer):
    [entry_id] = add(writer, message(1))
    assert writer.call(partial(outbox.sent, entry_id=entry_id))
    assert not writer.call(partial(outbox.sent, entry_id=entry_id))
    assert not writer.call(partial(outbox.failed, entry_id=entry_id, error="x", next_attempt_ms=0))
    assert not writer.call(partial(outbox.give_up, entry_id=entry_id, error="x"))
    assert entry(database).attempts == 1


def test_a_failure_is_counted_and_plans_the_next_attempt(database, writer):
    [entry_id] = add(writer, message(1))
    for attempts in (1, 2):
        assert writer.call(partial(outbox.failed, entry_id=entry_id, error="e" * 2000, next_attempt_ms=attempts))
        found = entry(database)
        assert (found.state, found.attempts, found.next_attempt_ms) == (PENDING, attempts, attempts)
        assert found.last_error == "e" * outbox.ERROR_CHARACTERS


def test_what_is_given_up_keeps_its_payload_and_error(database, writer, clock):
    [entry_id] = add(writer, message(1))
    clock.advance(1)
    assert writer.call(partial(outbox.give_up, entry_id=entry_id, error="too large"))
    found = entry(database)
    assert (found.state, found.attempts, found.last_error) == (FAILED, 1, "too large")
    assert found.settled_ms == clock.now_ms()
    assert outbox.load_payload(database.reader(), found) == b'{"version":"1.0"}'
    assert list(outbox.pending_destinations(database.reader())) == []


def test_a_message_given_up_while_it_was_under_way_is_sent_all_the_same(database, writer):
    [entry_id] = add(writer, message(1))
    writer.call(partial(outbox.give_up, entry_id=entry_id, error="too old"))
    assert writer.call(partial(outbox.sent, entry_id=entry_id))
    assert entry(database).state == SENT


def test_old_messages_of_one_destination_are_given_up_together(database, writer, clock):
    add(writer, message(1), message(2), message(3, B))
    old_ms = clock.now_ms()
    clock.advance(1)
    add(writer, message(4))
    write = partial(outbox.give_up_old, destination=A, since_ms=old_ms, error="down", rows=10)
    assert writer.call(write) == 2
    assert [entry(database, f"id-{number}").state for number in (1, 2, 3, 4)] == [FAILED, FAILED, PENDING, PENDING]
    assert writer.call(write) == 0


def test_a_bound_limits_how_many_are_given_up_at_once(writer, clock):
    add(writer, message(1), message(2), message(3))
    write = partial(outbox.give_up_old, destination=A, since_ms=clock.now_ms(), error="down", rows=2)
    assert [writer.call(write), writer.call(write)] == [2, 1]


@pytest.mark.parametrize(
    ("chosen", "again"),
    [
        ({"message_ids": ["id-1", "id-9"]}, [1]),
        ({"destination": B}, [3]),
        ({"destination": C}, []),
        ({}, [1, 2, 3]),
    ],
)
def test_given_up_messages_are_tried_again_as_chosen_and_no_others(database, writer, clock, chosen, again):
    ids = add(writer, message(1), message(2), message(3, B), message(4), message(5))
    for entry_id in ids[:3]:
        writer.call(partial(outbox.give_up, entry_id=entry_id, error="down"))
    writer.call(partial(outbox.sent, entry_id=ids[3]))
    clock.advance(60)
    assert writer.call(lambda transaction: outbox.retry(transaction, **chosen)) == len(again)
    for number in (1, 2, 3):
        found = entry(database, f"id-{number}")
        assert found.state == (PENDING if number in again else FAILED)
        if number in again:
            assert (found.attempts, found.settled_ms, found.last_error) == (0, None, "down")
            assert found.next_attempt_ms == found.pending_since_ms == clock.now_ms() == found.created_ms + 60_000
    assert entry(database, "id-4").state == SENT


def test_upcoming_messages_come_in_the_order_of_their_next_attempt(database, writer, clock):
    ids = add(writer, message(1), message(2), message(3), message(4, B))
    writer.call(partial(outbox.failed, entry_id=ids[0], error="x", next_attempt_ms=clock.now_ms() + 1))
    numbers = [each.message_id for each in outbox.upcoming(database.reader(), A, 10)]
    assert numbers == ["id-2", "id-3", "id-1"]
    assert len(outbox.upcoming(database.reader(), A, 2)) == 2


def test_destinations_with_pending_messages_are_found_by_the_index(database, writer):
    assert list(outbox.pending_destinations(database.reader())) == []
    add(writer, message(1, B), message(2), message(3), message(4, C))
    assert list(outbox.pending_destinations(database.reader())) == [A, B, C]
    connection = database.reader()
    for statement, parameters in ((outbox._DESTINATION, ("pending", "")), (outbox._UPCOMING, ("pending", A, 9))):
        [plan] = connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()
        assert "INDEX outbox_next (state=? AND destination" in plan[3]


def test_settled_messages_are_deleted_after_their_time_a_few_at_a_time(database, writer, clock):
    ids = add(writer, *(message(number) for number in range(5)))
    for entry_id in ids[:3]:
        writer.call(partial(outbox.sent, entry_id=entry_id))
    writer.call(partial(outbox.give_up, entry_id=ids[3], error="x"))
    before_ms = clock.now_ms() + 1
    assert writer.call(partial(outbox.purge, before_ms=before_ms - 1, rows=9)) == (0, 0)
    assert writer.call(partial(outbox.purge, before_ms=before_ms, rows=3)) == (3, 0)
    assert writer.call(partial(outbox.purge, before_ms=before_ms, rows=3)) == (0, 1)
    with database.reading() as connection:
        assert [each.message_id for each in outbox.load_entries(connection)] == ["id-4"]
    assert database.reader().execute("SELECT outbox_id FROM outbox_payloads").fetchall() == [(ids[4],)]


def test_large_payloads_make_a_purge_shorter(writer, clock):
    ids = add(writer, *(message(number, payload=b" " * (PURGE_BYTES // 2 + 1)) for number in range(5)))
    for entry_id in ids:
        writer.call(partial(outbox.give_up, entry_id=entry_id, error="x"))
    write = partial(outbox.purge, before_ms=clock.now_ms() + 1, rows=100)
    assert [writer.call(write) for _ in range(4)] == [(0, 2), (0, 2), (0, 1), (0, 0)]


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE outbox_payloads SET payload = X'7B20'",
        "UPDATE outbox_payloads SET crc = crc + 1",
        "UPDATE outbox SET destination = 'file:/z'",
        "UPDATE outbox SET message_id = 'id-2'",
        "UPDATE outbox SET object_key = 'l'",
        "DELETE FROM outbox_payloads",
    ],
)
def test_a_payload_that_is_not_what_was_written_is_noticed(database, writer, damage):
    add(writer, message(1, object_key="k"))
    writer.call(lambda transaction: transaction.cursor.execute(damage) and None)
    with database.reading() as connection:
        [found] = outbox.load_entries(connection)
    with pytest.raises(DamagedError, match="is damaged in the file"):
        outbox.load_payload(database.reader(), found)


def test_entries_are_listed_newest_first_by_state_up_to_a_bound(database, writer):
    ids = add(writer, *(message(number) for number in range(4)))
    writer.call(partial(outbox.give_up, entry_id=ids[1], error="x"))

    def listed(**options: Any) -> list[str]:
        with database.reading() as connection:
            return [each.message_id for each in outbox.load_entries(connection, **options)]

    assert listed() == ["id-3", "id-2", "id-1", "id-0"]
    assert listed(rows=2) == ["id-3", "id-2"]
    assert listed(state=FAILED) == ["id-1"]


def test_traffic_sums_up_each_destination(database, writer, clock):
    start_ms = clock.now_ms()
    ids = add(writer, message(1), message(2), message(3), message(4, B))
    clock.advance(1)
    add(writer, message(5))
    writer.call(partial(outbox.sent, entry_id=ids[0]))
    writer.call(partial(outbox.failed, entry_id=ids[1], error="older", next_attempt_ms=start_ms + 9000))
    writer.call(partial(outbox.give_up, entry_id=ids[2], error="newer"))
    writer.call(partial(outbox.sent, entry_id=ids[3]))
    with database.reading() as connection:
        assert outbox.traffic(connection) == [
            Traffic(A, 2, start_ms, start_ms + 1000, 1, 1, "newer"),
            Traffic(B, 0, None, None, 1, 0, None),
        ]


def test_messages_survive_that_the_file_is_opened_anew(path, clock):
    with opened(path, clock) as (_, writer):
        [entry_id, _] = add(writer, message(1), message(2, B))
        writer.call(partial(outbox.failed, entry_id=entry_id, error="down", next_attempt_ms=clock.now_ms() + 7))
    with opened(path, clock) as (database, _):
        found = entry(database)
        assert (found.attempts, found.last_error, found.next_attempt_ms) == (1, "down", clock.now_ms() + 7)
        assert outbox.load_payload(database.reader(), found) == b'{"version":"1.0"}'


def test_a_message_and_what_it_goes_with_are_there_together_or_not_at_all(database, writer):
    def discard(transaction):
        outbox.add(transaction, message(1))
        raise ZeroDivisionError

    with pytest.raises(InternalServerError):
        writer.call(discard)
    with database.reading() as connection:
        assert outbox.load_entries(connection) == []
