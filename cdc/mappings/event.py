"""The event that a handler gets, spliced from the JSON of its records."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = b'{"Records":['
_TAIL = b"]}"
ENVELOPE_BYTES = len(_HEAD) + len(_TAIL)
"""What an event weighs without its records; between two records there is one byte more."""


def build_event(records: Sequence[bytes]) -> bytes:
    """Join records, each a JSON object, to the event of a batch (Lambda: DynamoDB event)."""
    return _HEAD + b",".join(records) + _TAIL
