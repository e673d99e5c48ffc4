"""A real file, a clock that stands still, and the writer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.clock import ManualClock
from tests.unit.store.files import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.store.database import Database
    from cdc.store.writer import Writer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cdc.db"


@pytest.fixture
def file(path: Path, clock: ManualClock) -> Iterator[tuple[Database, Writer]]:
    with opened(path, clock) as both:
        yield both


@pytest.fixture
def database(file: tuple[Database, Writer]) -> Database:
    return file[0]


@pytest.fixture
def writer(file: tuple[Database, Writer]) -> Writer:
    return file[1]
