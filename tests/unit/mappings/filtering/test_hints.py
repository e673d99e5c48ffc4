"""Hints for the slips that are made most with filters of DynamoDB streams."""

from __future__ import annotations

import pytest

from cdc.mappings.filtering.hints import key_hint, value_hint
from cdc.mappings.filtering.parse import parse
from cdc.mappings.filtering.pattern import Leaf


def leaf(alternatives: str) -> Leaf:
    ((_, found),) = parse(f'{{"k": [{alternatives}]}}').members
    assert isinstance(found, Leaf)
    return found


@pytest.mark.parametrize(
    ("key", "keys", "hint"),
    [
        ("eventname", ["eventID", "eventName"], "did you mean eventName?"),
        ("NewImages", ["Keys", "NewImage"], "did you mean NewImage?"),
        ("eventSourceARN", ["eventID"], "records of an event have it, those of GetRecords and `cdc tail` do not"),
        ("city", ["M"], "what an attribute holds stands below its type: write M first"),
        ("s", ["S"], "did you mean S?"),
        ("N", ["S"], ""),
        ("dynamodb.NewImage", ["dynamodb"], "keys are nested, each in an object of its own, not joined by dots"),
        ("status", ["id", "total"], ""),
        ("status", [], ""),
    ],
)
def test_hints_for_a_key_that_is_missing(key, keys, hint):
    assert key_hint(key, keys) == hint


NUMERIC = "numbers of an item are texts in a record, and numeric matches no text; a list of texts can, or a prefix"


@pytest.mark.parametrize(
    ("alternatives", "value", "hint"),
    [
        ('"DONE"', {"S": "DONE"}, 'the value stands below its type, as in {"S": […]}'),
        ('"DONE"', {"a": 1}, "a list of alternatives is for a value, not for an object"),
        ('"DONE"', {}, ""),
        ('"DONE"', "done", "only the case differs; equals-ignore-case leaves it aside"),
        ('"x", "DONE"', ["a", "done"], "only the case differs; equals-ignore-case leaves it aside"),
        ('"DONE"', "open", ""),
        ("42", "42", 'numbers of an item are texts in a record: write ["42"]'),
        ("42", "x", ""),
        ('{"numeric": [">", 1]}', "42", NUMERIC),
        ('{"numeric": [">", 1]}', "x", ""),
        ('{"numeric": [">", 1]}', 0, ""),
        ('{"prefix": "x"}', "42", ""),
    ],
)
def test_hints_for_a_value_that_does_not_match(alternatives, value, hint):
    assert value_hint(leaf(alternatives), value) == hint
