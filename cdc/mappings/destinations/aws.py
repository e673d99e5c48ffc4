"""The clients of AWS services, by boto3 where it is installed, and their errors as ours."""

from __future__ import annotations

import importlib.util
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cdc.mappings.destinations.sending import SendError, UnsendableError, one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.mappings.destinations.sending import SendingOptions

BOTO3_MISSING = 'boto3 is not installed: pip install "durable-cdc[destinations]"'
MESSAGE_ID = "cdc-message-id"
"""Name of the message's attribute, or the object's metadata, that holds its id."""
_UNSENDABLE = frozenset({"InvalidMessageContents", "EntityTooLarge"})
"""Error codes for the message itself. All others may pass: a queue is made, a permission is given."""


def has_boto3() -> bool:
    """Tell whether boto3 can be imported, without the 0.3 s of doing it."""
    return importlib.util.find_spec("boto3") is not None


class Clients:
    """Makes clients with the credentials that boto3 finds in the environment."""

    def __init__(self, options: SendingOptions) -> None:
        self._options = options
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str | None], Any] = {}

    def get(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service in a region, None for the one of the environment; any thread may use it.

        Raises: SendError when boto3 is missing.
        """
        with self._lock:  # boto3 makes one client at a time
            client = self._clients.get((service, region))
            if client is None:
                client = self._clients[service, region] = self._make(service, region)
            return client

    def _make(self, service: str, region: str | None) -> Any:
        if not has_boto3():
            raise SendError(BOTO3_MISSING)
        # Optional, and 0.3 s.
        from boto3 import Session  # noqa: PLC0415
        from botocore.config import Config  # noqa: PLC0415

        options = self._options
        session = Session(region_name=region)
        return session.client(
            service,
            region_name=session.region_name or options.region,
            endpoint_url=options.endpoint_url,
            config=Config(
                connect_timeout=options.connect_seconds,
                read_timeout=options.timeout_seconds,
                retries={"total_max_attempts": 1},  # the outbox tries again, and remembers it
                s3={"addressing_style": "auto" if options.endpoint_url is None else "path"},
            ),
        )


@contextmanager
def as_send_errors() -> Iterator[None]:
    """Turn what boto3 raises into SendError and UnsendableError."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  # there, as its client is

    try:
        yield
    except ClientError as error:
        answer = error.response.get("Error", {})
        code = answer.get("Code", "").rpartition(".")[2]
        text = one_line(f"{code}: {answer.get('Message', '')}")
        raise (UnsendableError if code in _UNSENDABLE else SendError)(text) from error
    except BotoCoreError as error:
        raise SendError(one_line(error)) from error
