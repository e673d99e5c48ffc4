"""Handlers written with Powertools for AWS Lambda, unchanged, on a real daemon: batch failures, idempotency, events."""

from __future__ import annotations

import threading
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from cdc.clock import SystemClock
from tests.integration.daemon import Daemon
from tests.integration.tables import create, n, s
from tests.integration.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_SECONDS = 40.0
CONFIG = """
[streams]
shards = 1

[[functions]]
name = "app"
handler = "app:handler"
timeout_seconds = {timeout}
working_directory = "{folder}"

[[mappings]]
name = "app"
table = "orders"
function = "app"
starting_position = "TRIM_HORIZON"
"""
ITEM_FAILURES = 'function_response_types = ["ReportBatchItemFailures"]\n'
BATCH = """
from collections import Counter
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

FAILURES = Counter({"k3": 2, "k6": 3})
processor = BatchProcessor(event_type=EventType.DynamoDBStreams)

def take(record):
    key = record.dynamodb.new_image["pk"]
    if FAILURES[key]:
        FAILURES[key] -= 1
        raise ValueError(key + " fails")

def handler(event, context):
    with open("batches", "a") as file:
        print(*(record["dynamodb"]["Keys"]["pk"]["S"] for record in event["Records"]), file=file)
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)
"""
IDEMPOTENT = """
import pathlib, time
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function

config = IdempotencyConfig(event_key_jmespath="eventID", raise_on_no_idempotency_key=True)

def wait_at(place):
    if place == "{place}":
        pathlib.Path("begun").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)

def note(file, record):
    with open(file, "a") as notes:
        print(record["dynamodb"]["Keys"]["pk"]["S"], file=notes)

@idempotent_function(
    data_keyword_argument="record", config=config, persistence_store=DynamoDBPersistenceLayer(table_name="idempotency")
)
def charge(record):
    wait_at("before " + record["dynamodb"]["Keys"]["pk"]["S"])
    note("effects", record)

def handler(event, context):
    config.register_lambda_context(context)
    for record in event["Records"]:
        note("deliveries", record)
        charge(record=record)
    wait_at("end")
"""
EVENT = """
from aws_lambda_powertools.utilities.data_classes import DynamoDBStreamEvent, event_source

@event_source(data_class=DynamoDBStreamEvent)
def handler(event: DynamoDBStreamEvent, context):
    with open("read", "a") as file:
        for record in event.records:
            change = record.dynamodb
            print(
                record.event_name.name, record.event_source, record.event_version, record.aws_region, record.user_identity,
                change.stream_view_type.name, change.sequence_number.isdigit(), change.size_bytes > 0,
                change.approximate_creation_date_time > 1_700_000_000, len(record.event_id) > 0,
                record.event_source_arn.split(":", 5)[5].split("/")[:3],
                file=file,
            )
            print(repr([change.keys, change.new_image, change.old_image]), file=file)
"""
EVERY_TYPE = {
    "pk": s("k"),
    "text": s("ä\n\U0001f600"),
    "number": n("-12345678901234567890123456789012345678"),
    "fraction": n("0.1"),
    "binary": {"B": "AP8="},
    "true": {"BOOL": True},
    "null": {"NULL": True},
    "list": {"L": [n(1), s(""), {"L": []}]},
    "map": {"M": {"a": {"M": {"b": {"BOOL": False}}}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["1", "2.5"]},
    "binaries": {"BS": ["AA==", "/w=="]},
}


class App:
    """A handler on a daemon, which is given the orders that were there before it."""

    def __init__(self, folder):
        self.folder = folder
        self.daemon = Daemon(folder / "cdc.db", "[streams]\nshards = 1\n")
        self.daemon.start()

    def prepare(self, *keys):
        with closing(Wire(self.daemon.port)) as wire:
            create(wire, TableName="orders", stream="NEW_AND_OLD_IMAGES")
            create(wire, "id:S", TableName="idempotency")
            for key in keys:
                wire.call("PutItem", TableName="orders", Item={"pk": s(key)})

    def call(self, operation, **request):
        with closing(Wire(self.daemon.port)) as wire:
            return wire.call(operation, **request)

    def deliver(self, handler, more="", timeout=20):
        (self.folder / "app.py").write_text(handler)
        text = CONFIG.format(folder=self.folder, timeout=timeout) + more
        self.daemon.path.with_suffix(".toml").write_text(text)
        self.daemon.hang_up()

    def lines(self, name):
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def app(tmp_path, monkeypatch):
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    app = App(tmp_path)
    yield app
    app.daemon.kill()


def eventually(holds: Callable[[], bool], app: App) -> None:
    clock, pause = SystemClock(), threading.Event()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert clock.monotonic() < deadline, f"it did not come about:\n{app.daemon.logged()}"
        pause.wait(0.02)


def statuses(app):
    return [each["status"]["S"] for each in app.call("Scan", TableName="idempotency")["Items"]]


def test_what_a_batch_processor_reports_is_delivered_again_from_the_first_failure_on(app):
    app.prepare(*(f"k{number}" for number in range(9)), "last")
    app.deliver(BATCH, ITEM_FAILURES)
    eventually(lambda: len(app.lines("batches")) == 4, app)
    assert app.lines("batches") == [
        "k0 k1 k2 k3 k4 k5 k6 k7 k8 last",
        "k3 k4 k5 k6 k7 k8 last",  # k3 and k6 have failed; what stands between and behind comes again with them
        "k3 k4 k5 k6 k7 k8 last",
        "k6 k7 k8 last",
    ]


def test_a_batch_processor_whose_records_all_fail_raises_and_the_whole_batch_comes_again(app):
    app.prepare("k3", "k6")
    app.deliver(BATCH, ITEM_FAILURES)
    eventually(lambda: len(app.lines("batches")) == 4, app)
    assert app.lines("batches") == ["k3 k6", "k3 k6", "k3 k6", "k6"]
    assert (
        "BatchProcessingError: All records failed processing. 2 individual errors logged separately"
        in app.daemon.logged()
    )


@pytest.mark.parametrize("place", ["before k2", "end"])
def test_an_idempotent_function_has_its_effect_once_when_a_kill_brings_its_batch_again(app, place):
    keys = [f"k{number}" for number in range(5)]
    app.prepare(*keys)
    app.deliver(IDEMPOTENT.replace("{place}", place), timeout=3)
    eventually((app.folder / "begun").exists, app)
    effects = app.lines("effects")
    assert effects == (keys if place == "end" else keys[:2])
    app.daemon.kill()
    assert app.lines("effects") == effects
    (app.folder / "go").touch()
    app.daemon.start()
    eventually(lambda: app.lines("deliveries").count("k4") == (2 if place == "end" else 1), app)
    eventually(lambda: statuses(app) == ["COMPLETED"] * 5, app)
    assert app.lines("effects") == keys
    assert app.lines("deliveries").count("k0") >= 2, "the batch came again"


def test_the_event_class_reads_every_attribute_type_and_each_kind_of_change(app):
    app.prepare()
    app.call("PutItem", TableName="orders", Item=EVERY_TYPE)
    app.call("PutItem", TableName="orders", Item={"pk": s("k")})
    app.call("DeleteItem", TableName="orders", Key={"pk": s("k")})
    app.deliver(EVENT)
    eventually(lambda: len(app.lines("read")) == 6, app)
    lines = app.lines("read")
    told = "aws:dynamodb 1.1 us-east-1 {} NEW_AND_OLD_IMAGES True True True True ['table', 'orders', 'stream']"
    assert lines[::2] == [f"{name} {told}" for name in ("INSERT", "MODIFY", "REMOVE")]
    keys, new, old = zip(*(eval(line, {"Decimal": Decimal}) for line in lines[1::2]), strict=True)
    read = {
        "pk": "k",
        "text": "ä\n\U0001f600",
        "number": Decimal(-12345678901234567890123456789012345678),
        "fraction": Decimal("0.1"),
        "binary": "AP8=",  # Lambda's events are JSON, and Powertools leaves base64 as it is
        "true": True,
        "null": None,
        "list": [Decimal(1), "", []],
        "map": {"a": {"b": False}},
        "texts": {"a", "b"},
        "numbers": {Decimal(1), Decimal("2.5")},
        "binaries": {"AA==", "/w=="},
    }
    assert keys == ({"pk": "k"},) * 3
    assert new == (read, {"pk": "k"}, {})
    assert old == ({}, read, {"pk": "k"})
