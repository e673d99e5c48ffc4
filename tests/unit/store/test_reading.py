"""Readers see the newest commit, with the catalogue that belongs to it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from cdc.model.errors import ResourceNotFoundException
from cdc.store.reading import Reader
from tests.unit.store.files import create_table, item_of, opened, put


@pytest.fixture
def reader(database, clock):
    return Reader(database, clock)


def test_a_view_has_the_catalogue_of_the_newest_commit(reader, writer, clock):
    before = reader.view()
    assert before.catalog is reader.view().catalog
    writer.call(create_table)
    assert not before.catalog.tables
    assert set(reader.view().catalog.tables) == {"t"}
    assert reader.view().now_ms == clock.now_ms()


def test_a_view_sees_what_another_connection_wrote(reader, path, clock):
    with opened(path, clock) as (_, other):
        other.call(create_table)
        other.call(partial(put, name="t", item=item_of("a")))
    view = reader.view()
    assert set(view.catalog.tables) == {"t"}
    assert view.connection.execute("SELECT count(*) FROM items").fetchone() == (1,)


def test_each_thread_reads_on_a_connection_of_its_own(reader):
    connections = [reader.view().connection]
    thread = threading.Thread(target=lambda: connections.append(reader.view().connection))
    thread.start()
    thread.join()
    assert connections[0] is not connections[1]


def test_a_view_names_the_file(reader, writer):
    view = reader.view()
    assert (view.file_id, view.secret) == writer.call(lambda transaction: (transaction.file_id, transaction.secret))


def test_a_snapshot_has_the_catalogue_of_its_commit_and_sees_nothing_newer(reader, writer):
    writer.call(create_table)
    with reader.snapshot() as view:
        assert set(view.catalog.tables) == {"t"}
        writer.call(partial(put, name="t", item=item_of("a")))
        assert view.cursor.execute("SELECT count(*) FROM items").fetchall() == [(0,)]
    with reader.snapshot() as view:
        assert view.cursor.execute("SELECT count(*) FROM items").fetchall() == [(1,)]


def test_what_fails_in_a_snapshot_ends_it(reader, writer):
    with pytest.raises(ResourceNotFoundException), reader.snapshot():
        raise ResourceNotFoundException
    writer.call(create_table)
    with reader.snapshot() as view:
        assert set(view.catalog.tables) == {"t"}
