"""Roles: one holder at a time, who can be looked up at any moment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from cdc.store import roles

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "cdc.db"


def test_a_role_has_one_holder_who_is_described_until_it_is_released(database: Path):
    assert roles.holder(database, roles.API) is None
    role = roles.try_take(database, roles.API)
    assert role is not None
    assert roles.try_take(database, roles.API) is None
    role.describe(url="http://127.0.0.1:8000")
    assert roles.holder(database, roles.API) == {"pid": os.getpid(), "url": "http://127.0.0.1:8000"}
    assert roles.holder(database, roles.POLL) is None
    role.release()
    assert roles.holder(database, roles.API) is None


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("", {"pid": None}),
        ('{"pid": 7}', {"pid": 7}),
        ('{"pid": 7}"url": "http://127.0.0.1:8000"}', {"pid": 7}),  # of a killed holder, whose text was longer
        ('{"pid": 7, "ur', {"pid": None}),
    ],
)
def test_a_holder_that_is_just_describing_itself_can_be_looked_up(database: Path, text: str, facts: dict[str, object]):
    role = roles.try_take(database, roles.API)
    assert role is not None
    database.with_name("cdc.db.api.lock").write_text(text)
    assert roles.holder(database, roles.API) == facts
    role.release()
