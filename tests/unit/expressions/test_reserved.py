"""The list of reserved words."""

from __future__ import annotations

from cdc.expressions.reserved import RESERVED_WORDS


def test_there_are_573_reserved_words_all_in_capitals() -> None:
    assert len(RESERVED_WORDS) == 573
    assert all(word.isascii() and word.isalpha() and word.isupper() for word in RESERVED_WORDS)
    assert {"ABORT", "NAME", "STATUS", "SIZE", "TTL", "ZONE"} <= RESERVED_WORDS
    assert not {"PK", "SK", "ID", "A"} & RESERVED_WORDS
