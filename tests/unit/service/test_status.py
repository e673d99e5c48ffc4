"""The state of a file as plain values: tables, streams, shards, and how far each mapping has come."""

from __future__ import annotations

import orjson
import pytest

from cdc.mappings.outbox.counters import OutboxCounters
from cdc.mappings.published import dump_state
from cdc.mappings.run import Counters, Loop
from cdc.mappings.status import MappingState
from cdc.store import checkpoints, roles
from cdc.streams.retention import purge_step
from tests.unit.service.requests import OFF, ON, create, declaration, put, records


def test_an_empty_file_has_nothing_but_a_path_and_a_time(service, path, clock):
    assert service.status() == {
        "database": str(path),
        "now_ms": clock.now_ms(),
        "tables": [],
        "streams": [],
        "mappings": [],
        "outbox": [],
    }


def test_tables_are_told_with_their_items_bytes_and_stream(service):
    create(service)
    create(service, "def", stream=False)
    put(service, "a", "b")
    label = service.describe_table(TableName="abc")["Table"]["LatestStreamLabel"]
    assert service.status()["tables"] == [
        {"name": "abc", "items": 2, "size_bytes": 6, "stream": label},
        {"name": "def", "items": 0, "size_bytes": 0, "stream": None},
    ]


def test_streams_are_told_with_their_shards_and_the_newest_number_in_each(service):
    create(service)
    put(service, "a")
    [record] = records(service)
    [stream] = service.status()["streams"]
    assert stream["arn"] == service.describe_table(TableName="abc")["Table"]["LatestStreamArn"]
    assert (stream["table"], stream["view_type"], stream["enabled"]) == ("abc", "NEW_IMAGE", True)
    assert stream["retention_hours"] == 24
    heads = [shard["head_sequence"] for shard in stream["shards"]]
    assert sorted(heads, key=str) == [record["dynamodb"]["SequenceNumber"], None]
    service.update_table(TableName="abc", StreamSpecification=OFF)
    service.update_table(TableName="abc", StreamSpecification=ON)
    old, new = service.status()["streams"]
    assert (old["enabled"], new["enabled"]) == (False, True)
    assert not any(shard["open"] for shard in old["shards"])
    assert all(shard["open"] for shard in new["shards"])


def test_the_state_is_json(service):
    create(service)
    put(service, "a")
    service.declare_mappings([declaration("m")])
    assert orjson.loads(orjson.dumps(service.status())) == service.status()


def state_of(service, name="m"):
    [mapping] = [mapping for mapping in service.status()["mappings"] if mapping["name"] == name]
    return mapping["state"]


def test_a_mapping_says_what_it_does_or_waits_for(service):
    service.declare_mappings([declaration("m")])
    assert state_of(service) == "waiting: the table does not exist"
    create(service, stream=False)
    assert state_of(service) == "waiting: the table has no stream"
    service.update_table(TableName="abc", StreamSpecification=ON)
    assert state_of(service) == "enabled"
    service.update_table(TableName="abc", StreamSpecification=OFF)
    assert state_of(service) == "enabled", "the records of the disabled stream are delivered still"
    service.control.pause("m")
    assert state_of(service) == "paused"
    service.declare_mappings([declaration("m", enabled=False)])
    assert state_of(service) == "disabled"
    service.declare_mappings([])
    assert state_of(service) == "removed from the configuration"


def begin(service, name="m"):
    """Give a mapping a checkpoint in each shard of its stream, as the poller does."""
    [mapping] = [mapping for mapping in service.mappings() if mapping.name == name]
    view = service.reader.view()
    shards = [shard for stream in view.catalog.streams for shard in stream.shards]

    def run(transaction):
        for shard in shards:
            checkpoints.begin(transaction, mapping.id, shard.id, 1, shard.start_sequence)

    service.writer.call(run)


def test_a_mapping_is_behind_by_the_age_of_the_oldest_record_that_waits(service, clock):
    create(service)
    service.declare_mappings([declaration("m")])
    begin(service)
    [mapping] = service.status()["mappings"]
    assert (mapping["iterator_age_ms"], [lane["behind"] for lane in mapping["shards"]]) == (0, [False, False])
    put(service, "a")
    clock.advance(5)
    put(service, "a2")
    clock.advance(2)
    [mapping] = service.status()["mappings"]
    assert mapping["iterator_age_ms"] == 7000
    assert any(lane["behind"] for lane in mapping["shards"])
    for lane in mapping["shards"]:
        assert lane["failed_attempts"] == 0
        assert lane["last_result"] == "No records processed"


def test_what_has_expired_no_longer_waits_and_is_counted_once_it_was_purged(service, clock):
    create(service)
    service.declare_mappings([declaration("m")])
    begin(service)
    put(service, "a", "b", "c")
    clock.advance(25 * 3600)
    [mapping] = service.status()["mappings"]
    assert (mapping["iterator_age_ms"], mapping["trimmed_records"]) == (0, 0)
    purge_step(service.writer, service.reader, clock.now_ms())
    [mapping] = service.status()["mappings"]
    assert mapping["trimmed_records"] == 3


@pytest.mark.parametrize("name", ["m", "n"])
def test_each_mapping_has_its_own_lanes(service, name):
    create(service)
    service.declare_mappings([declaration("m"), declaration("n")])
    begin(service, name)
    lanes = {mapping["name"]: len(mapping["shards"]) for mapping in service.status()["mappings"]}
    assert lanes == {"m": 2 * (name == "m"), "n": 2 * (name == "n")}


def test_what_the_process_that_delivers_has_counted_is_told_while_it_does(service, path):
    create(service)
    service.declare_mappings([declaration("m"), declaration("n")])
    counters = Counters(invocations=3, errors=2, polled=9, filtered=4, dropped=1, recursive=1, duration_ms=7.5)
    state = MappingState(
        name="m",
        uuid="u",
        function_name="f",
        event_counts=False,
        active=True,
        waiting_for=None,
        lanes=(),
        counters=counters,
        loop=Loop(generation=20, seen_ms=5, warned_ms=4),
    )
    sent = OutboxCounters(delivered=6, failures=2, dropped=3)
    path.with_name(f"{path.name}.poll.state").write_bytes(dump_state([state], {"m": sent}, {}, 1))
    assert [mapping["metrics"] for mapping in service.status()["mappings"]] == [None, None]
    role = roles.try_take(path, roles.POLL)
    assert role is not None
    found = {mapping["name"]: mapping for mapping in service.status()["mappings"]}
    role.release()
    assert (found["n"]["metrics"], found["n"]["loop"]) == (None, None)
    assert found["m"]["loop"] == {"generation": 20, "seen_ms": 5}
    metrics = found["m"]["metrics"]
    assert (metrics["invocations"], metrics["errors"], metrics["polled"], metrics["filtered_out"]) == (3, 2, 9, 4)
    assert (metrics["dropped"], metrics["on_failure_destination_delivered"]) == (4, 6)
    assert (metrics["destination_delivery_failures"], metrics["recursive_invocations"]) == (2, 1)
