"""The check finds what is wrong with copies, backups and restores."""

from __future__ import annotations

from functools import partial

import pytest

from cdc.store import backups, copies
from cdc.store.check import check
from cdc.store.sqlite import dbapi2
from tests.unit.store.files import create_table, item_of, opened, put


@pytest.fixture
def file(path, clock):
    """Make a file with a table and a backup of it."""
    with opened(path, clock) as (_, writer):
        writer.call(create_table)
        for number in range(5):
            writer.call(partial(put, name="t", item=item_of(f"k{number}")))

        def back_up(transaction):
            table = transaction.catalog.tables["t"]
            copy_id = copies.begin_copy(transaction, table.id)
            backups.insert_backup(transaction, "00000000000001-00000000", "first", table, copy_id)
            assert copies.copy_some(transaction, copy_id)

        writer.call(back_up)
    return path


def found(path, clock):
    with opened(path, clock) as (database, _):
        return {violation.what for violation in check(database)}


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        ("UPDATE backups SET name = 'other'", set()),
        ("UPDATE copy_items SET item = x'7b7d' WHERE id = 1", {"copy CRC"}),
        ("DELETE FROM copy_items WHERE id = 1", {"copy counters"}),
        ("UPDATE copies SET size_bytes = 1", {"copy counters"}),
        ("DELETE FROM copies", {"items without a copy", "copy that is gone"}),
        ("INSERT INTO restores VALUES (99, 1, x'')", {"restore without a table"}),
        ("INSERT INTO restores VALUES (1, 99, x'')", {"copy that is gone"}),
        ("UPDATE items SET expires_ms = 5", set()),
    ],
)
def test_damage_is_found_and_nothing_else(file, clock, damage, expected):
    connection = dbapi2.connect(str(file), isolation_level=None)
    connection.execute(damage)
    connection.close()
    assert found(file, clock) == expected
