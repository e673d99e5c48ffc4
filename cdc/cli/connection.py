"""How commands reach the data: over HTTP from the process that serves the file, or by opening the file."""

from __future__ import annotations

import json
import threading
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Any, Protocol, Self
from urllib.parse import urlsplit

from cdc.api.signature import Scope, authorize
from cdc.cli.errors import FILE, SERVER, CommandError, UnreachableError
from cdc.clock import SystemClock, utc_text
from cdc.model.credentials import Credential
from cdc.model.errors import ServiceError
from cdc.store import roles

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from cdc.service import Service
    from cdc.settings import Settings

TIMEOUT_SECONDS = 60.0
"""How long an answer may take. A page of a scan takes milliseconds; a full disk is waited for up to 5 seconds."""
_STREAMS = frozenset({"ListStreams", "DescribeStream", "GetShardIterator", "GetRecords"})
_REGION = "us-east-1"
"""In signatures; the server takes any."""
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # the way to a server that listens on all addresses


class RemoteError(ServiceError):
    """An error that the server answered, with the code that it was given."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self._code = code

    @property
    def code(self) -> str:
        """The error code, as SDKs name it."""
        return self._code


class Connection(Protocol):
    """A way to the operations on one database file. May be called from any thread."""

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation by its name, such as `PutItem`.

        Raises: ServiceError; UnreachableError.
        """

    def close(self) -> None:
        """Give it up."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Remote:
    """Speaks AWS JSON 1.0 to a server; each thread keeps a connection alive.

    Requests are signed with `credential`, if there is one.
    """

    def __init__(self, url: str, credential: Credential | None = None) -> None:
        self.url = url
        self._credential = credential
        parts = urlsplit(url)
        host = parts.hostname or ""
        self._address = (_LOOPBACK.get(host, host), parts.port)
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Run an operation by its name, such as `PutItem`.

        Raises: ServiceError; UnreachableError.
        """
        service = "DynamoDBStreams_20120810" if operation in _STREAMS else "DynamoDB_20120810"
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"{service}.{operation}"}
        status, body = self._post(json.dumps(request).encode(), headers)
        try:
            answer: dict[str, Any] = json.loads(body)
        except ValueError:
            text = body[:200].decode(errors="replace").strip()
            raise CommandError(f"{self.url} answered {status}: {text or 'nothing'}", SERVER) from None
        if status == 200:
            return answer
        code = str(answer.get("__type", "")).rpartition("#")[2]
        raise RemoteError(code or f"HTTP {status}", answer.get("message") or answer.get("Message") or "")

    def close(self) -> None:
        """Close this thread's connection; those of other threads go with them."""
        connection: HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request; once more if a connection kept from before turns out to be closed."""
        if getattr(self._local, "connection", None) is not None:
            try:
                return self._send(body, headers)
            except (OSError, HTTPException):
                self.close()  # every request that commands make can be made twice without harm
        self._local.connection = HTTPConnection(*self._address, timeout=TIMEOUT_SECONDS)
        try:
            return self._send(body, headers)
        except (OSError, HTTPException) as error:
            self.close()
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreachableError(
                f"the server of this file does not answer at {self.url} ({reason}): it may be starting or stopping; "
                "`cdc status` shows its process"
            ) from error

    def _send(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection: HTTPConnection = self._local.connection
        if self._credential is not None:
            now_ms = SystemClock().now_ms()
            scope = Scope(utc_text(now_ms, "%Y%m%d"), _REGION, "dynamodb")
            host, port = self._address
            sent = {"Host": f"[{host}]:{port}" if ":" in host else f"{host}:{port}", **headers}
            headers = sent | authorize(self._credential, scope, now_ms, b"/", sent, body)
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        return response.status, response.read()


def connect(settings: Settings, *, create: bool = False) -> Connection:
    """Reach the data of the configured file, over HTTP when a process serves it; else the file is opened.

    Raises: StoreError; CommandError when there is no file and it is not to be created.
    """
    path = settings.database.path
    serving = roles.holder(path, roles.API)
    if serving is not None and "url" in serving:
        return Remote(serving["url"], _credential(settings))
    return open_file(settings, create=create)


def _credential(settings: Settings) -> Credential | None:
    """Take the first access key of the configuration."""
    for key in settings.credentials:
        return Credential(
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            session_token=key.session_token,
        )
    return None


def open_file(settings: Settings, *, create: bool = False) -> Service:
    """Open the configured file in this process.

    Raises: StoreError; CommandError when there is none and it is not to be created.
    """
    path = settings.database.path
    if not create:
        require(path)
    # They bring SQLAlchemy along, which a command that speaks to a server does without.
    from cdc.service import open_service, options_of  # noqa: PLC0415

    return open_service(path, options_of(settings))


def require(path: Path) -> None:
    """Refuse a database file that does not exist.

    Raises: CommandError.
    """
    if not path.exists():
        raise CommandError(
            f"there is no database {path}: `cdc serve` or `cdc create-table` makes one, --database names another", FILE
        )
