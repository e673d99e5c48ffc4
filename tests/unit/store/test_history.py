"""What became of a lane's records can be read back; failed attempts are kept with the checkpoint, bounded and purged."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.model.history import Attempt
from cdc.model.mappings import DELIVERED, FILTERED, TRIM_HORIZON, Declaration, MappingSettings
from cdc.store import checkpoints, history, mappings
from cdc.store.checkpoints import Passed
from tests.unit.store.files import create_table

START = 5


@pytest.fixture
def begun(writer):
    writer.call(create_table)
    settings = MappingSettings(function_name="f", starting_position=TRIM_HORIZON)
    writer.call(lambda each: mappings.declare(each, Declaration(name="m", table_name="t", settings=settings), "uuid"))
    [checkpoint] = writer.call(lambda each: checkpoints.begin(each, 1, 1, 1, START))
    return checkpoint


def attempt(number=1):
    return Attempt(records=3, request_id=f"r{number}", started_ms=1000 + number)


@pytest.fixture
def fail(writer):
    def fail(checkpoint, through=20, number=1, error="broke"):
        return writer.call(
            lambda each: checkpoints.fail(each, checkpoint, through, error, attempt(number), counts=True)
        )

    return fail


def about(database, sequence):
    with database.reading() as connection:
        return history.outcomes_about(connection, 1, 1, sequence), history.failed_attempts_about(
            connection, 1, 1, sequence
        )


def test_an_outcome_tells_its_records_and_when_its_invocation_began(begun, writer, database):
    passed = Passed(
        kind=DELIVERED,
        records=2,
        filtered=1,
        attempts=1,
        request_id="r",
        first_sequence=7,
        last_sequence=9,
        started_ms=3,
    )
    writer.call(lambda each: checkpoints.settle(each, begun, 10, passed))
    [outcome], failed = about(database, 6)
    assert (outcome.kind, outcome.after_sequence, outcome.through_sequence) == (DELIVERED, START, 10)
    assert (outcome.records, outcome.filtered, outcome.attempts, outcome.request_id) == (2, 1, 1, "r")
    assert (outcome.first_sequence, outcome.last_sequence, outcome.started_ms) == (7, 9, 3)
    assert failed == []
    assert about(database, START) == ([], [])
    assert about(database, 11) == ([], [])


def test_a_reset_is_about_what_it_went_over(begun, writer, database):
    settled = writer.call(lambda each: checkpoints.settle(each, begun, 10, Passed(kind=FILTERED)))
    back = writer.call(lambda each: checkpoints.reset(each, settled, 7))
    writer.call(lambda each: checkpoints.reset(each, back, 20))
    kinds = {sequence: [each.kind for each in about(database, sequence)[0]] for sequence in (6, 7, 8, 10, 11, 20, 21)}
    twice = ["filtered", "reset", "reset"]
    assert kinds == {6: ["filtered"], 7: ["filtered"], 8: twice, 10: twice, 11: ["reset"], 20: ["reset"], 21: []}


def test_a_failed_attempt_is_kept_with_what_it_was_at(begun, fail, writer, database, clock):
    failed = fail(begun, error="x" * 5000)
    writer.call(lambda each: checkpoints.split(each, failed, 12, 20, "no", attempt(2)))
    _, [first, second] = about(database, 18)
    assert (first.after_sequence, first.through_sequence, first.records, first.attempts) == (START, 20, 3, 1)
    assert (first.request_id, first.started_ms, first.failed_ms) == ("r1", 1001, clock.now_ms())
    assert first.error == "x" * history.ERROR_CHARACTERS
    assert (second.through_sequence, second.error, second.request_id) == (20, "no", "r2")
    assert about(database, 21) == ([], [])


def test_of_many_failed_attempts_the_first_and_the_newest_stay(begun, fail, database):
    checkpoint = begun
    for number in range(1, 31):
        checkpoint = fail(checkpoint, number=number)
    _, kept = about(database, 10)
    assert [each.attempts for each in kept] == [1, *range(31 - history.NEWEST_KEPT, 31)]
    with database.reading() as connection:
        newest = history.last_failed_attempt(connection, checkpoint)
        assert history.last_failed_attempt(connection, begun) == newest
    assert newest is not None
    assert newest.request_id == "r30"


def test_another_batch_does_not_push_them_out(begun, fail, writer, database):
    failed = fail(begun, through=10)
    checkpoint = writer.call(lambda each: checkpoints.settle(each, failed, 10, Passed(kind=DELIVERED)))
    for number in range(2, 40):
        checkpoint = fail(checkpoint, number=number)
    assert [each.request_id for each in about(database, 10)[1]] == ["r1"]


def test_a_stale_checkpoint_leaves_nothing(begun, fail, database):
    fail(begun)
    assert fail(begun, number=2) is None
    assert [each.request_id for each in about(database, 10)[1]] == ["r1"]


def test_a_transaction_that_fails_leaves_nothing(begun, writer, database):
    def run(transaction):
        checkpoints.fail(transaction, begun, 20, "broke", attempt(), counts=True)
        raise ValidationException("no")

    with pytest.raises(ValidationException):
        writer.call(run)
    assert about(database, 10) == ([], [])
    with database.reading() as connection:
        assert checkpoints.load_checkpoint(connection, 1, 1, 0) == begun


def test_old_ones_are_purged(begun, fail, writer, database, clock):
    first = fail(begun)
    clock.advance(10)
    fail(first, number=2)
    before_ms = clock.now_ms()
    assert writer.call(lambda each: history.purge_failed_attempts(each, before_ms, 100)) == 1
    assert writer.call(lambda each: history.purge_failed_attempts(each, before_ms, 100)) == 0
    assert [each.request_id for each in about(database, 10)[1]] == ["r2"]
