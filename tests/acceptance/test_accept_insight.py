"""What one sees of delivery from outside: cdc explain, /metrics and cdc status beside real daemons and handlers."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.program import eventually

HANDLERS = """
import boto3

def careful(event, context):
    keys = [record["dynamodb"]["Keys"]["id"]["S"] for record in event["Records"]]
    if "poison" in keys:
        raise ValueError("can't stomach it")

def looping(event, context):
    table = boto3.resource("dynamodb").Table("orders")
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        count = int(image["count"]["N"])
        if count < 60:
            table.put_item(Item={"id": image["id"]["S"], "count": count + 1})

def answering(event, context):
    table = boto3.resource("dynamodb").Table("orders")
    for record in event["Records"]:
        image = record["dynamodb"]["NewImage"]
        if "answer" not in image:
            table.put_item(Item={"id": image["id"]["S"], "count": 0, "answer": "yes"})
"""
FUNCTION = """
[[functions]]
name = "{name}"
handler = "handlers:{name}"
timeout_seconds = 30
[[mappings]]
name = "{name}"
table = "orders"
function = "{name}"
starting_position = "TRIM_HORIZON"
{more}
"""


@pytest.fixture
def program(cdc):
    for name in [name for name in cdc.environment if name.startswith("AWS_")]:
        del cdc.environment[name]
    cdc.write("handlers.py", HANDLERS)

    def program(name, more=""):
        cdc.configure(FUNCTION.format(name=name, more=more))
        return cdc

    return program


def put(cdc, key, **more):
    cdc.run("put", "orders", json.dumps({"id": key} | more))


def explain(cdc, key):
    [*_, record] = json.loads(cdc.run("explain", "orders", "--key", json.dumps({"id": key}), "--json"))["records"]
    [fate] = record["mappings"]
    return record, fate


def metrics(daemon) -> dict[tuple[str, ...], float]:
    status, text = daemon.get("/metrics")
    assert status == 200
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def mapping_of(cdc) -> dict[str, Any]:
    [mapping] = json.loads(cdc.run("status", "--json"))["mappings"]
    return dict(mapping)


def test_a_record_is_explained_while_it_waits_when_it_is_given_up_and_when_it_is_delivered(program):
    cdc = program("careful", 'batch_size = 1\nfilters = [\'{"eventName": ["INSERT"]}\']')
    daemon = cdc.serve()
    cdc.run("create-table", "orders", "--key", "id")
    put(cdc, "poison")
    eventually(lambda: explain(cdc, "poison")[1]["failed_attempts"], "an attempt has failed")
    record, fate = explain(cdc, "poison")
    assert fate["fate"] == "waiting"
    assert "with ValueError: can't stomach it" in fate["text"]
    eventually(lambda: "; next attempt at " in explain(cdc, "poison")[1]["text"], "the next attempt is known")
    daemon.signal(signal.SIGKILL)
    daemon.wait()
    assert "no process delivers: `cdc serve` does" in explain(cdc, "poison")[1]["text"]
    assert explain(cdc, "poison")[1]["failed_attempts"], "history is in the file"
    program("careful", "batch_size = 1\nmaximum_retry_attempts = 0")
    cdc.serve()
    eventually(lambda: explain(cdc, "poison")[1]["fate"] == "dead", "it is given up")
    put(cdc, "good")
    eventually(lambda: explain(cdc, "good")[1]["fate"] == "delivered", "the next one is delivered")
    text = cdc.run("explain", "orders", record["sequence"])
    assert text.startswith(f'{record["sequence"]} INSERT {{"id":{{"S":"poison"}}}}, written ')
    assert "  careful: given up at " in text


def test_a_record_that_is_not_there_is_one_line_with_a_hint(program):
    cdc = program("careful")
    cdc.run("create-table", "orders", "--key", "id")
    for arguments, code, says in (
        (("orders", "7"), 1, "'7' is no sequence number: expected 21 digits"),
        (("orders",), 2, "Give a sequence number"),
        (("nowhere", "--key", '{"id": "1"}'), 1, "there is no table nowhere; tables with streams: orders"),
        (("orders", "--key", '{"id": "1"}'), 1, "the streams of orders have no record of the key"),
        (("orders", "--key", '{"di": "1"}'), 1, "the key of orders has the attributes id, not di"),
    ):
        done = cdc.try_run("explain", *arguments)
        assert (done.returncode, done.stdout) == (code, "")
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_metrics_are_at_the_api_wherever_delivery_runs(program):
    cdc = program("careful", 'metrics = ["EventCount"]')
    api = cdc.serve("--no-poll")
    cdc.run("create-table", "orders", "--key", "id")
    assert metrics(api)["cdc_delivery_up",] == 0
    poller = cdc.serve("--no-api")
    put(cdc, "a")
    invocations = ("cdc_lambda_invocations_total", "careful", "careful")
    eventually(lambda: metrics(api).get(invocations) == 1, "the other process's invocations are shown")
    eventually(
        lambda: metrics(api)["cdc_lambda_duration_milliseconds_count", "careful", "careful"] == 1, "it has ended"
    )
    found = metrics(api)
    [polled] = [value for key, value in found.items() if key[0] == "cdc_event_source_mapping_polled_event_count_total"]
    assert polled == 1
    assert found["cdc_dynamodb_successful_request_latency_milliseconds_count", "orders", "PutItem"] == 1
    assert found["cdc_delivery_up",] == 1
    shown = mapping_of(cdc)["metrics"]
    assert (shown["invocations"], shown["errors"], shown["polled"], shown["invoked"]) == (1, 0, 1, 1)
    assert "invocations" in cdc.run("status")
    assert poller.stop(signal.SIGTERM) == 0
    assert metrics(api)["cdc_delivery_up",] == 0
    assert mapping_of(cdc)["metrics"] is None
    assert not list(cdc.folder.glob("*.poll.state*"))


def test_a_handler_that_writes_to_its_own_table_in_a_loop_is_reported_and_goes_on(program):
    cdc = program("looping")
    daemon = cdc.serve()
    cdc.run("create-table", "orders", "--key", "id")
    put(cdc, "a", count=0)
    eventually(lambda: json.loads(cdc.run("get", "orders", '{"id": "a"}'))["count"] == 60, "it goes on to its end")
    assert "looping" in daemon.log()
    assert "function looping triggers itself" in daemon.log()
    assert daemon.log().count("triggers itself") == 1
    eventually(lambda: mapping_of(cdc)["loop"], "status has it")
    eventually(lambda: mapping_of(cdc)["loop"]["generation"] == 60, "it is counted")
    recursive = metrics(daemon)["cdc_lambda_recursive_invocations_total", "looping", "looping"]
    assert recursive == 60 - 16 + 1
    assert "looping: looping triggers itself, 60 times in a row when last seen, " in cdc.run("status")


def test_a_handler_that_answers_what_others_write_is_no_loop(program):
    cdc = program("answering")
    daemon = cdc.serve()
    cdc.run("create-table", "orders", "--key", "id")
    rows = "".join(json.dumps({"id": str(number), "count": 0}) + "\n" for number in range(40))
    cdc.run("import", "orders", "-", "--format", "jsonl", stdin=rows)

    def answers():
        return sum("answer" in json.loads(line) for line in cdc.run("scan", "orders").splitlines())

    eventually(lambda: answers() == 40, "all are answered")
    eventually(lambda: mapping_of(cdc)["metrics"]["invoked"] == 80, "and the answers are delivered")
    assert mapping_of(cdc)["loop"] is None
    assert "triggers itself" not in daemon.log()
