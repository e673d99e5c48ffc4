"""What the two handlers of the demo made of the events, read from the files that they keep."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cdc.demo.errors import DemoError

if TYPE_CHECKING:
    from pathlib import Path

_AUDIT_LINE = re.compile(rb"([0-9]+) [0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What the totals handler has in its file."""

    totals: dict[str, tuple[int, int, int]]  # by carrier: flights, minutes of departure and of arrival delay
    records: int
    items: dict[str, tuple[str, int]]  # by key: the last sequence number applied, and how many changes were
    repeated: dict[str, int]  # by sequence number: how often it came again and was not applied


@dataclass(frozen=True, kw_only=True)
class Audited:
    """What the audit handler has in its file."""

    times: Counter[str]  # by sequence number
    torn: int  # lines that a kill cut short


def read_applied(folder: Path, *, items: bool) -> Applied:
    """Ask the totals handler's own program what its file holds; `items` are many, and left out if not asked for.

    Raises: DemoError.
    """
    command = [sys.executable, "totals.py", *(["--items"] if items else [])]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # fixed
    if done.returncode != 0:
        raise DemoError(f"totals.py ended with {done.returncode}: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return Applied(
        totals={carrier: (first, second, third) for carrier, (first, second, third) in answer["totals"].items()},
        records=answer["applied"],
        items={sys.intern(key): (sequence, applied) for key, (sequence, applied) in answer.get("items", {}).items()},
        repeated=answer["repeated"],
    )


def read_audited(folder: Path) -> Audited:
    """Read the audit handler's file; a line that a kill cut short lacks part of its request id."""
    path = folder / "audit.log"
    times: Counter[str] = Counter()
    torn = 0
    if path.exists():
        with path.open("rb") as file:
            for line in file:
                match = _AUDIT_LINE.fullmatch(line.rstrip(b"\n"))
                if match is not None:
                    times[match[1].decode()] += 1
                elif line != b"\n":
                    torn += 1
    return Audited(times=times, torn=torn)


class AuditLines:
    """Counts the lines of the audit file while it grows."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "audit.log"
        self._offset = 0
        self._count = 0

    def count(self) -> int:
        """Read what came since the last call; return how many lines there are, without the empty ones."""
        if self._path.exists():
            with self._path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
            self._offset += len(data)
            self._count += data.count(b" ")  # the one in each line
        return self._count
