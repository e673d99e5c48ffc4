"""Shard iterators: their form, their life and what is refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.model.errors import ExpiredIteratorException, ValidationException
from cdc.streams.iterators import LIFE_MS, ShardIterator, decode_iterator, encode_iterator

SECRET = bytes(range(32))
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2023-11-14T22:13:20.000"
NOW_MS = 1_700_000_000_000
PLACE = ShardIterator(shard=3, after=17)


@pytest.mark.parametrize("after", [None, 0, 17, 2**62])
def test_an_iterator_comes_back_as_it_was(after):
    place = ShardIterator(shard=2**40, after=after)
    assert decode_iterator(SECRET, encode_iterator(SECRET, ARN, place, NOW_MS), NOW_MS) == place


def test_an_iterator_has_the_form_that_sdks_expect():
    text = encode_iterator(SECRET, ARN, PLACE, NOW_MS)
    assert re.fullmatch(re.escape(ARN) + r"\|1\|[A-Za-z0-9_-]{52}", text)


def test_an_iterator_expires_at_the_very_millisecond_of_its_fifteen_minutes():
    text = encode_iterator(SECRET, ARN, PLACE, NOW_MS)
    assert decode_iterator(SECRET, text, NOW_MS + 15 * 60_000 - 1) == PLACE
    with pytest.raises(ExpiredIteratorException, match="has expired"):
        decode_iterator(SECRET, text, NOW_MS + 15 * 60_000)
    assert LIFE_MS == 900_000


def test_an_iterator_stays_good_when_the_clock_goes_back():
    text = encode_iterator(SECRET, ARN, PLACE, NOW_MS)
    assert decode_iterator(SECRET, text, NOW_MS - 3_600_000) == PLACE


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "x",
        "|",
        "||",
        "|1|",
        f"{ARN}|1|",
        f"{ARN}|1|AAAA",
        f"{ARN}|1|é",
        f"{ARN}|1|\ud800",
        "\ud800|1|AAAA",
        f"{ARN}|1|====",
        "a" * 2048,
    ],
)
def test_garbage_is_refused(garbage):
    with pytest.raises(ValidationException, match="Invalid ShardIterator"):
        decode_iterator(SECRET, garbage, NOW_MS)


def test_an_iterator_of_another_file_is_refused():
    text = encode_iterator(bytes(32), ARN, PLACE, NOW_MS)
    with pytest.raises(ValidationException):
        decode_iterator(SECRET, text, NOW_MS)


def test_an_expired_iterator_of_another_file_is_invalid_not_expired():
    text = encode_iterator(bytes(32), ARN, PLACE, NOW_MS)
    with pytest.raises(ValidationException):
        decode_iterator(SECRET, text, NOW_MS + LIFE_MS)


@given(st.data())
def test_an_iterator_with_any_character_changed_is_refused(data):
    text = encode_iterator(SECRET, ARN, PLACE, NOW_MS)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="ascii").filter(lambda each: each != text[place]))
    with pytest.raises(ValidationException):
        decode_iterator(SECRET, text[:place] + other + text[place + 1 :], NOW_MS)


@given(st.text(max_size=200))
def test_no_text_makes_decoding_fail_otherwise(text):
    with pytest.raises(ValidationException):
        decode_iterator(SECRET, text, NOW_MS)
