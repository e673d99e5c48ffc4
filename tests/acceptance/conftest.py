"""A folder with the program in it, and a daemon that is always stopped."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.acceptance.program import Program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.program import Daemon


@pytest.fixture
def cdc(tmp_path: Path) -> Iterator[Program]:
    """Run commands: `cdc.run("put", "orders", '{"id": "1"}')`; `cdc.serve()` starts a daemon."""
    program = Program(tmp_path)
    yield program
    program.close()


@pytest.fixture
def daemon(cdc: Program) -> Daemon:
    """A daemon on cdc.db in the folder of `cdc`, without functions."""
    return cdc.serve()
