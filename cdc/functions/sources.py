"""Notices changed source files of a function under development, by looking at them before an invocation."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.clock import Clock

SUFFIXES = frozenset(
    {
        *("cjs", "class", "cs", "dll", "go", "jar", "js", "jsx", "lua", "mjs", "node", "php", "pl", "py", "rb", "rs"),
        *("sh", "so", "ts", "tsx", "wasm", "env", "json", "toml", "yaml", "yml"),
    }
)
"""Of files that a handler is made of; a file that may be executed is one, too. Not of data that a handler writes."""
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
"""Folders that aren't looked into, besides hidden ones: large, and changed by other tools than an editor."""
FILES_MAX = 10_000
"""Looked at; some 50 ms. The rest of a larger tree is not."""
Stamp = tuple[int, int, int]  # time of the last change in ns, size, number of the file


class Sources:
    """The source files below one folder, as of the last look. For any thread."""

    def __init__(self, function_name: str, folder: Path, clock: Clock) -> None:
        self._function_name = function_name
        self._folder = folder
        self._clock = clock
        self._lock = threading.Lock()
        self._stamps: dict[str, Stamp] | None = None
        self.version = 0
        """Grows with each change noticed."""
        self.changed_ms: int | None = None
        """When the last change was noticed, wall time, ms since 1970."""

    def look(self) -> int:
        """Look at the files, which takes 0.1 ms for a dozen of them, and return the version."""
        with self._lock:
            stamps = dict(stamps_below(os.fspath(self._folder)))
            if self._stamps is not None and stamps != self._stamps:
                self._note(min(dict(stamps.items() ^ self._stamps.items())))
            self._stamps = stamps
            return self.version

    def _note(self, path: str) -> None:
        self.version += 1
        self.changed_ms = self._clock.now_ms()
        log = logging.getLogger(__name__)
        log.info("function %s: %s has changed: new instances take over", self._function_name, path)


def stamps_below(folder: str) -> Iterator[tuple[str, Stamp]]:
    """Give path and stamp of each source file below a folder; what can't be read is left out."""
    left = FILES_MAX
    folders = [folder]
    while folders and left:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    left -= 1
                    if not left:
                        return
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name not in SKIPPED and not entry.name.startswith("."):
                            folders.append(entry.path)
                    elif (stamp := stamp_of(entry)) is not None:
                        yield entry.path, stamp
        except OSError:
            continue


def stamp_of(entry: os.DirEntry[str]) -> Stamp | None:
    """Return the stamp of a source file, None for anything else."""
    try:
        stat = entry.stat() if entry.is_file() else None
    except OSError:  # gone meanwhile
        return None
    if stat is None or (entry.name.rpartition(".")[2] not in SUFFIXES and not stat.st_mode & 0o111):
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
