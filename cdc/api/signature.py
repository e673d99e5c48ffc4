"""Signature Version 4: the signature that a request should have, for any AWS service.

(AWS: signing AWS API requests.)
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from hmac import digest
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote_to_bytes

from cdc.clock import utc_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cdc.model.credentials import Credential

ALGORITHM = "AWS4-HMAC-SHA256"
TERMINATOR = "aws4_request"
DATE_FORMAT = "%Y%m%dT%H%M%SZ"
SIGNATURE_PARAMETER = b"X-Amz-Signature"

_collapse = re.compile(rb" +").sub


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for."""

    date: str  # YYYYMMDD
    region: str
    service: str
    terminator: str = TERMINATOR

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def sign(
    secret: str,
    scope: Scope,
    moment: str,
    method: bytes,
    target: bytes,
    headers: Mapping[bytes, bytes],
    signed: Sequence[str],
    body: bytes,
) -> str:
    """Return the signature, as hex digits, of a request made at `moment` (`DATE_FORMAT`).

    `headers` are by name in lower case; those that are `signed` but not there count as empty. The signature among the
    query's parameters, of a presigned request, is left out.
    """
    path, _, query = target.partition(b"?")
    lines = [
        method,
        _canonical_path(path),
        _canonical_query(query),
        *(b"%b:%b" % (name.encode(), _collapse(b" ", headers.get(name.encode(), b"").strip())) for name in signed),
        b"",
        ";".join(signed).encode(),
        sha256(body).hexdigest().encode(),
    ]
    canonical = sha256(b"\n".join(lines)).hexdigest()
    text = f"{ALGORITHM}\n{moment}\n{scope}\n{canonical}"
    return digest(_signing_key(secret, scope), text.encode(), "sha256").hex()


def authorize(
    credential: Credential, scope: Scope, now_ms: int, target: bytes, headers: Mapping[str, str], body: bytes
) -> dict[str, str]:
    """Return the headers, besides those given, that a POST with them needs to be accepted; `Host` is among the given."""
    moment = utc_text(now_ms, DATE_FORMAT)
    added = {"X-Amz-Date": moment}
    if credential.session_token is not None:
        added["X-Amz-Security-Token"] = credential.session_token
    sent = {name.lower().encode(): value.encode() for name, value in {**headers, **added}.items()}
    signed = sorted(name.decode() for name in sent)
    signature = sign(credential.secret_access_key, scope, moment, b"POST", target, sent, signed, body)
    added["Authorization"] = (
        f"{ALGORITHM} Credential={credential.access_key_id}/{scope}, SignedHeaders={';'.join(signed)}, "
        f"Signature={signature}"
    )
    return added


@lru_cache(maxsize=64)
def _signing_key(secret: str, scope: Scope) -> bytes:
    """Derive the key of a day; it costs four times what signing with it does."""
    key = f"AWS4{secret}".encode()
    for part in (scope.date, scope.region, scope.service, scope.terminator):
        key = digest(key, part.encode(), "sha256")
    return key


def _canonical_path(path: bytes) -> bytes:
    """Write a path without its dots and empty parts, encoded once more than it came."""
    parts: list[bytes] = []
    for part in path.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in {b"", b"."}:
            parts.append(part)
    slash = b"/" if parts and path.endswith(b"/") else b""
    return quote(b"/" + b"/".join(parts) + slash, safe="/~").encode()


def _canonical_query(query: bytes) -> bytes:
    """Write a query's parameters in order, but for the signature, each encoded in the one way."""
    pairs = []
    for pair in filter(None, query.split(b"&")):
        name, _, value = pair.partition(b"=")
        if name != SIGNATURE_PARAMETER:
            pairs.append(tuple(quote(unquote_to_bytes(part), safe="~") for part in (name, value)))
    return "&".join(f"{name}={value}" for name, value in sorted(pairs)).encode()
