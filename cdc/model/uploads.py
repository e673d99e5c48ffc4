"""Functions that were made over the Lambda API, as they are stored, and invocations that are run in the background."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cdc.model.functions import MEMORY_SIZE_DEFAULT, TIMEOUT_SECONDS_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Mapping

EPHEMERAL_STORAGE_MB = 512
"""Lambda's default; told back, and not enforced."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FunctionSettings:
    """What Lambda lets one set of a function and cdc can do, with its defaults. Checked where values come in."""

    runtime: str  # as Lambda names it: python3.12, nodejs22.x, provided.al2023, …
    handler: str
    role: str  # an ARN that is told back
    description: str = ""
    timeout: int = TIMEOUT_SECONDS_DEFAULT  # seconds
    memory_size: int = MEMORY_SIZE_DEFAULT  # MB
    environment: Mapping[str, str] = field(default_factory=dict)
    architectures: tuple[str, ...] = ("x86_64",)  # told back
    ephemeral_storage: int = EPHEMERAL_STORAGE_MB  # told back
    reserved_concurrency: int | None = None  # None: as many as the daemon lets one have


@dataclass(frozen=True, kw_only=True, slots=True)
class Code:
    """Where the code of a function is."""

    folder: str  # below the folder of all uploaded code, or absolute
    sha256: str = ""  # of the zip, base64; empty for a folder that is used where it is
    size_bytes: int = 0  # of the zip
    hot: bool = False  # a folder of the user's, whose changes are noticed


@dataclass(frozen=True, kw_only=True, slots=True)
class UploadedFunction:
    """A function that was made over the API."""

    name: str
    settings: FunctionSettings
    code: Code
    revision_id: str  # another one after each change
    modified_ms: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingInvocation:
    """An invocation that was accepted, and is to be run in the background (Lambda: InvocationType Event)."""

    id: int  # in the file
    request_id: str
    function_name: str
    payload: bytes
    client_context: bytes
    attempts: int  # that failed
    next_attempt_ms: int
    created_ms: int
