"""Patterns as text: what is one, and for what is none, where it is wrong and what would be right."""

from __future__ import annotations

import json

import pytest

from cdc.mappings.filtering.errors import PatternError
from cdc.mappings.filtering.parse import DEPTH_MAX, PATTERN_CHARACTERS, parse
from cdc.mappings.filtering.pattern import Branch, Equal, Exists, Leaf, Prefix

AB = [{"a": ["x"]}, {"b": ["y"]}]
X, Y = Leaf((Equal("x"),)), Leaf((Equal("y"),))


def refusal(text: str) -> str:
    with pytest.raises(PatternError) as caught:
        parse(text)
    return str(caught.value)


def test_objects_are_branches_and_lists_leaves_with_alternatives():
    tree = parse('{"a": {"b": ["x", 1, true, null, {"prefix": "p"}]}, "c": [{"exists": false}]}')
    alternatives = (Equal("x"), Equal(1), Equal(value=True), Equal(None), Prefix("p"))
    inner = Branch((("b", Leaf(alternatives)),))
    assert tree == Branch((("a", inner), ("c", Leaf((Exists(present=False),)))))


def test_an_or_stands_beside_other_keys():
    tree = parse(json.dumps({"c": ["x"], "$or": AB}))
    assert tree == Branch((("c", X),), (Branch((("a", X),)), Branch((("b", Y),))))


def test_an_or_may_be_in_an_or():
    tree = parse(json.dumps({"$or": [{"$or": AB}, {"c": ["x"]}]}))
    assert tree.either[0] == Branch((), (Branch((("a", X),)), Branch((("b", Y),))))


def test_or_is_a_key_like_others_where_no_patterns_follow():
    """An attribute may have that name."""
    assert parse('{"$or": ["x", {"prefix": "p"}]}').members == (("$or", Leaf((Equal("x"), Prefix("p")))),)
    assert parse('{"$or": {"S": ["x"]}}').members == (("$or", Branch((("S", X),))),)


def test_the_last_of_two_equal_keys_counts():
    assert parse('{"a": ["y"], "a": ["x"]}') == Branch((("a", X),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON at character 1 ("),
        ("INSERT", "not JSON at character 1 ("),
        ('{"a": ["x"}', "not JSON at character 11 ("),
        ('{"a": [NaN]}', "not JSON at character 8 ("),
        ("{'a': ['x']}", "not JSON at character 2 ("),
        ("\ud800", "not JSON at character 1 ("),
        ("[" * 2000, "not JSON at character 102"),
        ('"single-string"', '"single-string" is no object: expected an object such as {"eventName": ["INSERT"]}'),
        ('[{"eventName": ["INSERT"]}]', '[{"eventName": ["INSERT"]}] is no object: expected an object such as'),
        ("null", "null is no object: "),
        ("{}", '{} is empty: expected keys with what they have to match, as in {"eventName": ["INSERT"]}'),
        ('{"a": {"b": {}}}', "a.b: {} is empty: expected keys with"),
        (
            '{"eventName": "INSERT"}',
            'eventName: "INSERT" stands alone: expected a list of alternatives, as in ["INSERT"]',
        ),
        ('{"a": {"b c": 5}}', 'a."b c": 5 stands alone: expected a list of alternatives, as in [5]'),
        ('{"a": null}', "a: null stands alone: expected a list of alternatives, as in [null]"),
        ('{"a": []}', 'a: [] is empty: expected a list of alternatives, as in ["INSERT"]'),
        ('{"a": ["x", ["y"]]}', 'a: ["y"] is a list in a list: expected texts, numbers, true, false, null and operat'),
        ('{"a": [{}]}', "a: {} has 0 operators: expected one operator in an object, as in "),
        ('{"a": [{"prefix": "x", "suffix": "y"}]}', 'a: {"prefix": "x", "suffix": "y"} has 2 operators: expected one'),
        ('{"a": [{"Prefix": "x"}]}', 'a: there is no operator "Prefix": expected prefix'),
        (
            '{"a": [{"status": {"S": ["x"]}}]}',
            (
                'a: there is no operator "status": expected one of prefix, suffix, equals-ignore-case, anything-but, numeric, '
                "exists, wildcard, cidr; keys of a record stand in an object, not in a list"
            ),
        ),
        (
            '{"$or": [{"a": ["x"]}]}',
            '$or: has one alternative: expected two or more objects, as in {"$or": [{"a": ["x"]}, {"b": ["y"]}]}',
        ),
        ('{"$or": [{"a": ["x"]}, 5]}', "$or.1: 5 is no object: expected two or more objects"),
        ('{"$or": [{"a": ["x"]}, {}]}', "$or.1: {} is empty: expected keys"),
        (
            '{"$or": [{"a": ["x"]}, {"prefix": ["x"]}]}',
            "$or.1: prefix is an operator: expected keys of a record with what they have to match",
        ),
        ('{"$or": [{"a": ["x"]}, {"b": []}]}', "$or.1.b: [] is empty: expected a list"),
        ('{"$or": []}', "$or: [] is empty: expected a list"),
    ],
)
def test_what_is_no_pattern_is_refused_with_the_place_and_what_is_right(text, message):
    said = refusal(text)
    assert said.startswith(message)
    assert ": expected " in said
    assert len(said) < 250


def test_a_pattern_has_at_most_4096_characters():
    text = json.dumps({"a": ["é" * 4000]}, ensure_ascii=False)
    assert parse(text.ljust(PATTERN_CHARACTERS)) == parse(text)
    assert refusal(text.ljust(PATTERN_CHARACTERS + 1)) == "has 4,097 characters: expected at most 4,096"


def test_a_pattern_is_no_deeper_than_any_record():
    tree: Branch | Leaf = parse('{"a":' * DEPTH_MAX + '["x"]' + "}" * DEPTH_MAX)
    while isinstance(tree, Branch):
        ((_, tree),) = tree.members
    assert tree == X
    deeper = DEPTH_MAX + 1
    said = refusal('{"a":' * deeper + '["x"]' + "}" * deeper)
    assert said == "more than 100 objects within each other: expected fewer; no record is so deep"


@pytest.mark.parametrize("around", [0, 1])
def test_alternatives_count_as_depth_too(around):
    levels = 60
    text = '{"$or":[{"b":["x"]},' * levels + '{"c":["x"]}' + "]}" * levels
    said = refusal('{"a":' * around + text + "}" * around)
    assert said == "more than 100 objects within each other: expected fewer; no record is so deep"
