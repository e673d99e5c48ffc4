"""Functions and mappings made over the Lambda API, with the program's roles in one process and in two."""

from __future__ import annotations

import json
import signal

import boto3
import pytest

from tests.acceptance.program import eventually
from tests.unit.lambda_api.zips import zip_of

ROLE = "arn:aws:iam::000000000000:role/cdc"
APP = """
import os
def handler(event, context):
    with open(os.environ["SEEN"], "a") as seen:
        for record in event.get("Records", []):
            print(record["dynamodb"]["Keys"]["id"]["S"], file=seen)
        if "event" in event:
            print(event["event"], file=seen)
"""


@pytest.fixture
def uploading(cdc):
    cdc.configure("[server]\nallow_function_upload = true\n")
    return cdc


def client_of(daemon):
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return boto3.client("lambda", endpoint_url=f"http://{daemon.address}", region_name="us-east-1", **keys)


def upload(cdc, daemon):
    client_of(daemon).create_function(
        FunctionName="f",
        Runtime="python3.12",
        Role=ROLE,
        Handler="app.handler",
        Timeout=20,
        Code={"ZipFile": zip_of({"app.py": APP})},
        Environment={"Variables": {"SEEN": str(cdc.folder / "seen.txt")}},
    )


def map_orders(cdc, daemon):
    cdc.run("create-table", "orders", "--key", "id")
    [stream] = json.loads(cdc.run("status", "--json"))["streams"]
    return client_of(daemon).create_event_source_mapping(
        FunctionName="f", EventSourceArn=stream["arn"], StartingPosition="TRIM_HORIZON"
    )["UUID"]


def seen(cdc):
    path = cdc.folder / "seen.txt"
    return path.read_text().split() if path.exists() else []


def test_a_daemon_says_what_it_delivers_for_the_api(uploading):
    daemon = uploading.serve()
    assert daemon.output.line() == "  no mappings are configured: nothing is delivered"
    upload(uploading, daemon)
    uuid = map_orders(uploading, daemon)
    assert daemon.stop(signal.SIGTERM) == 0
    assert uploading.serve().output.line() == f"  delivers orders to f as {uuid}"
    assert uuid in uploading.run("mappings", "list")


def test_what_one_process_takes_another_one_runs(uploading):
    api = uploading.serve("--no-poll")
    upload(uploading, api)
    map_orders(uploading, api)
    client = client_of(api)
    assert client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"event":"early"}')["StatusCode"] == 202
    with pytest.raises(client.exceptions.ServiceException, match="serves the API alone"):
        client.invoke(FunctionName="f")
    uploading.run("put", "orders", json.dumps({"id": "1"}))
    uploading.serve("--no-api")
    eventually(lambda: sorted(seen(uploading)) == ["1", "early"], "the other process runs what there is")
    code = zip_of({"app.py": APP.replace('event["event"]', '"new", event["event"]')})
    client.update_function_code(FunctionName="f", ZipFile=code)

    def is_new():
        client.invoke(FunctionName="f", InvocationType="Event", Payload=b'{"event":"late"}')
        return "new" in seen(uploading)

    eventually(is_new, "the other process runs the new code")
