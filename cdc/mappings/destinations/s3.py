"""Messages to a bucket of S3: each is an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdc.mappings.destinations.aws import MESSAGE_ID, as_send_errors
from cdc.mappings.destinations.sending import UnsendableError

if TYPE_CHECKING:
    from cdc.mappings.destinations.aws import Clients
    from cdc.mappings.destinations.sending import Parcel
    from cdc.model.destinations import Bucket


class BucketSender:
    """Puts objects into one bucket."""

    def __init__(self, bucket: Bucket, clients: Clients) -> None:
        self._bucket = bucket
        self._clients = clients

    def __call__(self, parcel: Parcel) -> None:
        """Put an object (S3: PutObject) under the message's key, so that a repetition takes the place of the first.

        Raises: SendError.
        """
        if parcel.object_key is None:
            raise UnsendableError("the message has no key for an object")
        client = self._clients.get("s3")
        with as_send_errors():
            client.put_object(
                Bucket=self._bucket.name,
                Key=parcel.object_key,
                Body=parcel.payload,
                ContentType="application/json",
                Metadata={MESSAGE_ID: parcel.message_id},
            )
