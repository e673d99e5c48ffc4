"""Why a pattern does not match: the first leaf, what it wants, what the record has, and what may be wrong."""

from __future__ import annotations

import json

import pytest

from cdc.mappings.filtering.explain import find_miss
from cdc.mappings.filtering.parse import parse

RECORD = {
    "eventID": "1",
    "eventName": "MODIFY",
    "dynamodb": {
        "SizeBytes": 300,
        "NewImage": {
            "status": {"S": "Done"},
            "total": {"N": "42"},
            "my key": {"S": "x"},
            "tags": {"SS": ["a", "b"]},
            "empty": {"L": []},
            "people": {
                "L": [{"M": {"name": {"S": "Ann"}, "age": {"N": "1"}}}, {"M": {"name": {"S": "Bo"}}}, {"S": "x"}]
            },
        },
    },
}


def why(pattern) -> str:
    return str(find_miss(parse(json.dumps(pattern)), RECORD))


def image(**pattern):
    return {"dynamodb": {"NewImage": pattern}}


PLACE = "dynamodb.NewImage"


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ({"eventName": ["INSERT", "REMOVE"]}, 'eventName: wanted "INSERT" or "REMOVE", found "MODIFY"'),
        ({"eventName": [{"exists": False}]}, 'eventName: wanted no value, found "MODIFY"'),
        (
            {"eventName": ["MODIFY"], "eventID": [{"prefix": "x"}]},
            'eventID: wanted a text that starts with "x", found "1"',
        ),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["<", 9]}]}}, "dynamodb.SizeBytes: wanted a number < 9, found 300"),
        (image(**{"my key": {"S": ["y"]}}), f'{PLACE}."my key".S: wanted "y", found "x"'),
        (image(tags={"SS": ["c"]}), f'{PLACE}.tags.SS: wanted "c", found "a" and "b"'),
        (image(empty={"L": ["c"]}), f'{PLACE}.empty.L: wanted "c", found an array without values'),
        (image(total=[{"exists": True}]), f"{PLACE}.total: wanted any value, found an object with N (the value stands"),
        (
            {"dynamodb": {"OldImage": {"status": {"S": ["x"]}}}},
            'dynamodb.OldImage.status.S: wanted "x", found nothing: dynamodb has no OldImage, it has SizeBytes and NewImage',
        ),
        ({"eventName": {"S": ["x"]}}, 'eventName.S: wanted "x", found nothing: eventName is "MODIFY", no object'),
        (image(empty={"L": {"S": ["x"]}}), f'{PLACE}.empty.L[*].S: wanted "x", found nothing: {PLACE}.empty.L has no'),
        (
            image(people={"L": {"M": {"name": {"S": ["Cy"]}}}}),
            f'{PLACE}.people.L[*].M.name.S: wanted "Cy", found "Ann" and "Bo"',
        ),
        (
            image(people={"L": {"M": {"city": {"S": ["x"]}}}}),
            f'{PLACE}.people.L[*].M.city.S: wanted "x", found nothing: no element of {PLACE}.people.L[*].M has city',
        ),
        (
            image(people={"L": {"M": {"name": {"S": ["Bo"]}, "age": {"N": ["1"]}}}}),
            f"{PLACE}.people.L[*].M: wanted an element that matches name and age, found none such among its 2 elements",
        ),
        (
            image(people={"L": {"M": {"age": {"N": [{"exists": False}]}}}}),
            f'{PLACE}.people.L[*].M.age.N: wanted no value, found "1"',
        ),
        (
            {"$or": [{"eventName": ["INSERT"]}, {"eventID": ["2"]}]},
            (
                '$or: wanted one of its alternatives, found none: eventName: wanted "INSERT", found "MODIFY"; '
                'eventID: wanted "2", found "1"'
            ),
        ),
    ],
)
def test_a_miss_says_place_wanted_and_found(pattern, words):
    assert why(pattern).startswith(words)


def test_a_pattern_that_matches_has_no_miss():
    assert find_miss(parse('{"eventName": ["MODIFY"]}'), RECORD) is None
