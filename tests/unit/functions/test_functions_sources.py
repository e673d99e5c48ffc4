"""Which files are sources, and when they have changed."""

from __future__ import annotations

import os

import pytest

from cdc.clock import ManualClock
from cdc.functions import sources
from cdc.functions.sources import Sources, stamps_below


def names(folder):
    return {path.removeprefix(f"{folder}/") for path, _ in stamps_below(os.fspath(folder))}


def test_sources_are_known_suffixes_and_programs_in_visible_folders(tmp_path):
    for name in (
        *("app.py", "lib/helper.py", "index.mjs", "package.json", "run.sh"),
        *(
            "notes.txt",
            "out.log",
            "cdc.db",
            "records.jsonl",
            "py",
            "node_modules/x.js",
            ".venv/x.py",
            "__pycache__/x.py",
        ),
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "bootstrap").touch(mode=0o755)
    assert names(tmp_path) == {"app.py", "lib/helper.py", "index.mjs", "package.json", "run.sh", "py", "bootstrap"}


def test_a_link_to_a_file_is_followed_and_one_to_a_folder_is_not(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.py").touch()
    (tmp_path / "b.py").symlink_to("real/a.py")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "broken.py").symlink_to("nowhere")
    assert names(tmp_path) == {"real/a.py", "b.py"}


def test_a_large_tree_is_looked_at_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "FILES_MAX", 3)
    for number in range(10):
        (tmp_path / f"{number}.py").touch()
    assert len(names(tmp_path)) < 10


def test_a_folder_that_does_not_exist_has_no_sources(tmp_path):
    assert names(tmp_path / "none") == set()


@pytest.mark.parametrize("change", ["write", "touch", "create", "remove", "replace"])
def test_each_kind_of_change_is_a_new_version(tmp_path, change):
    clock = ManualClock()
    file = tmp_path / "app.py"
    file.write_text("1")
    os.utime(file, ns=(1, 1))
    watched = Sources("f", tmp_path, clock)
    assert [watched.look(), watched.look()] == [0, 0]
    assert watched.changed_ms is None
    match change:
        case "write":
            file.write_text("22")
        case "touch":
            file.touch()
        case "create":
            (tmp_path / "b.py").touch()
        case "remove":
            file.unlink()
        case "replace":
            (tmp_path / "new").write_text("2")
            os.utime(tmp_path / "new", ns=(1, 1))
            (tmp_path / "new").replace(file)
    assert [watched.look(), watched.look()] == [1, 1]
    assert watched.changed_ms == clock.now_ms()
