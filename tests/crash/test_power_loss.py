"""Power loss at any moment loses no acknowledged write and no record, and the same test catches weaker settings."""

from __future__ import annotations

import random

import pytest

from tests.crash.power_loss import SECTOR_BYTES, WRITES, Call, Disk, fault, images, missing_tool, parse, record

CUTS = 50


@pytest.fixture
def strace() -> None:
    if reason := missing_tool():
        pytest.skip(reason)


@pytest.fixture
def seed() -> int:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201  # shown when the test fails
    return seed


def replay(tmp_path, mode, seed, *, faults_wanted):
    """Give the faults of the images, no more than are wanted, and how many images were looked at."""
    folder = tmp_path / "written"
    folder.mkdir()
    before, calls = record(folder, mode)
    found, looked_at = [], 0
    for cut, acknowledged, files in images(before, calls, CUTS, seed):
        looked_at += 1
        problem = fault(tmp_path / "found", acknowledged, files)
        if problem is not None:
            found.append(f"{mode}, {cut}: {problem}")
            if len(found) >= faults_wanted:
                break
    return found, looked_at, calls


@pytest.mark.usefixtures("strace")
def test_power_loss_loses_no_acknowledged_write(tmp_path, seed):
    found, looked_at, calls = replay(tmp_path, "FULL", seed, faults_wanted=3)
    assert found == []
    assert looked_at == CUTS * 2
    synced = [call.name for call in calls if call.kind == "sync"]
    assert synced.count("cdc.db-wal") > 60
    assert synced.count("cdc.db") >= 3  # the WAL was checkpointed, and began anew
    assert sum(call.kind == "ack" for call in calls) == WRITES


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("mode", ["NORMAL", "OFF"])
def test_the_replay_catches_a_weaker_setting(mode, tmp_path, seed):
    found, _, _ = replay(tmp_path, mode, seed, faults_wanted=1)
    assert len(found) == 1


def test_unsynced_writes_are_lost_kept_or_torn():
    disk = Disk({"f": bytearray(b"." * 2048)})
    disk.apply(Call("write", "f", 0, b"a" * 1024))
    disk.apply(Call("sync", "f"))
    disk.apply(Call("write", "f", 1024, b"b" * 1024))
    disk.apply(Call("write", "g-shm", 0, b"shared"))
    chance = random.Random(1)
    assert disk.image("none", chance) == {"f": b"a" * 1024 + b"." * 1024}
    assert disk.image("all", chance) == {"f": b"a" * 1024 + b"b" * 1024}
    half = SECTOR_BYTES
    ends = {disk.image("random", chance)["f"][1024:] for _ in range(200)}
    assert ends == {one * half + other * half for one in (b".", b"b") for other in (b".", b"b")}


def test_calls_are_read_from_strace_as_they_end():
    path = "".join(f"\\x{byte:02x}" for byte in b"/d/f")
    lines = [
        f'7 openat(AT_FDCWD, "{path}", O_RDWR|O_CREAT, 0644) = 5',
        f'7 openat(AT_FDCWD, "{path.replace("64", "65")}", O_RDWR) = 6',
        r'7 pwrite64(5, "\x61\x62", 2, 4096) = 2',
        r'7 pwrite64(6, "\x61\x62", 2, 4096) = 2',
        "8 fdatasync(5 <unfinished ...>",
        r'7 write(1, "\x41\x43\x4b\x20\x33\x0a", 6) = 6',
        "8 <... fdatasync resumed>)         = 0",
        "7 ftruncate(5, 100) = 0",
        "7 fsync(5) = -1 EIO (Input/output error)",
        f'7 unlink("{path}") = 0',
        "7 close(5) = 0",
        "7 fdatasync(5) = 0",
        "7 +++ exited with 0 +++",
    ]
    assert list(parse(lines, "/d/")) == [
        Call("write", "f", 4096, b"ab"),
        Call("ack", offset=3),
        Call("sync", "f"),
        Call("truncate", "f", 100),
        Call("unlink", "f"),
    ]
