"""Signature Version 4, held against botocore's own signer and the example in AWS's documentation."""

from __future__ import annotations

import re

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdc.api.signature import Scope, authorize, sign
from cdc.model.credentials import Credential

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def test_the_example_of_aws_comes_out():
    """AWS: Signature Version 4 test suite, get-vanilla."""
    headers = {b"host": b"example.amazonaws.com", b"x-amz-date": b"20150830T123600Z"}
    scope = Scope("20150830", "us-east-1", "service")
    signed = ("host", "x-amz-date")
    found = sign(SECRET, scope, "20150830T123600Z", b"GET", b"/", headers, signed, b"")
    assert found == "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"


URLS = [
    "http://localhost:8000/",
    "http://localhost:8000/?b=2&a=1&a=%20x&c",
    "http://localhost:8000/?x=a%2Fb~c%2B%C3%A4",
    "http://localhost/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST",
    "http://localhost/a/./b/../c//d/",
]


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("body", [b"", b'{"a":"\xc3\xa4"}'])
def test_what_botocore_signs_in_headers_is_what_is_expected(url, body):
    request = AWSRequest("POST", url, {"Content-Type": "application/x-amz-json-1.0", "X-A": " a   b "}, body)
    SigV4Auth(Credentials("key", SECRET), "dynamodb", "eu-west-1").add_auth(request)
    headers = {name.lower().encode(): str(value).encode() for name, value in request.headers.items()}
    headers.setdefault(b"host", url.split("/")[2].encode())
    moment = str(request.headers["X-Amz-Date"])
    found = re.search(r"SignedHeaders=(.*), Signature=(.*)", str(request.headers["Authorization"]))
    assert found is not None
    target = b"/" + url.split("/", 3)[3].encode()
    scope = Scope(moment[:8], "eu-west-1", "dynamodb")
    assert sign(SECRET, scope, moment, b"POST", target, headers, found[1].split(";"), body) == found[2]


@pytest.mark.parametrize("url", URLS[:4])
def test_what_botocore_signs_in_the_query_is_what_is_expected(url):
    request = AWSRequest("POST", url, {"X-Amz-Target": "DynamoDB_20120810.ListTables"})
    SigV4QueryAuth(Credentials("key", SECRET), "dynamodb", "eu-west-1", expires=60).add_auth(request)
    target = b"/" + str(request.url).split("/", 3)[3].encode()
    query = dict(pair.split("=", 1) for pair in target.decode().split("?")[1].split("&") if "=" in pair)
    headers = {b"host": url.split("/")[2].encode(), b"x-amz-target": b"DynamoDB_20120810.ListTables"}
    moment, signed = query["X-Amz-Date"], query["X-Amz-SignedHeaders"].split("%3B")
    scope = Scope(moment[:8], "eu-west-1", "dynamodb")
    assert sign(SECRET, scope, moment, b"POST", target, headers, signed, b"") == query["X-Amz-Signature"]


def test_what_is_signed_here_is_what_is_checked_here():
    given = {"Host": "localhost:8000", "X-Amz-Target": "DynamoDB_20120810.ListTables"}
    credential = Credential(access_key_id="key", secret_access_key=SECRET, session_token="token")
    scope = Scope("20231114", "us-east-1", "dynamodb")
    added = authorize(credential, scope, 1_700_000_000_000, b"/", given, b"{}")
    assert added["X-Amz-Date"] == "20231114T221320Z"
    signed = "host;x-amz-date;x-amz-security-token;x-amz-target"
    start = f"AWS4-HMAC-SHA256 Credential=key/{scope}, SignedHeaders={signed}, Signature="
    assert added["Authorization"].startswith(start)
    headers = {name.lower().encode(): value.encode() for name, value in {**given, **added}.items()}
    found = sign(SECRET, scope, added["X-Amz-Date"], b"POST", b"/", headers, signed.split(";"), b"{}")
    assert added["Authorization"] == start + found
