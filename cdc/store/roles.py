"""Roles on a file: at most one process serves its API, and one polls for its mappings."""

from __future__ import annotations

import fcntl
import json
import os
from typing import TYPE_CHECKING, Any

from cdc.store.sqlite import StoreError

if TYPE_CHECKING:
    from pathlib import Path

API = "api"
POLL = "poll"
_HINTS = {API: "stop it, or start this one with --no-api", POLL: "stop it, or start this one with --no-poll"}


class Role:
    """A role held on a database file, until it is released or the process, and all that inherited it, is gone."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    def describe(self, **facts: Any) -> None:
        """Write facts about the holder, beside its pid, into the lock file for others to read."""
        text = json.dumps({"pid": os.getpid(), **facts}).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def release(self) -> None:
        """Give the role up."""
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def try_take(database: Path, name: str) -> Role | None:
    """Take the role `name` on a file; None when another process holds it.

    Raises: StoreError when the lock file can't be made.
    """
    path = _lock_path(database, name)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"{path} can't be made ({error.strerror}): check the permissions of its folder") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    role = Role(path, descriptor)
    role.describe()
    return role


def holder(database: Path, name: str) -> dict[str, Any] | None:
    """Tell who holds a role: at least its `pid`; None when nobody does."""
    path = _lock_path(database, name)
    try:
        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return _facts(file.read().decode())
    except FileNotFoundError:
        pass
    return None


def _facts(text: str) -> dict[str, Any]:
    """Read what a lock file says; behind it may stand the end of a longer text, which is being replaced."""
    try:
        return dict(json.JSONDecoder().raw_decode(text)[0])
    except ValueError:  # not yet written
        return {"pid": None}


def is_alive(database: Path, name: str) -> bool:
    """Tell whether the process named as a role's holder runs; what it started may hold the lock without it."""
    pid = (holder(database, name) or {}).get("pid")
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def taken_error(database: Path, name: str) -> StoreError:
    """Build the error for a role that another process holds."""
    pid = (holder(database, name) or {}).get("pid")
    process = "another process" if pid is None else f"process {pid}"
    return StoreError(f"the {name} role of {database} is held by {process}: {_HINTS[name]}")


def _lock_path(database: Path, name: str) -> Path:
    return database.with_name(f"{database.name}.{name}.lock")
