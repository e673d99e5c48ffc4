"""A real file on which operations run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.clock import ManualClock
from tests.unit.store.files import opened
from tests.unit.tables.running import Running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def running(tmp_path: Path, clock: ManualClock) -> Iterator[Running]:
    with opened(tmp_path / "cdc.db", clock) as (database, writer):
        yield Running(database, writer, clock)
