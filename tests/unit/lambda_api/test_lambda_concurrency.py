"""Reserved concurrency over the Lambda API: set, told, taken back, refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc.model.functions import FunctionDefinition
from tests.unit.lambda_api.contexts import Lambda
from tests.unit.lambda_api.zips import base64_of, zip_of

PUT = "/2017-10-31/functions/{}/concurrency"
GET = "/2019-09-30/functions/{}/concurrency"
FUNCTION = {
    "FunctionName": "f",
    "Runtime": "python3.12",
    "Role": "arn:aws:iam::000000000000:role/cdc",
    "Handler": "app.handler",
    "Code": {"ZipFile": base64_of(zip_of({"app.py": "x"}))},
}


def put(lambda_, instances, name="f"):
    return lambda_.call("PUT", PUT.format(name), {"ReservedConcurrentExecutions": instances})


def told(lambda_, name="f"):
    return lambda_.call("GET", GET.format(name)).body


@pytest.mark.parametrize("instances", [0, 3, 1000])
def test_what_is_reserved_is_in_force_and_told_until_it_is_taken_back(lambda_, functions, instances):
    lambda_.call("POST", "/2015-03-31/functions", FUNCTION)
    assert told(lambda_) == {}
    assert put(lambda_, instances).body == {"ReservedConcurrentExecutions": instances}
    assert functions.definitions["f"].reserved_concurrency == instances
    function = lambda_.call("GET", "/2015-03-31/functions/f").body
    assert function["Concurrency"] == told(lambda_) == {"ReservedConcurrentExecutions": instances}
    lambda_.call("PUT", "/2015-03-31/functions/f/configuration", {"Timeout": 9})  # which leaves it alone
    assert told(lambda_) == {"ReservedConcurrentExecutions": instances}
    assert lambda_.call("DELETE", PUT.format("f")).status == 204
    assert told(lambda_) == {}
    assert functions.definitions["f"].reserved_concurrency is None
    assert "Concurrency" not in lambda_.call("GET", "/2015-03-31/functions/f").body


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({}, "Value null at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must not be null"),
        ({"ReservedConcurrentExecutions": -1}, "Member must have value greater than or equal to 0"),
        ({"ReservedConcurrentExecutions": 1001}, "Member must have value less than or equal to 1000"),
    ],
)
def test_numbers_that_can_t_be_are_refused(lambda_, body, text):
    error = lambda_.refusal("PUT", PUT.format("f"), body)
    assert (error.code, error.status) == ("ValidationException", 400)
    assert text in str(error)


def test_a_function_that_is_not_there_has_none(lambda_):
    for method, path in (("PUT", PUT), ("DELETE", PUT), ("GET", GET)):
        error = lambda_.refusal(method, path.format("nobody"), {"ReservedConcurrentExecutions": 1})
        assert (error.code, error.status) == ("ResourceNotFoundException", 404)


def test_one_of_the_configuration_is_told_and_not_changed(lambda_):
    declared = FunctionDefinition(
        name="audit", working_directory=Path("/srv"), handler="app:handle", reserved_concurrency=2
    )
    lambda_.directory.configure([declared], {})
    assert told(lambda_, "audit") == {"ReservedConcurrentExecutions": 2}
    for method in ("PUT", "DELETE"):
        error = lambda_.refusal(method, PUT.format("audit"), {"ReservedConcurrentExecutions": 1})
        assert (error.code, error.status) == ("ResourceConflictException", 409)


def test_it_is_changed_only_where_functions_are(service):
    off = Lambda(service, allow_upload=False)
    for method in ("PUT", "DELETE"):
        error = off.refusal(method, PUT.format("f"), {"ReservedConcurrentExecutions": 1})
        assert (error.code, error.status) == ("AccessDeniedException", 403)


def test_a_function_has_the_one_version_that_has_no_number(lambda_):
    lambda_.call("POST", "/2015-03-31/functions", FUNCTION)
    [version] = lambda_.call("GET", "/2015-03-31/functions/f/versions").body["Versions"]
    assert version["Version"] == "$LATEST"
    assert version["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
    assert lambda_.refusal("GET", "/2015-03-31/functions/nobody/versions").code == "ResourceNotFoundException"
