"""What is likely to be wrong with a pattern that does not match: the slips that AWS leaves one alone with."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from cdc.mappings.filtering.match import scalars
from cdc.mappings.filtering.pattern import Equal, EqualIgnoringCase, Numeric, is_number
from cdc.mappings.filtering.words import path_text, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cdc.mappings.filtering.pattern import Alternative, Leaf

TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"})
SOURCE_ARN = "eventSourceARN"


def key_hint(key: str, keys: Iterable[str]) -> str:
    """Say what a key that is missing was perhaps meant to be."""
    names = list(keys)
    if key == SOURCE_ARN:
        return "records of an event have it, those of GetRecords and `cdc tail` do not"
    if TYPES.issuperset(names) and names:
        if key.upper() in TYPES:
            return "" if key in TYPES else f"did you mean {key.upper()}?"
        return f"what an attribute holds stands below its type: write {names[0]} first"
    if "." in key:
        return "keys are nested, each in an object of its own, not joined by dots"
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(key.lower(), folded, n=1, cutoff=0.75)
    return f"did you mean {path_text((folded[close[0]],))}?" if close else ""


def value_hint(leaf: Leaf, value: object) -> str:
    """Say why a value does not match though it looks as if it should."""
    if isinstance(value, dict):
        types = [name for name in value if name in TYPES]
        if len(value) == len(types) == 1:
            return f'the value stands below its type, as in {{"{types[0]}": […]}}'
        return "a list of alternatives is for a value, not for an object" if value else ""
    values = list(scalars(value)) if isinstance(value, list) else [value]
    texts = [each for each in values if isinstance(each, str)]
    for alternative in leaf.alternatives:
        hint = _text_hint(alternative, texts)
        if hint:
            return hint
    return ""


def _text_hint(alternative: Alternative, texts: list[str]) -> str:
    """Say what keeps an alternative from matching texts."""
    if isinstance(alternative, Numeric) and any(map(_reads_as_number, texts)):
        return "numbers of an item are texts in a record, and numeric matches no text; a list of texts can, or a prefix"
    if not isinstance(alternative, Equal):
        return ""
    wanted = alternative.value
    if is_number(wanted) and any(map(_reads_as_number, texts)):
        return f'numbers of an item are texts in a record: write ["{shown(wanted)}"]'
    if isinstance(wanted, str) and any(map(EqualIgnoringCase(wanted).matches, texts)):
        return "only the case differs; equals-ignore-case leaves it aside"
    return ""


def _reads_as_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
