"""The sender of each destination, made when it is first needed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from cdc.mappings.destinations.aws import Clients
from cdc.mappings.destinations.file import FileSender
from cdc.mappings.destinations.s3 import BucketSender
from cdc.mappings.destinations.sending import UnsendableError
from cdc.mappings.destinations.sns import TopicSender
from cdc.mappings.destinations.sqs import QueueSender
from cdc.mappings.destinations.webhook import WebhookSender
from cdc.model.destinations import Bucket, DestinationError, File, Queue, Topic, Webhook, parse_destination

if TYPE_CHECKING:
    from cdc.clock import Clock
    from cdc.mappings.destinations.sending import Parcel, Send, SendingOptions
    from cdc.model.destinations import Destination


class Senders:
    """Sends to any destination. May be called from several threads at a time."""

    def __init__(self, options: SendingOptions, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self.configure(options)

    def configure(self, options: SendingOptions) -> None:
        """Take other options, for sends that begin from now on."""
        with self._lock:
            self._options = options
            self._clients = Clients(options)
            self._senders: dict[str, Send] = {}

    def send(self, destination: str, parcel: Parcel) -> None:
        """Send a message and return when the destination has it.

        Raises: SendError.
        """
        with self._lock:
            send = self._senders.get(destination)
            if send is None:
                send = self._senders[destination] = self._make(_parsed(destination))
        send(parcel)

    def _make(self, destination: Destination) -> Send:
        match destination:
            case Queue():
                return QueueSender(destination, self._clients)
            case Topic():
                return TopicSender(destination, self._clients)
            case Bucket():
                return BucketSender(destination, self._clients)
            case Webhook():
                return WebhookSender(destination, self._options, self._clock)
            case File():
                return FileSender(destination.path)


def _parsed(text: str) -> Destination:
    try:
        return parse_destination(text)
    except DestinationError as error:
        raise UnsendableError(f"destination {text}: {error}") from error
