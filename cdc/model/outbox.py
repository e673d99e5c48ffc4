"""Messages of the outbox: what is to be sent to a destination, and how far that has come."""

from __future__ import annotations

import re
from dataclasses import dataclass

PENDING = "pending"
SENT = "sent"
FAILED = "failed"

_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """What is to be sent. It is the same at each attempt, so that a receiver can tell a repetition by the id.

    Raises `ValueError` when the id could not stand in a header or the key of an object.
    """

    message_id: str  # a UUID, or another text of letters, digits and -
    destination: str  # a text for `cdc.model.destinations.parse_destination`
    payload: bytes  # a JSON object
    mapping_name: str
    records: int  # in the batch that it is about
    object_key: str | None = None  # in a bucket, where a repetition takes the place of what was there

    def __post_init__(self) -> None:
        if _MESSAGE_ID.fullmatch(self.message_id) is None:
            raise ValueError(f"message id {self.message_id!r}: expected a UUID, or up to 64 letters, digits and -")


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A message in the outbox, without its payload. Times are ms since 1970."""

    id: int  # in the file
    message_id: str
    destination: str
    object_key: str | None
    mapping_name: str
    records: int
    size_bytes: int  # of the payload
    state: str  # PENDING | SENT | FAILED
    attempts: int
    next_attempt_ms: int
    last_error: str | None  # of the last attempt, unless it was sent
    created_ms: int
    pending_since_ms: int  # when it was added, or an operator had it tried again
    settled_ms: int | None  # when it was sent or given up
