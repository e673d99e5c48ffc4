"""Tags of functions and mappings."""

from __future__ import annotations

import pytest

from tests.unit.lambda_api.contexts import quoted

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:audit"


def path_of(arn):
    return f"/2017-03-31/tags/{quoted(arn)}"


@pytest.fixture(params=["function", "mapping"])
def arn(request, lambda_, stream_arn):
    if request.param == "function":
        return FUNCTION
    mapping = {
        "FunctionName": "audit",
        "EventSourceArn": stream_arn,
        "StartingPosition": "LATEST",
        "Tags": {"old": "1"},
    }
    return lambda_.call("POST", "/2015-03-31/event-source-mappings", mapping).body["EventSourceMappingArn"]


def test_tags_are_added_replaced_listed_and_removed(arn, lambda_):
    before = lambda_.call("GET", path_of(arn)).body["Tags"]
    assert before == ({} if arn == FUNCTION else {"old": "1"})
    assert lambda_.call("POST", path_of(arn), {"Tags": {"a": "1", "b": ""}}).status == 204
    lambda_.call("POST", path_of(arn), {"Tags": {"a": "2"}})
    assert lambda_.call("GET", path_of(arn)).body == {"Tags": before | {"a": "2", "b": ""}}
    assert lambda_.call("DELETE", path_of(arn), tagKeys=["a", "old", "never"]).status == 204
    assert lambda_.call("GET", path_of(arn)).body == {"Tags": {"b": ""}}


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        (FUNCTION.replace("audit", "nobody"), "ResourceNotFoundException"),
        (f"{FUNCTION}:$LATEST", "InvalidParameterValueException"),
        (
            "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:00000000-0000-0000-0000-000000000000",
            "ResourceNotFoundException",
        ),
        (f"arn:aws:lambda:us-east-1:000000000000:code-signing-config:csc-{'0' * 17}", "InvalidParameterValueException"),
        ("arn:aws:lambda:us-east-1:000000000000:layer:l", "ValidationException"),
        ("audit", "ValidationException"),
    ],
)
def test_what_can_have_no_tags_is_refused(arn, code, lambda_):
    assert lambda_.refusal("GET", path_of(arn)).code == code
    assert lambda_.refusal("POST", path_of(arn), {"Tags": {"a": "1"}}).code == code
    assert lambda_.refusal("DELETE", path_of(arn), tagKeys=["a"]).code == code


def test_tags_have_lambda_s_bounds(lambda_):
    assert lambda_.refusal("POST", path_of(FUNCTION), {"Tags": {"k" * 129: "v"}}).code == "ValidationException"
    assert lambda_.refusal("POST", path_of(FUNCTION), {"Tags": {"k": "v" * 257}}).code == "ValidationException"
    assert lambda_.refusal("POST", path_of(FUNCTION), {}).code == "ValidationException"
    assert lambda_.refusal("DELETE", path_of(FUNCTION)).code == "ValidationException"
    lambda_.call("POST", path_of(FUNCTION), {"Tags": {str(number): "" for number in range(50)}})
    error = lambda_.refusal("POST", path_of(FUNCTION), {"Tags": {"one more": ""}})
    assert str(error) == "51 tags: a resource can have at most 50"
