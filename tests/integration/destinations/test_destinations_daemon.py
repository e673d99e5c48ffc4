"""A running daemon and receivers on this machine that fail, hang and come back; the daemon is stopped, killed, told anew."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner
from standardwebhooks.webhooks import Webhook

from cdc.cli.main import main
from cdc.mappings.failure_record import failure_record
from cdc.model.outbox import FAILED, PENDING, SENT
from cdc.service import open_service
from tests.integration.daemon import ROOT, Daemon
from tests.integration.destinations.conftest import PATIENCE_SECONDS, eventually, new_batch
from tests.unit.mappings.destinations.receiver import Receiver, with_status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler

    Answer = Callable[[BaseHTTPRequestHandler], None]

SECRET = "whsec_dGhpcyBpcyBvbmx5IGFuIGV4YW1wbGUh"
OTHER_SECRET = "whsec_YW5vdGhlciBvbmUsIGFzIGFuIGV4YW1wbGUh"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver(with_status(204))
    made.start()
    yield made
    made.stop()


def url_of(receiver: Receiver, path: str = "/failed") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"


def hang_until(over: threading.Event) -> Answer:
    """Give no answer before that."""

    def answer(_: BaseHTTPRequestHandler) -> None:
        over.wait(PATIENCE_SECONDS)

    return answer


def ids(receiver: Receiver) -> list[str]:
    return [request.headers["webhook-id"] for request in receiver.requests]


def arrive(receiver: Receiver) -> None:
    """Wait for one more request."""
    assert receiver.arrived.acquire(timeout=PATIENCE_SECONDS)


def test_a_url_gets_the_record_with_the_event_signed(new_office, receiver):
    office = new_office(f'webhook_secret = "{SECRET}"')
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    office.wait_for(batch, SENT)
    [got] = receiver.requests
    assert got.body == failure_record(batch, with_event=True)
    assert Webhook(SECRET).verify(got.body, got.headers)["payload"] == json.loads(batch.event)
    assert got.headers["webhook-id"] == batch.message_id


def test_a_batch_that_its_function_fails_at_reaches_the_mappings_destination(tmp_path, receiver):
    """From a put to the receiver: the daemon polls, invokes, retries, gives up, and sends."""
    mapping = (
        '[[functions]]\nname = "f"\ncommand = ["false"]\n[[mappings]]\nname = "m"\ntable = "orders"\nfunction = "f"\n'
        f'starting_position = "TRIM_HORIZON"\nmaximum_retry_attempts = 1\non_failure = "{url_of(receiver)}"\n'
    )
    daemon = Daemon(tmp_path / "cdc.db", mapping)
    daemon.start()
    with open_service(tmp_path / "cdc.db") as service:
        service.create_table(
            TableName="orders",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        service.put_item(TableName="orders", Item={"id": {"S": "1"}, "total": {"N": "42"}})
        arrive(receiver)
        [entry] = service.messages()
        eventually(lambda: service.messages()[0].state == SENT, "it is noted as sent")
        [status] = service.status()["mappings"]
    assert daemon.stop() == 0
    [got] = receiver.requests
    record = json.loads(got.body)
    assert got.headers["webhook-id"] == entry.message_id
    assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["payload"]["Records"][0]["dynamodb"]["NewImage"] == {"id": {"S": "1"}, "total": {"N": "42"}}
    assert (status["on_failure"], status["dead_letters"]) == (url_of(receiver), 1)


def test_a_receiver_that_fails_redirects_and_hangs_gets_the_same_message_until_it_takes_it(new_office, receiver):
    over = threading.Event()
    other = f"http://127.0.0.1:{receiver.port}/other"
    answers: list[Answer] = [
        with_status(500, b"out of order"),
        with_status(302, Location=other),
        hang_until(over),
        with_status(200),
    ]

    def answer(handler: BaseHTTPRequestHandler) -> None:
        answers.pop(0)(handler)

    receiver.answer = answer
    office = new_office("timeout_seconds = 1")
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    entry = office.wait_for(batch, SENT)
    over.set()
    assert entry.attempts == 4
    assert {(request.path, request.body) for request in receiver.requests} == {
        ("/failed", failure_record(batch, with_event=True))
    }
    assert ids(receiver) == [batch.message_id] * 4
    log = office.daemon.logged()
    for reason in (
        "500 Internal Server Error: out of order",
        f"302 Found, to {other}: redirects are not",
        "within 1 s",
    ):
        assert reason in log


def test_a_receiver_that_hangs_does_not_hold_up_another_destination(new_office, receiver, tmp_path):
    over = threading.Event()
    receiver.answer = hang_until(over)
    office = new_office()
    for _ in range(10):
        office.discard(new_batch(), url_of(receiver))
    arrive(receiver)
    batch = new_batch()
    office.discard(batch, f"file:{tmp_path}/failed.jsonl")
    office.wait_for(batch, SENT)
    line = json.loads((tmp_path / "failed.jsonl").read_text())
    assert line == {"messageId": batch.message_id} | json.loads(failure_record(batch, with_event=True))
    over.set()


def test_a_message_on_its_way_when_the_daemon_is_killed_comes_again_under_its_id(new_office, receiver):
    """Killed after the receiver has it and before the daemon knows, and once more while it is on its way."""
    over = threading.Event()
    receiver.answer = hang_until(over)
    office = new_office()
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    for _ in range(2):
        arrive(receiver)
        office.daemon.kill()
        assert office.entry(batch).state == PENDING
        office.daemon.start()
    arrive(receiver)
    receiver.answer = with_status(200)
    office.daemon.kill()
    office.daemon.start()
    office.wait_for(batch, SENT)
    over.set()
    assert ids(receiver) == [batch.message_id] * 4
    assert len({request.body for request in receiver.requests}) == 1


def test_attempts_and_errors_outlive_a_kill(new_office, receiver):
    receiver.answer = with_status(503)
    office = new_office()
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    eventually(lambda: office.entry(batch).attempts >= 3, "three attempts")
    office.daemon.kill()
    before = office.entry(batch)
    receiver.answer = with_status(200)
    office.daemon.start()
    entry = office.wait_for(batch, SENT)
    assert before.last_error == "was answered 503 Service Unavailable"
    assert entry.attempts == before.attempts + 1
    assert len(receiver.requests) in {entry.attempts, entry.attempts + 1}, "one may have been under way at the kill"


def test_a_stop_waits_for_what_is_under_way_and_starts_nothing(new_office, receiver):
    over = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        over.wait(PATIENCE_SECONDS)
        with_status(200)(handler)

    receiver.answer = slow
    office = new_office()
    batches = [new_batch() for _ in range(6)]
    for batch in batches:
        office.discard(batch, url_of(receiver))
    for _ in range(4):
        arrive(receiver)
    stopping = threading.Thread(target=office.daemon.stop)
    stopping.start()
    eventually(lambda: "stopping" in office.daemon.logged(), "the daemon stops")
    over.set()
    stopping.join(PATIENCE_SECONDS)
    states = [office.entry(batch).state for batch in batches]
    assert (states.count(SENT), states.count(PENDING)) == (4, 2)
    assert len(receiver.requests) == 4


def test_a_stop_does_not_wait_longer_than_its_time(new_office, receiver):
    over = threading.Event()
    receiver.answer = hang_until(over)
    office = new_office("[server]\ndrain_seconds = 5")
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    arrive(receiver)
    assert office.daemon.stop() == 0
    over.set()
    assert office.entry(batch).state == PENDING


def test_a_reload_takes_another_secret(new_office, receiver):
    office = new_office(f'webhook_secret = "{SECRET}"')
    config = office.daemon.path.with_suffix(".toml")
    config.write_text(config.read_text().replace(SECRET, OTHER_SECRET))
    office.daemon.hang_up()
    eventually(lambda: "the configuration was reloaded" in office.daemon.logged(), "it is read again")
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    office.wait_for(batch, SENT)
    [got] = receiver.requests
    assert Webhook(OTHER_SECRET).verify(got.body, got.headers)
    assert OTHER_SECRET.removeprefix("whsec_") not in office.daemon.logged()


def test_what_is_given_up_is_retried_from_the_command_line(new_office, receiver):
    office = new_office("retry_hours = 0.001")
    receiver.answer = with_status(500)
    batch = new_batch()
    office.discard(batch, url_of(receiver))
    office.wait_for(batch, FAILED)
    database = ["--database", str(office.daemon.path)]

    def cdc(*arguments: str) -> str:
        result = CliRunner().invoke(main, ["outbox", *arguments, *database])
        assert result.exit_code == 0, result.output
        return result.stdout

    [listed] = json.loads(cdc("list", "--json"))
    assert (listed["state"], listed["last_error"]) == (FAILED, "was answered 500 Internal Server Error")
    assert json.loads(cdc("show", batch.message_id)) == json.loads(failure_record(batch, with_event=True))
    receiver.answer = with_status(200)
    assert cdc("retry", batch.message_id) == "1 message is to be sent again\n"
    office.wait_for(batch, SENT)


def test_settled_messages_are_purged_after_their_time(new_office, tmp_path):
    office = new_office("keep_hours = 0.001\n[retention]\npurge_interval_seconds = 1")
    batch = new_batch()
    office.discard(batch, f"file:{tmp_path}/failed.jsonl")
    eventually((tmp_path / "failed.jsonl").exists, "it is sent")
    eventually(lambda: office.service.messages() == [], "it is purged")


def test_a_daemon_without_boto3_names_the_mapping_and_what_to_install(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as u\nfind = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'boto3' else find(name, *rest)\n"
    )
    queue = "arn:aws:sqs:us-east-1:123456789012:q"
    (tmp_path / "cdc.toml").write_text(
        '[[functions]]\nname = "f"\ncommand = ["true"]\n'
        f'[[mappings]]\nname = "m"\ntable = "orders"\nfunction = "f"\nstarting_position = "LATEST"\non_failure = "{queue}"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "cdc", "serve", "--port", "0"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    said = f'cdc: mappings.m.on_failure = "{queue}": boto3 is not installed: pip install "durable-cdc[destinations]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)
