"""JSON types on the wire: the checks that stand alone, and base64."""

from __future__ import annotations

from base64 import b64decode, b64encode

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cdc.model import wire_types
from cdc.model.errors import SerializationException


@example("AAAAAAAA=")
@example("AAAA====")
@example("AA==AA==")
@given(st.text("ABQgwx+/=-", max_size=9))
def test_base64_is_accepted_in_its_one_canonical_spelling_only(text: str) -> None:
    try:
        expected = b64decode(text, validate=True)
        canonical = b64encode(expected).decode() == text
    except ValueError:
        canonical = False
    if canonical:
        assert wire_types.decode_base64(text) == expected
    else:
        with pytest.raises(SerializationException):
            wire_types.decode_base64(text)


@given(st.binary())
def test_base64_of_any_bytes_is_decoded(data: bytes) -> None:
    assert wire_types.decode_base64(b64encode(data).decode()) == data


def test_faults_that_are_no_wrong_json_types_are_left_to_parsing() -> None:
    raw = {"": {}, "a": None, "b": {"N": "x", "SS": []}, "c": {"NULL": False}, "d": {"S": None}, "e": {"L": [None]}}
    wire_types.check_map(raw)
    wire_types.check_value({"M": raw})


def test_the_first_wrong_type_in_the_order_of_the_text_is_reported() -> None:
    raw = {"a": {"L": [{"S": "x"}, {"S": True}, {"S": 1}]}, "b": {"S": {}}}
    with pytest.raises(SerializationException) as error:
        wire_types.check_map(raw)
    assert error.value.message == "TRUE_VALUE cannot be converted to String"


def test_a_body_that_nests_as_deep_as_json_can_is_checked_without_exhausting_the_stack() -> None:
    raw = orjson.loads(b'{"L":[' * 500 + b'{"S":1}' + b"]}" * 500)
    with pytest.raises(SerializationException) as error:
        wire_types.check_value(raw)
    assert error.value.message == "NUMBER_VALUE cannot be converted to String"


@pytest.mark.parametrize(("text", "size"), [("", 0), ("abc", 3), ("é", 2), ("€", 3), ("\U0001f600", 4)])
def test_a_text_is_measured_in_utf8(text: str, size: int) -> None:
    assert wire_types.utf8_size(text) == size
