"""Settings of access keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from cdc.settings.rules import Checked, Kind, rule


@dataclass(frozen=True, kw_only=True)
class CredentialSettings(Checked):
    """[[credentials]]: an access key. With one or more, every request must be signed with one of them."""

    name_key: ClassVar[str] = "access_key_id"

    access_key_id: str = field(
        metadata=rule(
            Kind.TEXT,
            "The key's id, as clients have it in AWS_ACCESS_KEY_ID. One key can also come from the environment: "
            "CDC_CREDENTIALS_ACCESS_KEY_ID and so on.",
            pattern=r"[A-Za-z0-9_.-]{1,128}",
            form="1 to 128 letters, digits, -, _ and .",
        ),
    )
    secret_access_key: str = field(
        repr=False,
        metadata=rule(
            Kind.TEXT,
            "What clients sign with, as they have it in AWS_SECRET_ACCESS_KEY.",
            pattern=r"[!-~]{1,256}",
            form="1 to 256 characters of ASCII without spaces",
            secret=True,
        ),
    )
    session_token: str | None = field(
        default=None,
        repr=False,
        metadata=rule(
            Kind.TEXT,
            "What clients have to send besides, as they have it in AWS_SESSION_TOKEN. Without one they must send none.",
            pattern=r"[!-~]{1,4096}",
            form="1 to 4096 characters of ASCII without spaces",
            secret=True,
        ),
    )
