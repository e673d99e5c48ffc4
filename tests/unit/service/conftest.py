"""A service on a file of its own, with a clock that stands still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cdc.clock import ManualClock
from cdc.model.options import Options
from cdc.service import open_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cdc.service import Service


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cdc.db"


@pytest.fixture
def service(path: Path, clock: ManualClock) -> Iterator[Service]:
    with open_service(path, Options(shards=2), clock) as service:
        yield service
