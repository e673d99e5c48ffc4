"""Alembic, run from inside: which revisions exist and how a file is brought up to date."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

if TYPE_CHECKING:
    from sqlalchemy import Connection


@cache
def _configuration() -> Config:
    package = Path(__file__).resolve().parent.parent
    shipped = package / "_migrations"  # inside an installed wheel
    config = Config()
    config.set_main_option("script_location", str(shipped if shipped.is_dir() else package.parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def known_revisions() -> frozenset[str]:
    """List the revisions that this version of the code can read or migrate."""
    return frozenset(script.revision for script in ScriptDirectory.from_config(_configuration()).walk_revisions())


def head_revision() -> str | None:
    """Name the newest revision."""
    return ScriptDirectory.from_config(_configuration()).get_current_head()


def upgrade(connection: Connection, to: str = "head") -> None:
    """Migrate to the newest revision, or to an older one, on an open transaction, which the caller commits."""
    config = _configuration()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    finally:
        del config.attributes["connection"]
