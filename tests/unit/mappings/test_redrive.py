"""Redrives: dead letters delivered again, in the lanes of their keys, unless newer records of these were delivered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cdc.mappings.redrive import keys_of
from cdc.model.catalog import sequence_text
from cdc.model.functions import Outcome
from cdc.store import dead_letters, mappings
from tests.unit.mappings.bench import FAILURE, OK, Bench, disk_full, numbered

if TYPE_CHECKING:
    from cdc.model.dead_letters import DeadLetter
    from tests.unit.mappings.bench import Invocation

DAY_SECONDS = 86_400


def begin(bench: Bench, **settings: Any) -> None:
    bench.create()
    bench.declare(**{"maximum_retry_attempts": 0, "batch_size": 1} | settings)
    bench.run()


def kill(bench: Bench, *keys: str, **more: Any) -> list[DeadLetter]:
    """Write items whose records are given up."""
    before = len(bench.letters())
    bench.functions.answer = lambda _: FAILURE
    bench.put(*keys, **more)
    bench.run()
    bench.functions.answer = lambda _: OK
    return bench.letters()[before:]


def states(bench: Bench) -> list[str]:
    return [each.state for each in bench.letters()]


def open_calls(bench: Bench) -> None:
    bench.functions.answer = lambda _: None


def test_the_function_gets_the_event_that_it_has_failed_at(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.redrive(letter)
    bench.run()
    first, second = bench.calls
    assert (first.function, first.event) == (second.function, second.event)
    [after] = bench.letters()
    assert (after.state, after.request_id, after.redrive_error) == ("redriven", second.request_id, None)
    assert bench.state().counters.redriven == 1
    assert bench.checkpoint().sequence == letter.last_sequence


def test_a_redrive_that_fails_counts_as_one_more_attempt_and_is_not_repeated(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.functions.answer = lambda _: Outcome(ok=False, duration_ms=1.0, error_type="KeyError", error_message="'x'")
    bench.redrive(letter)
    bench.advance(100)
    assert len(bench.calls) == 2
    [after] = bench.letters()
    assert (after.state, after.attempts, after.redrive_error) == ("dead", 2, "KeyError: 'x'")
    assert bench.lane().phase == "waiting for records"


def test_a_redrive_whose_answer_names_failed_items_fails(bench):
    begin(bench, report_batch_item_failures=True, batch_size=10)
    [letter] = kill(bench, "a", "b")

    def second_fails(call: Invocation) -> Outcome:
        failed = call.records[1]["dynamodb"]["SequenceNumber"]
        return Outcome(
            ok=True, duration_ms=1.0, result=b'{"batchItemFailures": [{"itemIdentifier": "%s"}]}' % failed.encode()
        )

    bench.functions.answer = second_fails
    bench.redrive(letter)
    bench.run()
    [after] = bench.letters()
    assert after.state == "dead"
    assert after.redrive_error is not None
    assert after.redrive_error.endswith(f"batchItemFailures names {10**20 + letter.last_sequence}")


def test_new_records_of_its_key_wait_for_a_redrive_and_others_do_not(bench):
    begin(bench, parallelization_factor=10)
    [letter] = kill(bench, "a")
    open_calls(bench)
    bench.redrive(letter)
    bench.run()
    bench.put("a", *numbered(30))
    bench.run()
    redrive, *live = bench.calls[1:]
    assert redrive.keys == ["a"]
    assert len(live) == 9
    assert "a" not in {key for call in live for key in call.keys}
    bench.functions.answer = lambda _: OK
    for call in bench.calls[1:]:
        call.done(OK)
    bench.run()
    assert bench.delivered().count("a") == 3
    assert states(bench) == ["redriven"]


def test_a_redrive_waits_for_the_batch_that_is_in_flight_in_its_lane(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    open_calls(bench)
    bench.put("b")
    bench.run()
    bench.redrive(letter)
    bench.run()
    bench.put("c")
    bench.run()
    assert [call.keys for call in bench.calls[1:]] == [["b"]]
    bench.calls[-1].done(OK)
    bench.run()
    assert [call.keys for call in bench.calls[1:]] == [["b"], ["a"]]
    bench.calls[-1].done(OK)
    bench.run()
    assert [call.keys for call in bench.calls[1:]] == [["b"], ["a"], ["c"]]


def test_a_redrive_comes_between_the_attempts_at_a_batch_that_fails(bench):
    begin(bench, maximum_retry_attempts=3)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.advance(10)
    [letter] = bench.letters()
    bench.functions.answer = lambda call: FAILURE if "b" in call.keys else OK
    bench.put("b")
    bench.run()
    bench.redrive(letter)
    bench.run()
    assert states(bench) == ["redriven"]


def test_a_letter_is_refused_when_a_newer_record_of_its_key_was_delivered_unless_forced(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.put("a")
    bench.run()
    newer = bench.calls[-1].sequences[0]
    bench.redrive(letter)
    bench.run()
    [refused] = bench.letters()
    assert (refused.state, refused.attempts) == ("dead", 1)
    assert refused.redrive_error == f"a newer record of one of its keys was delivered, {10**20 + newer}"
    assert len(bench.calls) == 2
    bench.redrive(letter, forced=True)
    bench.run()
    assert states(bench) == ["redriven"]


def test_newer_records_of_other_keys_do_not_matter(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.put(*numbered(50))
    bench.run()
    bench.redrive(letter)
    bench.run()
    assert states(bench) == ["redriven"]


def test_newer_records_that_never_reached_the_function_do_not_matter(bench):
    pattern = '{"dynamodb": {"NewImage": {"v": {"S": ["wanted"]}}}}'
    begin(bench, filters=(pattern,))
    [first] = kill(bench, "a", value="wanted")
    bench.put("a", value="passed over")
    bench.put("b", value="wanted")
    bench.run()
    [second] = kill(bench, "a", value="wanted")
    bench.redrive(second, first)
    bench.run()
    assert states(bench) == ["redriven", "redriven"]
    assert bench.calls[-2].sequences < bench.calls[-1].sequences


def test_a_letter_is_refused_after_a_newer_one_of_its_key_was_redriven(bench):
    begin(bench)
    [first] = kill(bench, "a")
    [second] = kill(bench, "a")
    bench.redrive(second)
    bench.run()
    bench.redrive(first)
    bench.run()
    assert states(bench) == ["dead", "redriven"]


def test_a_letter_is_refused_when_the_letter_of_a_newer_record_was_purged_unless_forced(bench):
    begin(bench)
    [older] = kill(bench, "a")
    [newer] = kill(bench, "a")
    bench.redrive(newer)
    bench.run()
    gone = [each.id for each in bench.letters() if each.state == "redriven" and each.id is not None]
    bench.write(lambda each: dead_letters.remove(each, gone))  # and with it, that it was delivered
    bench.redrive(older)
    bench.run()
    [refused] = bench.letters()
    assert refused.state == "dead"
    assert refused.redrive_error == (
        f"the dead letter of a newer record, {sequence_text(newer.first_sequence)}, was purged, so that nobody can tell "
        "whether a newer record of one of its keys was delivered"
    )
    bench.redrive(older, forced=True)
    bench.run()
    assert states(bench) == ["redriven"]


def test_a_letter_is_refused_when_what_came_after_it_has_expired_unless_forced(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.put("a")
    bench.run()
    bench.clock.advance(2 * DAY_SECONDS)
    bench.purge()
    bench.redrive(letter)
    bench.run()
    [refused] = bench.letters()
    assert refused.redrive_error is not None
    assert "have expired, so that nobody can tell whether a newer record" in refused.redrive_error
    bench.redrive(letter, forced=True)
    bench.run()
    assert states(bench) == ["redriven"]


def test_a_long_history_is_looked_through_in_many_turns(bench):
    begin(bench, batch_size=10_000)
    [letter] = kill(bench, "a")
    bench.put(*numbered(2500))
    bench.put("a")
    bench.run()
    bench.redrive(letter)
    bench.run()
    assert states(bench) == ["dead"]


def test_letters_of_one_mapping_go_one_after_the_other_in_the_order_of_their_records(bench):
    begin(bench)
    letters = kill(bench, *numbered(5))
    open_calls(bench)
    bench.redrive(*reversed(letters))
    bench.run()
    assert len(bench.calls) == 6
    for number in range(5):
        bench.calls[5 + number].done(OK)
        bench.run()
    assert [call.keys for call in bench.calls[5:]] == [[key] for key in numbered(5)]


def test_a_redrive_in_flight_at_a_crash_is_made_again(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    open_calls(bench)
    bench.redrive(letter)
    bench.run()
    bench.restart()
    bench.functions.answer = lambda _: OK
    bench.run()
    assert bench.delivered() == ["a"]
    assert states(bench) == ["redriven"]


def test_a_redrive_ended_by_a_drain_stays_to_be_made(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    open_calls(bench)
    bench.redrive(letter)
    bench.run()
    assert bench.poller.busy == 1
    bench.poller.drain()
    bench.run()
    bench.calls[-1].done(replace(FAILURE, error_type="Sandbox.Closed", reached=False))
    bench.run()
    assert bench.poller.busy == 0
    assert states(bench) == ["redriving"]


def test_what_became_of_a_redrive_is_written_as_soon_as_the_store_can(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.redrive(letter)
    bench.store_error = disk_full()
    bench.advance(3)
    assert states(bench) == ["redriving"]
    bench.store_error = None
    bench.advance(10)
    assert states(bench) == ["redriven"]
    assert len(bench.calls) == 2


@pytest.mark.parametrize("how", ["pause", "no function"])
def test_a_redrive_waits_until_its_mapping_delivers(bench, how):
    begin(bench)
    [letter] = kill(bench, "a")
    if how == "pause":
        bench.pause(paused=True)
    else:
        bench.functions.names.clear()
    bench.redrive(letter)
    bench.run()
    assert len(bench.calls) == 1
    bench.functions.names.add("f")
    bench.pause(paused=False)
    bench.run()
    assert states(bench) == ["redriven"]


def test_a_letter_whose_mapping_is_gone_from_the_configuration_is_refused(bench):
    begin(bench)
    [letter] = kill(bench, "a")
    bench.write(lambda each: mappings.remove_others(each, []))
    bench.redrive(letter)
    bench.run()
    [refused] = bench.letters()
    assert refused.redrive_error == "its mapping is no longer in the configuration"


def test_a_letter_that_vanished_is_passed_over(bench):
    begin(bench)
    first, second = kill(bench, "a", "b")
    open_calls(bench)
    bench.redrive(first, second)
    bench.run()
    bench.write(lambda each: each.connection.exec_driver_sql("DELETE FROM dead_letters WHERE id = 2"))
    bench.calls[-1].done(OK)
    bench.run()
    assert states(bench) == ["redriven"]
    assert bench.poller.busy == 0


def test_the_last_call_of_a_tumbling_window_can_be_redriven(bench):
    begin(bench, tumbling_window_in_seconds=60)
    bench.functions.answer = lambda call: (
        FAILURE
        if b'"isFinalInvokeForWindow":true' in call.event
        else Outcome(ok=True, duration_ms=1.0, result=b'{"state": {}}')
    )
    bench.put("a")
    bench.advance(200)
    [letter] = bench.letters()
    assert letter.record_count == 0
    bench.functions.answer = lambda _: OK
    bench.redrive(letter)
    bench.run()
    assert states(bench) == ["redriven"]


def test_the_keys_of_an_event_have_the_sequence_of_their_newest_record():
    record = b'{"dynamodb":{"Keys":{"s":{"N":"1"},"p":{"S":"%s"}},"SequenceNumber":"%d"}}'
    event = b'{"Records":[%s,%s,%s]}' % (
        record % (b"a", 10**20 + 1),
        record % (b"b", 10**20 + 2),
        record % (b"a", 10**20 + 3),
    )
    assert [(key.text, key.sequence) for key in keys_of(event, "p")] == [
        (b'{"p":{"S":"a"},"s":{"N":"1"}}', 3),
        (b'{"p":{"S":"b"},"s":{"N":"1"}}', 2),
    ]
