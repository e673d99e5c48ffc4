"""Power loss, replayed: the system calls of a process that writes, and the disk as it may be found after each of them.

A killed process proves nothing about fsync, as the page cache outlives it. So a writer runs under strace, and from its
calls the files are built as a disk may hold them when the power fails: what was synced is there, and of what was not,
nothing, everything, or any 512-byte sectors. Limits: directory entries count as durable at once, and mmap_size must be 0.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from cdc.clock import ManualClock
from cdc.store import sqlite, writer
from cdc.store.check import check
from cdc.store.database import open_database
from cdc.store.sqlite import StoreError
from tests.unit.store.files import add_index, create_table, item_of, opened, put

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
WRITES = 80
SECTOR_BYTES = 512
POLICIES = (("none", "random"), ("none", "all"))
"""What the disk has of the writes that were not synced, at every cut in turn."""
SYNCHRONOUS = {"FULL": 2, "NORMAL": 1, "OFF": 0}


# The process under test.


def write_and_acknowledge(path: Path, mode: str) -> None:
    """Write items one a commit and print a line for each when it is committed; short checkpoints make the WAL begin anew."""
    settings = {**sqlite.PRAGMAS, "synchronous": (mode, SYNCHRONOUS[mode])}
    sqlite.PRAGMAS = MappingProxyType(settings)
    writer.CHECKPOINT_PAGES, writer.RESTART_PAGES, writer.LOOK_EVERY_GROUPS = 60, 120, 3
    with opened(path, ManualClock()) as (_, open_writer):
        for number in range(WRITES):
            open_writer.call(partial(write_both, number=number))
            os.write(1, b"ACK %d\n" % number)


def write_both(transaction, number: int) -> None:
    """Insert an item, and change the one that every write changes."""
    put(transaction, "t", item_of(f"k{number:04}", body="x" * (number % 7) * 300))
    put(transaction, "t", item_of("last", number=number))


# What it asked of the system.


class Call(NamedTuple):
    """A system call that changes the disk, or an acknowledgement."""

    kind: str  # write | truncate | sync | unlink | ack
    name: str = ""  # of the file
    offset: int = 0  # of a write; the size of a truncation; the number of an acknowledgement
    data: bytes = b""


def missing_tool() -> str | None:
    """Tell why calls can't be recorded here."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    probe = subprocess.run(
        ["strace", "-f", "--seccomp-bpf", "-o", os.devnull, "true"], capture_output=True, text=True, check=False
    )
    return None if probe.returncode == 0 else f"strace may not trace a process here: {probe.stderr.strip()[:100]}"


def record(folder: Path, mode: str) -> tuple[bytes, list[Call]]:
    """Make a file and write to it under strace; return the file as it was before, and the calls."""
    path = folder / "cdc.db"
    with opened(path, ManualClock()) as (_, open_writer):
        open_writer.call(create_table)
        open_writer.call(partial(add_index, table="t", name="by-number", attribute="number"))
    before = path.read_bytes()
    log = folder / "strace"
    traced = "trace=openat,close,pwrite64,write,ftruncate,fsync,fdatasync,unlink"
    strace = ["strace", "-f", "--seccomp-bpf", "-xx", "-s", "100000", "-e", traced, "-e", "signal=none", "-o", str(log)]
    subprocess.run(
        [*strace, sys.executable, "-m", "tests.crash.power_loss", str(path), mode],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=60,
    )
    return before, list(parse(log.read_text().splitlines(), str(folder) + "/"))


_CALL = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+)")
_UNFINISHED = re.compile(r"(\d+) +(\w+\(.*) <unfinished \.\.\.>")
_RESUMED = re.compile(r"(\d+) +<\.\.\. \w+ resumed>(.*)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


def parse(lines: list[str], folder: str) -> Iterator[Call]:
    """Read what strace wrote; a call that another thread's interrupted counts from its end."""
    begun: dict[str, str] = {}
    names: dict[int, str] = {}  # of the open files in the folder, by descriptor
    for line in lines:
        if unfinished := _UNFINISHED.fullmatch(line):
            begun[unfinished[1]] = unfinished[2]
        elif resumed := _RESUMED.fullmatch(line):
            yield from interpret(f"{resumed[1]} {begun.pop(resumed[1])}{resumed[2]}", folder, names)
        else:
            yield from interpret(line, folder, names)


def interpret(line: str, folder: str, names: dict[int, str]) -> Iterator[Call]:
    """Understand one finished call."""
    match = _CALL.match(line)
    if match is None or int(match[4]) < 0:
        return
    name, arguments, result = match[2], match[3], int(match[4])
    text = _TEXT.search(arguments)
    data = bytes.fromhex(text[1].replace("\\x", "")) if text else b""
    numbers = [int(each) for each in re.findall(r"(?:^|, )(\d+)(?=,|$)", _TEXT.sub("", arguments))]
    if name in {"openat", "unlink"}:
        path = data.decode()
        if not path.startswith(folder):
            return
        if name == "openat":
            names[result] = path.removeprefix(folder)
        else:
            yield Call("unlink", path.removeprefix(folder))
    elif name == "write" and numbers[0] == 1 and data.startswith(b"ACK "):
        yield Call("ack", offset=int(data[4:]))
    elif name == "close":
        names.pop(numbers[0], None)
    elif numbers[0] in names:
        yield from change(name, names[numbers[0]], numbers, data[: result if name == "pwrite64" else None])


def change(name: str, file: str, numbers: list[int], data: bytes) -> Iterator[Call]:
    """Understand a call on a file of ours."""
    if name == "pwrite64":
        yield Call("write", file, numbers[-1], data)
    elif name == "ftruncate":
        yield Call("truncate", file, numbers[-1])
    elif name in {"fsync", "fdatasync"}:
        yield Call("sync", file)
    else:
        raise AssertionError(f"{name} on {file} is not understood")


# What the disk may hold.


@dataclass
class Disk:
    """The files as far as they were synced, and what was done to them since."""

    synced: dict[str, bytearray]
    pending: dict[str, list[Call]] = field(default_factory=dict)
    acknowledged: int = -1

    def apply(self, call: Call) -> None:
        """Take one more call."""
        if call.kind == "ack":
            self.acknowledged = call.offset
        elif call.kind == "unlink":
            self.synced.pop(call.name, None)
            self.pending.pop(call.name, None)
        elif call.kind == "sync":
            content = self.synced.setdefault(call.name, bytearray())
            for earlier in self.pending.pop(call.name, ()):
                perform(content, earlier)
        else:
            self.pending.setdefault(call.name, []).append(call)

    def image(self, policy: str, chance: random.Random) -> dict[str, bytes]:
        """Build the files as they are found when the power fails now; shared memory is gone."""
        files = {name: bytearray(content) for name, content in self.synced.items()}
        for name, calls in self.pending.items():
            content = files.setdefault(name, bytearray())
            for call in calls if policy != "none" else ():
                if policy == "all":
                    perform(content, call)
                else:
                    perform_some(content, call, chance)
        return {name: bytes(content) for name, content in files.items() if not name.endswith("-shm")}


def perform(content: bytearray, call: Call) -> None:
    """Do to a file what a call says."""
    if call.kind == "truncate":
        del content[call.offset :]
        content.extend(bytes(call.offset - len(content)))
    else:
        content.extend(bytes(max(0, call.offset - len(content))))
        content[call.offset : call.offset + len(call.data)] = call.data


def perform_some(content: bytearray, call: Call, chance: random.Random) -> None:
    """Do a call, not do it, or write only some of its sectors."""
    fate = chance.randrange(3)
    if fate == 0:
        perform(content, call)
    elif fate == 1 and call.kind == "write":
        for start in range(0, len(call.data), SECTOR_BYTES):
            if chance.randrange(2):
                perform(content, Call("write", call.name, call.offset + start, call.data[start : start + SECTOR_BYTES]))


def images(before: bytes, calls: list[Call], cuts: int, seed: int) -> Iterator[tuple[str, int, dict[str, bytes]]]:
    """Cut the power at `cuts` moments; give what was cut, the newest acknowledgement, and the files, by two policies."""
    chance = random.Random(seed)
    disk = Disk({"cdc.db": bytearray(before)})
    moments = sorted(chance.sample(range(len(calls)), cuts))
    for number, call in enumerate(calls):
        disk.apply(call)
        if number in moments:
            for policy in POLICIES[moments.index(number) % len(POLICIES)]:
                yield f"call {number} of {len(calls)}, {policy} unsynced", disk.acknowledged, disk.image(policy, chance)


def fault(folder: Path, acknowledged: int, files: dict[str, bytes]) -> str | None:
    """Open the files as they were found; tell what is wrong with them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    try:
        database = open_database(folder / "cdc.db")
    except StoreError as error:
        return str(error)
    try:
        violation = next(check(database), None)
        if violation is not None:
            return violation.text
        rows = database.reader().execute("SELECT json_extract(item, '$.pk.S') FROM items ORDER BY 1").fetchall()
    finally:
        database.close()
    keys = [key for (key,) in rows if key != "last"]
    if keys != [f"k{number:04}" for number in range(len(keys))]:
        return f"the writes have a gap: {keys}"
    return None if len(keys) > acknowledged else f"{acknowledged + 1} writes were acknowledged, {len(keys)} are there"


if __name__ == "__main__":
    write_and_acknowledge(Path(sys.argv[1]), sys.argv[2])
