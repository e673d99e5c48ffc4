"""The HTTP protocol from outside: headers, content types, error bodies, wrong requests, guards, health."""

from __future__ import annotations

import gzip
import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from zlib import crc32

import pytest

from tests.integration.wire import JSON_1_0, Wire, target_of

VALIDATE = "com.amazon.coral.validate"
CORAL = "com.amazon.coral.service"
DYNAMODB = "com.amazonaws.dynamodb.v20120810"
UNKNOWN = b"<UnknownOperationException/>\n"
LIST = {"X-Amz-Target": target_of("ListTables"), "Content-Type": JSON_1_0}


def header(**given):
    return LIST | {name.replace("_", "-"): value for name, value in given.items()}


@pytest.mark.parametrize(
    ("operation", "body", "status"),
    [("ListTables", b"{}", 200), ("DescribeTable", b'{"TableName":"nowhere"}', 400), ("ListStreams", b"{}", 200)],
)
def test_an_answer_carries_request_id_checksum_length_server_and_date(wire, operation, body, status):
    reply = wire.post(operation, body)
    assert reply.status == status
    assert re.fullmatch("[A-Z0-9]{52}", reply.headers["x-amzn-requestid"])
    assert reply.headers["x-amz-crc32"] == str(crc32(reply.body))
    assert reply.headers["content-length"] == str(len(reply.body))
    assert reply.headers["server"] == "Server"
    assert reply.headers["date"].endswith("GMT")


def test_request_ids_are_never_the_same_twice(wire):
    def ids(_):
        answer = [wire.post("ListTables", b"{}").headers["x-amzn-requestid"] for _ in range(25)]
        wire.close()
        return answer

    with ThreadPoolExecutor(4) as pool:
        found = [each for part in pool.map(ids, range(4)) for each in part]
    assert len(set(found)) == len(found) == 100


@pytest.mark.parametrize(
    ("given", "answered"),
    [
        ("application/x-amz-json-1.0", "application/x-amz-json-1.0"),
        ("application/x-amz-json-1.0; charset=utf-8", "application/x-amz-json-1.0"),
        ("application/json", "application/json"),
        ("application/json; charset=UTF-8", "application/json"),
    ],
)
def test_the_answer_has_the_content_type_of_the_request_without_its_parameters(wire, given, answered):
    for operation in ("ListTables", "DescribeTable"):
        assert wire.post(operation, b"{}", Content_Type=given).headers["content-type"] == answered


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/", header(Content_Type="text/plain")),
        ("POST", "/", header(Content_Type="application/x-amz-json-1.1")),
        ("POST", "/", {"X-Amz-Target": target_of("ListTables")}),
        ("PUT", "/", header()),
        ("DELETE", "/", header()),
        ("PATCH", "/", header()),
        ("GET", "/elsewhere", {}),
        ("POST", "/elsewhere", header()),
    ],
)
def test_what_is_no_request_of_the_protocol_is_an_unknown_operation_in_xml(wire, method, path, headers):
    reply = wire.send(method, path, b"{}" if method != "GET" else None, headers)
    assert (reply.status, reply.body) == (404, UNKNOWN)
    assert reply.headers["x-amz-crc32"] == str(crc32(UNKNOWN))
    assert len(reply.headers["x-amzn-requestid"]) == 52


def test_a_get_of_the_root_says_healthy(wire):
    reply = wire.send("GET", "/")
    assert (reply.status, reply.body) == (200, b"healthy: dynamodb.us-east-1.amazonaws.com ")
    assert reply.headers["x-amz-crc32"] == str(crc32(reply.body))
    assert len(reply.headers["x-amzn-requestid"]) == 52


def test_health_answers_when_ready(wire):
    reply = wire.send("GET", "/health")
    assert (reply.status, reply.json()["status"]) == (200, "ok")
    head = wire.send("HEAD", "/health")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", reply.headers["content-length"])


@pytest.mark.parametrize("body", [b"{", b"nonsense", b'{"a":1}}', b"{'a':1}", b'{"a":NaN}', b"\xff\xfe", b"[" * 5000])
def test_a_body_that_is_not_json_is_refused_without_a_message(wire, body):
    reply = wire.post("ListTables", body)
    assert (reply.status, reply.json()) == (400, {"__type": f"{CORAL}#SerializationException"})


@pytest.mark.parametrize("body", [b"", b"[]", b'"text"', b"1", b"null"])
def test_a_body_that_is_no_object_is_refused_without_a_message(wire, body):
    reply = wire.post("ListTables", body)
    assert (reply.status, reply.json()) == (400, {"__type": f"{CORAL}#SerializationException"})


@pytest.mark.parametrize(
    "target",
    [
        "",
        "DynamoDB_20120810",
        "DynamoDB_20120810.",
        "DynamoDB_20120810.Nonsense",
        "DynamoDB_20111205.ListTables",
        "dynamodb_20120810.ListTables",
        "DynamoDB_20120810.listTables",
        "DynamoDB_20120810.GetRecords",
        "DynamoDBStreams_20120810.ListTables",
        "ListTables",
    ],
)
@pytest.mark.parametrize("body", [b"{}", b""])
def test_an_unknown_target_is_refused_even_with_an_empty_body(wire, target, body):
    reply = wire.send("POST", "/", body, header(X_Amz_Target=target))
    assert (reply.status, reply.json()) == (400, {"__type": f"{CORAL}#UnknownOperationException"})


def test_a_missing_target_is_an_unknown_operation(wire):
    reply = wire.send("POST", "/", b"{}", {"Content-Type": JSON_1_0})
    assert (reply.status, reply.json()) == (400, {"__type": f"{CORAL}#UnknownOperationException"})


def test_broken_json_is_found_before_an_unknown_target(wire):
    reply = wire.send("POST", "/", b"{", header(X_Amz_Target="DynamoDB_20120810.Nonsense"))
    assert reply.json() == {"__type": f"{CORAL}#SerializationException"}


@pytest.mark.parametrize(
    ("operation", "body", "type_", "key", "message"),
    [
        ("PutItem", {}, f"{VALIDATE}#ValidationException", "message", "Value null at 'tableName'"),
        ("PutItem", {"TableName": 1}, f"{CORAL}#SerializationException", "Message", "NUMBER_VALUE cannot be"),
        (
            "DescribeTable",
            {"TableName": "nowhere"},
            f"{DYNAMODB}#ResourceNotFoundException",
            "message",
            "Requested resource not found: Table: nowhere not found",
        ),
        (
            "GetRecords",
            {"ShardIterator": "nonsense"},
            f"{VALIDATE}#ValidationException",
            "message",
            "Invalid ShardIterator",
        ),
    ],
)
def test_an_error_body_has_the_prefix_and_the_message_key_of_its_code(wire, operation, body, type_, key, message):
    refused = wire.refusal(operation, body)
    assert refused.status == 400
    assert set(refused.body) == {"__type", key}
    assert refused.body["__type"] == type_
    assert message in refused.body[key]


NOT_STRING = "cannot be converted to String"


@pytest.mark.parametrize(
    ("operation", "request_", "message"),
    [
        ("GetItem", {"TableName": 5}, f"NUMBER_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": 5.5}, f"DECIMAL_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": True}, f"TRUE_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": False}, f"FALSE_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": {}}, "Start of structure or map found where not expected."),
        ("GetItem", {"TableName": []}, "Unrecognized collection type class java.lang.String"),
        ("Scan", {"TableName": "t", "Limit": "5"}, "STRING_VALUE cannot be converted to Integer"),
        ("Scan", {"TableName": "t", "Limit": True}, "TRUE_VALUE cannot be converted to Integer"),
        ("GetItem", {"TableName": "t", "ConsistentRead": "true"}, "STRING_VALUE cannot be converted to Boolean"),
        ("GetItem", {"TableName": "t", "Key": {"pk": {"S": 1}}}, f"NUMBER_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": "t", "Key": {"pk": {"N": 3}}}, f"NUMBER_VALUE {NOT_STRING}"),
        ("GetItem", {"TableName": "t", "Key": {"pk": "a"}}, "Unexpected value type in payload"),
        ("GetItem", {"TableName": "t", "Key": "a"}, "Unexpected field type"),
        (
            "PutItem",
            {"TableName": "t", "Item": {"pk": {"BOOL": "true"}}},
            "STRING_VALUE cannot be converted to Boolean",
        ),
        ("PutItem", {"TableName": "t", "Item": {"pk": {"NULL": 1}}}, "NUMBER_VALUE cannot be converted to Boolean"),
        ("PutItem", {"TableName": "t", "Item": {"pk": {"L": "x"}}}, "Unexpected field type"),
        ("PutItem", {"TableName": "t", "Item": {"pk": {"SS": [1]}}}, f"NUMBER_VALUE {NOT_STRING}"),
        (
            "PutItem",
            {"TableName": "t", "Item": {"pk": {"B": 1}}},
            "only base-64-encoded strings are convertible to bytes",
        ),
        (
            "PutItem",
            {"TableName": "t", "Item": {"pk": {"B": "a"}}},
            "Base64 encoded length is expected a multiple of 4 bytes but found: 1",
        ),
        (
            "PutItem",
            {"TableName": "t", "Item": {"pk": {"B": "ab=="}}},
            "Invalid last non-pad Base64 character dectected",
        ),
        ("GetShardIterator", {"StreamArn": 1}, f"NUMBER_VALUE {NOT_STRING}"),
        ("GetRecords", {"ShardIterator": "x", "Limit": "1"}, "STRING_VALUE cannot be converted to Integer"),
    ],
)
def test_a_member_of_the_wrong_json_type_is_named_by_its_token(wire, operation, request_, message):
    refused = wire.refusal(operation, request_)
    assert (refused.code, refused.message) == ("SerializationException", message)


WRONG = {"pk": {"S": 1}}
WRONG_VALUE = {":v": {"N": 1}}


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("PutItem", {"Item": WRONG}),
        ("PutItem", {"TableName": "", "Item": WRONG}),
        ("PutItem", {"TableName": "t", "Item": WRONG, "ReturnValues": "nonsense"}),
        ("PutItem", {"TableName": "t", "Item": WRONG, "ExpressionAttributeNames": {"#a": "a"}}),
        ("PutItem", {"TableName": "t", "Item": {"a": {}, **WRONG}}),
        (
            "UpdateItem",
            {"TableName": "t", "Key": WRONG, "ExpressionAttributeValues": {}, "UpdateExpression": "SET a=:v"},
        ),
        (
            "UpdateItem",
            {
                "TableName": "t",
                "Key": {"pk": {}},
                "UpdateExpression": "nonsense",
                "ExpressionAttributeValues": WRONG_VALUE,
            },
        ),
        (
            "DeleteItem",
            {"TableName": "t", "Key": {"pk": {}}, "ConditionExpression": "", "ExpressionAttributeValues": WRONG_VALUE},
        ),
        ("GetItem", {"TableName": "t", "Key": WRONG, "ExpressionAttributeNames": {"#a": "a"}}),
        ("Query", {"TableName": "t", "Select": "SPECIFIC_ATTRIBUTES", "ExclusiveStartKey": WRONG}),
        ("Scan", {"TableName": "t", "Segment": 1, "ExclusiveStartKey": WRONG}),
        ("Scan", {"TableName": "t", "Select": "ALL_PROJECTED_ATTRIBUTES", "ExpressionAttributeValues": WRONG_VALUE}),
        ("BatchGetItem", {"RequestItems": {"t": {"Keys": [{"pk": {}}]}, "u": {"Keys": [WRONG]}}}),
        ("BatchWriteItem", {"RequestItems": {"t": [{}, {"DeleteRequest": {"Key": WRONG}}]}}),
    ],
)
def test_a_wrong_json_type_anywhere_is_found_before_any_other_fault(wire, operation, request_):
    assert wire.refusal(operation, request_).code == "SerializationException"


@pytest.mark.parametrize(
    "request_", [{"TableName": None, "Limit": None}, {"Nonsense": 1}, {"Limit": 5, "x": {"y": []}}]
)
def test_null_members_count_as_absent_and_unknown_ones_are_ignored(wire, request_):
    assert "TableNames" in wire.call("ListTables", **request_)


def test_a_body_over_16_mb_is_refused_and_the_server_goes_on(daemon, wire):
    fresh = Wire(daemon.port)
    reply = fresh.post("PutItem", b" " * ((16 << 20) + 1))
    fresh.close()
    assert reply.status == 413
    assert reply.json()["__type"] == f"{CORAL}#RequestEntityTooLargeException"
    assert wire.call("ListTables")


def test_a_body_of_16_mb_is_read(wire):
    body = b'{"Limit":1' + b" " * ((16 << 20) - 11) + b"}"
    assert wire.post("ListTables", body).status == 200


def test_a_long_answer_comes_compressed_to_whoever_takes_it_with_the_checksum_of_what_is_sent(wire, new_table):
    table, item = new_table(), {"pk": {"S": "a"}, "v": {"S": "x" * 5000}}
    body = gzip.compress(json.dumps({"TableName": table, "Item": item}).encode())
    assert wire.post("PutItem", body, Content_Encoding="gzip").status == 200
    asked = json.dumps({"TableName": table, "Key": {"pk": {"S": "a"}}}).encode()
    plain, packed = wire.post("GetItem", asked), wire.post("GetItem", asked, Accept_Encoding="gzip, deflate")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert len(packed.body) < len(plain.body) / 10
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["x-amz-crc32"] == str(crc32(packed.body))
    assert "content-encoding" not in wire.post("ListTables", b'{"Limit":1}', Accept_Encoding="gzip").headers


def test_a_compressed_body_is_bounded_by_what_it_decompresses_to(wire):
    bomb = gzip.compress(b" " * ((16 << 20) + 1))
    reply = wire.post("ListTables", bomb, Content_Encoding="gzip")
    assert (reply.status, reply.json()["__type"]) == (413, f"{CORAL}#RequestEntityTooLargeException")
    assert wire.post("ListTables", b"{}", Content_Encoding="gzip").json()["__type"] == f"{CORAL}#SerializationException"


def test_a_body_in_chunks_is_read(wire):
    wire.send("POST", "/", None)
    reply = wire.send("POST", "/", iter([b'{"Lim', b'it":', b"1}"]), header())
    assert reply.status == 200


def read_to_end(connection):
    parts = []
    while part := connection.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def http(body=b"{}", *lines, target="DynamoDB_20120810.ListTables", host="127.0.0.1"):
    head = [
        "POST / HTTP/1.1",
        f"Host: {host}",
        f"X-Amz-Target: {target}",
        f"Content-Type: {JSON_1_0}",
        f"Content-Length: {len(body)}",
        *lines,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def test_requests_of_one_connection_are_answered_in_order(daemon):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as connection:
        wrong = http(target="DynamoDB_20120810.Nonsense")
        connection.sendall(http() + wrong + http(b"{}", "Connection: close"))
        answers = re.findall(rb"HTTP/1.1 (\d+)", read_to_end(connection))
    assert answers == [b"200", b"400", b"200"]


def test_a_client_that_goes_away_in_the_middle_of_its_body_does_no_harm(daemon, wire):
    with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as connection:
        connection.sendall(http(b'{"Limit": 1}')[:-5])
    assert wire.call("ListTables")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "localhost:1234", "[::1]:8000", "127.0.0.1:1"])
def test_a_host_of_this_machine_is_served(wire, host):
    assert wire.post("ListTables", b"{}", Host=host).status == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "10.0.0.1", "", "dynamodb.us-east-1.amazonaws.com"],
)
def test_a_foreign_host_is_refused_with_a_hint(wire, host):
    for method, path in (("POST", "/"), ("GET", "/"), ("GET", "/health"), ("OPTIONS", "/")):
        reply = wire.send(method, path, b"{}" if method == "POST" else None, header(Host=host))
        assert (reply.status, reply.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
        assert "server.allowed_hosts" in reply.json()["Message"]
        assert reply.json()["__type"] == "com.amazon.coral.service#AccessDeniedException"


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:1", "https://console.example.evil.example"]
)
def test_a_page_of_another_site_is_refused_with_a_hint(wire, origin):
    reply = wire.post("ListTables", b"{}", Origin=origin)
    assert reply.status == 403
    assert b"server.allowed_origins" in reply.body
    assert "access-control-allow-origin" not in reply.headers


def test_a_page_of_this_server_may_call_and_read_the_answer(daemon, wire):
    reply = wire.post("ListTables", b"{}", Origin=daemon.url)
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "x-amzn-RequestId" in reply.headers["access-control-expose-headers"]


def test_a_preflight_gets_the_method_and_headers_that_it_asks_for(daemon, wire):
    asked = {
        "Origin": daemon.url,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,x-amz-target",
    }
    reply = wire.send("OPTIONS", "/", None, asked)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["access-control-allow-methods"] == "POST"
    assert reply.headers["access-control-allow-headers"] == "authorization,x-amz-target"
    assert reply.headers["access-control-max-age"] == "172800"


def test_without_an_origin_options_is_no_request_of_the_protocol(wire):
    assert wire.send("OPTIONS", "/").status == 404
