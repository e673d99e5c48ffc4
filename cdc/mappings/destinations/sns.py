"""Messages to a standard topic of SNS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.destinations.aws import MESSAGE_ID, as_send_errors
from cdc.mappings.destinations.sending import UnsendableError

if TYPE_CHECKING:
    from cdc.mappings.destinations.aws import Clients
    from cdc.mappings.destinations.sending import Parcel
    from cdc.model.destinations import Topic

MESSAGE_BYTES = 256 << 10
"""SNS: the largest message, its attributes included."""


class TopicSender:
    """Sends to one topic."""

    def __init__(self, topic: Topic, clients: Clients) -> None:
        self._topic = topic
        self._clients = clients

    def __call__(self, parcel: Parcel) -> None:
        """Send a message (SNS: Publish), its id in the attribute `cdc-message-id`.

        Raises: SendError.
        """
        attribute = {"DataType": "String", "StringValue": parcel.message_id}
        size = len(parcel.payload) + len(MESSAGE_ID) + len("String") + len(parcel.message_id)
        if size > MESSAGE_BYTES:
            raise UnsendableError(f"the message has {size} bytes, and SNS takes {MESSAGE_BYTES}")
        client = self._clients.get("sns", self._topic.region)
        with as_send_errors():
            client.publish(
                TopicArn=self._topic.text,
                Message=parcel.payload.decode(),
                MessageAttributes={MESSAGE_ID: attribute},
            )
