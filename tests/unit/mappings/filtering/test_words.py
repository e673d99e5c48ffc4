from __future__ import annotations

import pytest

from cdc.mappings.filtering.words import listed, path_text, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("é", '"é"'),
        ({"a": [1, None]}, '{"a": [1, null]}'),
        ("\x1b\ud800\u202e", r'"\u001b\ud800\u202e"'),
        ("x" * 100, '"' + "x" * 79 + "…"),
    ],
)
def test_a_value_is_shown_short_and_without_signs_that_a_terminal_obeys(value, text):
    assert shown(value) == text


def test_keys_of_a_path_are_quoted_where_dots_would_mislead():
    assert path_text(("dynamodb", "my.key", "a b", "", "L[*]", "$or")) == 'dynamodb."my.key"."a b"."".L[*].$or'


@pytest.mark.parametrize(
    ("texts", "text"),
    [
        ("a", "a"),
        ("ab", "a or b"),
        ("abc", "a, b or c"),
        ("abcdefg", "a, b, c, d, e or 2 more"),
    ],
)
def test_a_list_ends_with_or_and_is_cut(texts, text):
    assert listed(texts, "or") == text
