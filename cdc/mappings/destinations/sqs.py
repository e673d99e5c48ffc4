"""Messages to a standard queue of SQS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.destinations.aws import MESSAGE_ID, as_send_errors
from cdc.mappings.destinations.sending import UnsendableError

if TYPE_CHECKING:
    from cdc.mappings.destinations.aws import Clients
    from cdc.mappings.destinations.sending import Parcel
    from cdc.model.destinations import Queue

MESSAGE_BYTES = 1 << 20
"""SQS: the largest message, its attributes included. A queue may have a lower bound."""


class QueueSender:
    """Sends to one queue."""

    def __init__(self, queue: Queue, clients: Clients) -> None:
        self._queue = queue
        self._clients = clients
        self._url: str | None = None

    def __call__(self, parcel: Parcel) -> None:
        """Send a message (SQS: SendMessage), its id in the attribute `cdc-message-id`.

        Raises: SendError.
        """
        attribute = {"DataType": "String", "StringValue": parcel.message_id}
        size = len(parcel.payload) + len(MESSAGE_ID) + len("String") + len(parcel.message_id)
        if size > MESSAGE_BYTES:
            raise UnsendableError(f"the message has {size} bytes, and SQS takes {MESSAGE_BYTES}")
        client = self._clients.get("sqs", self._queue.region)
        with as_send_errors():
            if self._url is None:
                answer = client.get_queue_url(QueueName=self._queue.name, QueueOwnerAWSAccountId=self._queue.account_id)
                self._url = answer["QueueUrl"]
            client.send_message(
                QueueUrl=self._url, MessageBody=parcel.payload.decode(), MessageAttributes={MESSAGE_ID: attribute}
            )
