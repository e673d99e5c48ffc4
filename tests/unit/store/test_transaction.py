"""Counters of the file: sequence numbers, record times and the catalogue's epoch."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cdc.store.records import next_sequence
from tests.unit.store.files import create_table, item_of, opened, put

if TYPE_CHECKING:
    from cdc.store.transaction import Transaction

ROOT = Path(__file__).parents[3]
ALTERNATE = """
import sys
from pathlib import Path
from cdc.clock import ManualClock
from tests.unit.store.files import opened
with opened(Path(sys.argv[1]), ManualClock()) as (_, writer):
    for line in sys.stdin:
        print(writer.call(lambda transaction: [transaction.allocate_sequence() for _ in range(int(line))]), flush=True)
"""


def take(transaction: Transaction) -> int:
    return transaction.allocate_sequence()


def test_sequence_numbers_increase_over_groups_and_reopenings(path, clock):
    taken = []
    for _ in range(3):
        with opened(path, clock) as (_, writer):
            taken += [writer.call(take) for _ in range(5)]
    assert taken == sorted(set(taken))
    assert len(taken) == 15


def test_a_sequence_number_of_a_rolled_back_write_is_not_seen_twice(writer):
    def broken(transaction):
        take(transaction)
        raise RuntimeError

    before = writer.call(take)
    with pytest.raises(Exception, match="Internal"):
        writer.call(broken)
    assert writer.call(take) > before


def test_the_counter_outlives_the_newest_record(writer, database):
    writer.call(create_table)
    writer.call(partial(put, name="t", item=item_of("a")))
    newest = next_sequence(database.reader()) - 1
    writer.call(lambda transaction: transaction.cursor.execute("DELETE FROM records_1"))
    writer.call(partial(put, name="t", item=item_of("b")))
    [[sequence]] = database.reader().execute("SELECT last_sequence FROM records_1").fetchall()
    assert sequence > newest


def test_two_processes_that_take_turns_never_use_a_sequence_number_twice(path, clock):
    with opened(path, clock):
        pass
    command = [sys.executable, "-c", ALTERNATE, str(path)]
    pipe = subprocess.PIPE
    taken: list[int] = []
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as one,
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as two,
    ):
        for count in (1, 3, 2, 5, 1):
            for process in (one, two):
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(f"{count}\n")
                process.stdin.flush()
                taken += [int(each) for each in process.stdout.readline().strip("[]\n").split(",")]
        for process in (one, two):
            process.communicate(timeout=30)
    assert len(taken) == 24
    assert all(earlier < later for earlier, later in pairwise(taken))


def test_record_times_never_fall_when_the_clock_goes_back(path, clock):
    start = clock.now_ms()
    times = []
    for moment in (start, start - 3_600_000, start + 5, start - 1):
        clock.set_wall_ms(moment)
        with opened(path, clock) as (_, writer):
            times.append(writer.call(lambda transaction: transaction.record_time_ms()))
    assert times == [start, start, start + 5, start + 5]


def test_the_catalogue_is_read_again_only_when_it_has_changed(writer):
    writer.call(create_table)
    catalogs = [writer.call(lambda transaction: transaction.catalog) for _ in range(2)]
    assert catalogs[0] is catalogs[1]
    writer.call(partial(create_table, name="another"))
    assert set(writer.call(lambda transaction: transaction.catalog).tables) == {"t", "another"}


def test_a_change_of_the_catalogue_by_another_connection_is_seen(path, clock, writer):
    assert not writer.call(lambda transaction: transaction.catalog).tables
    with opened(path, clock) as (_, other):
        other.call(create_table)
    assert set(writer.call(lambda transaction: transaction.catalog).tables) == {"t"}


def test_a_transaction_sees_its_own_change_of_the_catalogue(writer):
    def both(transaction):
        before = set(transaction.catalog.tables)
        create_table(transaction)
        return before, set(transaction.catalog.tables)

    assert writer.call(both) == (set(), {"t"})


def test_the_catalogue_of_a_write_that_broke_is_forgotten(writer):
    def broken(transaction):
        create_table(transaction)
        assert transaction.catalog.tables
        raise RuntimeError

    with pytest.raises(Exception, match="Internal"):
        writer.call(broken)
    assert not writer.call(lambda transaction: transaction.catalog).tables
