from __future__ import annotations

import queue
import threading

import pytest

from cdc.mappings.destinations.sending import Parcel, SendError, UnsendableError
from cdc.mappings.outbox.couriers import Couriers

PARCEL = Parcel("1", b"{}")


def outcome_of(send) -> SendError | None:
    outcomes: queue.SimpleQueue[SendError | None] = queue.SimpleQueue()
    Couriers(send).start("file:/a", PARCEL, outcomes.put)
    return outcomes.get(timeout=10)


def test_a_send_runs_on_a_thread_of_its_own_that_keeps_no_process_alive():
    seen: list[tuple[str, Parcel, bool, bool]] = []

    def send(destination: str, parcel: Parcel) -> None:
        current = threading.current_thread()
        seen.append((destination, parcel, current.daemon, current is not threading.main_thread()))

    assert outcome_of(send) is None
    assert seen == [("file:/a", PARCEL, True, True)]


@pytest.mark.parametrize("error", [SendError("is down"), UnsendableError("too large")])
def test_a_failure_is_passed_on_as_it_is(error):
    def send(*_):
        raise error

    assert outcome_of(send) is error


def test_a_fault_of_a_sender_is_a_failure_and_is_logged(caplog):
    def send(*_):
        raise ZeroDivisionError("no\nway")

    outcome = outcome_of(send)
    assert type(outcome) is SendError
    assert str(outcome) == "ZeroDivisionError: no way"
    assert "sending message 1 to file:/a failed" in caplog.text


def test_sends_do_not_wait_for_each_other():
    gate = threading.Barrier(8)
    outcomes: queue.SimpleQueue[SendError | None] = queue.SimpleQueue()

    def send(*_: object) -> None:
        gate.wait(10)

    couriers = Couriers(send)
    for _ in range(8):
        couriers.start("file:/a", PARCEL, outcomes.put)
    assert [outcomes.get(timeout=10) for _ in range(8)] == [None] * 8
