"""Whatever a request holds, it is answered or refused: it is never a fault of the service."""

from __future__ import annotations

import contextlib
import re
from typing import Any

import botocore.session
import pytest

from cdc.lambda_api.routes import INVOKE, OPERATIONS
from cdc.model.lambda_errors import LambdaError
from tests.unit.lambda_api.contexts import quoted
from tests.unit.lambda_api.zips import base64_of, zip_of

MODEL = botocore.session.get_session().get_service_model("lambda")
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 2**63, 1.5, -1e300, "", "x", "\0", "ü" * 300, "x" * 20_000, "$LATEST", "../.."),
    *([], [None], [1], [[]], [{}], ["x"], {}, {"": ""}, {"a": None}, {"a": "\0"}, {"a": {"b": []}}),
    *({"Filters": None}, {"Filters": [None]}, {"Filters": [{"Pattern": None}]}, {"Filters": [{"Pattern": "\0"}]}),
    *(
        {"OnFailure": None},
        {"OnFailure": "x"},
        {"OnFailure": {"Destination": "file:\0"}},
        {"OnFailure": {"Destination": "://"}},
    ),
    *(
        {"Metrics": None},
        {"Metrics": [None]},
        {"Variables": None},
        {"Variables": {"": ""}},
        {"Size": None},
        {"Size": "x"},
    ),
    *({"ZipFile": ""}, {"ZipFile": "\0"}, {"S3Bucket": "hot-reload"}, {"S3Bucket": "hot-reload", "S3Key": "/\0"}),
    {"S3Bucket": "hot-reload", "S3Key": "/" + "x" * 1000},
]
OPERATION_NAMES = sorted({*OPERATIONS, INVOKE})


@pytest.fixture
def whole(stream_arn):
    """A request of each operation that is taken, but for one member each."""
    zip_file = base64_of(zip_of({"app.py": "x"}))
    return {
        "CreateEventSourceMapping": {
            "FunctionName": "audit",
            "EventSourceArn": stream_arn,
            "StartingPosition": "LATEST",
        },
        "CreateFunction": {
            "FunctionName": "f",
            "Runtime": "python3.12",
            "Handler": "a.b",
            "Role": "arn:aws:iam::000000000000:role/r",
            "Code": {"ZipFile": zip_file},
        },
        "UpdateFunctionCode": {"ZipFile": zip_file},
    }


@pytest.mark.parametrize("name", OPERATION_NAMES)
def test_no_value_of_a_member_is_a_fault(name, whole, lambda_):
    lambda_.call("POST", "/2015-03-31/functions", whole["CreateFunction"])
    model = MODEL.operation_model(name)
    method, uri = model.http["method"], model.http["requestUri"]
    uuid = lambda_.call("POST", "/2015-03-31/event-source-mappings", whole["CreateEventSourceMapping"]).body["UUID"]
    sound = {"UUID": uuid, "FunctionName": "f", "Resource": "arn:aws:lambda:us-east-1:000000000000:function:f"}
    target = re.sub(r"\{(\w+)\}", lambda match: quoted(sound[match[1]]), uri)
    for member, shape in model.input_shape.members.items():
        for value in ODD:
            if shape.serialization.get("location") == "uri":
                answered(lambda_, method, uri.replace(f"{{{member}}}", quoted(str(value))))
            elif shape.serialization.get("location") == "querystring":
                answered(lambda_, method, target, **{shape.serialization["name"]: str(value)})
            else:
                answered(lambda_, method, target, whole.get(name, {}) | {member: value})


def answered(lambda_, method, target, body=None, **query):
    """Let an operation answer or refuse, with an error that has a status and a body of Lambda's."""
    with contextlib.suppress(LambdaError):
        answer = lambda_.call(method, target, body, **query)
        assert answer.status in {200, 201, 202, 204}
