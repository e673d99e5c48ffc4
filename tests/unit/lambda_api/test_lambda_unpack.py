"""Unpacking a zip: whole, bounded, and nothing outside of its folder."""

from __future__ import annotations

import os
import zipfile

import pytest

from cdc.lambda_api import unpack as module
from cdc.lambda_api.unpack import unpack
from cdc.model.lambda_errors import CodeStorageExceededException, InvalidParameterValueException
from tests.unit.lambda_api.zips import zip_of


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "code" / "f" / "1"


def refusal(data, folder):
    with pytest.raises(InvalidParameterValueException) as caught:
        unpack(data, folder)
    assert not folder.exists()
    assert not any(folder.parent.iterdir())  # nothing half done is left either
    if "Reason" not in caught.value.extra:
        return str(caught.value)
    assert str(caught.value) == "Could not unzip uploaded file. Please check your file, then try to upload again."
    return caught.value.extra["Reason"]


def test_files_folders_and_permissions_are_taken_over(folder):
    files: dict[str, str | bytes] = {"app.py": "x", "pkg/": "", "pkg/tool.sh": b"#!/bin/sh", "pkg/deep/data": b"\0\1"}
    unpack(zip_of(files, {"pkg/tool.sh": 0o755, "pkg/deep/data": 0o4777}), folder)
    assert (folder / "app.py").read_text() == "x"
    assert (folder / "pkg" / "deep" / "data").read_bytes() == b"\0\1"
    modes = {name: (folder / name).stat().st_mode & 0o7777 for name in ("app.py", "pkg/tool.sh", "pkg/deep/data")}
    assert modes == {
        "app.py": 0o644,
        "pkg/tool.sh": 0o755,
        "pkg/deep/data": 0o755,
    }  # no set-user-id, no foreign writers


def test_a_bootstrap_without_permissions_may_be_executed(folder):
    unpack(zip_of({"bootstrap": "x", "other": "x"}, {"bootstrap": 0, "other": 0}), folder)
    assert os.access(folder / "bootstrap", os.X_OK)
    assert not os.access(folder / "other", os.X_OK)


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/evil", "a/..", "..\\evil", "c:\\evil"])
def test_a_name_that_leads_out_is_refused(folder, name):
    text = refusal(zip_of({"app.py": "x", name: "x"}), folder)
    assert text.startswith("the name ")
    assert not list(folder.parents[1].parent.glob("evil"))


def test_links_within_the_zip_are_kept(folder):
    unpack(zip_of({"lib/a": "x"}, links={"bin/b": "../lib/a", "c": "lib"}), folder)
    assert (folder / "bin" / "b").read_text() == "x"
    assert (folder / "c" / "a").read_text() == "x"


@pytest.mark.parametrize(
    "links",
    [
        {"out": "/etc/passwd"},
        {"out": "../../../secret"},
        {"here": ".", "out": "here/sub/../../.."},
        {"a": "..", "b": "a/secret"},
    ],
)
def test_links_that_lead_out_are_refused(folder, links):
    text = refusal(zip_of({"app.py": "x", "sub/app.py": "x"}, links=links), folder)
    assert text.startswith("the link ")
    assert text.endswith(" leads out of the zip: expected one to a file in it")


def test_a_link_that_no_system_takes_is_refused(folder):
    assert refusal(zip_of({"a": "x"}, links={"l": "x/" * 2049}), folder) == "the link l is over 4096 bytes"


def test_nothing_is_written_through_a_link(folder, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    data = zip_of({"app.py": "x"}, links={"way": str(target)})
    refusal(data, folder)
    both = zip_of({"way/file": "x"}, links={"way": str(target)})
    refusal(both, folder)
    chained = zip_of({"app.py": "x"}, links={"way": str(target), "way/sub/link": "x"})
    refusal(chained, folder)
    assert not any(target.iterdir())


def test_the_same_name_twice_is_refused(folder):
    with pytest.warns(UserWarning, match="Duplicate name"):
        data = _twice()
    assert "File exists" in refusal(data, folder)


def test_names_that_the_system_does_not_take_are_refused(folder):
    assert "File name too long" in refusal(zip_of({"x" * 300: "x"}), folder)
    assert refusal(zip_of({"a": "x", "a/b": "x"}), folder)


def _twice():
    import io  # noqa: PLC0415

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr("a", "2")
    return buffer.getvalue()


@pytest.mark.parametrize("data", [b"", b"no zip", zip_of({"a": "x" * 100})[:-30]])
def test_what_is_no_zip_is_refused(folder, data):
    assert refusal(data, folder)


def test_a_damaged_zip_is_refused(folder):
    data = bytearray(zip_of({"a": os.urandom(1000)}))
    data[200] ^= 0xFF
    assert refusal(bytes(data), folder)


@pytest.mark.parametrize("files", [{}, {"folder/": ""}])
def test_an_empty_zip_is_refused(folder, files):
    assert refusal(zip_of(files), folder) == "Uploaded file must be a non-empty zip"


def test_a_zip_that_announces_too_much_is_refused_before_it_is_unpacked(folder, monkeypatch):
    monkeypatch.setattr(module, "UNPACKED_BYTES_MAX", 1000)
    assert refusal(zip_of({"a": "x" * 600, "b": "x" * 600}), folder) == "Unzipped size must be smaller than 1000 bytes"
    unpack(zip_of({"a": "x" * 500, "b": "x" * 500}), folder)


def test_a_zip_that_lies_about_its_sizes_is_stopped(folder, monkeypatch):
    monkeypatch.setattr(module, "UNPACKED_BYTES_MAX", 1000)
    data = zip_of({"a": "x" * 100_000})
    real, said = (100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    assert data.count(real) == 2  # before the file and in the directory
    refusal(data.replace(real, said), folder)


def test_a_zip_of_too_many_entries_is_refused(folder, monkeypatch):
    monkeypatch.setattr(module, "ENTRIES_MAX", 2)
    assert refusal(zip_of({"a": "", "b": "", "c": ""}), folder) == "3 entries: expected at most 2"


def test_a_folder_that_can_t_be_written_is_said(tmp_path):
    (tmp_path / "code").write_text("in the way")
    with pytest.raises(CodeStorageExceededException, match="can't be written"):
        unpack(zip_of({"a": "x"}), tmp_path / "code" / "f" / "1")
