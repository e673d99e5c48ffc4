"""The ways to name a function (Lambda: NamespacedFunctionName)."""

from __future__ import annotations

import pytest

from cdc.model.function_names import FunctionName, parse_function_name

ARN = "arn:aws:lambda:us-east-1:123456789012:function:f"


@pytest.mark.parametrize(
    ("text", "name", "qualifier"),
    [
        ("f", "f", None),
        ("f:$LATEST", "f", "$LATEST"),
        ("f:live", "f", "live"),
        ("f:12", "f", "12"),
        (ARN, "f", None),
        (f"{ARN}:live", "f", "live"),
        ("123456789012:function:f", "f", None),
        ("123456789012:f:1", "f", "1"),
        ("function:f", "f", None),
        ("us-gov-west-1:123456789012:function:f", "f", None),
    ],
)
def test_a_name_is_taken_apart(text, name, qualifier):
    assert parse_function_name(text) == FunctionName(name, qualifier)


@pytest.mark.parametrize("text", ["", "a b", "arn:aws:lambda:us-east-1:12:function:f", "f:", "f:$OLDEST", "a/b"])
def test_what_is_no_name_is_none(text):
    assert parse_function_name(text) is None


def test_no_qualifier_is_the_latest_version():
    assert FunctionName("f", None).is_latest
    assert FunctionName("f", "$LATEST").is_latest
    assert not FunctionName("f", "1").is_latest
