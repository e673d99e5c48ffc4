"""A daemon that knows access keys: real clients sign for it, and whoever does not is refused."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from hashlib import sha256

import boto3
import pytest
from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.integration.daemon import ROOT, Daemon
from tests.integration.wire import JSON_1_0, Wire, target_of

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


class Presigner(auth.SigV4QueryAuth):  # type: ignore[misc]  # botocore has no types
    """Signs for a body that is sent later; botocore itself would move it into the query."""

    def payload(self, _request):
        return sha256(b"{}").hexdigest()


@pytest.fixture
def send_signed(guarded, monkeypatch):
    """Send a ListTables that botocore signs, with a clock that is off; returns status, code and message."""
    wire, now = Wire(guarded.port), auth.get_current_datetime

    def send(signer=auth.SigV4Auth, minutes=0, service="dynamodb", key="first", token=None):
        monkeypatch.setattr(auth, "get_current_datetime", lambda **given: now(**given) + timedelta(minutes=minutes))
        headers = {"X-Amz-Target": target_of("ListTables"), "Content-Type": JSON_1_0}
        body = b"{}" if signer is auth.SigV4Auth else b""
        request = AWSRequest("POST", f"{guarded.url}/", data=body, headers=headers)
        signer(Credentials(key, f"the-secret-of-the-{key}", token), service, "us-east-1").add_auth(request)
        reply = wire.send("POST", request.url.removeprefix(guarded.url), b"{}", dict(request.headers.items()))
        answer = reply.json()
        return reply.status, answer.get("__type", "").rpartition("#")[2], answer.get("message", "")

    yield send
    wire.close()


@pytest.mark.parametrize("signer", [auth.SigV4Auth, Presigner])
def test_what_is_signed_in_headers_or_presigned_is_let_in_within_a_quarter_of_an_hour(send_signed, signer):
    for minutes in (-14, 0, 14):
        assert send_signed(signer, minutes)[0] == 200
        assert send_signed(signer, minutes, key="second", token="a-token")[0] == 200


def test_a_presigned_request_is_good_for_as_long_as_it_says(send_signed):
    def signer(*given):
        return Presigner(*given, expires=3600)

    assert send_signed(signer, -59)[0] == 200
    assert send_signed(signer, -61)[:2] == (400, "InvalidSignatureException")


@pytest.mark.parametrize(("minutes", "words"), [(-16, "Signature expired: "), (16, "Signature not yet current: ")])
def test_a_clock_that_is_further_off_is_refused_with_the_times(send_signed, minutes, words):
    status, code, message = send_signed(minutes=minutes)
    assert (status, code) == (400, "InvalidSignatureException")
    assert message.startswith(words)
    assert message.endswith("15 min.)")


def test_a_signature_for_another_service_is_refused(send_signed):
    assert send_signed(service="s3")[:2] == (400, "InvalidSignatureException")


def test_the_lambda_api_has_the_same_keys(guarded):
    def list_functions(secret):
        keys = {"aws_access_key_id": "first", "aws_secret_access_key": secret}
        config = Config(retries={"total_max_attempts": 1})
        client = boto3.client("lambda", endpoint_url=guarded.url, region_name="us-east-1", config=config, **keys)
        try:
            return client.list_functions()
        finally:
            client.close()

    assert list_functions("the-secret-of-the-first")["Functions"] == []
    with pytest.raises(ClientError) as caught:
        list_functions("wrong")
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    wire = Wire(guarded.port)
    reply = wire.send("GET", "/2015-03-31/functions/")
    wire.close()
    assert (reply.status, reply.json()) == (403, {"message": "Request is missing Authentication Token"})


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
