"""The event that a handler gets, spliced from the JSON of its records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEAD = b'{"Records":['
_TAIL = b"]}"
ENVELOPE_BYTES = len(_HEAD) + len(_TAIL)
"""What an event weighs without its records; between two records there is one byte more."""
WINDOW_BYTES = 1024
"""Room in an event for what a tumbling window adds besides its state."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowEvent:
    """What the event of a tumbling window has besides records (Lambda: tumbling windows)."""

    start_ms: int
    end_ms: int
    state: bytes  # JSON
    shard_id: str
    source_arn: str
    final: bool
    early: bool  # the window ends before its time, as its state is too large


def build_event(records: Sequence[bytes], window: WindowEvent | None = None) -> bytes:
    """Join records, each a JSON object, to the event of a batch (Lambda: DynamoDB event)."""
    event = _HEAD + b",".join(records) + _TAIL
    if window is None:
        return event
    extras = {
        "window": {"start": _time(window.start_ms), "end": _time(window.end_ms)},
        "state": orjson.Fragment(window.state),
        "shardId": window.shard_id,
        "eventSourceARN": window.source_arn,
        "isFinalInvokeForWindow": window.final,
        "isWindowTerminatedEarly": window.early,
    }
    return event[:-1] + b"," + orjson.dumps(extras)[1:]


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
