"""A mapping's filters: several patterns, records as dictionaries and as bytes."""

from __future__ import annotations

import tomllib
from pathlib import Path

import orjson
import pytest

from cdc.mappings.filtering import FILTERS_MAX, FilterError, compile_filters

INSERTS = '{"eventName": ["INSERT"]}'
DONE = '{"dynamodb": {"NewImage": {"status": {"S": ["DONE"]}}}}'


def record(event="INSERT", status="OPEN"):
    change = {"Keys": {"id": {"S": "1"}}, "NewImage": {"id": {"S": "1"}, "status": {"S": status}}}
    return {"eventID": "1", "eventName": event, "dynamodb": change, "eventSourceARN": "arn:aws:dynamodb:x"}


def test_a_record_passes_when_one_filter_matches():
    filters = compile_filters([INSERTS, DONE])
    assert filters.patterns == (INSERTS, DONE)
    passing = [
        (event, status)
        for event in ("INSERT", "MODIFY")
        for status in ("OPEN", "DONE")
        if filters.matches(record(event, status))
    ]
    assert passing == [("INSERT", "OPEN"), ("INSERT", "DONE"), ("MODIFY", "DONE")]


def test_the_example_of_the_documentation_matches_what_it_is_about():
    page = (Path(__file__).parents[4] / "docs" / "mappings.md").read_text()
    [example] = [line.strip() for line in page.splitlines() if line.startswith("    filters = ")]
    filters = compile_filters(tomllib.loads(example)["filters"])
    change = {"Keys": {"id": {"S": "1"}}}
    states = {}
    for state in ("paid", "part-paid", "open"):
        image = {"NewImage": {"id": {"S": "1"}, "state": {"S": state}}}
        states[state] = filters.matches({"eventName": "INSERT", "dynamodb": change | image})
    assert states == {"paid": True, "part-paid": True, "open": False}


def test_without_filters_every_record_passes():
    filters = compile_filters([])
    assert filters.matches(record())
    assert filters.matches_encoded(orjson.dumps(record()))
    assert filters.explain(record()) == ()


@pytest.mark.parametrize(
    "pattern",
    [
        INSERTS,
        DONE,
        '{"eventSourceARN": [{"prefix": "arn:"}]}',
        '{"eventSourceARN": [{"exists": false}]}',
        '{"userIdentity": {"type": [{"exists": false}]}}',
        '{"$or": [{"eventID": ["2"]}, {"dynamodb": {"Keys": {"id": {"S": ["1"]}}}}]}',
    ],
)
def test_bytes_give_what_the_decoded_record_does(pattern):
    filters = compile_filters([pattern])
    trap = {"userIdentity": {"type": "x", "dynamodb": {"eventName": "INSERT"}}, "eventName": "MODIFY"}
    records = [record(), record("MODIFY"), record(status="DONE"), {}, trap, {"dynamodb": {}, "eventName": "INSERT"}]
    verdicts = [filters.matches(each) for each in records]
    assert [filters.matches_encoded(orjson.dumps(each)) for each in records] == verdicts
    assert {True, False} == set(verdicts)


def test_a_record_is_decoded_no_further_than_the_patterns_look():
    """Shown by a change that can't be decoded."""
    encoded = orjson.dumps(record()).replace(b'"Keys":', b"oops")
    assert compile_filters([INSERTS, '{"eventID": ["9"]}']).matches_encoded(encoded)
    with pytest.raises(orjson.JSONDecodeError):
        compile_filters([INSERTS, DONE]).matches_encoded(encoded)


def test_an_explanation_has_a_verdict_for_each_filter():
    verdicts = compile_filters([INSERTS, DONE]).explain(record("MODIFY", "DONE"))
    assert [(each.number, each.pattern, each.matches) for each in verdicts] == [(1, INSERTS, False), (2, DONE, True)]
    assert str(verdicts[0].miss) == 'eventName: wanted "INSERT", found "MODIFY"'
    assert verdicts[1].miss is None


def test_a_wrong_pattern_is_refused_with_its_number():
    with pytest.raises(FilterError, match=r'^filter 2: eventName: "INSERT" stands alone: expected a list of'):
        compile_filters([INSERTS, '{"eventName": "INSERT"}'])


def test_there_are_at_most_ten_filters():
    assert compile_filters([INSERTS] * FILTERS_MAX).matches(record())
    with pytest.raises(FilterError, match=r"^11 filters: expected at most 10$"):
        compile_filters([INSERTS] * (FILTERS_MAX + 1))
