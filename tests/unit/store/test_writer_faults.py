"""The writer when the disk is full, the file is locked, or readers stay in the WAL."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType

import pytest

from cdc.clock import ManualClock
from cdc.model.errors import ServiceUnavailable
from cdc.store import sqlite
from cdc.store import writer as writer_module
from cdc.store.check import check
from cdc.store.sqlite import PRAGMAS, dbapi2
from tests.unit.store.files import create_table, item_of, opened, put

ROOT = Path(__file__).parents[3]
FILL_THE_DISK = """
import resource, sys
from functools import partial
from pathlib import Path
from cdc.clock import ManualClock
from cdc.model.errors import ServiceUnavailable
from tests.unit.store.files import create_table, item_of, opened, put
with opened(Path(sys.argv[1]), ManualClock()) as (database, writer):
    writer.call(create_table)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    acknowledged = 0
    try:
        while True:
            writer.call(partial(put, name="t", item=item_of(f"k{acknowledged}", body="x" * 3000)))
            acknowledged += 1
    except ServiceUnavailable as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.call(partial(put, name="t", item=item_of(f"k{acknowledged}")))
    print(acknowledged + 1)
"""
HOLD_THE_LOCK = """
import sys
from cdc.store.sqlite import dbapi2
connection = dbapi2.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


def write(writer, pk: str, body: str = "") -> None:
    writer.call(partial(put, name="t", item=item_of(pk, body=body)))


def count(database) -> int:
    return int(database.reader().execute("SELECT count(*) FROM items").fetchall()[0][0])


def test_a_full_disk_fails_the_group_and_the_next_write_works_when_there_is_space(writer, database):
    writer.call(create_table)
    write(writer, "before")
    pages = database.reader().execute("PRAGMA page_count").fetchone()[0]
    writer._dbapi.execute(f"PRAGMA max_page_count={pages}").fetchall()
    with pytest.raises(ServiceUnavailable, match="The disk is full: nothing was written; free some space"):
        write(writer, "lost", "x" * 300_000)
    write(writer, "after", "x" * 300_000)  # the connection was reopened, without its limit
    assert count(database) == 2
    assert list(check(database)) == []


def test_a_write_to_the_wal_that_fails_loses_nothing_acknowledged(tmp_path):
    path = tmp_path / "cdc.db"
    command = [sys.executable, "-c", FILL_THE_DISK, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, timeout=60)
    message, acknowledged = result.stdout.splitlines()
    assert "nothing was written" in message
    with opened(path, ManualClock()) as (database, _):
        assert count(database) == int(acknowledged) > 10
        assert list(check(database)) == []


@contextmanager
def locked(path: Path):
    """Have another process hold the write lock."""
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield
        process.communicate(timeout=30)


def test_a_lock_held_too_long_fails_the_group_and_the_next_write_works(path, clock, monkeypatch):
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(sqlite, "PRAGMAS", MappingProxyType({**PRAGMAS, "busy_timeout": ("20", 20)}))
    with opened(path, clock) as (database, writer):
        writer.call(create_table)
        write(writer, "before")
        with locked(path), pytest.raises(ServiceUnavailable, match="locked by another process; try again"):
            write(writer, "lost")
        write(writer, "after")
        assert count(database) == 2


def test_a_connection_that_cannot_be_reopened_is_tried_again_by_the_next_write(writer, database, monkeypatch, caplog):
    writer.call(create_table)
    pages = database.reader().execute("PRAGMA page_count").fetchone()[0]
    writer._dbapi.execute(f"PRAGMA max_page_count={pages}").fetchall()
    with monkeypatch.context() as patch:
        patch.setattr(sqlite, "PRAGMAS", MappingProxyType({**PRAGMAS, "synchronous": ("OFF", 2)}))
        for message in ("The disk is full", "SQLite keeps synchronous=0", "SQLite keeps synchronous=0"):
            with pytest.raises(ServiceUnavailable, match=message):
                write(writer, "lost", "x" * 300_000)
    assert "Traceback" not in caplog.text
    write(writer, "kept")
    assert count(database) == 1


def wal_bytes(path: Path) -> int:
    return Path(f"{path}-wal").stat().st_size


@pytest.fixture
def small_wal(monkeypatch):
    """Checkpoint after half a megabyte, restart after one."""
    monkeypatch.setattr(writer_module, "CHECKPOINT_PAGES", 64)
    monkeypatch.setattr(writer_module, "RESTART_PAGES", 128)
    monkeypatch.setattr(writer_module, "LOOK_EVERY_GROUPS", 2)
    monkeypatch.setattr(writer_module, "RESTART_WAIT_MS", 5000)  # the machine may be busy


@pytest.mark.usefixtures("small_wal")
def test_the_wal_stays_short_while_writes_never_pause(writer, path):
    writer.call(create_table)
    for number in range(200):
        write(writer, f"k{number}", "x" * 30_000)
    assert wal_bytes(path) < 2 << 20


@pytest.fixture
def quick_switches():
    """Let threads take turns as often as they do in the daemon."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(50e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("small_wal", "quick_switches")
def test_the_wal_stays_short_while_short_reads_overlap(writer, database, path):
    writer.call(create_table)
    write(writer, "first")
    stop = threading.Event()

    def read_again_and_again():
        connection = database.reader()
        while not stop.is_set():
            connection.execute("SELECT sum(length(item)) FROM (SELECT item FROM items LIMIT 20)").fetchall()

    readers = [threading.Thread(target=read_again_and_again) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for number in range(120):
            write(writer, f"k{number}", "x" * 30_000)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert wal_bytes(path) < 4 << 20


@pytest.mark.usefixtures("small_wal")
def test_a_long_read_is_not_waited_for_at_each_look(writer, path, monkeypatch):
    monkeypatch.setattr(writer_module, "RESTART_WAIT_MS", 1)
    waits: list[bool] = []
    checkpoint = writer._checkpoint

    def counted(*, wait):
        waits.append(wait)
        return checkpoint(wait=wait)

    monkeypatch.setattr(writer, "_checkpoint", counted)
    writer.call(create_table)
    reader = dbapi2.connect(str(path), isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM items").fetchall()
    for number in range(100):
        write(writer, f"k{number}", "x" * 30_000)
    pages = wal_bytes(path) // 8192
    assert pages > 500  # the reader keeps it
    assert 1 < len(waits) <= pages // 64
    assert waits[-1]
    reader.close()
    for number in range(30):
        write(writer, f"k{number}", "y" * 30_000)
    assert writer._pragma("wal_checkpoint(NOOP)")[1] < 200  # it began anew
