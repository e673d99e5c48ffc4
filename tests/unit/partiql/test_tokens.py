"""Tokens of pages: what they hold comes back, to the request that they belong to alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model.errors import ValidationException
from cdc.partiql.tokens import OTHER_REQUEST, UNREADABLE, decode_token, digest_of, encode_token

SECRET = b"s" * 32
DIGEST = digest_of("SELECT * FROM t WHERE a = ?", [{"S": "x"}])


@given(st.binary(max_size=4000))
def test_a_position_comes_back(position):
    token = encode_token(SECRET, DIGEST, position)
    assert decode_token(SECRET, DIGEST, token) == position
    assert len(token) <= 32_768


@pytest.mark.parametrize(
    ("statement", "parameters"),
    [
        ("SELECT * FROM t WHERE a = ? ", [{"S": "x"}]),
        ("SELECT * FROM t WHERE a = ?", [{"S": "y"}]),
        ("SELECT * FROM t WHERE a = ?", None),
    ],
)
def test_a_token_of_another_request_does_not_match(statement, parameters):
    token = encode_token(SECRET, digest_of(statement, parameters), b"key")
    with pytest.raises(ValidationException) as caught:
        decode_token(SECRET, DIGEST, token)
    assert caught.value.message == OTHER_REQUEST


def test_how_the_members_of_a_parameter_are_ordered_is_no_change():
    assert digest_of("x", [{"M": {"a": 1, "b": 2}}]) == digest_of("x", [{"M": {"b": 2, "a": 1}}])
    assert digest_of("x", []) == digest_of("x", None)


GOOD = encode_token(SECRET, DIGEST, b"key")


@pytest.mark.parametrize(
    "token",
    ["", "x", "é", "====", GOOD[:-4], GOOD[4:], GOOD[:-1] + "A", encode_token(b"other", DIGEST, b"key"), "AAAA" * 20],
)
def test_what_is_no_token_of_this_file_is_invalid(token):
    with pytest.raises(ValidationException) as caught:
        decode_token(SECRET, DIGEST, token)
    assert caught.value.message == UNREADABLE
