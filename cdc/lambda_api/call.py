"""A call of an operation and its answer, and what operations work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cdc.functions.manager import Functions
    from cdc.lambda_api.directory import Directory
    from cdc.service import Service

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """What was asked for."""

    path: Mapping[str, str]  # the members that the path holds, decoded
    query: Mapping[str, list[str]]
    headers: Mapping[bytes, bytes]  # by name in lower case
    body: bytes
    request_id: str

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the query; None when it is absent or empty."""
        return next((value for value in self.query.get(name, ()) if value), None)

    def header(self, name: bytes) -> str:
        """Return a header, empty when it is absent."""
        return self.headers.get(name, b"").decode("latin-1")


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What is said to it. `body` None: nothing."""

    status: int = 200
    body: Body | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Context:
    """What the operations work with."""

    service: Service
    directory: Directory
    functions: Functions | None  # None: they run in another process, or nowhere
    code_folder: Path  # of all uploaded code
    allow_upload: bool
    new_id: Callable[[], str]  # makes UUIDs
    mappings_changed: Callable[[], None]
    functions_changed: Callable[[], None]
    invocation_added: Callable[[], None]
