"""Opening a file: created, migrated, its settings on every connection, and one line about what is wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest
from sqlalchemy import text

from cdc.store import database as database_module
from cdc.store import sqlite
from cdc.store.database import open_database
from cdc.store.sqlite import APPLICATION_ID, PAGE_BYTES, PRAGMAS, StoreError, dbapi2
from tests.unit.store.files import opened

ROOT = Path(__file__).parents[3]
HOLD_EXCLUSIVELY = """
import sys
from cdc.store.sqlite import dbapi2
connection = dbapi2.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA locking_mode=EXCLUSIVE")
connection.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""
OPEN_TOGETHER = """
import sys
from pathlib import Path
from cdc.store.database import open_database
print("ready", flush=True)
for line in sys.stdin:
    open_database(Path(line.strip())).close()
    print("opened", flush=True)
"""
OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from cdc.store.database import open_database
from cdc.store.sqlite import StoreError
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    open_database(Path(sys.argv[1]))
except StoreError as error:
    print(error)
"""


def refusal(path: Path) -> str:
    """Return the one line with which a file is refused."""
    with pytest.raises(StoreError) as caught:
        open_database(path)
    message = str(caught.value)
    assert "\n" not in message
    return message


def settings(connection) -> dict[str, object]:
    return {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}


EXPECTED = {name: expected for name, (_, expected) in PRAGMAS.items()}


def test_every_connection_has_every_setting(path, clock):
    with opened(path, clock) as (database, writer):
        assert settings(writer._dbapi) == EXPECTED
        assert settings(database.reader()) == EXPECTED
        for engine in (database.reader_engine, database.writer_engine):
            for _ in range(2):
                with engine.connect() as connection:
                    assert settings(connection.connection.dbapi_connection) == EXPECTED


def test_each_thread_has_a_reader_of_its_own(database):
    readers = [database.reader()]
    thread = threading.Thread(target=lambda: readers.append(database.reader()))
    thread.start()
    thread.join()
    assert readers[0] is database.reader()
    assert readers[0] is not readers[1]
    assert settings(readers[1]) == EXPECTED


def test_a_connection_whose_setting_reads_back_otherwise_is_refused(path, monkeypatch):
    open_database(path).close()
    monkeypatch.setattr(sqlite, "PRAGMAS", MappingProxyType({**PRAGMAS, "synchronous": ("NORMAL", 2)}))
    assert "synchronous=1 where 2 is needed" in refusal(path)


def test_a_new_file_has_our_pages_and_our_name(database):
    reader = database.reader()
    assert reader.execute("PRAGMA page_size").fetchone()[0] == PAGE_BYTES == 8192
    assert reader.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_a_read_sees_one_snapshot_and_takes_no_write_lock(database, writer):
    count = text("SELECT count(*) FROM dropped_tables")
    with database.reading() as connection:
        before = connection.execute(count).scalar_one()
        writer.call(lambda transaction: transaction.cursor.execute("INSERT INTO dropped_tables VALUES (1)"))
        assert connection.execute(count).scalar_one() == before
    with database.reading() as connection:
        assert connection.execute(count).scalar_one() == before + 1


def test_a_file_that_is_there_is_opened_as_it_is(path, clock):
    with opened(path, clock) as (_, writer):
        writer.call(lambda transaction: transaction.cursor.execute("INSERT INTO dropped_tables VALUES (7)"))
    with opened(path, clock) as (database, _):
        assert database.reader().execute("SELECT id FROM dropped_tables").fetchall() == [(7,)]


def test_an_empty_file_becomes_ours(path):
    path.touch()
    database = open_database(path)
    assert database.reader().execute("PRAGMA page_size").fetchone()[0] == PAGE_BYTES
    database.close()


def test_an_empty_sqlite_file_with_other_pages_is_refused(path):
    connection = dbapi2.connect(str(path))
    connection.execute("PRAGMA page_size=4096")
    connection.execute("PRAGMA journal_mode=WAL").fetchall()
    connection.close()
    assert refusal(path) == f"{path} is an empty SQLite file with another page size: remove it, then try again"


def test_a_file_of_a_newer_version_is_refused(path):
    open_database(path).close()
    with dbapi2.connect(str(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    message = refusal(path)
    assert f"{path} was written by a newer version of cdc (schema 9999" in message
    assert "upgrade with pip install -U durable-cdc" in message


def test_a_sqlite_file_of_another_program_is_refused_and_left_alone(path):
    with dbapi2.connect(str(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    before = path.read_bytes()
    assert refusal(path) == f"{path} is a SQLite file of another program: name another file with --database"
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["xy", "A text file.\n" * 1000])
def test_a_file_that_is_not_sqlite_is_refused_and_left_alone(content, path):
    path.write_text(content)
    assert refusal(path) == f"{path} is not a SQLite file: name another file with --database"
    assert path.read_text() == content


def test_a_missing_folder_is_named(tmp_path):
    message = refusal(tmp_path / "no" / "cdc.db")
    assert message == f"the folder {tmp_path}/no does not exist: create it, or name another file with --database"


def test_a_folder_is_no_file(tmp_path):
    assert refusal(tmp_path) == f"{tmp_path} is a folder: name a file in it with --database"


@contextmanager
def started(script: str, *arguments: str):
    """Run a script in another process, which answers once before the test goes on."""
    command = [sys.executable, "-c", script, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        yield process
        process.communicate(timeout=30)


@pytest.mark.parametrize("exists", [True, False])
def test_a_file_that_another_program_holds_is_refused(exists, path, monkeypatch):
    if exists:
        open_database(path).close()
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 20)
    monkeypatch.setattr(sqlite, "PRAGMAS", MappingProxyType({**PRAGMAS, "busy_timeout": ("20", 20)}))
    with started(HOLD_EXCLUSIVELY, str(path)):
        message = refusal(path)
    assert message == f"{path} is locked by another program: close the program that holds it, then try again"
    open_database(path).close()  # and afterwards it is ours


def test_processes_that_create_a_file_at_once_open_the_same_one(tmp_path):
    with started(OPEN_TOGETHER) as one, started(OPEN_TOGETHER) as two, started(OPEN_TOGETHER) as three:
        for number in range(8):
            path = tmp_path / f"{number}.db"
            for process in (one, two, three):
                process.stdin.write(f"{path}\n")
                process.stdin.flush()
            answers = [process.stdout.readline() for process in (one, two, three)]
            assert answers == ["opened\n"] * 3
            database = open_database(path)
            assert database.reader().execute("PRAGMA page_size").fetchone()[0] == PAGE_BYTES
            assert database.reader().execute("SELECT count(*) FROM state").fetchone()[0] == 1
            database.close()


def refusal_of_nobody(path: Path) -> str:
    """Return the line with which a user without any rights is refused."""
    command = [sys.executable, "-c", OPEN_AS_NOBODY, str(path)]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=30)
    assert result.stderr == ""
    assert result.stdout.count("\n") == 1
    return result.stdout.strip()


@pytest.fixture
def public(tmp_path_factory: pytest.TempPathFactory):
    """Give a folder that other users can reach."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    folder = tmp_path_factory.mktemp("public")
    for each in (folder, *folder.parents[:3]):  # a process of several has a folder between
        each.chmod(0o755)
    return folder


def test_a_read_only_folder_is_named(public):
    assert refusal_of_nobody(public / "cdc.db") == (
        f"the folder {public} is read-only for this user: SQLite must create files beside cdc.db"
    )


def test_a_read_only_file_is_named(public):
    path = public / "cdc.db"
    open_database(path).close()
    path.chmod(0o644)
    public.chmod(0o777)
    message = f"{path} can't be read and written by this user: change its permissions or owner"
    assert refusal_of_nobody(path) == message


def test_a_journal_that_another_user_left_is_explained(public, clock):
    path = public / "cdc.db"
    with opened(path, clock):
        path.chmod(0o666)
        public.chmod(0o777)
        for suffix in ("-wal", "-shm"):
            Path(f"{path}{suffix}").chmod(0o600)
        message = refusal_of_nobody(path)
    assert f"{path} can't be opened" in message
    assert "check the permissions of it and its folder" in message


def test_a_full_disk_is_not_taken_for_a_damaged_file(path, clock, monkeypatch):
    with opened(path, clock):
        pass

    def explode(_database):
        error = dbapi2.OperationalError("disk I/O error")
        error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
        raise error

    monkeypatch.setattr(database_module, "_migrate", explode)
    assert "run cdc check on it" in refusal(path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=4096))
    message = f"no space left for the files that SQLite keeps beside {path}: free some, then try again"
    assert refusal(path) == message


def test_what_nobody_foresaw_is_one_line_too(path, monkeypatch):
    def explode(_database):
        raise dbapi2.DatabaseError("the moon is full of cheese")

    monkeypatch.setattr(database_module, "_migrate", explode)
    assert str(path) in refusal(path)
