"""Shard iterators: opaque on the wire, bound to the file by a MAC, good for 15 minutes and across restarts."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct

from cdc.model.errors import ExpiredIteratorException, ValidationException

LIFE_MS = 15 * 60 * 1000
"""How long an iterator can be used after it was returned (DynamoDB Streams: GetShardIterator)."""
VERSION = "1"
MAC_BYTES = 15
"""With the 24 bytes before it, the base64 text comes out without padding."""

INVALID_ITERATOR = "Invalid ShardIterator"
EXPIRED = "The iterator has expired and can no longer be used to retrieve stream records"

_PAYLOAD = Struct(">qqq")  # shard, after, issued_ms
_AT_HORIZON = -1
"""In the place of a sequence number: wherever the trim horizon is at the time of reading."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardIterator:
    """A place in a shard."""

    shard: int  # the shard's id in the file
    after: int | None  # records newer than this sequence follow; None: the trim horizon at the time of reading


def encode_iterator(secret: bytes, stream_arn: str, iterator: ShardIterator, now_ms: int) -> str:
    """Write an iterator for the wire: `<stream ARN>|1|<opaque>`, as SDKs expect it."""
    after = _AT_HORIZON if iterator.after is None else iterator.after
    payload = _PAYLOAD.pack(iterator.shard, after, now_ms)
    opaque = urlsafe_b64encode(payload + _mac(secret, stream_arn, payload))
    return f"{stream_arn}|{VERSION}|{opaque.decode()}"


def decode_iterator(secret: bytes, text: str, now_ms: int) -> ShardIterator:
    """Read an iterator that `encode_iterator` wrote with this secret.

    Raises: ValidationException when it is garbage, forged or of another file; ExpiredIteratorException.
    """
    stream_arn, _, rest = text.partition("|")
    version, _, opaque = rest.partition("|")
    try:
        content = b64decode(opaque, altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        raise ValidationException(INVALID_ITERATOR) from None
    payload, mac = content[: _PAYLOAD.size], content[_PAYLOAD.size :]
    if version != VERSION or not compare_digest(mac, _mac(secret, stream_arn, payload)):
        raise ValidationException(INVALID_ITERATOR)
    shard, after, issued_ms = _PAYLOAD.unpack(payload)
    if now_ms - issued_ms >= LIFE_MS:
        raise ExpiredIteratorException(EXPIRED)
    return ShardIterator(shard=shard, after=None if after == _AT_HORIZON else after)


def _mac(secret: bytes, stream_arn: str, payload: bytes) -> bytes:
    # The payload has a fixed length, so no ARN and payload run into another pair.
    text = payload + stream_arn.encode("utf-8", "surrogatepass")
    return blake2b(text, key=secret, digest_size=MAC_BYTES).digest()
