"""When an item expires, by its table's TTL attribute (DynamoDB: Time to Live)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from cdc.model.options import DAY_SECONDS

if TYPE_CHECKING:
    from cdc.model.values import Item

IGNORED_AFTER_MS = 5 * 365 * DAY_SECONDS * 1000
"""An item that expired so long ago is left alone: its attribute is likely no time in seconds."""
_WHOLE_DIGITS = 12
"""Of the latest time that counts, tens of millennia away; a larger number is no time, or one in milliseconds."""


def expires_ms(item: Item, attribute: str) -> int | None:
    """Return when an item expires, in milliseconds since 1970; None when never.

    The attribute is a number of seconds since 1970, at the top level; anything else counts for nothing.
    """
    text = item.get(attribute, {}).get("N")
    if text is None or text.startswith("-") or len(text.partition(".")[0]) > _WHOLE_DIGITS:
        return None
    return int(Decimal(text) * 1000)


def has_expired(at_ms: int | None, now_ms: int) -> bool:
    """Tell whether an item that expires at `at_ms` is to be deleted."""
    return at_ms is not None and now_ms - IGNORED_AFTER_MS <= at_ms < now_ms
