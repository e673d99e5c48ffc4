"""The ASGI application by itself: what an HTTP server hands it and what it answers, without a socket."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from cdc.api.app import App
from cdc.api.guard import Guard
from cdc.clock import ManualClock
from cdc.model.options import Options
from cdc.service import open_service

TABLE = {
    "TableName": "abc",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def service(tmp_path):
    with open_service(tmp_path / "cdc.db", Options(region="eu-west-1"), ManualClock()) as service:
        yield service


@pytest.fixture
def app(service):
    app = App(service, Guard("127.0.0.1", (), ()))
    yield app
    app.close()


def scope_of(method="POST", path="/", **headers):
    given = {"host": "localhost", "content-type": "application/x-amz-json-1.0"} | headers
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()]
    return {"type": "http", "method": method, "path": path, "headers": pairs}


async def answer(app, scope, *messages):
    """Let the application answer one request; return status, headers and body."""
    pending = list(messages) or [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive():
        return pending.pop(0)

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    start, content = sent
    assert (start["type"], content["type"]) == ("http.response.start", "http.response.body")
    return start["status"], dict(start["headers"]), content["body"]


async def call(app, operation, *parts, **request):
    body = parts or (orjson.dumps(request),)
    messages = [
        {"type": "http.request", "body": part, "more_body": number < len(body) - 1} for number, part in enumerate(body)
    ]
    status, _, content = await answer(app, scope_of(x_amz_target=f"DynamoDB_20120810.{operation}"), *messages)
    return status, orjson.loads(content)


def test_writes_lookups_quick_reads_and_scans_are_answered(app):
    async def run():
        status, created = await call(app, "CreateTable", **TABLE)
        assert (status, created["TableDescription"]["TableStatus"]) == (200, "CREATING")
        assert await call(app, "PutItem", TableName="abc", Item={"pk": {"S": "a"}}) == (200, {})
        assert await call(app, "GetItem", TableName="abc", Key={"pk": {"S": "a"}}) == (
            200,
            {"Item": {"pk": {"S": "a"}}},
        )
        assert (await call(app, "DescribeTable", TableName="abc"))[1]["Table"]["ItemCount"] == 1
        assert (await call(app, "Scan", TableName="abc"))[1]["Count"] == 1

    asyncio.run(run())


def test_many_writes_at_once_are_all_answered_each_with_its_own_outcome(app):
    async def run():
        await call(app, "CreateTable", **TABLE)
        request = {"TableName": "abc", "ConditionExpression": "attribute_not_exists(pk)"}
        calls = [call(app, "PutItem", **request, Item={"pk": {"S": str(number // 2)}}) for number in range(100)]
        return [status for status, _ in await asyncio.gather(*calls)]

    statuses = asyncio.run(run())
    assert statuses == [200, 400] * 50


def test_a_body_in_pieces_is_put_together(app):
    status, names = asyncio.run(call(app, "ListTables", b'{"Lim', b"", b'it":1', b"}"))
    assert (status, names) == (200, {"TableNames": []})


def test_a_body_over_16_mb_is_refused_as_soon_as_it_is_known(app):
    piece = b" " * (1 << 20)
    status, body = asyncio.run(call(app, "ListTables", *[piece] * 17, b"never asked for"))
    assert status == 413
    assert body["__type"] == "com.amazon.coral.service#RequestEntityTooLargeException"


def test_a_client_that_goes_away_in_its_body_is_not_a_fault_of_the_server(app, caplog):
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    asyncio.run(answer(app, scope_of(x_amz_target="DynamoDB_20120810.ListTables"), *messages))
    assert caplog.records == []


def test_health_says_when_it_drains(app):
    status, _, body = asyncio.run(answer(app, scope_of("GET", "/health")))
    assert (status, orjson.loads(body)) == (200, {"status": "ok"})
    app.ready = False
    status, _, body = asyncio.run(answer(app, scope_of("GET", "/health")))
    assert (status, orjson.loads(body)) == (503, {"status": "draining"})


def test_the_root_names_the_region(app):
    status, headers, body = asyncio.run(answer(app, scope_of("GET")))
    assert (status, body) == (200, b"healthy: dynamodb.eu-west-1.amazonaws.com ")
    assert len(headers[b"x-amzn-requestid"]) == 52


def test_a_fault_inside_is_an_internal_server_error_and_the_application_goes_on(app, service, monkeypatch, caplog):
    def broken():
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(service.reader, "view", broken)
        status, body = asyncio.run(call(app, "ListTables"))
    assert (status, body["__type"].partition("#")[2]) == (500, "InternalServerError")
    assert "fire" not in str(body)
    assert len(caplog.records) == 1
    assert asyncio.run(call(app, "ListTables"))[0] == 200


def test_after_the_service_was_closed_a_write_is_unavailable(tmp_path):
    service = open_service(tmp_path / "cdc.db", Options(), ManualClock())
    app = App(service, Guard("127.0.0.1", (), ()))
    service.close()
    status, body = asyncio.run(call(app, "CreateTable", **TABLE))
    assert (status, body["__type"].partition("#")[2]) == (503, "ServiceUnavailable")
    app.close()


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, {}),
        (
            {"access_control_request_method": "POST", "access_control_request_headers": "authorization"},
            {b"access-control-allow-methods": b"POST", b"access-control-allow-headers": b"authorization"},
        ),
    ],
)
def test_a_preflight_allows_what_was_asked_for(app, headers, allowed):
    status, answered, _ = asyncio.run(answer(app, scope_of("OPTIONS", origin="http://localhost", **headers)))
    assert status == 200
    assert answered.items() >= {b"access-control-allow-origin": b"*", b"access-control-max-age": b"172800"}.items()
    assert {name: value for name, value in answered.items() if name.startswith(b"access-control-allow-")} == {
        b"access-control-allow-origin": b"*"
    } | allowed


def test_a_refused_page_is_told_nothing_that_its_browser_would_let_it_read(app):
    status, answered, _ = asyncio.run(answer(app, scope_of("OPTIONS", origin="https://evil.example")))
    assert status == 403
    assert not any(name.startswith(b"access-control") for name in answered)
