"""A daemon killed at random moments loses nothing that it acknowledged and delivers all of it; and the check can fail.

The seed of a run is printed; KILL_LOOP_SEED repeats its plan. `scripts/soak` does a hundred kills.
"""

from __future__ import annotations

import os
import secrets
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.crash.kill_loop import FAMILY, KILL, STOP, KillLoop, describe, plan
from tests.crash.kill_loop_history import (
    ACKNOWLEDGED,
    ADD,
    CREATE,
    DELETE,
    PUT,
    REFUSED,
    SWAP,
    UNKNOWN,
    Item,
    Ledger,
    StreamRecord,
    Write,
    read_log,
)
from tests.crash.kill_loop_journal import Line, check_delivery, read_journal

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 10
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="finds the daemon's processes in /proc")


@linux_only
@pytest.mark.timeout(300)  # half a minute on two idle cores; a crowded machine takes longer, and that is no failure
def test_ten_kills_lose_repeat_and_disorder_nothing_and_need_no_repair(tmp_path: Path):
    seed = os.environ.get("KILL_LOOP_SEED") or secrets.token_hex(4)
    sys.stdout.write(f"repeat with KILL_LOOP_SEED={seed}\n")
    with KillLoop(tmp_path, seed) as loop:
        summary = loop.run(KILLS)
        left = loop.daemon.leftovers()
    text = "\n".join(describe(loop))
    assert not summary.violations, text
    assert not left
    assert summary.kills == KILLS
    assert summary.endings[STOP], text
    for outcome in (ACKNOWLEDGED, REFUSED, UNKNOWN):  # it was a test of something
        assert loop.ledger.outcomes[outcome], text


@linux_only
def test_a_handler_that_skips_records_is_noticed(tmp_path: Path):
    with KillLoop(tmp_path, "skips", skip_every=20) as loop:
        violations = loop.run(1).violations
    assert any(text.startswith("python: ") and "gaps" in text for text in violations), violations
    assert not any(text.startswith("command: ") for text in violations), violations


def test_a_seed_draws_the_same_plan_and_ten_kills_have_every_kind():
    endings = list(plan("a seed", KILLS))
    assert endings == list(plan("a seed", KILLS))
    assert endings != list(plan("another", KILLS))
    kinds = [ending.kind for ending in endings]
    assert len(kinds) - kinds.count(STOP) == KILLS
    assert {KILL, FAMILY} < set(kinds)


# -- the check of stream and table: a history of one client's key and of a counter, and what spoils it --


def write(request: str, verb: str, key: str, number: int = 1, expected: str = "", outcome: str = ACKNOWLEDGED) -> Write:
    return Write(request, verb, key, f"{request}.{key}", number, expected, outcome)


def item(key: str, uid: str, number: int) -> Item:
    return {"pk": {"S": key}, "w": {"S": f"{uid}.{key}"}, "n": {"N": str(number)}}


WRITES = [
    write("c/0", PUT, "c-0", 5),
    write("c/1", ADD, "c-0", 2),
    write("c/2", CREATE, "c-0", outcome=REFUSED),
    write("c/3", SWAP, "c-0", 9, expected="c/1.c-0"),
    write("c/4", DELETE, "c-0"),
    write("c/5", DELETE, "c-0"),
    write("c/6", ADD, "shared-0", 3),
    write("d/0", ADD, "shared-0", 4),
    write("d/1", ADD, "shared-0", 100, outcome=UNKNOWN),
    write("c/7", PUT, "c-0", 1, outcome=UNKNOWN),
    write("c/7", PUT, "c-1", 2, outcome=UNKNOWN),
    write("d/2", PUT, "d-0", 1, outcome=UNKNOWN),
]
ONE, TWO, THREE = item("c-0", "c/0", 5), item("c-0", "c/1", 7), item("c-0", "c/3", 9)
STREAM = [
    StreamRecord(11, "s1", "INSERT", "c-0", None, ONE),
    StreamRecord(12, "s1", "MODIFY", "c-0", ONE, TWO),
    StreamRecord(14, "s1", "MODIFY", "c-0", TWO, THREE),
    StreamRecord(15, "s1", "REMOVE", "c-0", THREE, None),
    StreamRecord(18, "s1", "INSERT", "c-0", None, item("c-0", "c/7", 1)),
    StreamRecord(13, "s2", "INSERT", "shared-0", None, item("shared-0", "d/0", 4)),
    StreamRecord(16, "s2", "MODIFY", "shared-0", item("shared-0", "d/0", 4), item("shared-0", "c/6", 7)),
    StreamRecord(19, "s2", "INSERT", "c-1", None, item("c-1", "c/7", 2)),
]
ITEMS = {"c-0": item("c-0", "c/7", 1), "shared-0": item("shared-0", "c/6", 7), "c-1": item("c-1", "c/7", 2)}


def violations_of(writes: list[Write], stream: list[StreamRecord], items: dict[str, Item] | None = None) -> list[str]:
    ledger = Ledger()
    return ledger.settle(writes, stream) + ledger.compare_items(ITEMS if items is None else items)


def test_a_faultless_history_passes():
    assert violations_of(WRITES, STREAM) == []


def test_a_request_whose_end_was_not_logged_is_unknown():
    lines = ['["sent", "c/0", [["put", "k", "u", 1, ""]]]', '["ended", "c/0", "acknowledged"]']
    assert [each.outcome for each in read_log(lines)] == [ACKNOWLEDGED]
    assert [each.outcome for each in read_log(lines[:1])] == [UNKNOWN]


@pytest.mark.parametrize("place", range(7))
def test_a_record_that_is_missing_is_noticed(place: int):
    assert violations_of(WRITES, STREAM[:place] + STREAM[place + 1 :])


@pytest.mark.parametrize("place", range(len(STREAM)))
def test_a_record_that_is_there_twice_is_noticed(place: int):
    assert violations_of(WRITES, [*STREAM, replace(STREAM[place], sequence=99)])


@pytest.mark.parametrize("place", [0, 1, 2, 3, 5])
def test_records_that_changed_places_are_noticed(place: int):
    one, two = STREAM[place], STREAM[place + 1]
    swapped = [replace(two, sequence=one.sequence), replace(one, sequence=two.sequence)]
    assert violations_of(WRITES, [*STREAM[:place], *swapped, *STREAM[place + 2 :]])


@pytest.mark.parametrize(("place", "sequence"), [(1, 11), (3, 13), (7, 15)])
def test_a_sequence_number_that_does_not_rise_or_is_used_twice_is_noticed(place: int, sequence: int):
    assert violations_of(WRITES, [*STREAM[:place], replace(STREAM[place], sequence=sequence), *STREAM[place + 1 :]])


def test_a_sequence_number_used_before_a_restart_is_noticed():
    ledger = Ledger()
    assert ledger.settle(WRITES, STREAM) == []
    again = StreamRecord(19, "s1", "REMOVE", "c-0", ITEMS["c-0"], None)
    assert ledger.settle([write("c/8", DELETE, "c-0")], [again])


def test_a_stream_that_reads_differently_later_is_noticed():
    ledger = Ledger()
    ledger.settle(WRITES, STREAM)
    assert ledger.compare_records(STREAM) == []
    assert ledger.compare_records(STREAM[1:])
    assert ledger.compare_records([replace(STREAM[0], event="MODIFY"), *STREAM[1:]])
    assert ledger.compare_records([*STREAM, STREAM[0]])


@pytest.mark.parametrize(
    ("place", "outcome"), [(0, REFUSED), (2, ACKNOWLEDGED), (3, REFUSED), (6, REFUSED), (8, ACKNOWLEDGED)]
)
def test_an_outcome_that_the_stream_belies_is_noticed(place: int, outcome: str):
    assert violations_of([*WRITES[:place], replace(WRITES[place], outcome=outcome), *WRITES[place + 1 :]], STREAM)


def test_half_a_batch_is_noticed():
    items = {key: value for key, value in ITEMS.items() if key != "c-1"}
    assert violations_of(WRITES, STREAM[:-1], items) == ["c/7: a part of the batch was written, another was not"]


@pytest.mark.parametrize("key", ITEMS)
def test_a_table_that_differs_from_its_writes_is_noticed(key: str):
    assert violations_of(WRITES, STREAM, {name: value for name, value in ITEMS.items() if name != key})
    assert violations_of(WRITES, STREAM, {**ITEMS, key: item(key, "other", 0)})


# -- the check of a delivery: daemon 1 was killed in its second batch of s1, daemon 2 ended in peace --


def batch(generation: int, request: str, *sequences: int, ended: bool = True) -> list[Line]:
    words = [("start", 0), *(("record", sequence) for sequence in sequences), *([("end", 0)] if ended else [])]
    return [Line(generation, 100 + generation, request, *word) for word in words]


JOURNAL = [
    *batch(1, "r1", 11, 12),
    *batch(1, "r2", 13, 16),
    *batch(1, "r3", 14, ended=False),
    *batch(2, "r4", 14, 15),
    *batch(2, "r5", 13, 16, 19),
    *batch(3, "r6", 18),
]


def spoiled(journal: list[Line]) -> list[str]:
    return check_delivery("m", journal, {record.sequence: record for record in STREAM}, drained=[2]).violations


def without(*requests: str) -> list[Line]:
    return [line for line in JOURNAL if line.request not in requests]


def test_a_faultless_delivery_passes_and_its_repetitions_are_counted():
    delivery = check_delivery("m", JOURNAL, {record.sequence: record for record in STREAM}, drained=[2])
    assert delivery.violations == []
    assert (delivery.invocations, delivery.delivered, delivery.repeated) == (6, 8, 3)


UNREPEATED = [place for place, line in enumerate(JOURNAL) if line.word == "record" and line.request not in {"r2", "r3"}]


@pytest.mark.parametrize("place", UNREPEATED)
def test_a_record_that_a_handler_skipped_is_noticed(place: int):
    assert spoiled(JOURNAL[:place] + JOURNAL[place + 1 :])


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param(without("r6"), id="the end of a shard is not delivered"),
        pytest.param(without("r4"), id="a batch that a kill ended is not delivered again"),
        pytest.param(without("r1"), id="the beginning is not delivered"),
        pytest.param([*JOURNAL, *batch(3, "r7", 18)], id="a batch is repeated without a kill"),
        pytest.param([*JOURNAL, *batch(3, "r7", 13, 16, 19)], id="a batch is repeated after a stop in peace"),
        pytest.param([*JOURNAL, *batch(3, "r7", 99)], id="a record that is not in the stream"),
        pytest.param([*JOURNAL, *batch(1, "r3", 15)], id="an old handler beside a new daemon's"),
        pytest.param([*batch(1, "r0", 14, 15), *JOURNAL], id="a later batch first"),
        pytest.param([*JOURNAL, *batch(4, "r7", 18, ended=False)], id="the last batch is left undone"),
    ],
)
def test_a_delivery_that_broke_its_promise_is_noticed(lines: list[Line]):
    assert spoiled(lines)


def test_what_a_killed_handler_left_of_a_line_counts_for_nothing():
    lines = ["", "1 7 r1 record 11 ;", "", "1 7 r1 rec", "2 8 r2 record 12", "2 8 r2 record 13 ;"]
    assert [line.sequence for line in read_journal(lines)] == [11, 13]
