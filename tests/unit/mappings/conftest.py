"""A bench for each test, and one with a table and a mapping."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from cdc.store.database import open_database
from tests.unit.mappings.bench import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory) -> Path:
    """A new file; migrating one takes longer than most tests."""
    path: Path = tmp_path_factory.mktemp("empty") / "a.db"
    open_database(path).close()
    return path


@pytest.fixture
def bench(tmp_path, empty_file) -> Iterator[Bench]:
    made = Bench(shutil.copy(empty_file, tmp_path / "a.db"))
    yield made
    made.stop()


@pytest.fixture
def mapped(bench: Bench) -> Bench:
    """A table `t` with one shard, and the mapping `m` from it to `f`."""
    bench.create()
    bench.declare()
    bench.run()
    return bench
