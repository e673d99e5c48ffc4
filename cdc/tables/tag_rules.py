"""Tags: what makes one acceptable, and how a table's change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cdc.model.errors import ValidationException
from cdc.model.values import INVALID

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    Tags = tuple[tuple[str, str], ...]

MAX_TAGS = 50
_acceptable = re.compile(r"[\w\s+\-=.:/@]*").fullmatch
RESERVED = "aws:"
"""What keys begin with that are AWS's own."""


def check_tags(tags: Sequence[dict[str, str]]) -> None:
    """Check the tags of a request; their lengths are checked already.

    Raises: ValidationException. (DynamoDB: Tag.)
    """
    keys = [tag["Key"] for tag in tags]
    for key in keys:
        if key.lower().startswith(RESERVED):
            raise ValidationException(
                f"{INVALID}Tag keys starting with '{RESERVED}' are reserved for system use: {key}"
            )
        if keys.count(key) > 1:
            raise ValidationException(f"{INVALID}Duplicate tag key found in the request: {key}")
    for text in (*keys, *(tag["Value"] for tag in tags)):
        if not _acceptable(text):
            raise ValidationException(
                f"{INVALID}Tag keys and values can have letters, digits, spaces and the characters + - = . _ : / @, "
                f"which '{text}' has others than"
            )
    _check_number(len(tags))


def new_tags(tags: Iterable[dict[str, str]]) -> Tags:
    """Return the tags of a request as they are kept."""
    return tuple(sorted((tag["Key"], tag["Value"]) for tag in tags))


def tags_with(tags: Tags, added: Iterable[dict[str, str]]) -> Tags:
    """Add tags; one whose key is there gets the new value.

    Raises: ValidationException when there are too many.
    """
    changed = dict(tags) | {tag["Key"]: tag["Value"] for tag in added}
    _check_number(len(changed))
    return tuple(sorted(changed.items()))


def tags_without(tags: Tags, keys: Collection[str]) -> Tags:
    """Take tags away; keys that are not there are ignored."""
    return tuple((key, value) for key, value in tags if key not in keys)


def _check_number(number: int) -> None:
    if number > MAX_TAGS:
        raise ValidationException(f"{INVALID}Too many tags: a table has {MAX_TAGS} at most, not {number}")
