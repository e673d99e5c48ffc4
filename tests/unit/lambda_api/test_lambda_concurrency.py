"""How many invocations of a function run at once, set and told over the API; and its one version."""

from __future__ import annotations

import pytest

from tests.unit.lambda_api.contexts import Lambda
from tests.unit.lambda_api.zips import base64_of, zip_of

FUNCTIONS = "/2015-03-31/functions"
SET = "/2017-10-31/functions/{}/concurrency"
GET = "/2019-09-30/functions/{}/concurrency"


@pytest.fixture
def made(lambda_):
    request = {
        "FunctionName": "f",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/cdc",
        "Handler": "app.handler",
        "Code": {"ZipFile": base64_of(zip_of({"app.py": "def handler(event, context): return 1"}))},
    }
    return lambda_.call("POST", FUNCTIONS, request).body


def put(number, name="f"):
    return "PUT", SET.format(name), {"ReservedConcurrentExecutions": number}


@pytest.mark.usefixtures("made")
def test_a_reserved_concurrency_is_in_force_until_it_is_taken_away(lambda_, functions):
    assert lambda_.call("GET", GET.format("f")).body == {}
    answer = lambda_.call(*put(3))
    assert (answer.status, answer.body) == (200, {"ReservedConcurrentExecutions": 3})
    assert functions.definitions["f"].reserved_concurrency == 3
    assert lambda_.call("GET", GET.format("f")).body == {"ReservedConcurrentExecutions": 3}
    assert lambda_.call("GET", f"{FUNCTIONS}/f").body["Concurrency"] == {"ReservedConcurrentExecutions": 3}
    lambda_.call("PUT", f"{FUNCTIONS}/f/configuration", {"Timeout": 9})
    assert functions.definitions["f"].reserved_concurrency == 3
    answer = lambda_.call("DELETE", SET.format("f"))
    assert (answer.status, answer.body) == (204, None)
    assert functions.definitions["f"].reserved_concurrency is None
    assert "Concurrency" not in lambda_.call("GET", f"{FUNCTIONS}/f").body


def test_nothing_begins_anew_when_there_is_none_to_take_away(made, lambda_):
    lambda_.noticed.clear()
    assert lambda_.call("DELETE", SET.format("f")).status == 204
    assert lambda_.noticed == []
    assert lambda_.call("GET", f"{FUNCTIONS}/f").body["Configuration"]["RevisionId"] == made["RevisionId"]


@pytest.mark.parametrize(
    ("number", "code", "text"),
    [
        (0, "InvalidParameterValueException", "0 is not supported by cdc"),
        (-1, "ValidationException", "'reservedConcurrentExecutions' failed to satisfy constraint"),
        (1001, "ValidationException", "Member must have value less than or equal to 1000"),
    ],
)
@pytest.mark.usefixtures("made")
def test_a_number_that_can_not_be_reserved_is_refused(number, code, text, lambda_):
    refused = lambda_.refusal(*put(number))
    assert refused.code == code
    assert text in refused.message


def test_only_functions_that_are_there_and_not_declared_may_be_changed(lambda_):
    assert lambda_.refusal(*put(1, "nobody")).code == "ResourceNotFoundException"
    assert lambda_.refusal("GET", GET.format("nobody")).code == "ResourceNotFoundException"
    assert lambda_.refusal(*put(1, "audit")).code == "ResourceConflictException"
    assert lambda_.refusal("DELETE", SET.format("audit")).code == "ResourceConflictException"
    assert lambda_.call("GET", GET.format("audit")).body == {}


def test_concurrency_is_set_only_where_functions_may_be_changed(service, functions):
    api = Lambda(service, allow_upload=False, functions=functions)
    assert api.refusal(*put(1)).code == "AccessDeniedException"
    assert api.refusal("DELETE", SET.format("f")).code == "AccessDeniedException"


@pytest.mark.usefixtures("made")
def test_a_function_has_the_one_version_that_has_no_number(lambda_):
    versions = lambda_.call("GET", f"{FUNCTIONS}/f/versions").body
    assert [each["Version"] for each in versions["Versions"]] == ["$LATEST"]
    assert versions["Versions"][0]["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    assert lambda_.refusal("GET", f"{FUNCTIONS}/nobody/versions").code == "ResourceNotFoundException"
