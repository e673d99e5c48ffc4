from __future__ import annotations

from cdc.mappings.filtering.errors import PatternError


def test_an_error_of_a_pattern_names_the_place_unless_it_is_the_whole():
    assert str(PatternError(("a", "b c"), "5 stands alone", "a list")) == 'a."b c": 5 stands alone: expected a list'
    assert str(PatternError((), "{} is empty", "keys")) == "{} is empty: expected keys"
