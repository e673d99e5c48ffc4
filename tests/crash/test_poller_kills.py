"""A process that is killed at the worst moments loses nothing, doubles no discard, and repeats what was in flight alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from cdc.clock import ManualClock, SystemClock
from cdc.mappings.outbox.line import LINE_FLIGHTS
from cdc.model.mappings import Declaration, MappingSettings
from cdc.model.outbox import SENT
from cdc.service import open_service
from cdc.store import dead_letters
from tests.crash.poller_process import (
    AFTER_SENDING,
    AT_WINDOW_END,
    CALLS,
    HALVES,
    IN_BISECT,
    LANES,
    MAPPINGS,
    MESSAGES,
    POINTS,
    POISON,
    RECORDS,
    WINDOWS,
)
from tests.unit.store.files import create_table, item_of, put

if TYPE_CHECKING:
    from cdc.service import Service

ROOT = Path(__file__).parents[2]
KEYS = [f"k{number}" for number in range(20)] + [f"{POISON}{number}" for number in range(3)]
COMMON = {"starting_position": "TRIM_HORIZON", "on_failure": "file:/var/failed.jsonl"}
SETTINGS: dict[str, dict[str, Any]] = {
    LANES: {"batch_size": 5, "parallelization_factor": 3, "maximum_retry_attempts": 1},
    HALVES: {"batch_size": 10, "maximum_retry_attempts": 2, "bisect_batch_on_function_error": True},
    WINDOWS: {"batch_size": 4, "tumbling_window_in_seconds": 1},
}
KILLS = 2
GAP_SECONDS = 5  # between groups of records, so that they are of several windows


@pytest.fixture(scope="session")
def written_file(tmp_path_factory) -> Path:
    """A file with two shards of records, some of them poison, and three mappings that have not begun with them."""
    path: Path = tmp_path_factory.mktemp("written") / "cdc.db"
    clock = ManualClock(SystemClock().now_ms() - 60_000)
    with open_service(path, clock=clock) as service:
        service.writer.call(partial(create_table, shards=2))
        settings = [MappingSettings(function_name=name, **COMMON | SETTINGS[name]) for name in MAPPINGS]
        service.declare_mappings(
            Declaration(name=each.function_name, table_name="t", settings=each) for each in settings
        )

        def fill(transaction, start: int) -> None:
            for number in range(start, start + RECORDS // 3):
                put(transaction, "t", item_of(KEYS[number * 7 % len(KEYS)], v=number))

        for start in range(0, RECORDS, RECORDS // 3):
            service.writer.call(partial(fill, start=start))
            clock.advance(GAP_SECONDS)
    return path


def run(database: Path, *point: str) -> int:
    """Run the process to its end; return its exit status."""
    return subprocess.run(
        [sys.executable, "-m", "tests.crash.poller_process", str(database), str(database.parent), *point],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    ).returncode


def lines(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


@pytest.mark.parametrize("point", POINTS)
def test_after_kills_at(point, written_file, tmp_path):
    database = Path(shutil.copy(written_file, tmp_path / "cdc.db"))
    for times in range(1, KILLS + 1):
        assert run(database, point, str(times)) == -signal.SIGKILL
    assert run(database) == 0
    subprocess.run([sys.executable, "-m", "cdc", "check", str(database)], check=True)
    calls = [line | {"at": at} for at, line in enumerate(lines(tmp_path / CALLS))]
    with open_service(database) as service:
        letters = letters_of(service)
        check_letters(service, letters, lines(tmp_path / MESSAGES), point)
    for name in MAPPINGS:
        check_deliveries([call for call in calls if call["function"] == name], letters[name])
    check_halves([call for call in calls if call["function"] == HALVES], letters[HALVES], point)
    check_windows([call for call in calls if call["function"] == WINDOWS], point)


def letters_of(service: Service) -> dict[str, list[tuple[int, list[int]]]]:
    """Read the dead letters: attempts and sequences, by mapping."""
    found: dict[str, list[tuple[int, list[int]]]] = defaultdict(list)
    with service.database.reading() as connection:
        for letter in dead_letters.find(connection):
            assert letter.id is not None
            event = orjson.loads(dead_letters.load_event(connection, letter.id) or b"")
            sequences = [int(each["dynamodb"]["SequenceNumber"]) - 10**20 for each in event["Records"]]
            found[letter.mapping_name].append((letter.attempts, sequences))
    return found


def check_letters(service: Service, letters: dict[str, Any], arrived: list[dict[str, Any]], point: str) -> None:
    """Each dead letter has one message, which has arrived, a second time only if a kill came before that was written."""
    messages = service.messages()
    assert {each.state for each in messages} == {SENT}
    arrivals = Counter(each["id"] for each in arrived)
    assert set(arrivals) == {each.message_id for each in messages}
    again = arrivals.total() - len(arrivals)
    assert (1 if point == AFTER_SENDING else 0) <= again <= KILLS * LINE_FLIGHTS, "only what was under way comes again"
    about = {each["id"]: each["about"] for each in arrived}.values()
    told = sorted(int(each["startSequenceNumber"]) - 10**20 for each in about)
    assert told == sorted(sequences[0] for some in letters.values() for _, sequences in some)


def check_deliveries(calls: list[dict[str, Any]], letters: list[tuple[int, list[int]]]) -> None:
    """Each record is delivered or in one dead letter; keys are in order; only a process's last calls are repeated."""
    dead = [each for _, sequences in letters for each in sequences]
    taken: dict[int, dict[str, Any]] = {}
    newest: dict[str, int] = {}
    for call in calls:
        for key, sequence in zip(call["keys"], call["sequences"], strict=True):
            earlier = taken.get(sequence)
            if earlier is not None:
                assert earlier["process"] != call["process"], "delivered twice though its checkpoint was written"
                assert earlier["sequences"] == call["sequences"]
                assert not [each for each in calls if comes_later_in_lane(each, earlier)], "more than was in flight"
            if not call["fails"]:
                taken[sequence] = call
                assert newest.get(key, 0) <= sequence or earlier is not None, "a key's records came out of order"
                newest[key] = max(sequence, newest.get(key, 0))
    assert len(dead) == len(set(dead))
    assert not set(dead) & set(taken)
    assert len(set(dead) | set(taken)) == RECORDS


def comes_later_in_lane(call: dict[str, Any], earlier: dict[str, Any]) -> bool:
    """Tell whether a process went on after a call with a lane that has a key of it."""
    same = call["process"] == earlier["process"] and bool(set(call["keys"]) & set(earlier["keys"]))
    return same and call["at"] > earlier["at"]


def check_halves(calls: list[dict[str, Any]], letters: list[tuple[int, list[int]]], point: str) -> None:
    """Poison alone is given up, after three attempts that count; what halves a batch was cut into outlives a kill."""
    told = [(key, each) for call in calls for key, each in zip(call["keys"], call["sequences"], strict=True)]
    poison = {each for key, each in told if POISON in key}
    assert sorted(each for _, sequences in letters for each in sequences) == sorted(poison)
    assert {attempts for attempts, _ in letters} == {3}
    batches = Counter(tuple(call["sequences"]) for call in calls if len(call["sequences"]) > 1)
    assert batches.total() - len(batches) <= (2 if point == IN_BISECT else 4)


def check_windows(calls: list[dict[str, Any]], point: str) -> None:
    """The state counts each record of its window once, however often it was delivered."""
    of_window: dict[tuple[str, str], set[int]] = defaultdict(set)
    seen: dict[tuple[str, str], list[int]] = defaultdict(list)
    for call in calls:
        window = (call["window"]["start"], call["shard"])
        of_window[window] |= set(call["sequences"])
        if call["final"]:
            seen[window].append(call["seen"])
    assert {window: set(found) for window, found in seen.items()} == {
        window: {len(sequences)} for window, sequences in of_window.items()
    }
    again = sum(len(found) - 1 for found in seen.values())
    assert again >= 1 if point == AT_WINDOW_END else again <= 2
