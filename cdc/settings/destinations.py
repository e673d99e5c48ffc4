"""Settings of how messages about discarded batches are sent."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from cdc.settings.rules import Checked, Kind, rule

_WEBHOOK_SECRET = r"(whsec_)?((B{4}){8,20}(B{4}|B{3}=|B{2}==)?|(B{4}){21}B{2}==)".replace("B", "[A-Za-z0-9+/]")


@dataclass(frozen=True, kw_only=True)
class DestinationSettings(Checked):
    """[destinations]: how messages about discarded batches are sent."""

    endpoint_url: str | None = field(
        default=None,
        metadata=rule(
            Kind.TEXT,
            "Where SQS, SNS and S3 are reached, in place of AWS: another service that speaks their protocols. Region and "
            "credentials are those that boto3 finds in the environment.",
            pattern=r"https?://[^\s/?#@]+/?",
            form='a URL without a path, such as "http://localhost:5000"',
        ),
    )
    webhook_secret: str | None = field(
        default=None,
        repr=False,
        metadata=rule(
            Kind.TEXT,
            "Key that messages to URLs are signed with, for the receiver to check, such as `openssl rand -base64 32` makes. "
            "Unset sends them without a signature.",
            pattern=_WEBHOOK_SECRET,
            form="24 to 64 bytes in base64, with or without whsec_ before them, as Standard Webhooks has it",
            secret=True,
        ),
    )
    timeout_seconds: int = field(
        default=30,
        metadata=rule(
            Kind.WHOLE,
            "How long one attempt may take. Receivers that answer at once and work afterwards need less.",
            unit="seconds",
            low=1,
            high=900,
        ),
    )
    retry_hours: float = field(
        default=336,
        metadata=rule(
            Kind.NUMBER,
            "How long a message that can't be sent is tried again, at most once a minute; then it is kept as failed. "
            "Two weeks outlast a holiday.",
            unit="hours",
            low=0.001,
            high=876_000,
        ),
    )
    keep_hours: float = field(
        default=336,
        metadata=rule(
            Kind.NUMBER,
            "How long a message is listed after it was sent, or kept to be tried again after it was given up.",
            unit="hours",
            low=0.001,
            high=876_000,
        ),
    )

    @property
    def webhook_key(self) -> bytes | None:
        """The bytes that the secret stands for; None when it is unset."""
        if self.webhook_secret is None:
            return None
        return base64.b64decode(self.webhook_secret.removeprefix("whsec_"))
