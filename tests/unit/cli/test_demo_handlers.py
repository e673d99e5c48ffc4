"""The handlers of the demo: totals that redelivery leaves right, and an audit file that a kill leaves readable."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdc.demo import handlers
from cdc.demo.errors import DemoError

EXAMPLES = Path(__file__).parents[3] / "examples" / "flights"
REQUEST = "01234567-89ab-cdef-0123-456789abcdef"
INVOKE = "import json, sys, totals\nfor line in sys.stdin: totals.handle(json.loads(line), None)"


@pytest.fixture
def folder(tmp_path):
    for name in ("totals.py", "audit.sh"):
        shutil.copy(EXAMPLES / name, tmp_path)
    return tmp_path


def image(carrier, flight, delay):
    image = {"carrier": {"S": carrier}, "departure": {"S": flight}, "arrival_delay": {"N": "1"}}
    return image if delay is None else image | {"departure_delay": {"N": str(delay)}}


def record(sequence, *, old=None, new=None):
    images = {name: image(*each) for name, each in (("OldImage", old), ("NewImage", new)) if each is not None}
    keys = {name: image(*(new or old))[name] for name in ("carrier", "departure")}
    return {"dynamodb": {"Keys": keys, "SequenceNumber": str(sequence), **images}}


CHANGES = [
    record(1, new=("UA", "a", 5)),
    record(2, new=("UA", "b", None)),
    record(3, old=("UA", "a", 5), new=("UA", "a", -7)),
    record(4, new=("AA", "c", 30)),
    record(5, old=("UA", "b", None)),
]
TOTALS = {"AA": (1, 30, 1), "UA": (1, -7, 1)}


def invoke(folder, *batches):
    """Deliver batches to one process of the handler."""
    text = "".join(json.dumps({"Records": batch}) + "\n" for batch in batches)
    subprocess.run([sys.executable, "-c", INVOKE], cwd=folder, input=text, text=True, check=True)


def test_totals_follow_insert_modify_and_remove(folder):
    invoke(folder, CHANGES)
    applied = handlers.read_applied(folder, items=True)
    assert applied.totals == TOTALS
    assert applied.items == {"UA a": ("3", 2), "UA b": ("5", 2), "AA c": ("4", 1)}
    assert (applied.records, applied.repeated) == (5, {})


def test_what_comes_again_is_named_and_not_applied(folder):
    invoke(folder, CHANGES[:3], CHANGES[1:4], CHANGES[1:4], CHANGES[4:])
    applied = handlers.read_applied(folder, items=False)
    assert applied.totals == TOTALS
    assert applied.repeated == {"2": 2, "3": 2, "4": 1}


def test_sequence_numbers_compare_as_numbers(folder):
    invoke(folder, [record(9, new=("UA", "a", 1)), record(10, old=("UA", "a", 1), new=("UA", "a", 2))])
    assert handlers.read_applied(folder, items=False).totals == {"UA": (1, 2, 1)}


def test_a_batch_that_fails_in_the_middle_leaves_no_trace(folder):
    with pytest.raises(subprocess.CalledProcessError):
        invoke(folder, [*CHANGES[:2], {"dynamodb": {"Keys": {}}}])
    assert handlers.read_applied(folder, items=True).items == {}


def test_shards_delivered_at_the_same_time_take_turns(folder):
    batches = {
        carrier: [record(number, new=(carrier, str(number), number)) for number in range(40)] for carrier in "ABC"
    }
    with ThreadPoolExecutor() as pool:
        for records in batches.values():
            pool.submit(invoke, folder, *([each] for each in records), records)
    assert handlers.read_applied(folder, items=False).totals == dict.fromkeys("ABC", (40, 780, 40))


def test_a_totals_file_that_is_none_is_one_line(folder):
    (folder / "totals.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DemoError, match=r"totals\.py ended with 1: sqlite3\.DatabaseError"):
        handlers.read_applied(folder, items=False)


def audit(folder, event, request=REQUEST):
    environment = os.environ | {"AWS_LAMBDA_REQUEST_ID": request}
    return subprocess.run(["sh", "audit.sh"], cwd=folder, input=event, env=environment, check=False).returncode


def event(*sequences, text="x"):
    records = [
        {"eventName": "INSERT", "dynamodb": {"NewImage": {"a": {"S": text}}, "SequenceNumber": each, "SizeBytes": 3}}
        for each in sequences
    ]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def test_the_audit_has_a_line_for_each_record(folder):
    assert audit(folder, event("100000000000000000001", "100000000000000000002")) == 0
    assert audit(folder, event("100000000000000000002")) == 0
    audited = handlers.read_audited(folder)
    assert audited.times == {"100000000000000000001": 1, "100000000000000000002": 2}
    assert audited.torn == 0
    assert handlers.AuditLines(folder).count() == 3


def test_a_text_that_looks_like_a_sequence_number_is_none(folder):
    assert audit(folder, event("1", text='","SequenceNumber":"7",')) == 0
    assert handlers.read_audited(folder).times == {"1": 1}


def test_an_event_without_records_fails(folder):
    assert audit(folder, b'{"Records":[]}') != 0


def test_a_line_cut_short_by_a_kill_is_none_and_spoils_no_other(folder):
    sequences = [str(10**20 + number) for number in range(3)]
    audit(folder, event(*sequences))
    whole = (folder / "audit.log").read_bytes()
    for length in range(len(whole)):
        (folder / "audit.log").write_bytes(whole[:length])
        before = handlers.read_audited(folder).times
        assert set(before) <= set(sequences)
        (folder / "audit.log").write_bytes(whole[:length] + whole)  # it came again
        assert handlers.read_audited(folder).times == before + Counter(sequences)


def test_a_large_batch_is_whole_lines_beside_those_of_another_shard(folder):
    batches = [[str(shard * 10**20 + number) for number in range(2000)] for shard in (1, 2, 3)]
    with ThreadPoolExecutor() as pool:
        codes = list(pool.map(lambda batch: audit(folder, event(*batch)), batches))
    assert codes == [0, 0, 0]
    audited = handlers.read_audited(folder)
    assert audited.torn == 0
    assert audited.times == {sequence: 1 for batch in batches for sequence in batch}


def test_lines_are_counted_while_the_file_grows(folder):
    lines = handlers.AuditLines(folder)
    assert lines.count() == 0
    audit(folder, event("1", "2"))
    assert lines.count() == 2
    audit(folder, event("3"))
    assert lines.count() == 3
