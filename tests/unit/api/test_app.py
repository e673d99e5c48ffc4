"""The application by itself: what the HTTP server hands it and what it answers, without a socket."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import orjson
import pytest
from prometheus_client.parser import text_string_to_metric_families

from cdc.api.app import App
from cdc.api.authentication import Authenticator
from cdc.api.guard import Guard
from cdc.api.http import Request
from cdc.clock import ManualClock
from cdc.model.credentials import Credential
from cdc.model.options import Options
from cdc.service import open_service
from tests.unit.lambda_api.contexts import api_of

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
def answer(service):
    """Let an application answer requests, in turns of one event loop; returns the responses."""

    def answer(*requests, app_of=service, ready=True, credentials=()):
        async def run():
            authenticator = Authenticator(credentials, ManualClock())
            app = App(app_of, Guard("127.0.0.1", (), ()), authenticator, api_of(app_of))
            app.ready = ready
            answered = []
            for request in requests:
                future = asyncio.get_running_loop().create_future()
                app(request, future.set_result)
                answered.append(future)
            try:
                return await asyncio.gather(*answered)
            finally:
                app.close()

        return asyncio.run(run())

    return answer


def request_of(method="POST", target="/", body=b"", *, local=True, **headers):
    given = {"host": "localhost", "content-type": "application/x-amz-json-1.0"} | headers
    named = {name.replace("_", "-").encode(): value.encode() for name, value in given.items()}
    return Request(method.encode(), target.encode(), named, body, local)


def target_of(operation):
    return {"x_amz_target": f"DynamoDB_20120810.{operation}"}


def call_of(operation, **request):
    return request_of(body=orjson.dumps(request), **target_of(operation))


@pytest.fixture
def call(answer):
    """Run one operation; return status and body."""

    def call(operation, **request):
        [response] = answer(call_of(operation, **request))
        return response.status, orjson.loads(response.body)

    return call


def test_writes_quick_reads_and_scans_are_answered(call):
    status, created = call("CreateTable", **TABLE)
    assert (status, created["TableDescription"]["TableStatus"]) == (200, "CREATING")
    assert call("PutItem", TableName="abc", Item={"pk": {"S": "a"}}) == (200, {})
    assert call("GetItem", TableName="abc", Key={"pk": {"S": "a"}}) == (200, {"Item": {"pk": {"S": "a"}}})
    assert call("DescribeTable", TableName="abc")[1]["Table"]["ItemCount"] == 1
    assert call("Scan", TableName="abc")[1]["Count"] == 1


def test_many_writes_at_once_are_all_answered_each_with_its_own_outcome(call, answer):
    call("CreateTable", **TABLE)
    request = {"TableName": "abc", "ConditionExpression": "attribute_not_exists(pk)"}
    calls = [call_of("PutItem", **request, Item={"pk": {"S": str(number // 2)}}) for number in range(100)]
    assert [response.status for response in answer(*calls)] == [200, 400] * 50


def test_many_quick_reads_at_once_are_all_answered_each_with_its_own_outcome(call, answer):
    call("CreateTable", **TABLE)
    call("PutItem", TableName="abc", Item={"pk": {"S": "a"}})
    get = call_of("GetItem", TableName="abc", Key={"pk": {"S": "a"}})
    wrong = call_of("GetItem", TableName="other", Key={"pk": {"S": "a"}})
    responses = answer(get, wrong, get)
    assert [response.status for response in responses] == [200, 400, 200]
    assert len({dict(response.headers)[b"x-amzn-requestid"] for response in responses}) == 3


def test_what_is_no_acceptable_request_is_refused_in_the_words_of_the_service(service):
    async def run():
        app = App(service, Guard("127.0.0.1", (), ()), Authenticator((), ManualClock()), api_of(service))
        app.close()
        return app.refusal(413, "too long"), app.refusal(400, "what?")

    large, strange = asyncio.run(run())
    body = orjson.loads(large.body)
    assert (large.status, body["__type"]) == (413, "com.amazon.coral.service#RequestEntityTooLargeException")
    assert (strange.status, strange.body) == (400, b"what?")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(("ready", "status", "word"), [(True, 200, "ok"), (False, 503, "draining")])
def test_health_says_when_it_drains(ready, status, word, method, answer):
    [response] = answer(request_of(method, "/health?verbose"), ready=ready)
    assert (response.status, orjson.loads(response.body)) == (status, {"status": word})


def test_the_root_names_the_region(answer):
    [(status, headers, body)] = answer(request_of("GET"))
    assert (status, body) == (200, b"healthy: dynamodb.eu-west-1.amazonaws.com ")
    assert len(dict(headers)[b"x-amzn-requestid"]) == 52


def test_a_fault_inside_is_an_internal_server_error_and_the_application_goes_on(call, service, monkeypatch, caplog):
    def broken():
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr(service.reader, "snapshot", broken)
        status, body = call("ListTables")
    assert (status, body["__type"].partition("#")[2]) == (500, "InternalServerError")
    assert "fire" not in str(body)
    assert len(caplog.records) == 1
    assert call("ListTables")[0] == 200


def test_after_the_service_was_closed_a_write_is_unavailable(tmp_path, answer):
    service = open_service(tmp_path / "other.db", Options(), ManualClock())
    service.close()
    [response] = answer(call_of("CreateTable", **TABLE), app_of=service)
    body = orjson.loads(response.body)
    assert (response.status, body["__type"].partition("#")[2]) == (503, "ServiceUnavailable")


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
def test_a_preflight_allows_what_was_asked_for(answer, headers, allowed):
    [(status, answered, _)] = answer(request_of("OPTIONS", origin="http://localhost", **headers))
    answered = dict(answered)
    assert status == 200
    assert answered.items() >= {b"access-control-allow-origin": b"*", b"access-control-max-age": b"172800"}.items()
    assert {name: value for name, value in answered.items() if name.startswith(b"access-control-allow-")} == {
        b"access-control-allow-origin": b"*"
    } | allowed


def test_a_refused_page_is_told_nothing_that_its_browser_would_let_it_read(answer):
    [(status, answered, _)] = answer(request_of("OPTIONS", origin="https://evil.example"))
    assert status == 403
    assert not any(name.startswith(b"access-control") for name, _ in answered)


def page(response):
    assert dict(response.headers)[b"content-type"] == b"text/plain; version=0.0.4; charset=utf-8"
    families = text_string_to_metric_families(response.body.decode())
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def test_the_metrics_are_those_of_all_requests_before(service):
    service.call("CreateTable", TABLE)

    async def run():
        app = App(service, Guard("127.0.0.1", (), ()), Authenticator((), ManualClock()), api_of(service))

        async def ask(request):
            future = asyncio.get_running_loop().create_future()
            app(request, future.set_result)
            return await future

        put = {"TableName": "abc", "Item": {"pk": {"S": "a"}}}
        await ask(call_of("PutItem", **put))
        await ask(call_of("PutItem", **put, ConditionExpression="attribute_not_exists(pk)"))
        await ask(call_of("GetItem", TableName="abc", Key={"pk": {"S": "a"}}))
        await ask(call_of("GetItem", TableName="abc", Key={"nope": {"S": "a"}}))
        await ask(call_of("Scan", TableName="abc"))
        await ask(request_of(body=b"{", x_amz_target="DynamoDB_20120810.GetItem"))
        try:
            return await ask(request_of("GET", "/metrics", origin="http://localhost"))
        finally:
            app.close()

    response = asyncio.run(run())
    found = page(response)
    assert (b"access-control-allow-origin", b"*") in response.headers
    successes = "cdc_dynamodb_successful_request_latency_milliseconds_count"
    expected = {("abc", "PutItem"): 1, ("abc", "GetItem"): 1, ("abc", "Scan"): 1, ("", "GetItem"): 0}
    assert {key[1:]: value for key, value in found.items() if key[0] == successes} == expected
    assert found["cdc_dynamodb_conditional_check_failed_requests_total", "abc", "PutItem"] == 1
    assert found["cdc_dynamodb_user_errors_total", "abc", "PutItem"] == 0
    assert found["cdc_dynamodb_user_errors_total", "abc", "GetItem"] == 1
    assert found["cdc_dynamodb_user_errors_total", "", "GetItem"] == 1


def test_what_a_functions_process_writes_is_told_with_the_numbers_of_its_records(service):
    stream = {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}
    service.call("CreateTable", TABLE | {"StreamSpecification": stream})
    told = []

    async def run():
        anyone = Authenticator((), ManualClock())
        guard, api = Guard("127.0.0.1", (), ()), api_of(service)
        app = App(service, guard, anyone, api, lambda: None, lambda *what: told.append(what))
        answered = []
        for key, agent in (("a", "Boto3/1 app/cdc-fn-f"), ("b", "Boto3/1"), ("a", "Boto3/1 app/cdc-fn-f")):
            future = asyncio.get_running_loop().create_future()
            put = call_of("PutItem", TableName="abc", Item={"pk": {"S": key}})
            app(put._replace(headers=put.headers | {b"user-agent": agent.encode()}), future.set_result)
            answered.append(future)
        try:
            return [each.status for each in await asyncio.gather(*answered)]
        finally:
            app.close()

    assert asyncio.run(run()) == [200, 200, 200]
    [(app_id, sequences)] = told  # the third leaves the item as it is, and makes no record
    assert (app_id, len(sequences)) == ("cdc-fn-f", 1)


# -- compression --


@pytest.fixture
def large(call):
    """Have a table with an item of 10 KB; returns the item."""
    call("CreateTable", **TABLE)
    item = {"pk": {"S": "a"}, "v": {"S": "x" * 10_000}}
    call("PutItem", TableName="abc", Item=item)
    return item


def get_of(operation, accepts):
    request = {"TableName": "abc"} | ({"Key": {"pk": {"S": "a"}}} if operation == "GetItem" else {})
    return request_of(body=orjson.dumps(request), accept_encoding=accepts, **target_of(operation))


@pytest.mark.parametrize("operation", ["GetItem", "Scan"])
@pytest.mark.parametrize("accepts", ["gzip", "gzip, deflate, br", "identity;q=0.5, GZIP;q=1.0"])
def test_a_long_answer_is_compressed_for_who_accepts_it_and_its_checksum_is_of_what_is_sent(
    answer, large, operation, accepts
):
    [(status, headers, body)] = answer(get_of(operation, accepts))
    headers = dict(headers)
    assert (status, headers[b"content-encoding"]) == (200, b"gzip")
    assert headers[b"x-amz-crc32"] == str(zlib.crc32(body)).encode()
    assert len(body) < 1000
    found = orjson.loads(gzip.decompress(body))
    assert found.get("Item") == large or found["Items"] == [large]


@pytest.mark.parametrize("accepts", ["identity", "deflate", "gzip;q=0", "br, gzip; q=0.0", "xgzip"])
def test_a_long_answer_is_not_compressed_for_who_does_not(answer, large, accepts):
    [(_, headers, body)] = answer(get_of("GetItem", accepts))
    assert b"content-encoding" not in dict(headers)
    assert orjson.loads(body) == {"Item": large}


def test_a_short_answer_is_never_compressed(answer, call):
    call("CreateTable", **TABLE)
    item = {"pk": {"S": "a"}, "v": {"S": "x" * 4000}}
    call("PutItem", TableName="abc", Item=item)
    [(_, headers, body)] = answer(get_of("GetItem", "gzip"))
    assert b"content-encoding" not in dict(headers)
    assert len(body) < 4096


def test_a_compressed_request_is_read(answer, call):
    call("CreateTable", **TABLE)
    body = gzip.compress(orjson.dumps({"TableName": "abc", "Item": {"pk": {"S": "a"}}}))
    [response] = answer(request_of(body=body, content_encoding="gzip", **target_of("PutItem")))
    assert (response.status, response.body) == (200, b"{}")
    [response] = answer(request_of(body=b"{}", content_encoding="identity", **target_of("ListTables")))
    assert orjson.loads(response.body) == {"TableNames": ["abc"]}


@pytest.mark.parametrize(
    ("encoding", "body", "status", "error"),
    [
        ("gzip", b"{}", 400, "SerializationException"),
        ("gzip", gzip.compress(b"{}", mtime=0)[:-4], 400, "SerializationException"),
        ("gzip", gzip.compress(b"{", mtime=0), 400, "SerializationException"),
        ("gzip", gzip.compress(b" " * ((16 << 20) + 1), mtime=0), 413, "RequestEntityTooLargeException"),
        ("br", b"{}", 400, "SerializationException"),
    ],
)
def test_a_request_that_can_not_be_decompressed_is_refused(answer, encoding, body, status, error):
    [response] = answer(request_of(body=body, content_encoding=encoding, **target_of("ListTables")))
    assert (response.status, orjson.loads(response.body)["__type"].partition("#")[2]) == (status, error)


# -- authentication --

KEY = Credential(access_key_id="key", secret_access_key="secret")


@pytest.mark.parametrize(
    ("target", "body", "error"),
    [
        ("ListTables", b"{", "SerializationException"),
        ("Nonsense", b"{}", "UnknownOperationException"),
        ("Nonsense", b"", "UnknownOperationException"),
        ("ListTables", b"", "MissingAuthenticationTokenException"),
        ("PutItem", b"{}", "MissingAuthenticationTokenException"),
    ],
)
def test_json_and_target_are_looked_at_before_the_signature_and_all_else_after_it(answer, target, body, error):
    [response] = answer(request_of(body=body, **target_of(target)), credentials=[KEY])
    assert (response.status, orjson.loads(response.body)["__type"]) == (400, f"com.amazon.coral.service#{error}")


def test_health_and_preflights_need_no_signature(answer):
    requests = request_of("GET", "/"), request_of("GET", "/health"), request_of("OPTIONS", origin="http://localhost")
    assert [response.status for response in answer(*requests, credentials=[KEY])] == [200] * 3


def test_callers_on_other_machines_need_an_access_key(answer):
    list_tables = request_of(body=b"{}", local=False, **target_of("ListTables"))
    [response] = answer(list_tables)
    assert orjson.loads(response.body)["__type"].endswith("#MissingAuthenticationTokenException")
