"""The demo's comparisons: they hold for what agrees, and name what does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from cdc.demo import comparisons
from cdc.demo.comparisons import Killed
from cdc.demo.flights import CORRECTED, PUT, REMOVED
from cdc.demo.handlers import Applied, Audited
from cdc.demo.reading import Stream, Table


def image(flight, delay, revision=1, carrier="UA"):
    return {
        "carrier": {"S": carrier},
        "departure": {"S": flight},
        "revision": {"N": str(revision)},
        "departure_delay": {"N": str(delay)},
        "arrival_delay": {"N": "1"},
    }


def record(sequence, name, *, old=None, new=None):
    images = {kind: value for kind, value in (("OldImage", old), ("NewImage", new)) if value is not None}
    keys = {part: (new or old)[part] for part in ("carrier", "departure")}
    return {"eventName": name, "dynamodb": {"Keys": keys, "SequenceNumber": str(sequence), **images}}


# Three flights: one stays, one is corrected, one is removed.
RECORDS = [
    record(11, "INSERT", new=image("a", 5)),
    record(12, "INSERT", new=image("b", 7)),
    record(13, "INSERT", new=image("c", 9)),
    record(14, "MODIFY", old=image("b", 7), new=image("b", 12, 2)),
    record(15, "REMOVE", old=image("c", 9)),
]
ACKNOWLEDGED = {"UA a": [PUT], "UA b": [PUT, CORRECTED], "UA c": [PUT, REMOVED]}
APPLIED = Applied(
    totals={"UA": (2, 17, 2)},
    records=5,
    items={"UA a": ("11", 1), "UA b": ("14", 2), "UA c": ("15", 2)},
    repeated={},
)
AUDITED = Audited(times=Counter(map(str, range(11, 16))), torn=0)


def stream_of(records, shard="shard-1"):
    stream = Stream(shards=[shard])
    stream.add(shard, records)
    return stream


def table_of(*items):
    table = Table()
    table.add(items)
    return table


TABLE = table_of(image("a", 5), image("b", 12, 2))


def test_what_agrees_holds():
    findings = comparisons.compare(ACKNOWLEDGED, stream_of(RECORDS), TABLE, APPLIED, AUDITED)
    assert [finding.problems for finding in findings] == [[]] * 6
    assert all(finding.holds for finding in findings)


@pytest.mark.parametrize(
    ("records", "named"),
    [
        (RECORDS[1:], "UA a"),  # a put is missing
        (RECORDS[:-1], "UA c"),  # a delete is missing
        ([*RECORDS, record(16, "INSERT", new=image("d", 1))], "UA d"),  # one that nobody wrote
        ([*RECORDS, record(16, "MODIFY", old=image("a", 5), new=image("a", 6, 2))], "UA a"),
        ([*RECORDS, RECORDS[-1]], "15 came twice"),
        ([RECORDS[0], RECORDS[3], RECORDS[1], RECORDS[2], RECORDS[4]], "UA b"),  # not in the order of the writes
    ],
)
def test_a_stream_that_is_not_what_was_acknowledged_is_noticed(records, named):
    problems = comparisons.captured_once(ACKNOWLEDGED, stream_of(records)).problems
    assert any(named in problem for problem in problems)


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([RECORDS[0], record(16, "MODIFY", old=image("a", 4), new=image("a", 6, 2))], "old image of 16"),
        ([RECORDS[0], record(16, "INSERT", new=image("a", 6))], "old image of 16"),
        ([record(16, "REMOVE", old=image("a", 6))], "old image of 16"),
        ([RECORDS[1], RECORDS[0]], "11 is not above"),
    ],
)
def test_records_that_do_not_follow_from_each_other_are_noticed(records, named):
    problems = comparisons.chained(stream_of(records)).problems
    assert any(named in problem for problem in problems)


@pytest.mark.parametrize(
    "table",
    [
        table_of(image("a", 5)),
        table_of(image("a", 5), image("b", 12, 2), image("c", 9)),
        table_of(image("a", 5), image("b", 13, 2)),
    ],
)
def test_a_table_that_is_not_what_the_stream_makes_is_noticed(table):
    assert not comparisons.replayed(stream_of(RECORDS), table).holds


@pytest.mark.parametrize("totals", [{}, {"UA": (2, 18, 2)}, {"UA": (3, 17, 2)}, {"UA": (2, 17, 2), "AA": (1, 0, 0)}])
def test_totals_that_differ_are_noticed(totals):
    assert not comparisons.totalled(TABLE, replace(APPLIED, totals=totals)).holds


def test_a_carrier_without_flights_left_counts_nothing():
    assert comparisons.totalled(TABLE, replace(APPLIED, totals={"UA": (2, 17, 2), "AA": (0, 0, 0)})).holds


@pytest.mark.parametrize(
    "items",
    [
        {key: value for key, value in APPLIED.items.items() if key != "UA a"},
        APPLIED.items | {"UA b": ("12", 1)},  # the last change is missing
        APPLIED.items | {"UA b": ("14", 1)},  # the first one is
        APPLIED.items | {"UA b": ("14", 3)},  # one was applied twice
    ],
)
def test_what_the_totals_handler_lost_or_applied_twice_is_noticed(items):
    assert not comparisons.applied_all(stream_of(RECORDS), replace(APPLIED, items=items)).holds


@pytest.mark.parametrize(("sequences", "named"), [(range(11, 15), "15 (UA c)"), (range(11, 17), "16 is in the audit")])
def test_what_the_audit_lost_or_made_up_is_named(sequences, named):
    audited = Audited(times=Counter(map(str, sequences)), torn=0)
    (problem,) = comparisons.audited_all(stream_of(RECORDS), audited).problems
    assert named in problem


def test_repeats_between_the_checkpoint_and_the_head_at_the_kill_are_explained_by_it():
    killed = Killed(checkpoints={"audit": {"shard-1": "11"}, "totals": {"shard-1": "13"}}, head="14")
    audited = Audited(times=Counter({"11": 2, "12": 2, "13": 3, "14": 1, "15": 2}), torn=0)
    totals, audit = comparisons.repeats(stream_of(RECORDS), replace(APPLIED, repeated={"14": 1}), audited, killed)
    assert (totals.mapping, totals.at_the_kill, totals.otherwise) == ("totals", ["14"], [])
    assert (audit.mapping, audit.at_the_kill, audit.otherwise) == ("audit", ["12", "13"], ["11", "15"])
