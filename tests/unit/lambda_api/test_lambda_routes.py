"""Every operation of the model is answered or refused by its name."""

from __future__ import annotations

import re

import botocore.session
import pytest

from cdc.lambda_api.routes import INVOKE, OPERATIONS, ROUTES, find
from cdc.model.lambda_errors import InvalidParameterValueException, UnknownRouteException

MODEL = botocore.session.get_session().get_service_model("lambda")
SHARE_A_PATH = {
    "GetLayerVersionByArn": "ListLayers",
    "ListProvisionedConcurrencyConfigs": "GetProvisionedConcurrencyConfig",
}


def test_every_operation_of_the_model_has_its_route_and_no_other():
    assert {route.operation for route in ROUTES} == set(MODEL.operation_names) - SHARE_A_PATH.keys()


@pytest.mark.parametrize("name", MODEL.operation_names)
def test_an_operation_is_found_or_refused_by_name(name):
    http = MODEL.operation_model(name).http
    target = re.sub(r"\{\w+\}", "a%3Ab", http["requestUri"])
    if name in OPERATIONS or name == INVOKE:
        found = find(http["method"], target)
        assert found.operation == name
        assert set(found.path.values()) <= {"a:b"}
    else:
        with pytest.raises(InvalidParameterValueException) as caught:
            find(http["method"], target)
        assert str(caught.value) == f"{SHARE_A_PATH.get(name, name)} is not supported by this version of cdc"


def test_a_slash_at_the_end_changes_nothing():
    assert find("GET", "/2015-03-31/event-source-mappings/?MaxItems=1&FunctionName=a%3Ab").query == {
        "MaxItems": ["1"],
        "FunctionName": ["a:b"],
    }


@pytest.mark.parametrize("target", ["/2015-03-31/nothing", "/2015-03-31", "/2015-03-31/functions/a/b/c", "/20"])
def test_what_is_no_operation_is_said_to_be_none(target):
    with pytest.raises(UnknownRouteException) as caught:
        find("GET", target)
    assert (caught.value.code, caught.value.status) == ("UnknownOperationException", 404)
