"""When an item expires: a number of seconds at the top level, not too long ago; nothing else counts."""

from __future__ import annotations

import pytest

from cdc.model.expiry import IGNORED_AFTER_MS, expires_ms, has_expired

NOW_MS = 1_700_000_000_000


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"N": "1700000000"}, NOW_MS),
        ({"N": "1700000000.5"}, NOW_MS + 500),
        ({"N": "0"}, 0),
        ({"N": "0.0001"}, 0),
        ({"N": "-5"}, None),
        ({"N": "1700000000000"}, None),  # milliseconds, taken for seconds: in 50,000 years
        ({"N": "1" + "0" * 125}, None),
        ({"S": "1700000000"}, None),
        ({"NS": ["1700000000"]}, None),
        ({"M": {"ttl": {"N": "1700000000"}}}, None),
        ({"NULL": True}, None),
    ],
)
def test_a_number_of_seconds_counts_and_nothing_else(value, expected):
    assert expires_ms({"ttl": value}, "ttl") == expected
    assert expires_ms({"pk": {"S": "a"}, "other": value}, "ttl") is None


@pytest.mark.parametrize(
    ("at_ms", "expired"),
    [
        (None, False),
        (NOW_MS - 1, True),
        (NOW_MS, False),
        (NOW_MS + 1, False),
        (NOW_MS - IGNORED_AFTER_MS, True),
        (NOW_MS - IGNORED_AFTER_MS - 1, False),
        (0, False),
    ],
)
def test_an_item_has_expired_from_the_next_moment_on_and_for_five_years(at_ms, expired):
    assert has_expired(at_ms, NOW_MS) is expired
