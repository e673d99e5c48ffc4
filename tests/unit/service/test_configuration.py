"""Settings as the values that the floors below take: nothing is lost on the way, and units are right."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from cdc.mappings.destinations.sending import SendingOptions
from cdc.model.functions import FunctionDefinition
from cdc.model.options import Options
from cdc.service.configuration import (
    check_destinations,
    declaration_of,
    definition_of,
    options_of,
    sending_options_of,
)
from cdc.settings import SettingsError, load
from tests.unit.service.requests import declaration

QUEUE = "arn:aws:sqs:us-east-1:123456789012:q"
CONFIG = """
[server]
region = "eu-west-1"
account_id = "123456789012"
[streams]
shards = 7
[tables]
prefix_validation_messages = true
[retention]
hours = 0.5
tables = { orders = 72 }
[[functions]]
name = "f"
command = ["sh", "audit.sh"]
timeout_seconds = 5
memory_size = 256
reserved_concurrency = 2
idle_timeout_seconds = 60
environment = { STAGE = "test", OWN = "1" }
log_invocations = true
[[functions]]
name = "r"
runtime = ["node", "runtime.mjs"]
handler = "index.handler"
reload_on_change = true
[[functions]]
name = "p"
handler = "m:f"
in_process = true
[[mappings]]
name = "m"
table = "abc"
function = "f"
starting_position = "LATEST"
batch_size = 10
maximum_batching_window_in_seconds = 3
filters = [{ eventName = ["INSERT"] }]
enabled = false
on_failure = "arn:aws:sqs:us-east-1:123456789012:q"
[destinations]
endpoint_url = "http://localhost:5000"
webhook_secret = "whsec_dGhpcyBpcyBvbmx5IGFuIGV4YW1wbGUh"
timeout_seconds = 7
"""


def test_settings_become_the_values_that_are_handed_down(tmp_path):
    path = tmp_path / "cdc.toml"
    path.write_text(CONFIG)
    settings = load(path)
    assert options_of(settings) == Options(
        region="eu-west-1",
        account_id="123456789012",
        shards=7,
        prefixes_validation=True,
        retention_seconds=1800,
        table_retention_seconds={"orders": 259_200},
    )
    (function, runtime, python), [mapping] = settings.functions, settings.mappings
    assert definition_of(function) == FunctionDefinition(
        name="f",
        command=("sh", "audit.sh"),
        timeout_seconds=5,
        memory_size=256,
        reserved_concurrency=2,
        idle_timeout_seconds=60,
        environment={"STAGE": "test", "OWN": "1"},
        working_directory=function.working_directory,
        log_invocations=True,
    )
    assert definition_of(runtime) == FunctionDefinition(
        name="r",
        handler="index.handler",
        runtime=("node", "runtime.mjs"),
        working_directory=runtime.working_directory,
        reload_on_change=True,
    )
    assert definition_of(python) == FunctionDefinition(
        name="p", handler="m:f", working_directory=python.working_directory, in_process=True
    )
    wanted: dict[str, Any] = {
        "starting_position": "LATEST",
        "batch_size": 10,
        "maximum_batching_window_in_seconds": 3,
        "filters": ('{"eventName": ["INSERT"]}',),
        "enabled": False,
        "on_failure": QUEUE,
    }
    assert declaration_of(mapping) == declaration("m", **wanted)

    assert sending_options_of(settings) == SendingOptions(
        region="eu-west-1",
        endpoint_url="http://localhost:5000",
        webhook_key=b"this is only an example!",
        timeout_seconds=7,
    )


def test_the_defaults_are_those_of_aws():
    assert options_of(load()) == Options()
    assert sending_options_of(load()) == SendingOptions(region="us-east-1")


@pytest.mark.parametrize("destination", ["arn:aws:sns:us-east-1:123456789012:t", "arn:aws:s3:::bucket", QUEUE])
def test_a_destination_of_aws_needs_boto3(tmp_path, monkeypatch, destination):
    path = tmp_path / "cdc.toml"
    path.write_text(CONFIG.replace(QUEUE, destination))
    check_destinations(load(path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(SettingsError) as caught:
        check_destinations(load(path))
    text = f'mappings.m.on_failure = "{destination}": boto3 is not installed: pip install "durable-cdc[destinations]"'
    assert str(caught.value) == text


@pytest.mark.parametrize("destination", ["https://example.com/", "file:failed.jsonl"])
def test_other_destinations_need_nothing(tmp_path, monkeypatch, destination):
    path = tmp_path / "cdc.toml"
    path.write_text(CONFIG.replace(QUEUE, destination))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    check_destinations(load(path))
