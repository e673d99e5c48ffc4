"""Who may call: signatures of requests, checked in the service's order and refused in its words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hmac import compare_digest
from typing import TYPE_CHECKING
from urllib.parse import unquote

from cdc.api.signature import ALGORITHM, DATE_FORMAT, TERMINATOR, Scope, sign
from cdc.clock import utc_text
from cdc.model.errors import (
    AccessDeniedException,
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cdc.api.http import Request
    from cdc.clock import Clock
    from cdc.model.credentials import Credential

SKEW_SECONDS = 15 * 60
"""How far a client's clock may be off."""
EXPIRES_MAX_SECONDS = 7 * 86_400
"""How long a presigned request can be good for."""

TWO_WAYS = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
MISSING = "Request is missing Authentication Token"
UNKNOWN_CLIENT = "The security token included in the request is invalid."
MISMATCH = (
    "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key "
    "and signing method. Consult the service documentation for details."
)
NOT_LOCAL = (
    "Requests from other machines must be signed with an access key that this server knows, and it knows none: "
    "add [[credentials]] to its configuration"
)

_HEADER_PARTS = ("Credential", "Signature", "SignedHeaders")
_QUERY_PARTS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
_split = re.compile(r"[, ]+").split
_OPENING = f"{ALGORITHM} Credential=".encode()


@dataclass(frozen=True, slots=True)
class _Given:
    """The parts of a signature that a request carries."""

    algorithm: str
    credential: str
    signature: str
    signed: tuple[str, ...]
    date: str  # as it came
    token: str | None
    expires: str | None = None  # of a presigned request


class Authenticator:
    """Decides by its signature whether a request may come in.

    Without any access key, callers on this machine are let in with a well-formed signature, whosever it is, or none.
    """

    def __init__(self, credentials: Iterable[Credential], clock: Clock) -> None:
        self._credentials = {each.access_key_id: each for each in credentials}
        self._open = not self._credentials
        self._clock = clock

    def check(self, request: Request, services: frozenset[str]) -> None:
        """Check a request to one of `services`, the names that signatures know it by.

        Raises: a ServiceError of those that this module imports. (DynamoDB: authentication, order of checks.)
        """
        headers = request.headers
        authorization = headers.get(b"authorization")
        usual = self._open and request.local and b"?" not in request.target
        # A regular expression would take 1 µs, and `in` twice as long as `find`.
        if usual and (
            authorization is None
            or (
                b"x-amz-date" in headers
                and authorization.startswith(_OPENING)
                and authorization.find(b" SignedHeaders=") > 0
                and authorization.find(b" Signature=") > 0
            )
        ):
            return
        self._check(request, authorization, services)

    def _check(self, request: Request, authorization: bytes | None, services: frozenset[str]) -> None:
        query = _query_of(request.target)
        presigned = "X-Amz-Algorithm" in query
        if authorization is not None and presigned:
            raise InvalidSignatureException(TWO_WAYS)
        if authorization is None and not presigned:
            if self._credentials or not request.local:
                raise MissingAuthenticationTokenException(MISSING)
            return
        given = _from_query(query) if authorization is None else _from_header(authorization, request.headers)
        access_key_id, scope = _scope_of(given)
        moment = _moment_of(given)
        if not self._credentials:
            if not request.local:
                raise AccessDeniedException(NOT_LOCAL)
            return
        credential = self._credentials.get(access_key_id)
        if credential is None or not _same(credential.session_token or "", given.token or ""):
            raise UnrecognizedClientException(UNKNOWN_CLIENT)
        _check_scope(given, scope, moment, services)
        _check_signature(request, given, credential, scope, moment)
        self._check_time(given, moment)

    def _check_time(self, given: _Given, moment: datetime) -> None:
        now_ms = self._clock.now_ms()
        signed_ms = round(moment.timestamp() * 1000)
        good_seconds = SKEW_SECONDS
        if given.expires is not None:
            good_seconds = max(good_seconds, int(given.expires))
        now, then = utc_text(now_ms, DATE_FORMAT), utc_text(signed_ms, DATE_FORMAT)
        if signed_ms < now_ms - good_seconds * 1000:
            bound = utc_text(now_ms - good_seconds * 1000, DATE_FORMAT)
            raise InvalidSignatureException(
                f"Signature expired: {then} is now earlier than {bound} ({now} - {good_seconds // 60} min.)"
            )
        if signed_ms > now_ms + SKEW_SECONDS * 1000:
            bound = utc_text(now_ms + SKEW_SECONDS * 1000, DATE_FORMAT)
            raise InvalidSignatureException(
                f"Signature not yet current: {then} is still later than {bound} ({now} + {SKEW_SECONDS // 60} min.)"
            )


def _same(expected: str, given: str) -> bool:
    return compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))


def _query_of(target: bytes) -> dict[str, str]:
    query = target.partition(b"?")[2].decode("latin-1")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return {unquote(name): unquote(value) for name, _, value in pairs}


def _from_header(authorization: bytes, headers: Mapping[bytes, bytes]) -> _Given:
    """Take the `Authorization` header apart.

    Raises: MissingAuthenticationTokenException, IncompleteSignatureException.
    """
    text = authorization.decode("latin-1").strip()
    if not text.startswith("AWS4-"):
        raise MissingAuthenticationTokenException(MISSING)
    algorithm, *parts = _split(text)
    found = {name: value for name, _, value in (part.partition("=") for part in parts)}
    date = headers.get(b"x-amz-date") or headers.get(b"date") or b""
    faults = [f"Authorization header requires '{name}' parameter. " for name in _HEADER_PARTS if not found.get(name)]
    if not date:
        faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ")
    if faults:
        raise IncompleteSignatureException(f"{''.join(faults)}Authorization={text}")
    token = headers.get(b"x-amz-security-token")
    return _Given(
        algorithm=algorithm,
        credential=found["Credential"],
        signature=found["Signature"],
        signed=tuple(found["SignedHeaders"].split(";")),
        date=date.decode("latin-1"),
        token=None if token is None else token.decode("latin-1"),
    )


def _from_query(query: Mapping[str, str]) -> _Given:
    """Take the parameters of a presigned request.

    Raises: IncompleteSignatureException.
    """
    faults = [f"AWS query-string parameters must include '{name}'. " for name in _QUERY_PARTS if not query.get(name)]
    if faults:
        raise IncompleteSignatureException(f"{''.join(faults)}Re-examine the query-string parameters.")
    expires = query.get("X-Amz-Expires")
    if expires is not None and not (re.fullmatch(r"[0-9]{1,6}", expires) and int(expires) <= EXPIRES_MAX_SECONDS):
        raise IncompleteSignatureException(
            f"X-Amz-Expires must be a number of seconds from 0 to {EXPIRES_MAX_SECONDS}, got '{expires}'"
        )
    return _Given(
        algorithm=query["X-Amz-Algorithm"],
        credential=query["X-Amz-Credential"],
        signature=query["X-Amz-Signature"],
        signed=tuple(query["X-Amz-SignedHeaders"].split(";")),
        date=query["X-Amz-Date"],
        token=query.get("X-Amz-Security-Token"),
        expires=expires,
    )


def _scope_of(given: _Given) -> tuple[str, Scope]:
    """Take the credential apart: the access key's id and what the signature is good for."""
    if given.algorithm != ALGORITHM:
        raise IncompleteSignatureException(f"Unsupported AWS 'algorithm': '{given.algorithm}'; expected '{ALGORITHM}'")
    parts = given.credential.split("/")
    if len(parts) != 5:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{given.credential}'"
        )
    return parts[0], Scope(*parts[1:])


def _moment_of(given: _Given) -> datetime:
    for parse in (_basic_date, parsedate_to_datetime):
        try:
            moment = parse(given.date)
            return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise IncompleteSignatureException(f"Date must be in ISO-8601 'basic format'. Got '{given.date}'.")


def _basic_date(text: str) -> datetime:
    return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=UTC)


def _check_scope(given: _Given, scope: Scope, moment: datetime, services: frozenset[str]) -> None:
    """Check what a signature is good for; any region will do."""
    day = f"{moment:%Y%m%d}"
    if scope.date != day:
        raise InvalidSignatureException(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{scope.date}' != '{day}', from '{given.date}'."
        )
    if scope.service not in services:
        raise InvalidSignatureException(f"Credential should be scoped to correct service: '{min(services)}'. ")
    if scope.terminator != TERMINATOR:
        raise InvalidSignatureException(
            f"Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{scope.terminator}'. "
        )
    if "host" not in given.signed:
        raise InvalidSignatureException("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")


def _check_signature(request: Request, given: _Given, credential: Credential, scope: Scope, moment: datetime) -> None:
    """Check the signature; a client that knows AWS's hosts alone may have left the port out of the host that it signed."""
    host, colon, _ = request.headers.get(b"host", b"").rpartition(b":")
    for headers in (request.headers, {**request.headers, b"host": host} if colon else {}):
        expected = sign(
            credential.secret_access_key,
            scope,
            f"{moment:{DATE_FORMAT}}",
            request.method,
            request.target,
            headers,
            given.signed,
            request.body,
        )
        if _same(expected, given.signature):
            return
    raise InvalidSignatureException(MISMATCH)
