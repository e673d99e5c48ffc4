"""A desk for each test."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.unit.mappings.outbox.desk import Desk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def desk(tmp_path, empty_file) -> Iterator[Desk]:
    made = Desk(shutil.copy(empty_file, tmp_path / "a.db"))
    yield made
    made.stop()
