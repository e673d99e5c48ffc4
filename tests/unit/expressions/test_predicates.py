"""What begins_with, contains and size mean for values."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from cdc.expressions.predicates import begins_with, contains, size

if TYPE_CHECKING:
    from cdc.model.values import AttributeValue


def binary(content: bytes) -> AttributeValue:
    return {"B": b64encode(content).decode()}


@pytest.mark.parametrize(
    ("value", "prefix", "expected"),
    [
        ({"S": "abc"}, {"S": "ab"}, True),
        ({"S": "abc"}, {"S": ""}, True),
        ({"S": "abc"}, {"S": "b"}, False),
        (binary(b"\x00\x01\x02"), binary(b"\x00\x01"), True),
        (binary(b"\x00\x01\x02"), binary(b"\x01"), False),
        ({"S": "AAE="}, {"B": "AAE="}, False),
        ({"N": "12"}, {"S": "1"}, False),
        ({"L": [{"S": "a"}]}, {"S": "a"}, False),
    ],
)
def test_begins_with_compares_strings_and_bytes_of_the_same_type(
    value: AttributeValue, prefix: AttributeValue, *, expected: bool
) -> None:
    assert begins_with(value, prefix) is expected


@pytest.mark.parametrize(
    ("container", "value", "expected"),
    [
        ({"S": "abc"}, {"S": "bc"}, True),
        ({"S": "abc"}, {"S": "x"}, False),
        ({"S": "12"}, {"N": "1"}, False),
        (binary(b"\x00\x01\x02"), binary(b"\x01\x02"), True),
        (binary(b"\x00\x01\x02"), binary(b"\x00\x02"), False),
        ({"SS": ["a", "b"]}, {"S": "b"}, True),
        ({"SS": ["ab"]}, {"S": "a"}, False),
        ({"SS": ["1"]}, {"N": "1"}, False),
        ({"NS": ["1", "2"]}, {"N": "2"}, True),
        ({"BS": ["AAE="]}, {"B": "AAE="}, True),
        ({"SS": ["a"]}, {"SS": ["a"]}, False),
        ({"L": [{"S": "a"}, {"M": {"b": {"N": "1"}}}]}, {"M": {"b": {"N": "1"}}}, True),
        ({"L": [{"N": "1"}]}, {"S": "1"}, False),
        ({"M": {"a": {"S": "b"}}}, {"S": "a"}, False),
        ({"N": "12"}, {"N": "1"}, False),
        ({"BOOL": True}, {"BOOL": True}, False),
    ],
)
def test_contains_looks_for_parts_and_for_equal_elements(
    container: AttributeValue, value: AttributeValue, *, expected: bool
) -> None:
    assert contains(container, value) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é"}, 1),
        ({"S": "\N{GRINNING FACE}a"}, 3),
        ({"B": ""}, 0),
        ({"B": "AAE="}, 2),
        ({"B": "AAEC"}, 3),
        ({"SS": ["a", "b"]}, 2),
        ({"NS": ["1"]}, 1),
        ({"BS": ["AAE="]}, 1),
        ({"L": []}, 0),
        ({"L": [{"L": [{"S": "a"}, {"S": "b"}]}]}, 1),
        ({"M": {"a": {"S": "b"}, "c": {"S": "d"}}}, 2),
        ({"N": "12"}, None),
        ({"BOOL": True}, None),
        ({"NULL": True}, None),
    ],
)
def test_size_counts_utf_16_units_bytes_or_elements(value: AttributeValue, expected: int | None) -> None:
    assert size(value) == expected
