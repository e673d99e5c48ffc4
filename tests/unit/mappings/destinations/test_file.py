"""Messages to a file: whole lines whatever happens, from several writers, on disk before they count as sent."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
from pathlib import Path

import pytest

from cdc.mappings.destinations.file import FileSender
from cdc.mappings.destinations.sending import Parcel, SendError


@pytest.fixture
def path(tmp_path) -> Path:
    found: Path = tmp_path / "failed.jsonl"
    return found


def parcel(number: int, text: str = "x") -> Parcel:
    return Parcel(f"id-{number}", json.dumps({"version": "1.0", "text": text}).encode())


def test_a_message_is_a_line_that_begins_with_its_id(path):
    send = FileSender(path)
    send(parcel(1, "é\n"))
    send(parcel(2))
    first, second = path.read_text().splitlines()
    assert first.startswith('{"messageId":"id-1","version": "1.0", ')
    assert json.loads(first) == {"messageId": "id-1", "version": "1.0", "text": "é\n"}
    assert json.loads(second)["messageId"] == "id-2"


def test_what_others_wrote_is_left_as_it_is(path):
    path.write_bytes(b"mine\n")
    FileSender(path)(parcel(1))
    assert path.read_bytes().startswith(b'mine\n{"messageId"')


@pytest.mark.parametrize("torn", [b'{"messageId":"id-0","ver', b"{", b"whole, but for its end"])
def test_a_line_torn_by_a_crash_is_ended_before_the_next(path, torn):
    path.write_bytes(b"before\n" + torn)
    FileSender(path)(parcel(1))
    lines = path.read_bytes().split(b"\n")
    assert lines[:2] == [b"before", torn]
    assert json.loads(lines[2])["messageId"] == "id-1"
    assert lines[3:] == [b""]


def test_lines_of_several_writers_do_not_mix(path):
    """More than fits into one write of a pipe's size, from threads with descriptors of their own, as processes have."""
    senders = [FileSender(path) for _ in range(4)]
    ids = [range(start, start + 20) for start in (0, 100, 200, 300)]

    def run(sender: FileSender, numbers: range) -> None:
        for number in numbers:
            sender(parcel(number, "y" * 100_000))

    threads = [threading.Thread(target=run, args=each) for each in zip(senders, ids, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [json.loads(line)["messageId"] for line in path.read_text().splitlines()]
    assert sorted(found) == sorted(f"id-{number}" for numbers in ids for number in numbers)


def test_a_writer_waits_for_the_one_that_has_the_lock(path):
    path.touch()
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        thread = threading.Thread(target=FileSender(path), args=(parcel(1),))
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
        assert path.read_bytes() == b""
    thread.join(10)
    assert path.read_bytes().endswith(b"\n")


def test_the_file_and_its_name_are_flushed(path, monkeypatch):
    """The line each time; the folder once, for a file that an earlier process made and did not flush, too."""
    flushed: list[str] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        flushed.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        fsync(descriptor)

    monkeypatch.setattr("cdc.mappings.destinations.file.os.fsync", watched)
    send = FileSender(path)
    send(parcel(1))
    send(parcel(2))
    FileSender(path)(parcel(3))
    file, folder = str(path), str(path.parent)
    assert flushed == [file, folder, file, file, folder]


def test_a_short_write_is_continued(path, monkeypatch):
    write = os.write
    monkeypatch.setattr("cdc.mappings.destinations.file.os.write", lambda descriptor, data: write(descriptor, data[:7]))
    FileSender(path)(parcel(1))
    assert json.loads(path.read_bytes())["messageId"] == "id-1"


def test_a_full_disk_leaves_no_part_of_a_line(path, monkeypatch):
    send = FileSender(path)
    send(parcel(1))
    before, write = path.read_bytes(), os.write
    left = iter([10])

    def full(descriptor: int, data: memoryview) -> int:
        try:
            return write(descriptor, data[: next(left)])
        except StopIteration:
            raise OSError(errno.ENOSPC, "No space left on device") from None

    with monkeypatch.context() as patch:
        patch.setattr("cdc.mappings.destinations.file.os.write", full)
        with pytest.raises(SendError, match=rf"{path} can't be appended to: No space left on device"):
            send(parcel(2))
    assert path.read_bytes() == before
    send(parcel(3))
    assert len(path.read_bytes().splitlines()) == 2


def test_what_fails_to_reach_the_disk_is_not_sent(path, monkeypatch):
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("cdc.mappings.destinations.file.os.fsync", broken)
    with pytest.raises(SendError, match="Input/output error"):
        FileSender(path)(parcel(1))


def test_a_file_that_cannot_be_is_named_with_the_reason(tmp_path):
    with pytest.raises(SendError, match=r"no/failed can't be appended to: No such file or directory"):
        FileSender(tmp_path / "no" / "failed")(parcel(1))
    with pytest.raises(SendError, match="is no regular file"):
        FileSender(tmp_path)(parcel(1))
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(SendError, match="is no regular file"):
        FileSender(pipe)(parcel(1))


def test_a_file_that_was_moved_away_is_made_anew(path):
    send = FileSender(path)
    send(parcel(1))
    path.rename(path.with_suffix(".1"))
    send(parcel(2))
    assert json.loads(path.read_bytes())["messageId"] == "id-2"
