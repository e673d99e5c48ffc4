"""The dispatcher: every message is sent until it is there, and nobody waits for another's destination."""

from __future__ import annotations

import pytest

from cdc.mappings.backoff import MAX_SECONDS, delay_seconds
from cdc.mappings.destinations.sending import Parcel, SendError, UnsendableError
from cdc.mappings.outbox import dispatcher as dispatcher_module
from cdc.mappings.outbox.dispatcher import LOOK_SECONDS, PATIENCE_SECONDS
from cdc.mappings.outbox.line import LINE_FLIGHTS
from cdc.model.errors import ServiceUnavailable
from cdc.model.outbox import FAILED, PENDING, SENT, Message
from cdc.store import outbox
from tests.unit.mappings.outbox.desk import RETRY_SECONDS, A, B
from tests.unit.store.files import opened

OPEN = "is under way"
DOWN = SendError("is down")


def test_a_message_is_sent_at_once_and_noted(desk):
    desk.run()
    desk.add("1", payload=b'{"a":1}', object_key="k")
    desk.run()
    [attempt] = desk.attempts
    assert (attempt.destination, attempt.parcel) == (A, Parcel("1", b'{"a":1}', "k"))
    assert desk.states() == {"1": SENT}
    desk.advance(600)
    assert desk.ids == ["1"]


def test_an_empty_outbox_is_looked_at_once_a_second(desk):
    desk.run()
    assert desk.wake_at == LOOK_SECONDS
    assert desk.dispatcher.step(LOOK_SECONDS / 2) == LOOK_SECONDS


def test_what_another_process_adds_or_retries_is_found_by_looking(desk):
    desk.run()
    with opened(desk.path, desk.clock) as (_, writer):
        message = Message(message_id="1", destination=A, payload=b"{}", mapping_name="m", records=1)
        writer.call(lambda transaction: outbox.add(transaction, message))
    desk.run()
    assert desk.attempts == []
    desk.answer = lambda _: UnsendableError("too large")
    desk.advance(LOOK_SECONDS)
    assert desk.states() == {"1": FAILED}
    desk.answer = lambda _: None
    with opened(desk.path, desk.clock) as (_, writer):
        writer.call(outbox.retry)
    desk.advance(LOOK_SECONDS)
    assert desk.states() == {"1": SENT}


def test_a_failure_is_tried_again_later_each_time_up_to_a_minute(desk):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.advance(600)
    waits = [after.at - before.at for before, after in zip(desk.attempts, desk.attempts[1:], strict=False)]
    assert waits == [delay_seconds(number, 0) for number in range(1, len(waits) + 1)]
    assert waits[:3] == [0.25, 0.5, 1]
    assert waits[-1] == MAX_SECONDS
    entry = desk.entry("1")
    assert (entry.state, entry.attempts, entry.last_error) == (PENDING, len(desk.attempts), "is down")
    assert entry.next_attempt_ms == desk.clock.now_ms() - 600_000 + round((desk.attempts[-1].at + MAX_SECONDS) * 1000)


def test_chance_spreads_attempts_that_failed_together(desk):
    desk.jitter = 1.0
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.run()
    assert desk.entry("1").next_attempt_ms == desk.clock.now_ms() + 125


def test_attempts_errors_and_their_waits_outlive_a_restart(desk):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.advance(100)
    before = desk.entry("1")
    desk.restart()
    desk.run()
    assert desk.entry("1") == before
    tried = len(desk.attempts)
    desk.advance((before.next_attempt_ms - desk.clock.now_ms()) / 1000)
    assert len(desk.attempts) == tried + 1
    assert desk.entry("1").attempts == before.attempts + 1


def test_a_crash_between_sending_and_noting_it_sends_the_same_again(desk):
    desk.hold_writes = True
    desk.add("1", payload=b'{"a":1}')
    desk.run()
    assert desk.ids == ["1"]
    desk.restart()
    desk.hold_writes = False
    desk.run()
    first, second = desk.attempts
    assert first.parcel == second.parcel
    assert desk.states() == {"1": SENT}


def test_what_can_never_be_sent_is_kept_with_the_reason_at_the_first_attempt(desk, caplog):
    desk.answer = lambda attempt: UnsendableError("too large") if attempt.id == "1" else None
    desk.add("1")
    desk.add("2")
    desk.advance(600)
    assert desk.ids == ["1", "2"]
    entry = desk.entry("1")
    assert (entry.state, entry.attempts, entry.last_error) == (FAILED, 1, "too large")
    assert outbox.load_payload(desk.database.reader(), entry) == b"{}"
    assert (
        "message 1 to file:/a is given up, and kept: too large (`cdc outbox retry` has it tried again)" in caplog.text
    )


def test_a_damaged_message_is_kept_and_not_sent(desk):
    desk.add("1")
    desk.writer.call(lambda each: each.cursor.execute("UPDATE outbox_payloads SET payload = X'7B'") and None)
    desk.run()
    assert desk.attempts == []
    assert "is damaged in the file" in (desk.entry("1").last_error or "")
    assert desk.states() == {"1": FAILED}


def test_a_destination_that_is_down_does_not_hold_up_another(desk):
    desk.answer = lambda attempt: DOWN if attempt.destination == A else None
    for number in range(20):
        desk.add(f"a-{number}", A)
    desk.advance(600)
    desk.attempts.clear()
    desk.add("b-1", B)
    desk.run()
    assert desk.ids == ["b-1"]


def test_a_destination_that_hangs_does_not_hold_up_another(desk, monkeypatch):
    monkeypatch.setattr(dispatcher_module, "FLIGHTS", 2)
    desk.answer = lambda attempt: OPEN if attempt.destination == A else None
    for number in range(20):
        desk.add(f"a-{number}", A)
    desk.run()
    assert desk.ids == ["a-0", "a-1"]
    for number in range(20):
        desk.add(f"b-{number}", B)
    desk.run()
    assert desk.ids[2:] == [f"b-{number}" for number in range(20)]


def test_a_destination_gets_a_few_messages_at_a_time(desk):
    desk.answer = lambda _: OPEN
    for number in range(10):
        desk.add(str(number))
    desk.run()
    assert desk.ids == ["0", "1", "2", "3"]
    desk.attempts[2].done(None)
    desk.run()
    assert desk.ids == ["0", "1", "2", "3", "4"]
    assert desk.dispatcher.busy == LINE_FLIGHTS


def test_a_message_holds_its_place_until_its_outcome_is_on_disk(desk):
    desk.store_error = ServiceUnavailable("The disk is full")
    for number in range(10):
        desk.add(str(number))
    desk.advance(300)
    assert desk.ids == ["0", "1", "2", "3"]
    assert set(desk.states().values()) == {PENDING}
    desk.store_error = None
    desk.advance(MAX_SECONDS)
    assert sorted(desk.ids) == sorted(map(str, range(10)))
    assert set(desk.states().values()) == {SENT}


def test_a_destination_that_fails_is_tried_with_one_message_at_a_time(desk):
    """And rests between them: a hundred messages make no more attempts than one."""
    desk.answer = lambda _: DOWN
    for number in range(100):
        desk.add(str(number))
    desk.advance(600)
    assert len(desk.attempts) < 30
    assert [attempt.at for attempt in desk.attempts[:LINE_FLIGHTS]] == [0] * LINE_FLIGHTS
    later = [attempt.at for attempt in desk.attempts[LINE_FLIGHTS:]]
    assert len(set(later)) == len(later)
    assert set(desk.ids[:15]) == {str(number) for number in range(15)}, (
        "each has its turn before another has its second"
    )
    desk.answer = lambda _: None
    desk.advance(MAX_SECONDS)
    assert set(desk.states().values()) == {SENT}


def test_one_message_that_is_refused_each_time_does_not_hold_up_its_neighbours(desk):
    desk.answer = lambda attempt: DOWN if attempt.id == "poison" else None
    desk.add("poison")
    desk.advance(600)
    for number in range(10):
        desk.add(str(number))
        desk.advance(MAX_SECONDS)
        assert desk.entry(str(number)).state == SENT
    assert desk.entry("poison").state == PENDING


def test_a_message_is_given_up_when_it_is_too_old_with_others_as_old(desk, caplog):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.add("2")
    desk.add("b", B)
    desk.advance(3600)
    desk.add("younger")
    desk.advance(RETRY_SECONDS - 3600 - 1)
    assert set(desk.states().values()) == {PENDING}
    desk.answer = lambda attempt: DOWN if attempt.destination == A else None
    desk.advance(MAX_SECONDS + 2)
    assert desk.states() == {"1": FAILED, "2": FAILED, "younger": PENDING, "b": SENT}
    assert desk.entry("1").last_error == desk.entry("2").last_error == "is down"
    assert "is given up, and kept: is down" in caplog.text


def test_a_message_that_was_retried_by_hand_has_its_whole_time_again(desk):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.advance(RETRY_SECONDS + 2 * MAX_SECONDS)
    assert desk.states() == {"1": FAILED}
    desk.writer.call(outbox.retry)
    desk.advance(RETRY_SECONDS - 2)
    assert desk.states() == {"1": PENDING}
    desk.advance(2 * MAX_SECONDS)
    assert desk.states() == {"1": FAILED}


def test_nothing_is_given_up_for_its_age_soon_after_a_start(desk):
    """A machine that was off for a month may have no network yet."""
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.run()
    desk.clock.advance(2 * RETRY_SECONDS)
    desk.restart()
    desk.advance(PATIENCE_SECONDS - MAX_SECONDS)
    assert desk.states() == {"1": PENDING}
    desk.advance(2 * MAX_SECONDS)
    assert desk.states() == {"1": FAILED}


def test_a_clock_that_goes_back_delays_nothing_for_long(desk):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.advance(600)
    desk.clock.set_wall_ms(desk.clock.now_ms() - 86_400_000)
    desk.answer = lambda _: None
    desk.advance(MAX_SECONDS)
    assert desk.states() == {"1": SENT}


def test_a_clock_that_leaps_forward_sends_early_at_worst(desk):
    desk.answer = lambda _: DOWN
    desk.add("1")
    desk.advance(600)
    desk.clock.set_wall_ms(desk.clock.now_ms() + 86_400_000)
    desk.answer = lambda _: None
    desk.advance(MAX_SECONDS)
    assert desk.states() == {"1": SENT}


def test_draining_starts_nothing_and_settles_what_is_under_way(desk):
    desk.answer = lambda _: OPEN
    for number in range(6):
        desk.add(str(number))
    desk.run()
    desk.dispatcher.drain()
    desk.add("late")
    desk.run()
    assert desk.wake_at is None
    for attempt in desk.attempts[:]:
        attempt.done(None if attempt.id != "1" else DOWN)
    desk.run()
    assert desk.dispatcher.busy == 0
    assert desk.ids == ["0", "1", "2", "3"]
    found = desk.states()
    assert [found[str(number)] for number in range(6)] == [SENT, PENDING, SENT, SENT, PENDING, PENDING]
    assert desk.entry("1").attempts == 1


def test_draining_waits_for_an_outcome_that_cannot_be_written_at_once(desk):
    desk.store_error = ServiceUnavailable("The disk is full")
    desk.add("1")
    desk.run()
    desk.dispatcher.drain()
    desk.run()
    assert desk.dispatcher.busy == 1
    desk.store_error = None
    desk.advance(1)
    assert desk.dispatcher.busy == 0
    assert desk.states() == {"1": SENT}


def test_a_writer_that_is_closed_is_no_end_of_the_dispatcher(desk):
    def closed(_job):
        raise ServiceUnavailable("The database is closed")

    surroundings = desk.dispatcher._surroundings
    object.__setattr__(surroundings, "submit", closed)
    desk.add("1")
    desk.run()
    assert desk.dispatcher.busy == 1
    object.__setattr__(surroundings, "submit", desk.queue.append)
    desk.advance(1)
    assert desk.states() == {"1": SENT}


def test_a_file_that_cannot_be_read_for_a_while_is_read_again(desk, monkeypatch, caplog):
    desk.run()
    desk.add("1")
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "upcoming", lambda *_: 1 // 0)
        desk.run()
    assert "the outbox can't be read" in caplog.text
    assert desk.attempts == []
    desk.advance(1)
    assert desk.states() == {"1": SENT}


def test_a_send_that_cannot_begin_is_a_failed_attempt(desk):
    def refuse(_):
        raise RuntimeError("can't start new thread")

    desk.answer = refuse
    desk.add("1")
    desk.run()
    assert desk.entry("1").last_error == "RuntimeError: can't start new thread"
    desk.answer = lambda _: None
    desk.advance(1)
    assert desk.states() == {"1": SENT}


def test_a_line_is_forgotten_when_nothing_is_left_for_it(desk):
    desk.add("1")
    desk.run()
    desk.advance(LOOK_SECONDS)
    assert desk.dispatcher._lines == {}


@pytest.mark.parametrize("attempts", [1, 3])
def test_recovery_is_said_once(desk, caplog, attempts):
    caplog.set_level("INFO")
    left = iter([DOWN] * attempts)
    desk.answer = lambda _: next(left, None)
    desk.add("1")
    desk.add("2")
    desk.advance(MAX_SECONDS)
    assert caplog.text.count("destination file:/a takes messages again") == 1
    assert caplog.text.count("was not sent to file:/a: is down") == attempts
