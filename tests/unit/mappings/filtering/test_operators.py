"""Operators: which operands each takes, and what is said of others."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from cdc.mappings.filtering.errors import PatternError
from cdc.mappings.filtering.operators import parse_operator
from cdc.mappings.filtering.pattern import (
    AnythingBut,
    Cidr,
    Equal,
    EqualIgnoringCase,
    Exists,
    Numeric,
    Prefix,
    Suffix,
    Wildcard,
)

IGNORE_CASE = "equals-ignore-case"


@pytest.mark.parametrize(
    ("operator", "alternative"),
    [
        ({"prefix": "us-"}, Prefix("us-")),
        ({"prefix": ""}, Prefix("")),
        ({"prefix": {IGNORE_CASE: "us-"}}, Prefix("us-", ignores_case=True)),
        ({"suffix": ".png"}, Suffix(".png")),
        ({"suffix": {IGNORE_CASE: ".png"}}, Suffix(".png", ignores_case=True)),
        ({IGNORE_CASE: "alice"}, EqualIgnoringCase("alice")),
        ({"exists": True}, Exists(present=True)),
        ({"exists": False}, Exists(present=False)),
        ({"numeric": ["=", 100]}, Numeric((("=", 100),))),
        ({"numeric": [">", 10, "<=", 20.5]}, Numeric(((">", 10), ("<=", 20.5)))),
        ({"wildcard": "a*b"}, Wildcard("a*b", ("a", "b"))),
        ({"wildcard": "*"}, Wildcard("*", ("", ""))),
        ({"wildcard": "a"}, Wildcard("a", ("a",))),
        ({"wildcard": r"\*\\*"}, Wildcard(r"\*\\*", ("*\\", ""))),
        ({"wildcard": r"*\**"}, Wildcard(r"*\**", ("", "*", ""))),
        ({"cidr": "10.0.0.0/24"}, Cidr(ip_network("10.0.0.0/24"))),
        ({"cidr": "10.0.0.7/24"}, Cidr(ip_network("10.0.0.0/24"))),
        ({"cidr": "fe80::/10"}, Cidr(ip_network("fe80::/10"))),
        ({"anything-but": "x"}, AnythingBut((Equal("x"),))),
        ({"anything-but": 5}, AnythingBut((Equal(5),))),
        ({"anything-but": ["x", "y"]}, AnythingBut((Equal("x"), Equal("y")))),
        ({"anything-but": [1, 2.5]}, AnythingBut((Equal(1), Equal(2.5)))),
        ({"anything-but": {"prefix": "x"}}, AnythingBut((Prefix("x"),))),
        ({"anything-but": {"suffix": ["x", "y"]}}, AnythingBut((Suffix("x"), Suffix("y")))),
        ({"anything-but": {IGNORE_CASE: ["x", ""]}}, AnythingBut((EqualIgnoringCase("x"), EqualIgnoringCase("")))),
        ({"anything-but": {"wildcard": "a*"}}, AnythingBut((Wildcard("a*", ("a", "")),))),
    ],
)
def test_what_an_operator_takes(operator, alternative):
    assert parse_operator(operator, ()) == alternative


PREFIX_RIGHT = f'expected a text, as in {{"prefix": "a"}} or {{"prefix": {{"{IGNORE_CASE}": "a"}}}}'
NUMERIC_RIGHT = 'expected signs and numbers in turn, as in {"numeric": ["=", 5]} or {"numeric": [">", 0, "<=", 5]}'
BUT_RIGHT = 'expected a text, a number, or a list of texts or of numbers, as in {"anything-but": ["a", "b"]}'


@pytest.mark.parametrize(
    ("operator", "message"),
    [
        ({"prefix": 5}, f'{{"prefix": 5}}: {PREFIX_RIGHT}'),
        ({"prefix": ["a"]}, f'{{"prefix": ["a"]}}: {PREFIX_RIGHT}'),
        ({"prefix": {IGNORE_CASE: 5}}, f'{{"prefix": {{"{IGNORE_CASE}": 5}}}}: {PREFIX_RIGHT}'),
        ({"prefix": {"suffix": "a"}}, f'{{"prefix": {{"suffix": "a"}}}}: {PREFIX_RIGHT}'),
        ({"suffix": None}, '{"suffix": null}: expected a text, as in {"suffix": "a"} or'),
        ({IGNORE_CASE: ["a"]}, f'{{"{IGNORE_CASE}": ["a"]}}: expected a text, as in {{"{IGNORE_CASE}": "a"}}'),
        ({"exists": "true"}, '{"exists": "true"}: expected {"exists": true} or {"exists": false}'),
        ({"exists": 1}, '{"exists": 1}: expected {"exists": true}'),
        ({"numeric": 5}, f'{{"numeric": 5}}: {NUMERIC_RIGHT}'),
        ({"numeric": []}, f'{{"numeric": []}}: {NUMERIC_RIGHT}'),
        ({"numeric": [">"]}, f'{{"numeric": [">"]}}: {NUMERIC_RIGHT}'),
        ({"numeric": [">", 1, "<", 2, "<", 3]}, f'{{"numeric": [">", 1, "<", 2, "<", 3]}}: {NUMERIC_RIGHT}'),
        ({"numeric": [5, ">"]}, '{"numeric": [5, ">"]} has 5 for a sign: expected one of = < <= > >='),
        ({"numeric": ["==", 5]}, '{"numeric": ["==", 5]} has "==" for a sign: expected one of = < <= > >='),
        ({"numeric": ["!=", 5]}, '{"numeric": ["!=", 5]} has !=: expected {"anything-but": 5} for any other value'),
        ({"numeric": [[], 5]}, '{"numeric": [[], 5]} has [] for a sign'),
        ({"numeric": [">", "5"]}, f'{{"numeric": [">", "5"]}} has "5" for a number: {NUMERIC_RIGHT}'),
        ({"numeric": [">", True]}, f'{{"numeric": [">", true]}} has true for a number: {NUMERIC_RIGHT}'),
        (
            {"numeric": ["<", 5, ">", 0]},
            '{"numeric": ["<", 5, ">", 0]}: expected of two bounds the lower one first, as in {"numeric": [">", 0, "<=", 5]}',
        ),
        ({"numeric": ["=", 5, "<", 9]}, '{"numeric": ["=", 5, "<", 9]}: expected of two bounds the lower one first'),
        ({"numeric": [">", 5, "<", 5]}, '{"numeric": [">", 5, "<", 5]} leaves no number: expected a lower bound that'),
        ({"wildcard": 5}, '{"wildcard": 5}: expected a text, as in {"wildcard": "a*z"}'),
        ({"wildcard": "a**"}, '{"wildcard": "a**"} has two stars in a row: expected one star, which stands for any'),
        ({"wildcard": r"a\b"}, r'{"wildcard": "a\\b"} escapes "b": expected \* for a star or \\ for a backslash'),
        ({"wildcard": "a\\"}, r'{"wildcard": "a\\"} escapes "": expected \* for a star'),
        ({"cidr": "10.0.0.0"}, '{"cidr": "10.0.0.0"}: expected a network, as in {"cidr": "10.0.0.0/24"}'),
        ({"cidr": "10.0.0.0/33"}, '{"cidr": "10.0.0.0/33"}: expected a network'),
        ({"cidr": "10.0.0/24"}, '{"cidr": "10.0.0/24"}: expected a network'),
        ({"cidr": "10.0.0.0/255.0.0.0"}, '{"cidr": "10.0.0.0/255.0.0.0"}: expected a network'),
        ({"cidr": "fe80::%1/64"}, '{"cidr": "fe80::%1/64"}: expected a network'),
        ({"cidr": 5}, '{"cidr": 5}: expected a network'),
        ({"anything-but": []}, f'{{"anything-but": []}}: {BUT_RIGHT}'),
        ({"anything-but": None}, f'{{"anything-but": null}}: {BUT_RIGHT}'),
        ({"anything-but": True}, f'{{"anything-but": true}}: {BUT_RIGHT}'),
        ({"anything-but": ["a", 1]}, f'{{"anything-but": ["a", 1]}}: {BUT_RIGHT}'),
        ({"anything-but": [True]}, f'{{"anything-but": [true]}}: {BUT_RIGHT}'),
        ({"anything-but": ["a", {"prefix": "b"}]}, f'{{"anything-but": ["a", {{"prefix": "b"}}]}}: {BUT_RIGHT}'),
        ({"anything-but": {}}, '{"anything-but": {}}: expected one operator, as in {"anything-but": {"prefix": "a"}}'),
        (
            {"anything-but": {"prefix": ""}},
            (
                '{"anything-but": {"prefix": ""}}: expected a text or a list of texts, as in {"anything-but": {"prefix": '
                '["a", "b"]}}, none of them empty'
            ),
        ),
        ({"anything-but": {"suffix": ["a", ""]}}, '{"anything-but": {"suffix": ["a", ""]}}: expected a text or a list'),
        ({"anything-but": {"prefix": []}}, '{"anything-but": {"prefix": []}}: expected a text or a list of texts'),
        ({"anything-but": {IGNORE_CASE: 5}}, f'{{"anything-but": {{"{IGNORE_CASE}": 5}}}}: expected a text or a list'),
        (
            {"anything-but": {"prefix": {IGNORE_CASE: "a"}}},
            f'{{"anything-but": {{"prefix": {{"{IGNORE_CASE}": "a"}}}}}}: expected a text or a list of texts',
        ),
        (
            {"anything-but": {"exists": True}},
            f'{{"anything-but": {{"exists": true}}}} has "exists": expected one of prefix, suffix, {IGNORE_CASE}, wildcard',
        ),
        ({"anything-but": {"wildcard": "**"}}, '{"wildcard": "**"} has two stars in a row'),
    ],
)
def test_what_an_operator_does_not_take_is_refused(operator, message):
    with pytest.raises(PatternError) as caught:
        parse_operator(operator, ("a", "b"))
    assert str(caught.value).startswith(f"a.b: {message}")
