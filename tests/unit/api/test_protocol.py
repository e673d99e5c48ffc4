"""The AWS JSON protocol: request ids, parsing up to the operation, and answers with their checksums."""

from __future__ import annotations

import logging
import re
from zlib import crc32

import orjson
import pytest

from cdc.api.authentication import Authenticator
from cdc.api.http import Request
from cdc.api.protocol import RequestIds, failure, load, parse, respond, success
from cdc.clock import ManualClock
from cdc.model.errors import (
    ConditionalCheckFailedException,
    SerializationException,
    ServiceUnavailable,
    UnknownOperationException,
    ValidationException,
)
from cdc.model.options import Options
from cdc.store.reading import Read, Write
from cdc.store.sqlite import dbapi2

PUT = b"DynamoDB_20120810.PutItem"


def parse_request(target, body):
    request = Request(b"POST", b"/", {b"x-amz-target": target}, body)
    return parse(request, load(request), Options(), Authenticator((), ManualClock()))


def test_request_ids_have_52_letters_and_digits_and_never_come_twice():
    ids = RequestIds()
    found = [ids.next() for _ in range(1000)]
    assert all(re.fullmatch(rb"[A-Z0-9]{52}", each) for each in found)
    assert len(set(found)) == 1000
    assert not set(found) & {RequestIds().next() for _ in range(10)}


@pytest.mark.parametrize(
    ("target", "body", "error"),
    [
        (PUT, b"{", SerializationException),
        (PUT, b"", SerializationException),
        (PUT, b"[]", SerializationException),
        (PUT, b"{}", ValidationException),
        (b"", b"", UnknownOperationException),
        (b"DynamoDB_20120810.Nothing", b"", UnknownOperationException),
        (b"DynamoDB_20120810.Nothing", b"{", SerializationException),
        (b"\xff\xfe", b"{}", UnknownOperationException),
        (b"DynamoDB_20120810.ExecuteStatement", b"{}", ValidationException),
        (b"DynamoDB_20120810.ExecuteStatement", b"{", SerializationException),
    ],
)
def test_json_comes_before_the_target_and_the_target_before_an_empty_body(target, body, error):
    with pytest.raises(error):
        parse_request(target, body)


def test_a_sound_request_becomes_work():
    put = parse_request(PUT, b'{"TableName":"t","Item":{"pk":{"S":"a"}}}')
    assert isinstance(put, Write)
    assert put.size_bytes == len(b'{"pk":{"S":"a"}}')
    assert isinstance(parse_request(b"DynamoDBStreams_20120810.ListStreams", b"{}"), Read)


def headers_of(response):
    return {name.decode(): value.decode() for name, value in response.headers}


@pytest.mark.parametrize("content_type", [b"application/x-amz-json-1.0", b"application/json"])
def test_an_answer_carries_type_id_and_checksum(content_type):
    body = '{"ä":1}'.encode()
    response = success(b"ID", body, content_type)
    assert (response.status, response.body) == (200, body)
    assert headers_of(response) == {
        "content-type": content_type.decode(),
        "x-amzn-requestid": "ID",
        "x-amz-crc32": str(crc32(body)),
    }


def test_the_checksum_is_of_the_body_as_sent():
    assert (
        headers_of(respond(404, b"ID", b"<UnknownOperationException/>\n", b"text/plain"))["x-amz-crc32"] == "3552371480"
    )


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (ValidationException("no"), 400, {"__type": "com.amazon.coral.validate#ValidationException", "message": "no"}),
        (SerializationException(), 400, {"__type": "com.amazon.coral.service#SerializationException"}),
        (SerializationException("no"), 400, {"__type": "com.amazon.coral.service#SerializationException", "Message": "no"}),
        (ServiceUnavailable("full"), 503, {"__type": "com.amazon.coral.availability#ServiceUnavailable", "message": "full"}),
        (
            ConditionalCheckFailedException(Item={"pk": {"S": "a"}}),
            400,
            {
                "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
                "message": "The conditional request failed",
                "Item": {"pk": {"S": "a"}},
            },
        ),
    ],
)  # fmt: skip
def test_a_refusal_has_its_type_its_message_and_what_belongs_to_it(error, status, body):
    response = failure(b"ID", error)
    assert (response.status, orjson.loads(response.body)) == (status, body)


def test_what_the_file_or_the_machine_refuses_is_a_busy_answer_without_a_trace(caplog):
    error = dbapi2.OperationalError("unable to open database file")
    error.sqlite_errorname = "SQLITE_CANTOPEN"
    with caplog.at_level(logging.WARNING, "cdc.api.protocol"):
        response = failure(b"THE-ID", error)
    assert (response.status, orjson.loads(response.body)["__type"].partition("#")[2]) == (503, "ServiceUnavailable")
    [record] = caplog.records
    assert "THE-ID failed: unable to open" in record.getMessage()
    assert not record.exc_info


def test_a_fault_of_the_server_is_hidden_and_logged_under_the_request_id(caplog):
    with caplog.at_level(logging.ERROR, "cdc.api.protocol"):
        response = failure(b"THE-ID", RuntimeError("the secret of the house"))
    body = orjson.loads(response.body)
    assert response.status == 500
    assert body["__type"] == "com.amazonaws.dynamodb.v20120810#InternalServerError"
    assert "secret" not in response.body.decode()
    [record] = caplog.records
    assert "THE-ID" in record.getMessage()
    assert record.exc_info
    assert "the secret of the house" in str(record.exc_info[1])
