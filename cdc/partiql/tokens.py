"""NextToken: where a SELECT goes on, opaque on the wire, bound by a MAC to the file and to the statement it came from."""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING

import orjson

from cdc.model.errors import ValidationException

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

VERSION = b"\1"
DIGEST_BYTES = 16
MAC_BYTES = 16
_START = len(VERSION) + DIGEST_BYTES

UNREADABLE = "Invalid NextToken"
OTHER_REQUEST = "NextToken does not match request"


def digest_of(statement: str, parameters: Sequence[Any] | None) -> bytes:
    """Return what stands for a statement and its parameters, which are repeated unchanged with a token."""
    text = orjson.dumps([statement, parameters or []], option=orjson.OPT_SORT_KEYS)
    return blake2b(text, digest_size=DIGEST_BYTES).digest()


def encode_token(secret: bytes, digest: bytes, position: bytes) -> str:
    """Write a token: `position` is the encoded key of the last row that was evaluated."""
    payload = VERSION + digest + position
    return urlsafe_b64encode(_mac(secret, payload) + payload).decode()


def decode_token(secret: bytes, digest: bytes, token: str) -> bytes:
    """Return the position of a token that `encode_token` wrote with this secret, for this request.

    Raises: ValidationException when it is garbage, forged or of another file, or of another request.
    """
    try:
        content = b64decode(token, altchars=b"-_", validate=True)
    except (Base64Error, ValueError):
        raise ValidationException(UNREADABLE) from None
    mac, payload = content[:MAC_BYTES], content[MAC_BYTES:]
    if payload[: len(VERSION)] != VERSION or not compare_digest(mac, _mac(secret, payload)):
        raise ValidationException(UNREADABLE)
    if not compare_digest(payload[len(VERSION) : _START], digest):
        raise ValidationException(OTHER_REQUEST)
    return payload[_START:]


def _mac(secret: bytes, payload: bytes) -> bytes:
    return blake2b(payload, key=secret, digest_size=MAC_BYTES, person=b"NextToken").digest()
