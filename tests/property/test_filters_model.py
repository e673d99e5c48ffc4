"""Whatever the pattern and the record: the compiled filters do as a plain matcher does, and explain says the same."""

from __future__ import annotations

import json
import re
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdc.mappings.filtering import FilterError, compile_filters
from tests.property import filter_reference

# Few keys and values, so that patterns and records meet.
KEYS = st.sampled_from(["a", "b", "c"])
TEXTS = st.sampled_from(["", "x", "X", "xy", "yx", "1", "null", "x*y", "ß", "SS", "10.0.0.7", "10.1.0.7", "::1"])
NUMBERS = st.sampled_from([0, 1, 1.0, 2, 1.5, -3, 10**17])
SCALARS = TEXTS | NUMBERS | st.sampled_from([True, False, None])
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
RECORDS = st.dictionaries(KEYS, VALUES, max_size=3)

WILDCARDS = st.sampled_from(["*", "x*", "*x", "x*y", r"x\*y", "*x*", "x*x", "x", ""])
SIMPLE = ("prefix", "suffix", "equals-ignore-case")
OPERATORS: st.SearchStrategy[Any] = st.one_of(
    st.builds(lambda name, text: {name: text}, st.sampled_from(SIMPLE), TEXTS),
    st.builds(lambda name, text: {name: {"equals-ignore-case": text}}, st.sampled_from(["prefix", "suffix"]), TEXTS),
    st.builds(lambda text: {"wildcard": text}, WILDCARDS),
    st.builds(lambda present: {"exists": present}, st.booleans()),
    st.sampled_from([{"cidr": "10.0.0.0/16"}, {"cidr": "::/64"}]),
    st.builds(lambda sign, bound: {"numeric": [sign, bound]}, st.sampled_from(["=", "<", "<=", ">", ">="]), NUMBERS),
    st.just({"numeric": [">", 0, "<=", 1]}),
    st.builds(
        lambda values: {"anything-but": values},
        st.one_of(TEXTS, NUMBERS, st.lists(TEXTS, min_size=1, max_size=3), st.lists(NUMBERS, min_size=1, max_size=3)),
    ),
    st.builds(
        lambda name, texts: {"anything-but": {name: texts}},
        st.sampled_from(["prefix", "suffix", "equals-ignore-case"]),
        st.sampled_from(["x", ["x", "1"], "X"]),
    ),
    st.builds(lambda texts: {"anything-but": {"wildcard": texts}}, WILDCARDS | st.lists(WILDCARDS, min_size=1)),
)
LEAVES = st.lists(SCALARS | OPERATORS | st.just({"exists": False}), min_size=1, max_size=3)


def objects(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    plain = st.dictionaries(KEYS, inner, min_size=1, max_size=2)
    either = st.lists(plain, min_size=2, max_size=2)
    return plain | st.builds(lambda rest, alternatives: {**rest, "$or": alternatives}, plain | st.just({}), either)


PATTERNS = objects(st.recursive(LEAVES, objects, max_leaves=3))


@st.composite
def fitting(draw: st.DrawFn, pattern: Any) -> Any:
    """Draw what has the shape of a pattern: its keys, most of them, with arrays here and there."""
    if isinstance(pattern, list):
        return draw(st.sampled_from([each for each in pattern if not isinstance(each, dict)] or ["x", 1]) | VALUES)
    if draw(st.integers(0, 3)) == 0:
        return draw(st.lists(fitting(pattern), max_size=3))
    record: dict[str, Any] = {}
    for part in [pattern, *pattern.get("$or", [])]:
        record |= {key: draw(fitting(part[key])) for key in part if key != "$or" and draw(st.integers(0, 4))}
    return record


PAIRS = PATTERNS.flatmap(
    lambda pattern: st.tuples(
        st.just(pattern), RECORDS | fitting(pattern).filter(lambda record: isinstance(record, dict))
    )
)

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | OPERATORS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            KEYS | st.sampled_from([*filter_reference.OPERATORS, "$or"]) | st.text(max_size=3), inner, max_size=4
        ),
    ),
    max_leaves=10,
)


@settings(max_examples=400, deadline=None)
@given(PAIRS)
@example(({"b": {"c": [{"exists": False}]}}, {"b": [{"c": "x"}, {"a": 1}]}))
@example(({"b": {"c": [{"exists": False}], "a": [1]}}, {"b": [{"c": "x"}, {"a": 1}]}))
@example(({"b": {"$or": [{"c": [{"exists": False}]}, {"a": [{"exists": False}]}]}}, {"b": [{"c": "x"}, {"a": 1}]}))
@example(({"b": {"c": ["x"], "a": [1]}}, {"b": [{"c": "x", "a": 2}, {"c": "y", "a": 1}]}))
def test_compiled_filters_match_what_a_plain_matcher_does(pair):
    pattern, record = pair
    filters = compile_filters([json.dumps(pattern)])
    expected = filter_reference.matches(pattern, record)
    assert filters.matches(record) is expected
    assert filters.matches_encoded(orjson.dumps(record)) is expected


@settings(max_examples=200, deadline=None)
@given(st.lists(PATTERNS, max_size=3), RECORDS)
def test_an_explanation_says_yes_where_the_filter_does_and_else_one_line_why_not(patterns, record):
    filters = compile_filters([json.dumps(pattern) for pattern in patterns])
    verdicts = filters.explain(record)
    assert [verdict.matches for verdict in verdicts] == [
        compile_filters([verdict.pattern]).matches(record) for verdict in verdicts
    ]
    assert filters.matches(record) is (not patterns or any(verdict.matches for verdict in verdicts))
    for verdict in verdicts:
        if verdict.miss is not None:
            assert verdict.miss.path
            assert verdict.miss.wanted
            assert verdict.miss.found
            assert "\n" not in str(verdict.miss)


@settings(max_examples=400, deadline=None)
@given(ANY_JSON.map(json.dumps) | st.text(max_size=20), RECORDS)
def test_any_text_is_a_pattern_or_refused_with_the_one_error_in_one_line(text, record):
    refusal = None
    try:
        filters = compile_filters([text])
        assert filters.matches(record) is filters.explain(record)[0].matches
    except FilterError as error:
        refusal = str(error)
    assert refusal is None or re.fullmatch("filter 1: .+: expected .+", refusal)
