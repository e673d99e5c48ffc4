"""The guard against foreign callers: a Host that is not ours (DNS rebinding), or a web page of another site."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_split_host = re.compile(r"(\[[^\]]*\]|[^:]*)(?::\d*)?").fullmatch
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104  # compared with, not bound to
_REMEMBERED = 1024
"""Host headers whose verdict is kept; a caller could send any number."""


class Guard:
    """Decides by `Host` and `Origin` whether a request may come in."""

    def __init__(self, host: str, allowed_hosts: Iterable[str], allowed_origins: Iterable[str]) -> None:
        own = [] if host in _WILDCARDS else [f"[{host}]" if ":" in host else host]
        self._everywhere = host in _WILDCARDS
        if self._everywhere:
            own.append(socket.gethostname())
        self._names = {name.lower() for name in (*_LOOPBACK, *own, *allowed_hosts)}
        self._origins = {origin.lower().rstrip("/") for origin in allowed_origins}
        self._verdicts: dict[bytes, bool] = {}

    def accepts_host(self, header: bytes) -> bool:
        """Tell whether the value of a `Host` header names this server."""
        verdict = self._verdicts.get(header)
        if verdict is None:
            name = _without_port(header.decode("latin-1")).lower()
            # No page can make its own name lead to an address literal, so each may be one of this machine's.
            verdict = name in self._names or (self._everywhere and _is_address(name))
            if len(self._verdicts) < _REMEMBERED:
                self._verdicts[header] = verdict
        return verdict

    def accepts_origin(self, header: bytes, host: bytes) -> bool:
        """Tell whether a page of this `Origin` may call: this server's own, or one of `server.allowed_origins`."""
        origin = header.decode("latin-1").lower()
        _, separator, page = origin.partition("://")
        return origin in self._origins or (bool(separator) and page == host.decode("latin-1").lower())


def reachable(host: str) -> str:
    """Name the host by which this machine reaches a server that listens on `host`."""
    return "localhost" if host in _WILDCARDS else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def refusal_of_host(header: bytes) -> str:
    """Explain why a host was refused."""
    host = _without_port(header.decode("latin-1"))
    return f"requests for the host {host!r} are refused: add it to server.allowed_hosts if it is a name of this server"


def refusal_of_origin(header: bytes) -> str:
    """Explain why an origin was refused."""
    origin = header.decode("latin-1")
    return f"requests of pages from {origin!r} are refused: add it to server.allowed_origins if they may call"


def _without_port(host: str) -> str:
    match = _split_host(host)
    return match[1] if match else ""
