"""What each operator matches, and how it says what it wants."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest

from cdc.mappings.filtering.operators import parse_operator
from cdc.mappings.filtering.pattern import AnythingBut, Cidr, Equal, Exists, Leaf, Numeric, Prefix, Suffix, Wildcard

NO_TEXTS = (5, 5.0, True, False, None)


def matches(operator: dict[str, Any], value: Any) -> bool:
    alternative = parse_operator(operator, ())
    assert not isinstance(alternative, Equal | AnythingBut)  # they are matched together with their neighbours
    return alternative.matches(value)


@pytest.mark.parametrize(
    ("operator", "matching", "others"),
    [
        ({"prefix": "us-"}, ["us-", "us-1"], ["us", "US-1", "a us-", ""]),
        ({"prefix": ""}, ["", "x"], []),
        ({"prefix": {"equals-ignore-case": "uS-"}}, ["us-1", "US-1"], ["u", "x-us"]),
        ({"suffix": ".png"}, [".png", "a.png"], ["a.PNG", "a.png ", ""]),
        ({"suffix": {"equals-ignore-case": ".Png"}}, [".png", "a.PNG"], ["png"]),
        ({"equals-ignore-case": "Älice"}, ["älice", "ÄLICE"], ["alice", "älice ", ""]),
        ({"wildcard": "a*z"}, ["az", "a z", "a*z", "aazz", "a\nz"], ["a", "z", "az ", " az", ""]),
        ({"wildcard": "aba*aba"}, ["abaaba", "aba-aba"], ["aba", "ababa"]),
        ({"wildcard": "*ab*ab*"}, ["abab", "ab ab", " abxab "], ["ab", "aab", "aba"]),
        ({"wildcard": "*"}, ["", "x"], []),
        ({"wildcard": ""}, [""], ["x"]),
        ({"wildcard": r"1\*1\\"}, ["1*1\\"], ["1x1\\", r"1\*1\\"]),
        ({"wildcard": "a?[b]"}, ["a?[b]"], ["axb"]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10.0.0", "::1", "x", ""]),
        ({"cidr": "2001:db8::/32"}, ["2001:db8::1"], ["2001:db9::1", "10.0.0.1"]),
    ],
)
def test_operators_on_texts_match_some_texts_and_nothing_else(operator, matching, others):
    assert [value for value in [*matching, *others, *NO_TEXTS] if matches(operator, value)] == matching


@pytest.mark.parametrize(
    ("operand", "matching", "others"),
    [
        (["=", 300], [300, 300.0], [301, 300.5]),
        (["<", 5], [4, -1, 4.99], [5, 6]),
        (["<=", 5], [5, 5.0, -1], [5.01]),
        ([">", 0], [1, 0.5], [0, -1]),
        ([">=", 0], [0, 1], [-0.1]),
        ([">", 10, "<=", 20], [11, 20], [10, 21]),
        ([">=", 10, "<", 20], [10, 19.9], [9, 20]),
    ],
)
def test_numeric_matches_numbers_and_neither_texts_nor_booleans(operand, matching, others):
    values = [*matching, *others, "300", "4", "11", True, False, None]
    assert [value for value in values if matches({"numeric": operand}, value)] == matching


@pytest.mark.parametrize("value", ["", "x", 0, False, None])
def test_exists_is_true_of_any_value_that_is_there_also_of_null(value):
    assert matches({"exists": True}, value)
    assert not matches({"exists": False}, value)


def test_wildcards_do_not_try_over_and_over():
    """Backtracking would need more tries than there are atoms; the test ends by its time limit then."""
    assert not matches({"wildcard": "*a" * 2000 + "*b"}, "a" * 400_000)
    assert matches({"wildcard": "*" + "ab*" * 1300}, "ab" * 100_000)


@pytest.mark.parametrize(
    ("alternative", "words"),
    [
        (Equal("x"), '"x"'),
        (Equal(None), "null"),
        (Prefix("us-"), 'a text that starts with "us-"'),
        (Suffix("x", ignores_case=True), 'a text that ends with "x" in any case'),
        (parse_operator({"equals-ignore-case": "x"}, ()), '"x" in any case'),
        (Wildcard(r"a\*", ("a*",)), r'a text like "a\\*"'),
        (Numeric(((">", 1), ("<=", 2.5))), "a number > 1 and <= 2.5"),
        (Exists(present=True), "any value"),
        (Exists(present=False), "no value"),
        (Cidr(ip_network("10.0.0.0/8")), "an address in 10.0.0.0/8"),
        (AnythingBut((Equal("x"), Equal("y"))), 'anything but "x" and "y"'),
    ],
)
def test_alternatives_say_what_they_want(alternative, words):
    assert alternative.words == words


def test_a_leaf_wants_one_of_its_alternatives():
    leaf = Leaf((Equal(1), Prefix("x"), Exists(present=False)))
    assert leaf.words == '1, a text that starts with "x" or no value'
    assert leaf.takes_absence
    assert not Leaf((Exists(present=True),)).takes_absence
