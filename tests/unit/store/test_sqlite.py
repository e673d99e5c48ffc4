"""Settings of a connection, and which SQLite may be used."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from cdc.store import sqlite
from cdc.store.sqlite import PRAGMAS, StoreError, check_library, configure, dbapi2, is_environment


@pytest.fixture
def connection(path):
    connection = dbapi2.connect(str(path), isolation_level=None)
    yield connection
    connection.close()


def test_every_setting_is_set_on_a_new_connection(connection):
    configure(connection)
    for name, (_, expected) in PRAGMAS.items():
        assert connection.execute(f"PRAGMA {name}").fetchone()[0] == expected, name


def test_the_settings_that_durability_rests_on_are_among_them():
    assert PRAGMAS["journal_mode"][1] == "wal"
    assert PRAGMAS["synchronous"][1] == 2  # FULL
    assert PRAGMAS["foreign_keys"][1] == 1
    assert PRAGMAS["busy_timeout"][1] > 0
    assert PRAGMAS["mmap_size"][1] == 0


@pytest.mark.parametrize("name", PRAGMAS)
def test_a_setting_that_reads_back_otherwise_is_refused(name, connection, monkeypatch):
    value, _ = PRAGMAS[name]
    monkeypatch.setattr(sqlite, "PRAGMAS", MappingProxyType({**PRAGMAS, name: (value, "something else")}))
    with pytest.raises(StoreError, match=f"SQLite keeps {name}="):
        configure(connection)


def test_a_file_that_cannot_be_in_wal_mode_is_refused():
    with (
        dbapi2.connect(":memory:", isolation_level=None) as connection,
        pytest.raises(StoreError, match=r"journal_mode='memory' where 'wal' is needed; put the file on a local disk"),
    ):
        configure(connection)
    connection.close()


def test_a_sqlite_that_can_corrupt_the_file_is_refused(monkeypatch):
    monkeypatch.delenv("CDC_ALLOW_OLD_SQLITE", raising=False)
    monkeypatch.setattr(sqlite, "OLDEST_SQLITE", (99, 0, 0))
    with pytest.raises(
        StoreError, match=r"99\.0\.0 or newer is needed: install pysqlite3 .* or set CDC_ALLOW_OLD_SQLITE=1"
    ):
        check_library()


def test_the_risk_of_an_old_sqlite_can_be_taken(monkeypatch):
    monkeypatch.setenv("CDC_ALLOW_OLD_SQLITE", "1")
    monkeypatch.setattr(sqlite, "OLDEST_SQLITE", (99, 0, 0))
    check_library()


def test_the_sqlite_in_use_is_new_enough():
    assert dbapi2.sqlite_version_info >= sqlite.OLDEST_SQLITE


def test_a_lock_and_a_full_disk_are_the_environment_but_a_wrong_statement_is_not(connection):
    connection.execute("CREATE TABLE t (x UNIQUE)")
    connection.execute("PRAGMA max_page_count=2")
    with pytest.raises(dbapi2.Error) as full:
        connection.execute("CREATE TABLE u (x UNIQUE)")
    connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(dbapi2.Error) as twice:
        connection.execute("INSERT INTO t VALUES (1)")
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("BEGIN IMMEDIATE")
    other = dbapi2.connect(connection.execute("PRAGMA database_list").fetchone()[2], isolation_level=None, timeout=0)
    with pytest.raises(dbapi2.Error) as locked:
        other.execute("BEGIN IMMEDIATE")
    other.close()
    assert is_environment(full.value)
    assert is_environment(locked.value)
    assert not is_environment(twice.value)
    assert not is_environment(ValueError())
