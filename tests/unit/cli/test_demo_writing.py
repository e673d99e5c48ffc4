"""The demo's clients: what counts as acknowledged, what is sent again, and where the load waits for the kill."""

from __future__ import annotations

import threading

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from cdc.clock import SystemClock
from cdc.demo import writing
from cdc.demo.errors import DemoError
from cdc.demo.flights import CORRECTED, PUT, REMOVED, TABLE, Flight
from cdc.demo.writing import Client, Journal, Load

ANSWER = {"ResponseMetadata": {"RetryAttempts": 0}}


class Time(SystemClock):
    """Passes when somebody waits."""

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Sdk:
    """Answers requests from a list for each operation, and notes them; an exception is raised."""

    def __init__(self, **answers):
        self.requests = []
        self._answers = {name: list(each) for name, each in answers.items()}

    def __getattr__(self, name):
        def call(**request):
            self.requests.append((name, request))
            answers = self._answers.get(name)
            answer = answers.pop(0) if answers else ANSWER
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


def flight(number, *, corrected=False, cancelled=False):
    item = {"carrier": {"S": "UA"}, "departure": {"S": str(number)}, "revision": {"N": "1"}}
    return Flight(key=f"UA {number}", item=item, corrected=corrected, cancelled=cancelled)


def unreachable():
    return EndpointConnectionError(endpoint_url="http://127.0.0.1:1/")


def refused(code="ConditionalCheckFailedException", **more):
    return ClientError({"Error": {"Code": code, "Message": "no"}, **ANSWER, **more}, "UpdateItem")


def write(sdk, *chunk):
    journal = Journal()
    Client(sdk, journal, Time()).write(list(chunk))
    return journal


def test_each_write_is_noted_under_its_key_in_order():
    journal = write(Sdk(), flight(1), flight(2, corrected=True), flight(3, cancelled=True))
    assert journal.changes == {"UA 1": [PUT], "UA 2": [PUT, CORRECTED], "UA 3": [PUT, REMOVED]}
    assert (journal.count, journal.sent_again, journal.found_done) == (5, 0, 0)


def test_what_a_batch_did_not_process_is_not_acknowledged_but_sent_again():
    left = {TABLE: [{"PutRequest": {"Item": flight(2).item}}]}
    sdk = Sdk(batch_write_item=[ANSWER | {"UnprocessedItems": left}])
    journal = write(sdk, flight(1), flight(2))
    assert journal.changes == {"UA 1": [PUT], "UA 2": [PUT]}
    assert sdk.requests[1][1]["RequestItems"] == left


def test_a_request_is_sent_until_it_is_answered():
    journal = write(Sdk(batch_write_item=[unreachable(), unreachable()]), flight(1))
    assert journal.changes == {"UA 1": [PUT]}
    assert journal.sent_again == 1


def test_a_request_that_the_sdk_sent_again_is_counted():
    journal = write(Sdk(batch_write_item=[{"ResponseMetadata": {"RetryAttempts": 2}}]), flight(1))
    assert journal.sent_again == 1


def test_a_daemon_that_stays_away_is_given_up_and_nothing_is_acknowledged():
    journal = Journal()
    sdk = Sdk(batch_write_item=[unreachable()] * 10_000)
    with pytest.raises(EndpointConnectionError):
        Client(sdk, journal, Time()).write([flight(1)])
    assert journal.changes == {}
    assert len(sdk.requests) == pytest.approx(writing.SEND_SECONDS_MAX / writing.PAUSE_SECONDS, abs=2)


def test_an_update_whose_answer_was_lost_is_found_done():
    sdk = Sdk(update_item=[unreachable(), refused(Item={"revision": {"N": "2"}})])
    journal = write(sdk, flight(1, corrected=True))
    assert journal.changes == {"UA 1": [PUT, CORRECTED]}
    assert (journal.found_done, journal.sent_again) == (1, 1)


@pytest.mark.parametrize("error", [refused(), refused(Item={"revision": {"N": "3"}}), refused("ValidationException")])
def test_an_update_refused_for_another_reason_is_an_error(error):
    with pytest.raises(ClientError):
        write(Sdk(update_item=[error]), flight(1, corrected=True))


def test_the_load_stops_half_way_until_it_may_go_on():
    load = Load(Sdk(), iter([flight(number) for number in range(1000)]), 1000, Time())
    load.start()
    load.wait_for_half()
    assert 500 <= load.journal.rows <= 600  # a batch of 25 more for each of 4 clients
    load.go_on()
    load.wait_for_end()
    assert load.journal.rows == load.journal.count == 1000


def test_a_failed_write_ends_the_load():
    load = Load(Sdk(batch_write_item=[refused("ValidationException")]), iter([flight(1)]), 1, Time())
    load.start()
    with pytest.raises(ClientError, match="ValidationException"):
        load.wait_for_half()


def test_rows_that_are_no_flights_end_the_load():
    def rows():
        yield flight(1)
        raise DemoError("row 2 is no flight")

    load = Load(Sdk(), rows(), 2, Time())
    load.start()
    with pytest.raises(DemoError, match="row 2"):
        load.wait_for_end()


def test_a_stopped_load_ends():
    load = Load(Sdk(), iter([flight(number) for number in range(1000)]), 1000, Time())
    load.start()
    load.wait_for_half()
    load.stop()
    load.wait_for_end()
    assert load.journal.rows <= 600


def test_the_journal_is_safe_to_use_from_several_threads():
    journal = Journal()

    def note():
        for number in range(2000):
            journal.acknowledge([f"UA {number % 7}"], PUT)
            journal.finish(1)

    threads = [threading.Thread(target=note) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert journal.rows == journal.count == sum(map(len, journal.changes.values())) == 8000
