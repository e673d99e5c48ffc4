"""Messages to a file: each is a line of JSON, on disk before it counts as sent."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from cdc.mappings.destinations.sending import SendError

if TYPE_CHECKING:
    from pathlib import Path

    from cdc.mappings.destinations.sending import Parcel


class FileSender:
    """Appends to one file, which any number of processes may append to in this way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named = False  # the file's name is on disk

    def __call__(self, parcel: Parcel) -> None:
        """Append a line and flush it to disk. The payload's members follow `messageId`.

        Raises: SendError.
        """
        try:
            self._append(_line(parcel))
        except OSError as error:
            raise SendError(f"{self._path} can't be appended to: {error.strerror or error}") from error

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        if not is_new and not self._path.is_file():
            raise SendError(f"{self._path} is no regular file: name another one")
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)  # held for the milliseconds of one line
            _write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new or not self._named:  # a process before this one may have ended before it did that
            _flush_folder(self._path.parent)
            self._named = True


def _line(parcel: Parcel) -> bytes:
    """Put the message id before the payload's first member, so that a reader can tell a repetition."""
    return b'{"messageId":"%b",%b\n' % (parcel.message_id.encode(), parcel.payload.removeprefix(b"{"))


def _write(descriptor: int, line: bytes) -> None:
    """Add a line, whole or not at all, unless the process or the machine ends in its middle.

    What such an end has left is ended as a line of its own: it is no JSON, and its message comes again.
    """
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        line = b"\n" + line
    rest = memoryview(line)
    try:
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)  # a full disk leaves no part of a line behind
        raise


def _flush_folder(folder: Path) -> None:
    """Make the name of a new file durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
