"""Bounded capture of what a function prints: lines for the log, attributed to their invocation."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OUTPUT_BYTES_MAX = 1_048_576
"""Of one invocation; more is read, so that the child never blocks, and dropped."""
LINE_BYTES_MAX = 65_536
"""A longer line is logged in pieces, so that output without newlines needs no memory."""
READ_BYTES = 65_536
"""The size of a pipe: one read empties it."""
DRAIN_BYTES_MAX = 2_097_152
"""Twice the largest pipe: what was written before the end is read, an endless writer isn't waited for."""


class OutputCapture:
    """Splits bytes into lines and hands them to `log(line)`, up to a limit an invocation."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._partial = b""
        self._room = OUTPUT_BYTES_MAX
        self._dropped = 0

    def cut(self) -> None:
        """End an invocation's output: log what is left of it, and count anew."""
        if self._partial:
            self._emit(self._partial)
            self._partial = b""
        if self._dropped:
            text = f"[output truncated: {self._dropped} bytes over {OUTPUT_BYTES_MAX} of this invocation were dropped]"
            self._log(text)
        self._room = OUTPUT_BYTES_MAX
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        kept = data[: self._room]
        self._room -= len(kept)
        self._dropped += len(data) - len(kept)
        if not kept:
            return
        *lines, rest = (self._partial + kept).split(b"\n")
        for line in lines:
            self._emit_pieces(line)
        while len(rest) >= LINE_BYTES_MAX:
            rest = self._emit_piece(rest)
        self._partial = rest

    def drain(self, fd: int) -> None:
        """Feed what a non-blocking descriptor holds right now."""
        total = 0
        with contextlib.suppress(BlockingIOError):
            while total < DRAIN_BYTES_MAX and (data := os.read(fd, READ_BYTES)):
                total += len(data)
                self.feed(data)

    def _emit_pieces(self, line: bytes) -> None:
        while len(line) > LINE_BYTES_MAX:
            line = self._emit_piece(line)
        self._emit(line)

    def _emit_piece(self, line: bytes) -> bytes:
        cut = LINE_BYTES_MAX
        while cut > LINE_BYTES_MAX - 3 and line[cut : cut + 1] and line[cut] & 0xC0 == 0x80:
            cut -= 1  # not inside a UTF-8 character
        self._emit(line[:cut])
        return line[cut:]

    def _emit(self, line: bytes) -> None:
        for part in line.removesuffix(b"\r").split(b"\r"):  # as Lambda's clients divide the lines of one message
            self._log(part.decode(errors="backslashreplace"))
