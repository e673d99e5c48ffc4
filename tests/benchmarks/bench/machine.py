"""The machine: what it is, which cores the bench gives to whom, and the CPU time that processes used."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn
from pysqlite3 import dbapi2

_TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORE = CORES[-1]


def pinned(core: int | None) -> list[str]:
    """Return the command prefix that keeps a program on one core and ends it when its parent dies."""
    prefix = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    return prefix if core is None else [*prefix, "taskset", "-c", str(core)]


def stat_fields(pid: int) -> list[str]:
    """Read /proc/PID/stat from the state on; the name before it may hold blanks. [1] is the parent's pid."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def cpu_seconds(pid: int) -> float:
    """Return the user and system time of a process, all threads, without its children."""
    fields = stat_fields(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS


def tree_cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of its living descendants, and of those that ended and were waited for."""
    parents: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                fields = stat_fields(int(folder.name))
            except OSError:  # it has just ended
                continue
            parents.setdefault(int(fields[1]), []).append(int(folder.name))
            times[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS
    total, waiting = 0.0, [pid]
    while waiting:
        each = waiting.pop()
        total += times.get(each, 0.0)
        waiting.extend(parents.get(each, ()))
    return total


def filesystem(path: Path) -> str:
    """Return the type of the filesystem that holds `path`, such as ext4."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, name, *_ = line.split()
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, name
    return kind


def facts(folder: Path) -> dict[str, Any]:
    """Describe machine, versions and commit."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), ""
    )
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain") else ""),
        "cores": len(CORES),
        "cpu": model or platform.machine(),
        "memory_gib": round(memory / 2**30, 1),
        "load_before": os.getloadavg()[0],
        "kernel": platform.release(),
        "filesystem": filesystem(folder),
        "python": platform.python_version(),
        "sqlite": dbapi2.sqlite_version,
        "uvicorn": uvicorn.__version__,
        "server_core": SERVER_CORE,
        "client_core": CLIENT_CORE,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip()
