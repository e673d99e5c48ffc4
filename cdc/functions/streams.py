"""Standard output and error as in-process handlers get them: closing closes nothing, since the daemon has them too."""

from __future__ import annotations

import io
import sys


class _File(io.FileIO):
    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor, "w", closefd=False)

    def close(self) -> None:
        """Do nothing: this is the layer that those above ask whether they are closed."""


class _Buffer(io.BufferedWriter):
    def close(self) -> None:
        """Flush alone."""
        self.flush()

    def detach(self) -> io.RawIOBase:
        """Give another one of the same descriptor away, and keep this one's."""
        self.flush()
        return _File(self.fileno())


class Unclosable(io.TextIOWrapper):
    """A text stream that stays open, with the layers below it, whoever closes or detaches them. Lines leave as they end."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(_Buffer(_File(descriptor)), "utf-8", "backslashreplace", line_buffering=True)

    def close(self) -> None:
        """Flush alone."""
        self.flush()

    def detach(self) -> io.BufferedWriter:
        """Give another one of the same descriptor away, and keep this one's."""
        self.flush()
        return _Buffer(_File(self.fileno()))


def keep_streams_open() -> None:
    """Replace `sys.stdout` and `sys.stderr` by streams that nobody can close, unless they are such or have no descriptor.

    Who holds the old objects, as the daemon's log does, goes on with them; `sys` doesn't name them any more.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, Unclosable):
            continue
        try:
            stream.flush()
            kept = Unclosable(stream.fileno())
        except (AttributeError, ValueError, OSError):  # None, closed, or of a kind of its own
            continue
        if getattr(sys, f"__{name}__") is stream:
            setattr(sys, f"__{name}__", kept)
        setattr(sys, name, kept)
