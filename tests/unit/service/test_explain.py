"""What became of a record in each mapping is said with its reason: on a real file, behind a poller stepped by hand."""

from __future__ import annotations

import shutil

import pytest

from cdc.mappings.published import Publisher, dump_state
from cdc.model.catalog import sequence_text
from cdc.model.errors import ServiceError
from cdc.model.mappings import ShardControl
from cdc.model.options import Options
from cdc.service.explain import Explainer, UnknownRecordError, explained_text
from cdc.store import checkpoints, mappings, roles
from cdc.store.checkpoints import Passed
from cdc.store.database import open_database
from tests.unit.mappings.bench import FAILURE, OK, Bench, numbered
from tests.unit.store.files import DAY

ONLY_A = '{"dynamodb": {"Keys": {"pk": {"S": [{"prefix": "a"}]}}}}'


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("empty") / "a.db"
    open_database(path).close()
    return path


@pytest.fixture
def bench(tmp_path, empty_file):
    made = Bench(shutil.copy(empty_file, tmp_path / "a.db"))
    yield made
    made.stop()


@pytest.fixture
def served(bench):
    """Hold the poller's role, so that a process delivers."""
    role = roles.try_take(bench.path, roles.POLL)
    assert role is not None
    yield role
    role.release()


def explainer(bench):
    return Explainer(bench.database, bench.reader.view(), Options(shards=1))


def explain(bench, key, mapping="m"):
    """Explain the newest record of a key in one mapping."""
    [*_, record] = explainer(bench).by_key("t", {"pk": {"S": key}}, 20)["records"]
    [fate] = [each for each in record["mappings"] if each["mapping"] == mapping]
    return fate


def fates(bench, *keys):
    return {key: explain(bench, key)["fate"] for key in keys}


def test_a_delivered_record_tells_its_batch_attempt_and_request(bench):
    bench.create()
    bench.declare(batch_size=3)
    bench.functions.answer = lambda _: FAILURE if len(bench.calls) < 3 else OK
    bench.put("a", "b", "c", "d")
    bench.advance(10)
    fate = explain(bench, "b")
    assert fate["fate"] == "delivered"
    batch = fate["batch"]
    first, last = bench.calls[0].sequences[0], bench.calls[0].sequences[-1]
    assert (batch["first_sequence"], batch["last_sequence"]) == (sequence_text(first), sequence_text(last))
    assert (batch["records"], batch["filtered"], batch["attempts"], batch["request_id"]) == (3, 0, 3, "request-2")
    assert [(each["request_id"], each["attempts"]) for each in fate["failed_attempts"]] == [
        ("request-0", 1),
        ("request-1", 2),
    ]
    assert {each["error"] for each in fate["failed_attempts"]} == {"ValueError: no"}
    assert fate["text"].startswith("delivered at 2023-11-14T")
    assert f"at attempt 3, in a batch of 3, {sequence_text(first)} to {sequence_text(last)}, request" in fate["text"]
    assert "alone in its batch" in explain(bench, "d")["text"]
    assert explain(bench, "d")["failed_attempts"] == []


def test_a_record_is_found_by_its_sequence_number_and_by_its_key(bench):
    bench.create()
    bench.declare()
    bench.put("a", "b", "a")
    bench.run()
    by_key = explainer(bench).by_key("t", {"pk": {"S": "a"}}, 20)
    assert [each["event"] for each in by_key["records"]] == ["INSERT", "MODIFY"]
    for record in by_key["records"]:
        assert explainer(bench).by_sequence("t", record["sequence"])["records"] == [record]
    limited = explainer(bench).by_key("t", {"pk": {"S": "a"}}, 1)
    assert (limited["records"], limited["older_records"]) == (by_key["records"][1:], 1)


def test_a_filtered_record_tells_the_leaf_that_did_not_match(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,))
    bench.put("a1", "b1", "a2", "b2")
    bench.run()
    bench.advance(6)
    assert fates(bench, "a1", "b1", "a2", "b2") == {
        "a1": "delivered",
        "b1": "filtered",
        "a2": "delivered",
        "b2": "filtered",
    }
    fate = explain(bench, "b1")
    [miss] = fate["filters"]
    assert (miss["filter"], miss["path"], miss["found"]) == (1, "dynamodb.Keys.pk.S", '"b1"')
    assert "filter 1 at dynamodb.Keys.pk.S: wanted" in fate["text"]
    assert explain(bench, "a1")["filters"] == []


def test_a_record_outside_the_delivered_ones_was_filtered_even_if_the_filters_changed(bench):
    bench.create()
    bench.declare(filters=(ONLY_A,))
    bench.put("b1", "a1")
    bench.run()
    bench.clock.advance(1)
    bench.declare(filters=())
    bench.run()
    fate = explain(bench, "b1")
    assert fate["fate"] == "filtered"
    assert "those of today let it pass" in fate["text"]
    assert explain(bench, "a1")["fate"] == "delivered"


def test_a_record_that_waits_says_which_batch_fails_before_it(bench, served):
    bench.create()
    bench.declare(batch_size=2)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a", "b", "c")
    bench.advance(2)
    inside, behind = explain(bench, "b"), explain(bench, "c")
    assert (inside["fate"], behind["fate"]) == ("waiting", "waiting")
    start, end = bench.calls[0].sequences
    attempts = bench.checkpoint().attempts
    failing = f"to {sequence_text(end)}, after {attempts} attempts with ValueError: no; next attempt by 2023-11-14T"
    assert f"its batch fails, {sequence_text(bench.checkpoint().sequence + 1)} {failing}" in inside["text"]
    assert (
        f"it waits behind a batch that fails, {sequence_text(bench.checkpoint().sequence + 1)} {failing}"
        in behind["text"]
    )
    assert [each["attempts"] for each in inside["failed_attempts"]] == list(range(1, attempts + 1))
    assert behind["failed_attempts"] == []
    assert start <= end
    assert served.path


def test_the_process_that_delivers_tells_when_the_next_attempt_is(bench, served):
    bench.create()
    bench.declare()
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.run()
    state = dump_state(bench.poller.status(), {}, {}, bench.clock.now_ms())
    publisher = Publisher(bench.path, lambda: state, lambda: 1)
    publisher.start()
    deadline = 1000
    while not (bench.path.with_name("a.db.poll.state").exists() or deadline == 0):
        deadline -= 1
        publisher._over.wait(0.01)
    assert "; next attempt at 2023-11-14T22:13:20.250Z" in explain(bench, "a")["text"]
    publisher.stop()
    assert "; next attempt by" in explain(bench, "a")["text"]
    assert served.path


def test_a_record_waits_while_the_mapping_is_paused_disabled_or_nobody_delivers(bench):
    bench.create()
    bench.declare()
    bench.run()
    bench.pause(paused=True)
    bench.run()
    bench.put("a")
    assert "waiting: the mapping is paused; no process delivers: `cdc serve` does" in explain(bench, "a")["text"]
    bench.pause(paused=False)
    bench.declare(enabled=False)
    assert explain(bench, "a")["text"].startswith("waiting: the mapping is disabled; ")


def test_a_record_waits_while_its_shard_is_paused(bench):
    bench.create()
    bench.declare()
    bench.run()
    shard = bench.checkpoint().shard
    bench.write(lambda each: mappings.control(each, ShardControl(mapping_id=1, shard=shard, paused=True)))
    bench.put("a")
    assert explain(bench, "a")["text"].startswith("waiting: its shard is paused; ")


def test_a_record_from_before_the_start_is_not_wanted(bench):
    bench.create()
    bench.put("a")
    bench.declare(starting_position="LATEST")
    assert explain(bench, "a")["fate"] == "not wanted"
    bench.put("b")
    bench.run()
    assert fates(bench, "a", "b") == {"a": "not wanted", "b": "delivered"}
    assert "before the mapping's start" in explain(bench, "a")["text"]


def test_a_record_that_was_given_up_names_its_dead_letter(bench):
    bench.create()
    bench.declare(batch_size=2, maximum_retry_attempts=1)
    bench.functions.answer = lambda call: FAILURE if "b" in call.keys else OK
    bench.put("a", "b", "c")
    bench.advance(10)
    fate = explain(bench, "a")
    assert fate["fate"] == "dead"
    [letter] = fate["dead_letters"]
    assert (letter["condition"], letter["state"], letter["attempts"]) == ("RetryAttemptsExhausted", "dead", 2)
    assert f"after 2 attempts: dead letter {letter['id']}, dead; ValueError: no" in fate["text"]
    assert explain(bench, "c")["fate"] == "delivered"
    assert explain(bench, "c")["dead_letters"] == []


def test_a_record_that_was_too_old_for_any_attempt_is_told_so(bench):
    bench.create()
    bench.put("a")
    bench.advance(61)
    bench.declare(maximum_record_age_in_seconds=60)
    bench.run()
    fate = explain(bench, "a")
    assert [each["attempts"] for each in fate["dead_letters"]] == [0]
    assert "after no attempt: dead letter" in fate["text"]


def test_what_an_operator_skipped_or_reset_past_is_told_so(bench):
    bench.create()
    bench.declare()
    bench.functions.answer = lambda _: FAILURE
    bench.put("a", "b", "c")
    bench.run()
    first = bench.calls[0].sequences
    bench.write(lambda each: checkpoints.settle(each, bench.checkpoint(), first[0], Passed(kind="skipped", records=1)))
    bench.write(lambda each: checkpoints.reset(each, bench.checkpoint(), first[1]))
    assert fates(bench, "a", "b", "c") == {"a": "skipped", "b": "reset", "c": "waiting"}
    assert "an operator skipped its batch at" in explain(bench, "a")["text"]
    assert "an operator reset the mapping past it at" in explain(bench, "b")["text"]


def test_a_record_that_a_reset_went_back_over_waits_again_and_tells_what_was(bench):
    bench.create()
    bench.declare()
    bench.put("a", "b")
    bench.run()
    bench.pause(paused=True)
    bench.run()
    bench.write(lambda each: checkpoints.reset(each, bench.checkpoint(), bench.checkpoint().sequence - 1))
    fate = explain(bench, "b")
    assert (fate["fate"], fate["batch"]) == ("waiting", None)
    assert "it was delivered at 2023-11-14T22:13:20.000Z before the mapping was reset" in fate["text"]
    assert [each["outcome"] for each in fate["history"]] == ["delivered", "reset"]
    assert explain(bench, "a")["fate"] == "delivered"


def test_records_of_several_lanes_are_told_apart(bench):
    bench.create()
    bench.declare(parallelization_factor=4, batch_size=5)
    stuck = "k0003"
    bench.functions.answer = lambda call: FAILURE if stuck in call.keys else OK
    bench.put(*numbered(40))
    bench.advance(5)
    found = {key: explain(bench, key) for key in numbered(40)}
    waiting = {key for key, fate in found.items() if fate["fate"] == "waiting"}
    assert stuck in waiting
    assert {found[key]["lane"] for key in waiting} == {found[stuck]["lane"]}
    assert waiting | set(bench.delivered()) == set(numbered(40))


def test_an_expired_record_is_trimmed_while_the_file_has_it_and_unknown_afterwards(bench):
    bench.create()
    bench.declare()
    bench.run()
    bench.pause(paused=True)
    bench.run()
    bench.put("a")
    sequence = explainer(bench).by_key("t", {"pk": {"S": "a"}}, 1)["records"][0]["sequence"]
    bench.clock.advance(DAY + 1)
    fate = explain(bench, "a")
    assert (fate["fate"], fate["text"]) == ("trimmed", "it expired before it was delivered")
    bench.clock.advance(DAY / 24)
    bench.purge()
    bench.clock.advance(DAY)
    bench.purge()
    with pytest.raises(UnknownRecordError, match="it has expired, with what is known of it"):
        explainer(bench).by_sequence("t", sequence)


def test_an_expired_record_is_found_in_its_dead_letter(bench):
    bench.create()
    bench.declare(maximum_retry_attempts=0)
    bench.functions.answer = lambda _: FAILURE
    bench.put("a")
    bench.run()
    sequence = sequence_text(bench.calls[0].sequences[0])
    bench.clock.advance(DAY + DAY / 24 + 1)
    bench.purge()
    bench.clock.advance(DAY)
    bench.purge()
    with pytest.raises(UnknownRecordError, match=r"it has expired, and is kept in dead letter 1 of m \(dead\)"):
        explainer(bench).by_sequence("t", sequence)


@pytest.mark.parametrize(
    ("sequence", "says"),
    [
        ("12", "'12' is no sequence number: expected 21 digits"),
        ("x", "'x' is no sequence number"),
        (sequence_text(10**9), "the newest number given so far is"),
    ],
)
def test_a_wrong_sequence_number_is_refused_with_what_would_be_right(bench, sequence, says):
    bench.create()
    with pytest.raises(ServiceError, match=says):
        explainer(bench).by_sequence("t", sequence)


def test_a_record_of_another_table_is_refused_by_its_name(bench):
    bench.create()
    bench.create("u")
    bench.put("a", table="u")
    [record] = explainer(bench).by_key("u", {"pk": {"S": "a"}}, 1)["records"]
    with pytest.raises(UnknownRecordError, match="it is one of u"):
        explainer(bench).by_sequence("t", record["sequence"])


def test_a_wrong_table_or_key_is_refused_with_what_would_be_right(bench):
    bench.create()
    bench.create("plain", stream=False)
    with pytest.raises(UnknownRecordError, match="there is no table x; tables with streams: t"):
        explainer(bench).by_key("x", {"pk": {"S": "a"}}, 1)
    with pytest.raises(UnknownRecordError, match="plain has no stream"):
        explainer(bench).by_key("plain", {"pk": {"S": "a"}}, 1)
    with pytest.raises(ServiceError, match="the key of t has the attributes pk, not id"):
        explainer(bench).by_key("t", {"id": {"S": "a"}}, 1)
    with pytest.raises(UnknownRecordError, match="the streams of t have no record of the key"):
        explainer(bench).by_key("t", {"pk": {"S": "a"}}, 1)


def test_the_text_for_people_has_a_line_for_the_record_and_for_each_mapping(bench):
    bench.create()
    bench.put("a")
    alone = explainer(bench).by_key("t", {"pk": {"S": "a"}}, 1)
    assert list(explained_text(alone))[1:] == ["  no mapping reads this stream"]
    bench.declare("m")
    bench.declare("n", function="g", filters=(ONLY_A,), batch_size=1)
    bench.functions.answer = lambda call: FAILURE if call.function == "f" else OK
    bench.run()
    head, *lines = explained_text(explainer(bench).by_key("t", {"pk": {"S": "a"}}, 1))
    assert head.endswith(' INSERT {"pk":{"S":"a"}}, written 2023-11-14T22:13:20.000Z')
    assert lines[0].startswith("  m: waiting: ")
    assert lines[1].startswith("    failed at 2023-11-14T22:13:20.000Z, 1 record: ValueError: no")
    assert lines[2].startswith("  n: delivered at ")
