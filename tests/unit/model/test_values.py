"""Attribute values: what is accepted, how it is normalised and measured, and the text of each refusal."""

from __future__ import annotations

import copy
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model import values
from cdc.model.errors import SerializationException, ValidationException

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdc.model.values import Item

OOMPV = "One or more parameter values were invalid: "
AV = "com.amazonaws.dynamodb.v20120810.AttributeValue"
EMPTY = "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"
SEVERAL = "Supplied AttributeValue has more than one datatypes set, must contain exactly one of the supported datatypes"
TOO_DEEP = (
    "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond supported limit"
)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
number_texts = st.integers(-(10**12), 10**12).map(str)
binaries = st.binary(max_size=8).map(lambda data: b64encode(data).decode())
scalars = st.one_of(
    st.builds(lambda s: {"S": s}, texts),
    st.builds(lambda n: {"N": n}, number_texts),
    st.builds(lambda b: {"B": b}, binaries),
    st.builds(lambda b: {"BOOL": b}, st.booleans()),
    st.just({"NULL": True}),
    st.builds(lambda e: {"SS": e}, st.lists(texts, min_size=1, max_size=4, unique=True)),
    st.builds(lambda e: {"NS": e}, st.lists(number_texts, min_size=1, max_size=4, unique=True)),
    st.builds(lambda e: {"BS": e}, st.lists(binaries, min_size=1, max_size=4, unique=True)),
)
any_values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.builds(lambda e: {"L": e}, st.lists(inner, max_size=3)),
        st.builds(lambda m: {"M": m}, st.dictionaries(texts, inner, max_size=3)),
    ),
    max_leaves=6,
)
items = st.dictionaries(texts.filter(bool), any_values, max_size=4)


def nested(levels: int, kind: str = "M") -> dict[str, Any]:
    """Wrap a scalar in so many maps or lists."""
    value: dict[str, Any] = {"S": "x"}
    for _ in range(levels):
        value = {"M": {"a": value}} if kind == "M" else {"L": [value]}
    return value


def refusal(raw: object) -> str:
    with pytest.raises(ValidationException) as error:
        values.parse_item({"a": raw})
    with pytest.raises(ValidationException) as of_value:
        values.parse_value(raw)
    assert error.value.message == of_value.value.message
    return error.value.message


def type_refusal(raw: object) -> str:
    with pytest.raises(SerializationException) as error:
        values.parse_item({"a": raw})
    return error.value.message


@pytest.mark.parametrize(
    ("raw", "normal"),
    [
        ({"S": ""}, {"S": ""}),
        ({"N": "1.50"}, {"N": "1.5"}),
        ({"B": ""}, {"B": ""}),
        ({"B": "AQI="}, {"B": "AQI="}),
        ({"BOOL": False}, {"BOOL": False}),
        ({"NULL": True}, {"NULL": True}),
        ({"L": []}, {"L": []}),
        ({"M": {}}, {"M": {}}),
        ({"M": {"": {"N": "01"}}}, {"M": {"": {"N": "1"}}}),
        ({"SS": ["b", "", "a", "é", "\U0001f600", "\uffff"]}, {"SS": ["", "a", "b", "é", "\uffff", "\U0001f600"]}),
        ({"NS": ["10", "9", "-1.0"]}, {"NS": ["-1", "9", "10"]}),
        ({"BS": ["/w==", "AA==", "", "gA=="]}, {"BS": ["", "AA==", "gA==", "/w=="]}),
        ({"S": "x", "N": None, "X": None}, {"S": "x"}),
        ({"L": [{"N": "1e1", "S": None}]}, {"L": [{"N": "10"}]}),
    ],
)
def test_a_value_is_normalised(raw: dict[str, Any], normal: dict[str, Any]) -> None:
    assert values.parse_value(raw)[0] == normal


@pytest.mark.parametrize(
    ("raw", "size"),
    [
        ({"S": ""}, 0),
        ({"S": "abc"}, 3),
        ({"S": "é€\U0001f600"}, 9),
        ({"N": "100.50"}, 4),
        ({"B": "AQI="}, 2),
        ({"B": "AQ=="}, 1),
        ({"B": "AQID"}, 3),
        ({"BOOL": False}, 1),
        ({"NULL": True}, 1),
        ({"L": []}, 3),
        ({"M": {}}, 3),
        ({"L": [{"S": "ab"}, {"N": "1"}]}, 3 + 2 + 2 + 2),
        ({"M": {"é": {"S": "ab"}}}, 3 + 2 + 2 + 1),
        ({"SS": ["é", "a"]}, 3),
        ({"NS": ["1", "-42"]}, 5),
        ({"BS": ["AQI=", ""]}, 2),
    ],
)
def test_a_value_is_measured_by_the_rules_of_item_sizes(raw: dict[str, Any], size: int) -> None:
    value, measured = values.parse_value(raw)
    assert measured == size
    assert values.value_size(value) == size


def test_an_item_is_as_large_as_its_names_and_values() -> None:
    item, size = values.parse_item({"pk": {"S": "abc"}, "é": {"N": "12345"}})
    assert size == 2 + 3 + 2 + 4
    assert values.item_size(item) == size


@given(items)
def test_parsing_measures_as_the_parsed_item_does_is_repeatable_and_leaves_the_input_alone(raw: dict[str, Any]) -> None:
    before = copy.deepcopy(raw)
    item, size = values.parse_item(raw)
    assert raw == before
    assert values.item_size(item) == size
    assert values.parse_item(item) == (item, size)


@given(items)
def test_stored_bytes_give_the_item_back_and_do_not_depend_on_the_order_of_names(raw: dict[str, Any]) -> None:
    item, _ = values.parse_item(raw)
    stored = values.canonical_bytes(item)
    assert values.load_item(stored) == item
    assert values.canonical_bytes(dict(reversed(item.items()))) == stored
    assert stored == orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


@given(st.lists(texts, min_size=1, unique=True), st.randoms())
def test_the_order_in_which_a_set_was_written_does_not_matter(elements: list[str], random: Any) -> None:
    shuffled = random.sample(elements, len(elements))
    assert values.parse_value({"SS": elements})[0] == values.parse_value({"SS": shuffled})[0]


def test_equality_of_normalised_values_knows_their_types() -> None:
    parsed = [
        values.parse_value(raw)[0]
        for raw in ({"S": "1"}, {"N": "1"}, {"B": "AQ=="}, {"S": "AQ=="}, {"BOOL": True}, {"NULL": True}, {"SS": ["1"]})
    ]
    assert [left == right for left in parsed for right in parsed].count(True) == len(parsed)
    assert values.parse_value({"N": "1e3"})[0] == values.parse_value({"N": "1000.0"})[0]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, EMPTY),
        (None, EMPTY),
        ({"S": None}, EMPTY),
        ({"L": [None]}, EMPTY),
        ({"M": {"b": {}}}, EMPTY),
        ({"S": "a", "N": "1"}, SEVERAL),
        ({"S": "a", "N": "x"}, "The parameter cannot be converted to a numeric value: x"),
        ({"NULL": False}, OOMPV + "Null attribute value types must have the value of true"),
        ({"L": [{"NULL": False}]}, OOMPV + "Null attribute value types must have the value of true"),
        ({"SS": []}, OOMPV + "An string set  may not be empty"),
        ({"NS": []}, OOMPV + "An number set  may not be empty"),
        ({"BS": []}, OOMPV + "Binary sets should not be empty"),
        ({"M": {"b": {"SS": []}}}, OOMPV + "An string set  may not be empty"),
        ({"SS": ["a", "a"]}, OOMPV + "Input collection [a, a] contains duplicates."),
        ({"SS": ["b", "a", "b"]}, OOMPV + "Input collection [b, a, b] contains duplicates."),
        ({"BS": ["Yg==", "Yg=="]}, OOMPV + "Input collection [Yg==, Yg==]of type BS contains duplicates."),
        ({"NS": ["1", "1.0"]}, "Input collection contains duplicates"),
        ({"NS": ["1", "one"]}, "The parameter cannot be converted to a numeric value: one"),
        ({"N": ""}, "The parameter cannot be converted to a numeric value"),
        ({"X": "1"}, "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes"),
        ({"N": "1" * 39}, "Attempting to store more than 38 significant digits in a Number"),
        (nested(32), TOO_DEEP),
        (nested(32, "L"), TOO_DEEP),
    ],
)
def test_a_value_that_is_not_acceptable_is_refused_in_the_words_of_the_service(raw: object, message: str) -> None:
    assert refusal(raw) == message


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"N": 3}, "NUMBER_VALUE cannot be converted to String"),
        ({"N": 3.5}, "DECIMAL_VALUE cannot be converted to String"),
        ({"S": 1}, "NUMBER_VALUE cannot be converted to String"),
        ({"S": True}, "TRUE_VALUE cannot be converted to String"),
        ({"S": False}, "FALSE_VALUE cannot be converted to String"),
        ({"S": {}}, "Start of structure or map found where not expected."),
        ({"S": []}, "Unrecognized collection type class java.lang.String"),
        ({"BOOL": "true"}, "STRING_VALUE cannot be converted to Boolean"),
        ({"NULL": 1}, "NUMBER_VALUE cannot be converted to Boolean"),
        ({"BOOL": {}}, "Start of structure or map found where not expected."),
        ({"B": 1}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": True}, "only base-64-encoded strings are convertible to bytes"),
        ({"B": {}}, "Start of structure or map found where not expected."),
        ({"B": "abc"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ({"B": "abcde"}, "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ({"B": "ab-_"}, "Invalid Base64 character: '-'"),
        ({"B": "a=bc"}, "Invalid Base64 character: '='"),
        ({"B": "===="}, "Invalid Base64 character: '='"),
        ({"B": "AB=="}, "Invalid last non-pad Base64 character dectected"),
        ({"B": "AAB="}, "Invalid last non-pad Base64 character dectected"),
        ({"L": "x"}, "Unexpected field type"),
        ({"L": {}}, "Start of structure or map found where not expected."),
        ({"L": ["x"]}, "Unexpected value type in payload"),
        ({"L": [[]]}, f"Unrecognized collection type class {AV}"),
        ({"M": 1}, "Unexpected field type"),
        ({"M": []}, f"Unrecognized collection type java.util.Map<java.lang.String, {AV}>"),
        ({"SS": "x"}, "Unexpected field type"),
        ({"SS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"SS": [None]}, "Unexpected field type"),
        ({"NS": [1]}, "NUMBER_VALUE cannot be converted to String"),
        ({"BS": [1]}, "only base-64-encoded strings are convertible to bytes"),
        ({"BS": ["abc"]}, "Base64 encoded length is expected a multiple of 4 bytes but found: 3"),
        ("x", "Unexpected value type in payload"),
        (1, "Unexpected value type in payload"),
        ([], f"Unrecognized collection type class {AV}"),
        ({"S": "1", "X": "1"}, "Unrecognized member of AttributeValue: X"),
        ({"S": "\ud800"}, "Unexpected token received from parser"),
    ],
)
def test_a_wrong_json_type_is_refused_before_anything_else(raw: object, message: str) -> None:
    assert type_refusal(raw) == message
    with pytest.raises(SerializationException) as error:  # although the item's first fault is another one
        values.parse_item({"first": {"N": "x", "SS": []}, "inside": {"L": [{}, {"M": {"a": raw}}]}})
    assert error.value.message == message


@pytest.mark.parametrize(("raw", "message"), [("x", "Unexpected field type"), (3, "Unexpected field type")])
def test_an_item_that_is_no_map_is_refused(raw: object, message: str) -> None:
    with pytest.raises(SerializationException) as error:
        values.parse_item(raw)
    assert error.value.message == message


def test_a_name_that_is_no_string_is_refused() -> None:
    with pytest.raises(SerializationException):
        values.parse_item({1: {"S": "x"}})


def test_an_attribute_without_a_name_is_refused() -> None:
    with pytest.raises(ValidationException, match="Empty attribute name"):
        values.parse_item({"": {"S": "x"}})


@pytest.mark.parametrize("within", [lambda item: item, lambda item: {"m": {"M": item}}])
def test_a_name_has_at_most_65_535_bytes(within: Callable[[Item], Item]) -> None:
    longest = within({"\u00e9" * 32_767 + "a": {"S": "x"}})
    assert values.parse_item(longest)[0] == longest
    with pytest.raises(ValidationException, match="Attribute name is too large, must be less than 65536 bytes"):
        values.parse_item(within({"\u00e9" * 32_768: {"S": "x"}}))


@pytest.mark.parametrize("kind", ["M", "L"])
def test_a_scalar_inside_thirty_one_containers_is_accepted(kind: str) -> None:
    raw = nested(31, kind)
    assert values.parse_item({"a": raw})[0] == {"a": raw}
    assert values.parse_value(raw)[0] == raw


@pytest.mark.parametrize("opening", [b'{"L":[', b'{"S":"x","L":[', b'{"S":null,"L":['])
def test_a_body_that_nests_as_deep_as_json_can_is_refused_without_exhausting_the_stack(opening: bytes) -> None:
    raw = orjson.loads(b'{"a":' + opening * 500 + b'{"S":"x"}' + b"]}" * 500 + b"}")
    with pytest.raises(ValidationException) as error:
        values.parse_item(raw)
    assert error.value.message == TOO_DEEP


@pytest.mark.parametrize(
    ("a", "b", "order"),
    [
        ({"S": "a"}, {"S": "b"}, -1),
        ({"S": "a"}, {"S": "a"}, 0),
        ({"S": "\U0001f600"}, {"S": "\uffff"}, 1),
        ({"N": "10"}, {"N": "9"}, 1),
        ({"N": "-1"}, {"N": "0"}, -1),
        ({"B": "/w=="}, {"B": "AA=="}, 1),
        ({"B": "AA=="}, {"B": "AAA="}, -1),
        ({"B": "AA=="}, {"B": "AA=="}, 0),
        ({"S": "1"}, {"N": "1"}, None),
        ({"BOOL": True}, {"BOOL": True}, None),
        ({"SS": ["a"]}, {"SS": ["a"]}, None),
    ],
)
def test_only_two_strings_numbers_or_binaries_can_be_compared(
    a: dict[str, Any], b: dict[str, Any], order: int | None
) -> None:
    assert values.compare(a, b) == order


@given(texts, texts)
def test_strings_compare_by_their_utf8_bytes(a: str, b: str) -> None:
    left, right = a.encode(), b.encode()
    assert values.compare({"S": a}, {"S": b}) == (left > right) - (left < right)
