"""Kinds of values: what each accepts, how faults are worded, and that the quick test agrees with the slow walk."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model.constraints import (
    MAX_DUMP_CHARACTERS,
    AttributeMap,
    AttributeValueOf,
    Boolean,
    Enum,
    Integer,
    ListOf,
    Long,
    MapOf,
    Path,
    String,
    TableName,
)
from cdc.model.errors import SerializationException, ValidationException

NAME = "[a-zA-Z0-9_.-]+"
TOO_SHORT = "Member must have length greater than or equal to 1"
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/"


def faults(kind, value):
    kind.check_type(value)
    return list(kind.problems(value, Path("Op").member("TheMember")))


def fault(value, constraint):
    return f"Value {value} at 'theMember' failed to satisfy constraint: {constraint}"


@pytest.mark.parametrize(
    ("kind", "value", "constraint"),
    [
        (String(3), "ab", "Member must have length greater than or equal to 3"),
        (String(0, 3), "abcd", "Member must have length less than or equal to 3"),
        (String(pattern=NAME), "a b", f"Member must satisfy regular expression pattern: {NAME}"),
        (String(pattern=NAME), "a\n", f"Member must satisfy regular expression pattern: {NAME}"),
        (Enum("B", "A"), "C", "Member must satisfy enum value set: [B, A]"),
        (Enum("B", "A"), "", "Member must satisfy enum value set: [B, A]"),
        (Integer(1), 0, "Member must have value greater than or equal to 1"),
        (Integer(1, 100), 101, "Member must have value less than or equal to 100"),
        (ListOf(Integer(), 1), [], "Member must have length greater than or equal to 1"),
        (ListOf(Boolean(), 0, 1), [True, False], "Member must have length less than or equal to 1"),
        (MapOf(String(), 0, 1), {"a": "b", "c": "d"}, "Member must have length less than or equal to 1"),
    ],
)
def test_a_fault_names_the_value_the_member_and_the_constraint(kind, value, constraint):
    dumps = {"[True, False]": "[true, false]", "{'a': 'b', 'c': 'd'}": "{a=b, c=d}"}
    assert faults(kind, value) == [fault(f"'{dumps.get(str(value), value)}'", constraint)]


def test_a_text_may_break_several_constraints_the_pattern_first():
    assert faults(String(3, 255, NAME), "") == [
        fault("''", f"Member must satisfy regular expression pattern: {NAME}"),
        fault("''", "Member must have length greater than or equal to 3"),
    ]


def test_elements_are_numbered_from_one_and_map_entries_named():
    kind = MapOf(ListOf(String(1)))
    assert faults(kind, {"k": ["a", "", None], "l": None}) == [
        "Value '' at 'theMember.k.member.2.member' failed to satisfy constraint: " + TOO_SHORT,
        "Value null at 'theMember.k.member.3.member' failed to satisfy constraint: Member must not be null",
        "Value null at 'theMember.l.member' failed to satisfy constraint: Member must not be null",
    ]


def test_the_two_odd_bounds_are_worded_without_the_value_and_in_the_case_of_the_wire():
    assert faults(Integer(1, zero_unechoed=True), 0) == [
        "Value at 'TheMember' failed to satisfy constraint: Member must have value greater than or equal to 1"
    ]
    assert faults(Integer(1, zero_unechoed=True), -1) == [
        fault("'-1'", "Member must have value greater than or equal to 1")
    ]
    assert faults(MapOf(ListOf(Integer(), 1, 2, maximum_unechoed=True)), {"k": [1, 2, 3], "l": []}) == [
        "Value at 'TheMember.k.member' failed to satisfy constraint: Member must have length less than or equal to 2",
        "Value '[]' at 'theMember.l.member' failed to satisfy constraint: " + TOO_SHORT,
    ]


def test_faults_of_keys_and_of_the_length_of_values_are_faults_of_the_map():
    kind = MapOf(ListOf(Integer()), keys=TableName(), value_length=(1, 2))
    assert faults(kind, {"a b": [1, 2, 3]}) == [
        fault(
            "'{a b=[1, 2, 3]}'",
            "Map keys must satisfy constraint: [Member must have length less than or equal to 255, "
            f"Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: {NAME}]",
        ),
        fault(
            "'{a b=[1, 2, 3]}'",
            "Map value must satisfy constraint: [Member must have length less than or equal to 2, "
            "Member must have length greater than or equal to 1]",
        ),
    ]


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (String(), 1, "NUMBER_VALUE cannot be converted to String"),
        (String(), True, "TRUE_VALUE cannot be converted to String"),
        (String(), {}, "Start of structure or map found where not expected."),
        (String(), [], "Unrecognized collection type class java.lang.String"),
        (Boolean(), "true", "STRING_VALUE cannot be converted to Boolean"),
        (Boolean(), [], "Unrecognized collection type class java.lang.Boolean"),
        (Integer(), "1", "STRING_VALUE cannot be converted to Integer"),
        (Integer(), False, "FALSE_VALUE cannot be converted to Integer"),
        (Integer(), 1.5, "DECIMAL_VALUE cannot be converted to Integer"),
        (Long(), [], "Unrecognized collection type class java.lang.Long"),
        (ListOf(String()), "a", "Unexpected field type"),
        (ListOf(String()), {}, "Start of structure or map found where not expected."),
        (ListOf(String()), [1], "NUMBER_VALUE cannot be converted to String"),
        (MapOf(String()), "a", "Unexpected field type"),
        (
            MapOf(String()),
            [],
            "Unrecognized collection type java.util.Map<java.lang.String, java.lang.String>",
        ),
        (MapOf(String()), {"a": 1}, "NUMBER_VALUE cannot be converted to String"),
        (AttributeMap(), {"a": "b"}, "Unexpected value type in payload"),
        (AttributeMap(), {"a": {"S": 1}}, "NUMBER_VALUE cannot be converted to String"),
        (AttributeValueOf(), "b", "Unexpected value type in payload"),
        (AttributeValueOf(), {"S": 1}, "NUMBER_VALUE cannot be converted to String"),
    ],
)
def test_a_wrong_json_type_is_refused_in_the_services_words(kind, value, message):
    with pytest.raises(SerializationException) as error:
        kind.check_type(value)
    assert error.value.message == message


@pytest.mark.parametrize("value", ["a", "a" * 255, ARN + "flights"])
def test_a_table_is_named_by_its_name_or_its_arn(value):
    assert TableName().fits(value)
    assert faults(TableName(), value) == []


def test_an_operation_may_take_no_arn():
    assert faults(TableName(3, arn=False), ARN + "flights") == [
        fault(f"'{ARN}flights'", f"Member must satisfy regular expression pattern: {NAME}")
    ]


@pytest.mark.parametrize(
    ("value", "constraint"),
    [
        ("", "Member must have length greater than or equal to 1"),
        ("a" * 256, "Member must have length less than or equal to 255"),
        ("bad table!@#", f"Member must satisfy regular expression pattern: {NAME}"),
        ("arn:aws:s3:::flights", f"Member must satisfy regular expression pattern: {NAME}"),
    ],
)
def test_a_tables_name_has_one_fault_at_a_time(value, constraint):
    assert not TableName().fits(value)
    assert faults(TableName(), value) == [fault(f"'{value}'", constraint)]


@pytest.mark.parametrize("value", ["", "ab", "a" * 256])
def test_an_operation_may_have_words_of_its_own_for_a_wrong_length(value):
    with pytest.raises(ValidationException) as error:
        faults(TableName(3, bad_length="too long or short"), value)
    assert error.value.message == "too long or short"


def test_nulls_and_items_inside_a_refused_map_are_repeated_briefly():
    deep: dict[str, Any] = {"S": "x"}
    for _ in range(5000):
        deep = {"L": [deep]}
    kind = MapOf(ListOf(AttributeMap()), 3)
    [problem, *_] = kind.problems({"a": [None, {"x": deep}], "b": None}, Path("Op").member("TheMember"))
    assert problem == fault(
        "'{a=[null, {x=AttributeValue}], b=null}'", "Member must have length greater than or equal to 3"
    )


def test_no_error_repeats_a_whole_hostile_request():
    value = {"t" * 100: ["x"] * 100_000}
    [problem] = faults(MapOf(ListOf(String()), value_length=(1, 25)), value)
    assert len(problem) < MAX_DUMP_CHARACTERS + 300


KINDS = st.sampled_from(
    [
        String(),
        String(1, 2, "[a]+"),
        Enum("a", "aa"),
        TableName(),
        TableName(3),
        TableName(3, arn=False),
        Boolean(),
        Integer(),
        Integer(0, 1, zero_unechoed=True),
        Long(1),
        ListOf(String(1), 1, 2),
        ListOf(Integer(0, 1)),
        MapOf(String(1, 2), 1, 2),
        MapOf(String(2)),
        MapOf(ListOf(Integer()), keys=TableName(), value_length=(1, 2)),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-1, 2), st.text("a b", max_size=3))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("a ", max_size=2), inner, max_size=3)
)


@given(KINDS, VALUES)
def test_the_quick_test_passes_exactly_what_has_no_fault(kind, value):
    try:
        sound = faults(kind, value) == []
    except SerializationException:
        sound = False
    assert kind.fits(value) == sound
