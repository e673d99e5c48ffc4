"""Which records a pattern matches, with the verdicts that AWS is recorded or documented to give."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdc.mappings.filtering.match import elements, matcher_of
from cdc.mappings.filtering.parse import parse


def matches(pattern: dict[str, Any], record: Any) -> bool:
    return bool(matcher_of(parse(json.dumps(pattern))).match(record))


def record(event: str = "INSERT", **attributes: Any) -> dict[str, Any]:
    change = {"Keys": {"id": {"S": "1"}}, "NewImage": {"id": {"S": "1"}, **attributes}, "SizeBytes": 300}
    change["ApproximateCreationDateTime"] = 1733418659.0
    return {"eventName": event, "dynamodb": change}


def image(pattern: Any) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": pattern}}


# Recorded on the service


def test_keys_are_joined_by_and_and_values_by_or():
    assert matches({"eventName": ["INSERT"]}, record("INSERT"))
    assert not matches({"eventName": ["INSERT"]}, record("MODIFY"))
    assert matches({"eventName": ["INSERT", "MODIFY"]}, record("MODIFY"))
    both = {"eventName": ["INSERT"], **image({"k": {"S": ["v"]}})}
    assert matches(both, record(k={"S": "v"}))
    assert not matches(both, record(k={"S": "w"}))
    assert not matches(both, record("MODIFY", k={"S": "v"}))


def test_an_attribute_is_matched_below_its_type_alone():
    assert matches(image({"k": {"S": ["v"]}}), record(k={"S": "v"}))
    assert not matches(image({"k": ["v"]}), record(k={"S": "v"}))


def test_exists_is_true_of_values_and_not_of_the_objects_around_them():
    assert matches(image({"k": {"S": [{"exists": True}]}}), record(k={"S": "v"}))
    assert not matches(image({"k": {"S": [{"exists": True}]}}), record())
    assert not matches(image({"k": [{"exists": True}]}), record(k={"S": "v"}))


@pytest.mark.parametrize("attributes", [{}, {"k": {"S": "v"}}])
def test_exists_false_at_the_level_of_an_attribute_matches_always(attributes):
    assert matches(image({"k": [{"exists": False}]}), record(**attributes))


@pytest.mark.parametrize(("number", "expected"), [("42", True), ("101", False)])
def test_numbers_of_items_are_texts(number, expected):
    """numeric, which would match 101, does not; anything-but does match 42."""
    pattern = image({"N": {"N": [{"numeric": [">", 100]}, {"anything-but": "101"}]}})
    assert matches(pattern, record(N={"N": number})) is expected


def test_numbers_of_the_record_itself_are_numbers():
    assert matches({"dynamodb": {"ApproximateCreationDateTime": [{"numeric": [">", 0]}]}}, record())
    assert matches({"dynamodb": {"SizeBytes": [300]}}, record())


def test_a_prefix_matches_texts_of_items():
    assert matches(image({"region": {"S": [{"prefix": "us-1"}]}}), record(region={"S": "us-1-2"}))


# Documented


@pytest.mark.parametrize(
    ("alternative", "matching", "others"),
    [
        ("x", ["x"], ["X", "", 1, None, True]),
        ("", [""], ["x", None]),
        (None, [None], ["null", "", 0, False]),
        ("null", ["null"], [None]),
        (300, [300, 300.0, 3e2], ["300", 301]),
        (1, [1], [True, "1"]),
        (True, [True], [1, "true", False]),
        (False, [False], [0, None, ""]),
        ({"anything-but": "x"}, ["y", "", 1, None, True], ["x"]),
        ({"anything-but": ["x", "y"]}, ["z", None], ["x", "y"]),
        ({"anything-but": 100}, ["100", 101, None, True], [100, 100.0]),
        ({"anything-but": 1}, [True, "1"], [1]),
        ({"anything-but": {"prefix": "x"}}, ["y", 1, None], ["x", "xy"]),
        ({"anything-but": {"suffix": ["x", "y"]}}, ["xz", 1], ["x", "ay"]),
        ({"anything-but": {"equals-ignore-case": ["x", "y"]}}, ["z"], ["X", "y"]),
        ({"anything-but": {"wildcard": ["*/a", "*/b*"]}}, ["c/d"], ["c/a", "c/bd"]),
    ],
)
def test_a_value_matches_an_alternative(alternative, matching, others):
    values = [*matching, *others]
    assert [value for value in values if matches({"k": [alternative]}, {"k": value})] == matching


@pytest.mark.parametrize(
    "alternative", ["x", None, {"anything-but": "x"}, {"anything-but": {"prefix": "x"}}, {"exists": True}]
)
def test_something_absent_matches_nothing_but_exists_false(alternative):
    places: list[Any] = [{}, {"k": {}}, {"k": {"a": "x"}}, {"k": []}, {"k": [{}, []]}]
    for place in places:
        assert not matches({"k": [alternative]}, place)
        assert matches({"k": [alternative, {"exists": False}]}, place)


def test_something_is_absent_with_what_is_around_it():
    pattern = {"dynamodb": {"OldImage": {"k": {"S": [{"exists": False}]}}}}
    assert matches(pattern, record())
    assert matches(pattern, {"dynamodb": "no object"})
    assert not matches(pattern, {"dynamodb": {"OldImage": {"k": {"S": "v"}}}})


def test_keys_are_compared_with_case():
    assert not matches({"EventName": ["INSERT"]}, record())


def test_an_array_matches_when_one_of_its_elements_does():
    assert matches(image({"tags": {"SS": ["b"]}}), record(tags={"SS": ["a", "b"]}))
    assert matches(image({"tags": {"SS": [{"anything-but": "a"}]}}), record(tags={"SS": ["a", "b"]}))
    assert not matches(image({"tags": {"SS": [{"anything-but": ["a", "b"]}]}}), record(tags={"SS": ["a", "b"]}))
    assert matches({"k": ["x"]}, {"k": [[], [["y"], [["x"]]]]})


def test_an_object_in_a_list_is_matched_by_an_object():
    assert matches(image({"list": {"L": {"S": ["b"]}}}), record(list={"L": [{"N": "1"}, {"S": "a"}, {"S": "b"}]}))


def test_all_keys_of_an_object_have_to_match_in_the_same_element():
    people = {"people": [{"first": "Anna", "last": "Doe"}, {"first": "John", "last": "Smith"}]}
    assert matches({"people": {"first": ["Anna"], "last": ["Doe"]}}, people)
    assert not matches({"people": {"first": ["Anna"], "last": ["Smith"]}}, people)


def test_absent_from_an_array_is_what_no_element_has():
    pattern = {"list": {"k": [{"exists": False}]}}
    assert matches(pattern, {"list": [{"a": 1}, {}]})
    assert not matches(pattern, {"list": [{"a": 1}, {"k": 1}]})
    with_a = {"list": {"k": [{"exists": False}], "a": [1]}}
    assert matches(with_a, {"list": [{"a": 1}, {"k": 1}]})  # from the element that has the rest
    assert not matches(with_a, {"list": [{"a": 1, "k": 1}, {"a": 2}]})


def test_an_or_needs_one_of_its_alternatives():
    pattern = {"eventName": ["INSERT"], "$or": [{"a": ["x"], "b": ["x"]}, {"c": [{"exists": False}]}]}
    assert matches(pattern, {"eventName": "INSERT", "a": "x", "b": "x", "c": 1})
    assert matches(pattern, {"eventName": "INSERT"})
    assert not matches(pattern, {"eventName": "INSERT", "a": "x", "c": 1})
    assert not matches(pattern, {"eventName": "MODIFY", "a": "x", "b": "x"})


def test_an_or_may_stand_deep_in_a_pattern_and_in_an_or():
    pattern = image({"$or": [{"a": {"S": ["x"]}}, {"$or": [{"b": {"S": ["x"]}}, {"c": {"N": ["1"]}}]}]})
    assert matches(pattern, record(c={"N": "1"}))
    assert not matches(pattern, record(c={"S": "1"}))


def test_an_or_of_absence_means_the_same_alternative_in_all_elements():
    pattern = {"list": {"$or": [{"a": [{"exists": False}]}, {"b": [{"exists": False}]}]}}
    assert matches(pattern, {"list": [{"a": 1}, {"a": 2}]})
    assert not matches(pattern, {"list": [{"a": 1}, {"b": 2}]})


def test_the_work_is_bounded_by_pattern_and_record():
    """Trying every choice among nested arrays and alternatives would not end; the test does, within its time limit."""
    value: Any = "y"
    pattern: Any = ["x", {"exists": False}]
    for _ in range(30):
        value = [{"k": value}] * 2 if isinstance(value, str) else [{"k": value}, {"a": 1}]
        pattern = {"$or": [{"k": pattern}, {"b": ["x"]}]}
    assert not matches({"k": pattern}, {"k": value})
    wide = {"k": [{str(each): [{"S": "v"}] * 1000 for each in range(50)}]}
    assert not matches({"k": {str(each): {"S": ["w", {"exists": False}]} for each in range(50)}}, wide)


def test_an_array_may_be_as_deep_as_json_is_read():
    value: Any = "x"
    for _ in range(100_000):
        value = [value]
    assert list(elements([value, 1])) == ["x", 1]
    while isinstance(value, list):  # taken apart from outside: freeing it in one go is deep work too
        value = value.pop()
