"""What all senders share: their signature, what they are configured with, and how they fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

TIMEOUT_SECONDS_DEFAULT = 30
"""Of one attempt in all; Lambda functions behind a URL, the slowest common receivers, answer well within."""
CONNECT_SECONDS_MAX = 10
"""Of it for reaching the other side: a host that drops packets is given up sooner than one that works."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SendingOptions:
    """What the configuration says about sending."""

    region: str  # of buckets, when the environment names none
    endpoint_url: str | None = None  # in place of AWS
    webhook_key: bytes | None = None  # None: messages to webhooks are not signed
    timeout_seconds: int = TIMEOUT_SECONDS_DEFAULT

    @property
    def connect_seconds(self) -> float:
        """Time to reach the other side."""
        return min(self.timeout_seconds, CONNECT_SECONDS_MAX)


class Parcel(NamedTuple):
    """A message as senders get it."""

    message_id: str
    payload: bytes  # a JSON object
    object_key: str | None = None


class SendError(Exception):
    """The message was not sent, or nobody knows; the text is one line. It may be sent at another time."""


class UnsendableError(SendError):
    """The message can't be sent at any time, such as one that is too large."""


if TYPE_CHECKING:
    Send = Callable[[Parcel], None]
    """Send a message and return when the other side has it. May be called from several threads at a time.

    Raises: SendError.
    """


def one_line(text: object) -> str:
    """Put the words of an error on one line."""
    return " ".join(str(text).split())
