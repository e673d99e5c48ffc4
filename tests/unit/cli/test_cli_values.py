from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.cli.errors import CommandError
from cdc.cli.values import item_text, parse_item, parse_object, plain_text

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("plain", "typed"),
    [
        ('{"a": "x"}', {"a": {"S": "x"}}),
        ('{"a": 42}', {"a": {"N": "42"}}),
        ('{"a": true, "b": null}', {"a": {"BOOL": True}, "b": {"NULL": True}}),
        ('{"a": [1, "1"]}', {"a": {"L": [{"N": "1"}, {"S": "1"}]}}),
        ('{"a": {"b": []}}', {"a": {"M": {"b": {"L": []}}}}),
        ("{}", {}),
    ],
)
def test_each_kind_of_json_value_has_its_type(plain, typed):
    assert parse_item(plain, typed=False) == typed
    assert plain_text(typed) == plain


@pytest.mark.parametrize(
    "number", ["0.1", "12345678901234567890123456789012345678", "1.10", "1E-130", "-0", "9" * 5000, "1e400"]
)
def test_a_number_keeps_what_was_written(number):
    assert parse_item(f'{{"n": {number}}}', typed=False) == {"n": {"N": number}}


@given(st.dictionaries(st.text(), PLAIN))
def test_what_is_printed_reads_back_as_the_same_item(value):
    item = parse_item(json.dumps(value), typed=False)
    for pretty in (False, True):
        text = plain_text(item, pretty=pretty)
        assert json.loads(text) == value
        assert parse_item(text, typed=False) == item
        assert pretty or "\n" not in text


def test_a_terminal_gets_what_json_tools_indent():
    item = parse_item('{"a": 1, "b": {"c": [true, {}]}, "d": []}', typed=False)
    assert plain_text(item, pretty=True) == json.dumps({"a": 1, "b": {"c": [True, {}]}, "d": []}, indent=2)


def test_sets_are_printed_as_lists_and_binary_values_as_base64():
    item = {"s": {"SS": ["a", "b"]}, "n": {"NS": ["1", "2.5"]}, "b": {"B": "aGk="}, "x": {"BS": ["aGk="]}}
    assert plain_text(item) == '{"s": ["a", "b"], "n": [1, 2.5], "b": "aGk=", "x": ["aGk="]}'


def test_typed_json_goes_through_unchanged():
    text = '{"s": {"SS": ["a", "é"]}}'
    assert item_text(parse_item(text, typed=True), typed=True, pretty=False) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": }', "not JSON: Expecting value at character 7"),
        ("", "not JSON: Expecting value at character 1"),
        ("[1]", 'expected a JSON object such as {"id": "1"}, not [1]'),
        ('{"a": NaN}', "not JSON: NaN is no number that DynamoDB has"),
        ("[" * 100_000, "JSON that can't be read: maximum recursion depth exceeded"),
    ],
)
def test_what_is_no_item_is_refused_with_its_position(text, message):
    with pytest.raises(CommandError) as refused:
        parse_object(text)
    assert refused.value.message.startswith(message)
