"""Readers see the newest commit, with the catalogue that belongs to it."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from cdc.model.errors import ResourceNotFoundException
from cdc.store.reading import Lookup, Reader
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


def epoch_of(connection) -> int:
    return int(connection.execute("SELECT catalog_epoch FROM state").fetchone()[0])


def test_a_lookup_runs_again_when_the_catalogue_has_changed(reader, writer):
    writer.call(create_table)
    seen = []

    def run(connection, catalog):
        seen.append(set(catalog.tables))
        return epoch_of(connection), b"answer"

    assert reader.look_up(Lookup(run)) == b"answer"
    assert seen == [set(), {"t"}]


@pytest.mark.parametrize("exists", [True, False])
def test_a_lookup_is_refused_only_by_the_newest_catalogue(exists, reader, writer):
    if exists:
        writer.call(create_table)

    def run(connection, catalog):
        if "t" not in catalog.tables:
            raise ResourceNotFoundException
        return epoch_of(connection), b"found"

    if exists:
        assert reader.look_up(Lookup(run)) == b"found"
    else:
        with pytest.raises(ResourceNotFoundException):
            reader.look_up(Lookup(run))
