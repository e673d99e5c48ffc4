"""The Lambda API of a real daemon, from outside: boto3's client, uploads, mappings, invocations, restarts and kills."""

from __future__ import annotations

import base64
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from cdc.clock import SystemClock
from tests.integration.daemon import Daemon
from tests.unit.lambda_api.zips import zip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE_SECONDS = 40.0
LOOK_SECONDS = 0.02
ROLE = "arn:aws:iam::000000000000:role/cdc"
CONFIG = """
[server]
allow_function_upload = true
async_retry_seconds = 0.05

[[functions]]
name = "declared"
command = ["cat"]

[[mappings]]
name = "declared"
table = "orders"
function = "declared"
starting_position = "TRIM_HORIZON"
"""
APP = """
import json, os

def handler(event, context):
    if event.get("fail"):
        print("about to fail")
        raise ValueError("as asked for")
    with open(os.environ["OUT"], "a") as file:
        for record in event.get("Records", [event]):
            print(json.dumps({"version": VERSION, "record": record}), file=file)
    return {"client": context.client_context and context.client_context.custom, "name": context.function_name}

VERSION = 1
"""


def eventually(holds: Callable[[], Any], what: str) -> Any:
    """Wait until something that the daemon does has happened."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while not (found := holds()):
        assert clock.monotonic() < deadline, f"{what}: not within {PATIENCE_SECONDS:.0f} s"
        clock.sleep(LOOK_SECONDS)
    return found


class Cloud:
    """A daemon with clients of it, which find it again after a restart."""

    def __init__(self, folder: Path, config: str = CONFIG) -> None:
        self.daemon = Daemon(folder / "cdc.db", config)
        self.out = folder / "out"
        self.daemon.start()

    def client(self, service: str) -> Any:
        config = Config(retries={"total_max_attempts": 1})
        return boto3.client(
            service,
            endpoint_url=self.daemon.url,
            region_name="us-east-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=config,
        )

    @property
    def lambda_(self) -> Any:
        return self.client("lambda")

    def create_table(self, name: str = "orders") -> str:
        """Create a table with a stream; return the stream's ARN."""
        created = self.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        )
        arn: str = created["TableDescription"]["LatestStreamArn"]
        return arn

    def put(self, key: str) -> None:
        self.client("dynamodb").put_item(TableName="orders", Item={"id": {"S": key}})

    def upload(self, name: str = "f", files: dict[str, str] | None = None, **more: Any) -> None:
        request: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": zip_of(files or {"app.py": APP}, {"bootstrap": 0o755})},
            "Timeout": 20,
            "Environment": {"Variables": {"OUT": str(self.out)}},
        }
        self.lambda_.create_function(**request | more)
        self.lambda_.get_waiter("function_active_v2").wait(FunctionName=name)

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines() if self.out.exists() else []

    def handled(self, text: str) -> None:
        """Wait until the handler has written something."""
        eventually(lambda: any(text in line for line in self.lines()), f"{text} is handled")


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    cloud = Cloud(tmp_path)
    yield cloud
    cloud.daemon.stop()


def refused(call: Callable[..., Any], **request: Any) -> tuple[str, int]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    answer = caught.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


def map_to(cloud: Cloud, arn: str, name: str = "f", **more: Any) -> str:
    mapping = cloud.lambda_.create_event_source_mapping(
        FunctionName=name, EventSourceArn=arn, StartingPosition="TRIM_HORIZON", **more
    )
    uuid: str = mapping["UUID"]
    return uuid


def test_an_uploaded_function_gets_the_changes_of_a_table_across_restarts_and_kills(cloud):
    cloud.upload()
    uuid = map_to(cloud, cloud.create_table(), BatchSize=10)
    cloud.put("first")
    cloud.handled('"S": "first"')
    eventually(
        lambda: cloud.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK", "the result is told"
    )
    assert cloud.daemon.stop() == 0
    cloud.daemon.start()
    cloud.put("second")
    cloud.handled('"S": "second"')
    cloud.daemon.kill()
    cloud.daemon.start()
    cloud.put("third")
    cloud.handled('"S": "third"')
    found = cloud.lambda_.get_event_source_mapping(UUID=uuid)
    assert (found["State"], found["BatchSize"]) == ("Enabled", 10)
    for name in ("first", "second"):
        assert len([line for line in cloud.lines() if f'"S": "{name}"' in line]) == 1


def test_changes_of_a_mapping_take_effect_at_once(cloud):
    cloud.upload()
    uuid = map_to(cloud, cloud.create_table(), Enabled=False)
    cloud.put("early")
    assert cloud.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    cloud.handled("early")
    pattern = '{"dynamodb":{"Keys":{"id":{"S":[{"prefix":"in-"}]}}}}'
    cloud.lambda_.update_event_source_mapping(UUID=uuid, FilterCriteria={"Filters": [{"Pattern": pattern}]})
    cloud.put("out")
    cloud.put("in-side")
    cloud.handled("in-side")
    assert not any('"out"' in line for line in cloud.lines())
    assert cloud.lambda_.delete_event_source_mapping(UUID=uuid)["State"] == "Deleting"
    assert refused(cloud.lambda_.get_event_source_mapping, UUID=uuid) == ("ResourceNotFoundException", 404)


def test_changed_code_and_configuration_run_from_the_next_invocation_on(cloud):
    cloud.upload()
    client = cloud.lambda_
    client.invoke(FunctionName="f", Payload=b'{"n":"one"}')
    client.update_function_code(FunctionName="f", ZipFile=zip_of({"app.py": APP.replace("VERSION = 1", "VERSION = 2")}))
    client.get_waiter("function_updated_v2").wait(FunctionName="f")
    client.invoke(FunctionName="f", Payload=b'{"n":"two"}')
    elsewhere = cloud.out.with_name("elsewhere")
    client.update_function_configuration(FunctionName="f", Environment={"Variables": {"OUT": str(elsewhere)}})
    client.get_waiter("function_updated").wait(FunctionName="f")
    client.invoke(FunctionName="f", Payload=b'{"n":"three"}')
    assert [line[:13] for line in cloud.lines()] == ['{"version": 1', '{"version": 2']
    assert '"three"' in elsewhere.read_text()


def test_a_mapping_outlives_its_function_and_goes_on_with_a_new_one(cloud):
    cloud.upload()
    uuid = map_to(cloud, cloud.create_table())
    cloud.lambda_.delete_function(FunctionName="f")
    cloud.put("meanwhile")
    assert cloud.lambda_.get_event_source_mapping(UUID=uuid)["State"] == "Enabled"
    assert refused(cloud.lambda_.get_function, FunctionName="f") == ("ResourceNotFoundException", 404)
    cloud.upload()
    cloud.handled("meanwhile")


def test_an_invocation_tells_answer_error_and_log(cloud):
    cloud.upload()
    client = cloud.lambda_
    context = base64.b64encode(b'{"custom":{"a":"b"}}').decode()
    answer = client.invoke(FunctionName="f", Payload=b"{}", ClientContext=context, LogType="Tail")
    assert answer["Payload"].read() == b'{"client":{"a":"b"},"name":"f"}'
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert (
        f"START RequestId: {answer['ResponseMetadata']['RequestId']}" in base64.b64decode(answer["LogResult"]).decode()
    )
    failed = client.invoke(FunctionName="f", Payload=b'{"fail":1}', LogType="Tail")
    assert (failed["StatusCode"], failed["FunctionError"]) == (200, "Unhandled")
    assert b'"errorType":"ValueError"' in failed["Payload"].read()
    assert b"about to fail" in base64.b64decode(failed["LogResult"])
    assert client.invoke(FunctionName="f", InvocationType="DryRun")["StatusCode"] == 204
    assert refused(client.invoke, FunctionName="nobody") == ("ResourceNotFoundException", 404)
    assert refused(client.invoke, FunctionName="f", Payload=b"{") == ("InvalidRequestContentException", 400)
    large = b'"%b"' % (b"x" * 6_291_456)
    assert refused(client.invoke, FunctionName="f", Payload=large) == ("RequestTooLargeException", 413)


COUNTING = """
import os

def handler(event, context):
    with open(os.environ["OUT"], "a") as file:
        print(context.aws_request_id, file=file)
    raise ValueError("always")
"""


def test_an_event_that_fails_is_tried_three_times_in_all(cloud):
    cloud.upload(files={"app.py": COUNTING})
    answer = cloud.lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    assert answer["StatusCode"] == 202
    eventually(lambda: "is given up" in cloud.daemon.logged(), "the event is given up")
    assert cloud.lines() == [answer["ResponseMetadata"]["RequestId"]] * 3


HANGING = """
import os, time

def handler(event, context):
    out = os.environ["OUT"]
    first = not os.path.exists(out)
    with open(out, "a") as file:
        print(context.aws_request_id, file=file)
    if first:
        time.sleep(60)
"""


def test_an_event_that_was_accepted_runs_again_after_a_kill(cloud):
    cloud.upload(files={"app.py": HANGING}, Timeout=90)
    answer = cloud.lambda_.invoke(FunctionName="f", InvocationType="Event", Payload=b"{}")
    eventually(lambda: len(cloud.lines()) == 1, "the event has begun")
    cloud.daemon.kill()
    cloud.daemon.start()
    eventually(lambda: len(cloud.lines()) == 2, "the event has run again")
    assert cloud.lines() == [answer["ResponseMetadata"]["RequestId"]] * 2


NODE = """
import { appendFileSync } from "node:fs";
export const handler = async (event, context) => {
  for (const record of event.Records ?? []) appendFileSync(process.env.OUT, record.dynamodb.Keys.id.S + "\\n");
  return { name: context.functionName, got: event.n ?? null };
};
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_a_node_function_runs_on_the_client_that_is_shipped(cloud):
    cloud.upload(files={"src/index.mjs": NODE}, Runtime="nodejs22.x", Handler="src/index.handler")
    assert cloud.lambda_.invoke(FunctionName="f", Payload=b'{"n":5}')["Payload"].read() == b'{"name":"f","got":5}'
    map_to(cloud, cloud.create_table())
    cloud.put("for-node")
    cloud.handled("for-node")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_a_custom_runtime_runs_its_bootstrap(cloud):
    bootstrap = (Path(__file__).parents[2] / "examples" / "shell" / "bootstrap").read_text()
    files = {"bootstrap": bootstrap, "app.sh": "handler() { cat; }"}
    cloud.upload(files=files, Runtime="provided.al2023")
    assert cloud.lambda_.invoke(FunctionName="f", Payload=b'{"n":5}')["Payload"].read() == b'{"n":5}'


def test_a_folder_is_used_where_it_is_and_its_changes_are_noticed(cloud, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "app.py").write_text("def handler(event, context): return 1")
    cloud.upload(Code={"S3Bucket": "hot-reload", "S3Key": str(folder)})
    assert cloud.lambda_.invoke(FunctionName="f")["Payload"].read() == b"1"
    (folder / "app.py").write_text("def handler(event, context): return 'two'")
    assert cloud.lambda_.invoke(FunctionName="f")["Payload"].read() == b'"two"'


def test_a_zip_larger_than_a_request_of_dynamodb_is_taken(cloud):
    blob = base64.b85encode(os.urandom(12 << 20)).decode()
    cloud.upload(files={"app.py": "def handler(event, context): return 1", "blob": blob})
    assert cloud.lambda_.get_function(FunctionName="f")["Configuration"]["CodeSize"] > 12 << 20


def test_a_mapping_of_the_configuration_is_paused_over_the_api_and_stays_so(cloud):
    cloud.create_table()
    [mapping] = cloud.lambda_.list_event_source_mappings()["EventSourceMappings"]
    uuid = mapping["UUID"]
    assert mapping["FunctionArn"].endswith(":function:declared")
    assert cloud.lambda_.update_event_source_mapping(UUID=uuid, Enabled=False)["State"] == "Disabling"
    cloud.daemon.stop()
    cloud.daemon.start()
    assert cloud.lambda_.get_event_source_mapping(UUID=uuid)["State"] == "Disabled"
    cloud.put("a")
    assert cloud.lambda_.update_event_source_mapping(UUID=uuid, Enabled=True)["State"] == "Enabling"
    eventually(
        lambda: cloud.lambda_.get_event_source_mapping(UUID=uuid)["LastProcessingResult"] == "OK", "it is delivered"
    )
    assert refused(cloud.lambda_.delete_event_source_mapping, UUID=uuid) == ("ResourceConflictException", 409)


def test_a_reload_of_the_configuration_keeps_what_was_made_over_the_api(cloud):
    cloud.upload()
    map_to(cloud, cloud.create_table())
    cloud.daemon.hang_up()
    eventually(lambda: "the configuration was reloaded" in cloud.daemon.logged(), "the configuration is reloaded")
    cloud.put("after")
    cloud.handled("after")


def test_uploads_are_refused_unless_they_are_allowed(tmp_path):
    cloud = Cloud(tmp_path, "")
    try:
        request = {
            "FunctionName": "f",
            "Runtime": "python3.12",
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": zip_of({"app.py": APP})},
        }
        assert refused(cloud.lambda_.create_function, **request) == ("AccessDeniedException", 403)
        assert cloud.lambda_.list_functions()["Functions"] == []
    finally:
        cloud.daemon.stop()


def test_tags_of_functions_and_mappings_are_kept(cloud):
    cloud.upload(Tags={"a": "1"})
    arn = cloud.lambda_.get_function(FunctionName="f")["Configuration"]["FunctionArn"]
    cloud.lambda_.tag_resource(Resource=arn, Tags={"b": "2"})
    cloud.lambda_.untag_resource(Resource=arn, TagKeys=["a"])
    cloud.daemon.stop()
    cloud.daemon.start()
    assert cloud.lambda_.list_tags(Resource=arn)["Tags"] == {"b": "2"}


def test_a_function_has_a_concurrency_and_one_version(cloud):
    cloud.upload()
    client = cloud.lambda_
    put = client.put_function_concurrency(FunctionName="f", ReservedConcurrentExecutions=1)
    assert put["ReservedConcurrentExecutions"] == 1
    assert client.get_function_concurrency(FunctionName="f")["ReservedConcurrentExecutions"] == 1
    assert client.get_function(FunctionName="f")["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    client.delete_function_concurrency(FunctionName="f")
    assert "ReservedConcurrentExecutions" not in client.get_function_concurrency(FunctionName="f")
    pages = list(client.get_paginator("list_versions_by_function").paginate(FunctionName="f"))
    assert [version["Version"] for page in pages for version in page["Versions"]] == ["$LATEST"]
