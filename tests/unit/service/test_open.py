"""`import cdc` and `cdc.open`: the embedded face."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import cdc
from cdc.store.sqlite import StoreError
from tests.unit.service.requests import create, put, records

ROOT = Path(__file__).parents[3]


def test_importing_the_package_loads_nothing_else_of_it():
    script = (
        "import sys, cdc; print([name for name in sys.modules if name.startswith(('cdc.', 'sqlalchemy', 'orjson'))])"
    )
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_is_opened_written_and_read_without_a_daemon(tmp_path, kind):
    path = kind(tmp_path / "cdc.db")
    with cdc.open(path) as service:
        create(service)
        put(service, "a")
    with cdc.open(path) as service:
        assert service.scan(TableName="abc")["Items"] == [{"pk": {"S": "a"}}]
        assert [record["eventName"] for record in records(service)] == ["INSERT"]
        [stream] = service.status()["streams"]
        assert (len(stream["shards"]), stream["retention_hours"]) == (4, 24)


def test_shards_and_retention_of_new_streams_can_be_chosen(tmp_path):
    with cdc.open(tmp_path / "cdc.db", retention_hours=0.5, shards=1) as service:
        create(service)
        [stream] = service.status()["streams"]
        assert (len(stream["shards"]), stream["retention_hours"]) == (1, 0.5)


def test_a_path_that_can_not_be_opened_is_an_error_of_one_line(tmp_path):
    with pytest.raises(StoreError) as caught:
        cdc.open(tmp_path / "missing" / "cdc.db")
    assert "\n" not in str(caught.value)
    (tmp_path / "text.db").write_text("not a database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreError) as caught:
        cdc.open(tmp_path / "text.db")
    assert "\n" not in str(caught.value)
