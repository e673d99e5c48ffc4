"""The Lambda API over HTTP, without a socket: headers, bodies of errors, and what faults look like."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from cdc.api.http import BODY_BYTES, Request
from cdc.api.lambda_http import UPLOAD_BYTES, LambdaHttp
from cdc.clock import ManualClock
from cdc.model.options import Options
from cdc.service import open_service
from tests.unit.lambda_api.contexts import FakeFunctions, Lambda


@pytest.fixture
def lambda_(tmp_path):
    with open_service(tmp_path / "cdc.db", Options(), ManualClock()) as service:
        lambda_ = Lambda(service, functions=FakeFunctions())
        lambda_.declare("audit")
        yield lambda_


def answered(api, method, target, body=b"", **headers):
    async def run():
        http = LambdaHttp(api)
        future = asyncio.get_running_loop().create_future()
        named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
        http(Request(method.encode(), target.encode(), named, body), future.set_result)
        try:
            return await future
        finally:
            http.close()

    response = asyncio.run(run())
    return response.status, dict(response.headers), response.body


def test_an_answer_is_json_with_a_request_id(lambda_):
    status, headers, body = answered(lambda_.api, "GET", "/2015-03-31/functions/")
    assert (status, headers[b"content-type"]) == (200, b"application/json")
    assert len(headers[b"x-amzn-requestid"]) == 36
    assert [each["FunctionName"] for each in orjson.loads(body)["Functions"]] == ["audit"]


def test_an_invocation_has_the_id_of_its_request(lambda_):
    _, headers, body = answered(lambda_.api, "POST", "/2015-03-31/functions/audit/invocations", b"1")
    assert body == b'{"fine":1}'
    assert headers[b"x-amz-executed-version"] == b"$LATEST"
    assert lambda_.functions.invocations[0].request_id.encode() == headers[b"x-amzn-requestid"]


def test_an_error_is_named_in_a_header(lambda_):
    status, headers, body = answered(lambda_.api, "GET", "/2015-03-31/functions/nobody")
    assert (status, headers[b"x-amzn-errortype"]) == (404, b"ResourceNotFoundException")
    text = "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody"
    assert orjson.loads(body) == {"Type": "User", "Message": text, "message": text}


def test_whoever_is_asked_to_come_again_is_told_when(lambda_):
    lambda_.functions.full = True
    status, headers, body = answered(lambda_.api, "POST", "/2015-03-31/functions/audit/invocations")
    assert (status, headers[b"retry-after"]) == (429, b"1")
    assert orjson.loads(body) == {
        "Type": "User",
        "message": "full",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    }


def test_the_reason_behind_a_text_of_lambda_s_is_a_member_and_in_the_log(lambda_, caplog):
    caplog.set_level("INFO")
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
    request = {"FunctionName": "audit", "EventSourceArn": arn, "StartingPosition": "LATEST"}
    filters = {"FilterCriteria": {"Filters": [{"Pattern": "[]"}]}}
    status, _, body = answered(
        lambda_.api, "POST", "/2015-03-31/event-source-mappings", orjson.dumps(request | filters)
    )
    assert (status, orjson.loads(body)["message"]) == (400, "Invalid filter pattern definition.")
    assert orjson.loads(body)["Reason"].startswith("filter 1: [] is no object")
    assert "Invalid filter pattern definition.: filter 1: [] is no object" in caplog.text


def test_a_fault_is_logged_and_hidden(lambda_, monkeypatch, caplog):
    monkeypatch.setattr(lambda_.directory, "all_uploaded", lambda: 1 / 0)
    status, headers, body = answered(lambda_.api, "GET", "/2015-03-31/functions")
    assert (status, headers[b"x-amzn-errortype"]) == (500, b"ServiceException")
    assert orjson.loads(body)["Type"] == "Service"
    assert "ZeroDivisionError" in caplog.text
    assert b"division" not in body


def test_a_fault_in_a_write_is_one_of_the_service_too(lambda_, monkeypatch, caplog):
    monkeypatch.setattr("cdc.lambda_api.tags.store.add", lambda *_: 1 / 0)
    target = "/2017-03-31/tags/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aaudit"
    status, headers, body = answered(lambda_.api, "POST", target, b'{"Tags":{"a":"b"}}')
    assert (status, headers[b"x-amzn-errortype"]) == (500, b"ServiceException")
    assert orjson.loads(body)["Type"] == "Service"
    assert "ZeroDivisionError" in caplog.text


def test_a_closed_file_is_a_fault_of_the_service(lambda_):
    lambda_.service.close()
    status, headers, _ = answered(lambda_.api, "DELETE", "/2015-03-31/event-source-mappings/x")
    assert (status, headers[b"x-amzn-errortype"]) == (500, b"ServiceException")


def test_longer_bodies_are_taken_only_where_uploads_are(lambda_):
    async def run(api):
        http = LambdaHttp(api)
        http.close()
        return http.body_bytes(b"/2015-03-31/functions", BODY_BYTES), http.body_bytes(b"/", BODY_BYTES)

    assert asyncio.run(run(lambda_.api)) == (UPLOAD_BYTES, BODY_BYTES)
    off = Lambda(lambda_.service, allow_upload=False)
    assert asyncio.run(run(off.api)) == (BODY_BYTES, BODY_BYTES)


def test_an_invocation_that_ends_after_the_loop_is_told_to_nobody(lambda_, caplog):
    lambda_.functions.outcome = None

    async def run():
        http = LambdaHttp(lambda_.api)
        http(Request(b"POST", b"/2015-03-31/functions/audit/invocations", {}, b""), lambda _: None)
        http.close()

    asyncio.run(run())
    from cdc.model.functions import Outcome  # noqa: PLC0415

    lambda_.functions.waiting[0](Outcome(ok=True, duration_ms=1.0))
    assert "its caller is not told" in caplog.text
