"""Invocations in the background: run at least once, tried again twice, at their times, across restarts."""

from __future__ import annotations

import pytest

from cdc.lambda_api import background as module
from cdc.lambda_api.background import AGE_MAX_MS, IN_FLIGHT, LOOK_SECONDS, Background
from cdc.model.errors import ServiceUnavailable
from cdc.model.functions import Outcome
from cdc.store import waiting_invocations as store

OK = Outcome(ok=True, duration_ms=1.0, result=b"1")
FAILED = Outcome(ok=False, duration_ms=1.0, error_type="ValueError", error_message="boom")
STOPPED = Outcome(ok=False, duration_ms=1.0, error_type="Sandbox.Closed", error_message="stopped", reached=False)


@pytest.fixture
def accept(service, lambda_):  # noqa: ARG001  # it declares the functions
    def accept(name="audit", request_id="r"):
        service.writer.call(lambda transaction: store.add(transaction, request_id, name, b'{"a":1}', b""))

    return accept


@pytest.fixture
def background(service, functions, clock):
    return Background(service.database, service.writer, functions, clock=clock, retry_seconds=60)


def settled(service):
    """Wait until the writer has done what was queued."""
    service.writer.call(lambda _: None)


def step(background, service):
    seconds = background.step()
    settled(service)
    return seconds


def left(service):
    with service.database.reading() as connection:
        return sum(store.count(connection, name) for name in store.functions(connection))


def test_an_invocation_is_run_and_forgotten(background, accept, service, functions):
    accept()
    assert step(background, service) == LOOK_SECONDS
    [invocation] = functions.invocations
    assert (invocation.function_name, invocation.request_id, invocation.event) == ("audit", "r", b'{"a":1}')
    assert (left(service), background.in_flight) == (0, 0)


def test_a_failure_is_tried_again_twice_a_minute_and_two_later_and_then_given_up(
    background, accept, service, functions, clock, caplog
):
    functions.outcome = FAILED
    accept()
    step(background, service)
    clock.advance(59.5)
    assert step(background, service) == pytest.approx(0.5)
    assert len(functions.invocations) == 1
    clock.advance(0.5)
    step(background, service)
    assert len(functions.invocations) == 2
    clock.advance(119)
    step(background, service)
    assert len(functions.invocations) == 2
    clock.advance(1)
    step(background, service)
    assert len(functions.invocations) == 3
    assert left(service) == 0
    assert "given up, request r: attempt 3 failed: ValueError: boom" in caplog.text


def test_a_success_after_a_failure_ends_it(background, accept, service, functions, clock):
    functions.outcome = FAILED
    accept()
    step(background, service)
    functions.outcome = OK
    clock.advance(60)
    step(background, service)
    assert (len(functions.invocations), left(service)) == (2, 0)


def test_attempts_are_counted_across_restarts(background, accept, service, functions, clock):
    functions.outcome = FAILED
    accept()
    step(background, service)
    clock.advance(60)
    again = Background(service.database, service.writer, functions, clock=clock, retry_seconds=60)
    step(again, service)
    clock.advance(120)
    step(again, service)
    assert (len(functions.invocations), left(service)) == (3, 0)


def test_what_runs_is_not_begun_again_and_a_function_has_so_many_at_once(background, accept, service, functions):
    functions.outcome = None
    for number in range(IN_FLIGHT + 1):
        accept(request_id=str(number))
    accept("totals")
    step(background, service)
    step(background, service)
    names = [invocation.function_name for invocation in functions.invocations]
    assert (names.count("audit"), names.count("totals")) == (IN_FLIGHT, 1)
    functions.waiting[0](OK)
    settled(service)
    step(background, service)
    assert [each.request_id for each in functions.invocations].count(str(IN_FLIGHT)) == 1
    assert background.in_flight == IN_FLIGHT + 1


def test_a_busy_function_costs_no_attempt(background, accept, service, functions):
    functions.full = True
    accept()
    assert step(background, service) == LOOK_SECONDS
    assert background.in_flight == 0
    functions.full = False
    step(background, service)
    assert (len(functions.invocations), left(service)) == (1, 0)


def test_what_waits_for_its_function_is_given_up_after_six_hours(background, accept, service, functions, clock, caplog):
    accept("gone")
    step(background, service)
    clock.advance(AGE_MAX_MS / 1000)
    step(background, service)
    assert left(service) == 1
    clock.advance(1)
    step(background, service)
    assert (left(service), functions.invocations) == (0, [])
    assert "older than 6 hours" in caplog.text


def test_what_is_ended_by_a_stop_runs_again_after_the_next_start(background, accept, service, functions, clock):
    functions.outcome = None
    accept()
    background.start()
    background.poke()
    assert functions.asked.wait(20)
    assert not background.drain(0)
    functions.waiting[0](STOPPED)
    assert background.in_flight == 0
    functions.outcome = OK
    again = Background(service.database, service.writer, functions, clock=clock, retry_seconds=60)
    step(again, service)
    assert left(service) == 0


def test_an_invocation_that_did_not_reach_the_function_is_no_attempt(background, accept, service, functions):
    accept()
    for functions.outcome in [STOPPED] * 5:
        step(background, service)
        assert left(service) == 1
    functions.outcome = OK
    step(background, service)
    assert left(service) == 0


def test_a_drain_waits_for_what_runs_unless_it_is_hurried(background, accept, service, functions):
    functions.outcome = None
    accept()
    background.start()
    assert functions.asked.wait(20)
    background.hurry()
    assert not background.drain(1e9)
    functions.waiting[0](OK)
    settled(service)
    assert left(service) == 0


def test_an_outcome_that_can_t_be_stored_is_stored_later_without_running_it_again(
    background, accept, service, functions, monkeypatch, caplog
):
    accept()

    def refuse(*_jobs):
        raise ServiceUnavailable("full")

    monkeypatch.setattr(service.writer, "submit", refuse)
    background.step()
    assert "could not be stored" in caplog.text
    background.step()
    assert background.in_flight == 1
    monkeypatch.undo()
    step(background, service)
    assert (len(functions.invocations), left(service), background.in_flight) == (1, 0, 0)


def test_a_fault_of_the_thread_is_logged_and_it_goes_on(background, accept, functions, monkeypatch, caplog):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.0)
    faults = [RuntimeError("as asked for")]
    really = background.step

    def broken():
        if faults:
            raise faults.pop()
        return really()

    monkeypatch.setattr(background, "step", broken)
    accept()
    background.start()
    assert functions.asked.wait(20)
    assert background.drain(10)
    assert "could not be begun" in caplog.text
