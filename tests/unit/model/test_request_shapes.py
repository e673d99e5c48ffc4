"""Shapes of requests: the order of the checks, required and null members, and members of later versions."""

from __future__ import annotations

import pytest

from cdc.model.constraints import AttributeMap, Boolean, Enum, Integer, ListOf, String, TableName
from cdc.model.errors import SerializationException, ValidationException
from cdc.model.request_shapes import Member, NotYet, Shape, Structure

ELEMENT = Structure("Element", Member("ElementName", String(1), required=True), Member("Flag", Boolean()))
SHAPE = Shape(
    "PaintTable",
    Member("TableName", TableName(), required=True),
    Member("Colour", Enum("RED", "BLUE")),
    Member("Item", AttributeMap(), required=True),
    Member("Count", Integer(1)),
    Member("Elements", ListOf(ELEMENT, 1)),
    Member("Element", ELEMENT),
    NotYet("Perfume", "Sound"),
)
GOOD = {"TableName": "t", "Item": {}}


def refusal(error_type, request, shape=SHAPE):
    with pytest.raises(error_type) as error:
        shape.check(request)
    return error.value.message


@pytest.mark.parametrize(
    "extra",
    [
        {},
        {"Colour": "RED", "Count": 1, "Elements": [{"ElementName": "a", "Flag": True}]},
        {"Element": {"ElementName": "a", "Unknown": 1}},
        {"Unknown": {"x": [1]}},
        {"Colour": None, "Perfume": None, "Unknown": None},
        {"Element": {"ElementName": "a", "Flag": None}},
    ],
)
def test_sound_requests_pass_with_unknown_members_and_null_ones(extra):
    SHAPE.check(GOOD | extra)


def test_json_types_come_before_everything():
    request = {"TableName": "", "Colour": "X", "Item": {"a": {"S": 1}}, "Perfume": 1}
    assert refusal(SerializationException, request) == "NUMBER_VALUE cannot be converted to String"


def test_a_tables_name_is_reported_alone():
    request = {"Colour": "X"}
    assert refusal(ValidationException, request) == (
        "1 validation error detected: Value null at 'tableName' failed to satisfy constraint: Member must not be null"
    )


def test_all_other_faults_are_reported_together_in_the_order_of_the_shape():
    request = {"TableName": "t", "Count": 0, "Colour": "X", "Element": {}, "Elements": [{"ElementName": ""}]}
    assert refusal(ValidationException, request) == (
        "5 validation errors detected: "
        "Value 'X' at 'colour' failed to satisfy constraint: Member must satisfy enum value set: [RED, BLUE]; "
        "Value null at 'item' failed to satisfy constraint: Member must not be null; "
        "Value '0' at 'count' failed to satisfy constraint: Member must have value greater than or equal to 1; "
        "Value '' at 'elements.1.member.elementName' failed to satisfy constraint: "
        "Member must have length greater than or equal to 1; "
        "Value null at 'element.elementName' failed to satisfy constraint: Member must not be null"
    )


def test_at_most_ten_faults_are_named():
    message = refusal(ValidationException, GOOD | {"Elements": [{}] * 11})
    assert message.startswith("10 validation errors detected: ")
    assert message.count("Member must not be null") == 10


@pytest.mark.parametrize("value", ["x", {}, [], 0, False])
def test_a_member_of_a_later_version_is_refused_by_name(value):
    expected = "PaintTable: Sound is not supported by this version of cdc"
    assert refusal(ValidationException, GOOD | {"Sound": value}) == expected


@pytest.mark.parametrize("request_", [{}, {"Things": None}, {"Things": {}}])
def test_a_missing_member_may_have_words_of_its_own(request_):
    shape = Shape("Op", Member("Other", Enum("A")), Member("Things", AttributeMap(), missing="Things are needed"))
    assert refusal(ValidationException, request_ | {"Other": "B"}, shape) == "Things are needed"


def test_a_structure_of_the_wrong_type_is_named_by_its_class():
    assert refusal(SerializationException, GOOD | {"Element": []}) == (
        "Unrecognized collection type class com.amazonaws.dynamodb.v20120810.Element"
    )
    assert refusal(SerializationException, GOOD | {"Element": "x"}) == "Unexpected value type in payload"


def test_structures_in_lists_are_repeated_as_java_writes_them():
    shape = Shape("Op", Member("Elements", ListOf(ELEMENT, 0, 1)))
    request = {"Elements": [{"ElementName": "a", "Flag": True}, {"ElementName": "b"}]}
    assert "Value '[Element(elementName=a, flag=true), Element(elementName=b)]' at 'elements'" in refusal(
        ValidationException, request, shape
    )


def test_types_inside_items_can_be_checked_once_another_fault_was_found():
    request = {"TableName": "t", "Item": {"a": {"S": 1}}}
    SHAPE.check(request)
    with pytest.raises(SerializationException):
        SHAPE.check_types(request)
