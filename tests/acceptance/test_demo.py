"""`cdc demo` as a process: a real daemon, a real kill, and nothing lost; from a small file, without the network."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = 400
HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)


def row(number):
    """Make a flight; one in seven was cancelled, and one in five landed elsewhere."""
    carrier = ("UA", "B6", "EV", "DL", "AA")[number % 5]
    day, hour = number % 28 + 1, number % 24
    departure = "NA" if number % 7 == 0 else number % 61 - 15
    arrival = "NA" if departure == "NA" or number % 5 == 1 else number % 47 - 20
    left = "NA" if departure == "NA" else hour * 100
    times = f"{left},{hour * 100},{departure},NA,NA,{arrival}"
    return f"2013,1,{day},{times},{carrier},{number},N{number},EWR,IAH,NA,{1000 + number},{hour},0,NA"


@pytest.fixture
def csv_file(tmp_path):
    path = tmp_path / "flights.csv"
    path.write_text("\n".join([HEADER, *map(row, range(1, ROWS + 50))]) + "\n")
    return path


def start(tmp_path, csv_file, *options):
    (tmp_path / "temporary").mkdir()
    return subprocess.Popen(
        [sys.executable, "-m", "cdc", "demo", "--csv", str(csv_file), *options],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path / "temporary"), "CDC_DATABASE_PATH": "/nowhere/at/all.db"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def expected_totals():
    """Compute what the totals are to be from the rows alone."""
    flights: Counter[str] = Counter()
    departures: Counter[str] = Counter()
    arrivals: Counter[str] = Counter()
    for number in range(1, ROWS + 1):
        values = row(number).split(",")
        carrier, departure, arrival = values[9], values[5], values[8]
        if departure == "NA":
            continue  # cancelled, and so removed
        flights[carrier] += 1
        departures[carrier] += int(departure) + (5 if number % 10 == 0 else 0)
        arrivals[carrier] += 0 if arrival == "NA" else int(arrival)
    return {carrier: [flights[carrier], departures[carrier], arrivals[carrier]] for carrier in flights}


def test_nothing_is_lost_when_the_daemon_is_killed_half_way(tmp_path, csv_file):
    process = start(tmp_path, csv_file, "--rows", str(ROWS), "--keep")
    output, _ = process.communicate(timeout=110)
    assert process.returncode == 0, output
    assert "Killed it with SIGKILL after " in output
    assert "All comparisons hold." in output
    assert "FAILED" not in output
    (folder,) = (tmp_path / "temporary").iterdir()
    assert (folder / "daemon.log").read_text().count("listening on") == 2
    totals = subprocess.run([sys.executable, "totals.py"], cwd=folder, capture_output=True, check=True)
    assert json.loads(totals.stdout)["totals"] == expected_totals()


def test_a_demo_that_is_stopped_ends_its_daemon_and_leaves_nothing(tmp_path, csv_file):
    process = start(tmp_path, csv_file)
    assert process.stdout is not None
    daemon = None
    for line in process.stdout:
        if found := re.search(r"process (\d+);", line):
            daemon = int(found[1])
            break
    assert daemon is not None
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(daemon, 0)
    assert list((tmp_path / "temporary").iterdir()) == []
