"""A daemon that knows access keys: real clients sign for it, and whoever does not is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.integration.daemon import ROOT, Daemon
from tests.integration.wire import Wire

CONFIG = """
[[credentials]]
access_key_id = "first"
secret_access_key = "the-secret-of-the-first"
[[credentials]]
access_key_id = "second"
secret_access_key = "the-secret-of-the-second"
session_token = "a-token"
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    running = Daemon(tmp_path_factory.mktemp("guarded") / "cdc.db", CONFIG)
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def list_tables(guarded):
    """List tables with boto3 and an access key, as a client of one of the services."""

    def call(key, secret, token=None, service="dynamodb"):
        client = boto3.client(
            service,
            endpoint_url=guarded.url,
            region_name="eu-north-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            aws_session_token=token,
            config=Config(retries={"total_max_attempts": 1}),
        )
        try:
            return client.list_tables() if service == "dynamodb" else client.list_streams()
        finally:
            client.close()

    return call


@pytest.mark.parametrize("service", ["dynamodb", "dynamodbstreams"])
def test_boto3_with_a_known_key_is_let_in(list_tables, service):
    list_tables("first", "the-secret-of-the-first", service=service)
    list_tables("second", "the-secret-of-the-second", "a-token", service=service)


@pytest.mark.parametrize(
    ("key", "secret", "token", "code"),
    [
        ("first", "wrong", None, "InvalidSignatureException"),
        ("third", "the-secret-of-the-first", None, "UnrecognizedClientException"),
        ("second", "the-secret-of-the-second", None, "UnrecognizedClientException"),
        ("second", "the-secret-of-the-second", "another", "UnrecognizedClientException"),
    ],
)
def test_boto3_with_a_wrong_key_is_refused(list_tables, key, secret, token, code):
    with pytest.raises(ClientError) as caught:
        list_tables(key, secret, token)
    assert caught.value.response["Error"]["Code"] == code


def test_an_unsigned_request_is_refused(guarded):
    wire = Wire(guarded.port)
    refused = wire.refusal("ListTables", {})
    wire.close()
    assert (refused.status, refused.code) == (400, "MissingAuthenticationTokenException")
    assert refused.message == "Request is missing Authentication Token"


def test_the_command_line_signs_with_the_key_of_the_configuration(guarded):
    config = guarded.path.with_suffix(".toml")
    for command in (["create-table", "signed", "--key", "pk"], ["put", "signed", '{"pk": "a"}'], ["scan", "signed"]):
        done = subprocess.run(
            [sys.executable, "-m", "cdc", *command, "--config", config, "--database", guarded.path],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert '"pk": "a"' in done.stdout
