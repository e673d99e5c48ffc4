"""What an acknowledged request left behind is there after the daemon was stopped or killed and started again."""

from __future__ import annotations

import pytest

from tests.integration.daemon import Daemon
from tests.integration.stream_reading import arn_of, drain, iterator, records_of, shards_of
from tests.integration.tables import create, n, s
from tests.integration.wire import Wire

BOTH = "NEW_AND_OLD_IMAGES"


@pytest.fixture(scope="module")
def own_daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("restarted") / "cdc.db")
    daemon.start()
    yield daemon
    daemon.stop()


def put(wire, table, *numbers):
    for number in numbers:
        wire.call("PutItem", TableName=table, Item={"pk": s(f"k{number}"), "v": n(number)})


def sequences(records):
    return [int(record["dynamodb"]["SequenceNumber"]) for record in records]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_tables_items_records_and_iterators_outlive_the_process(own_daemon, end):
    wire = Wire(own_daemon.port)
    table = create(wire, stream=BOTH)
    put(wire, table, *range(12))
    arn = arn_of(wire, table)
    described = wire.call("DescribeTable", TableName=table)
    before = records_of(wire, table)
    horizons = [iterator(wire, arn, shard["ShardId"]) for shard in shards_of(wire, arn)]
    latest = [iterator(wire, arn, shard["ShardId"], "LATEST") for shard in shards_of(wire, arn)]
    first_pages = [wire.call("GetRecords", ShardIterator=each, Limit=1) for each in horizons]
    wire.close()

    assert getattr(own_daemon, end)() == (0 if end == "stop" else -9)
    own_daemon.start()

    wire = Wire(own_daemon.port)
    assert wire.call("DescribeTable", TableName=table) == described
    assert sorted(int(item["v"]["N"]) for item in wire.items("Scan", TableName=table)) == list(range(12))
    assert records_of(wire, table) == before
    put(wire, table, *range(12, 20))
    after = records_of(wire, table)
    assert after[:12] == before
    assert len(after) == 20
    assert min(sequences(after[12:])) > max(sequences(before))
    from_horizon = [record for each in horizons for record in drain(wire, each)]
    assert sorted(sequences(from_horizon)) == sequences(after)
    from_latest = [record for each in latest for record in drain(wire, each)]
    assert sorted(sequences(from_latest)) == sequences(after[12:])
    continued = [
        record for page in first_pages for record in (*page["Records"], *drain(wire, page["NextShardIterator"]))
    ]
    assert sorted(sequences(continued)) == sequences(after)
    wire.close()


def test_a_stop_finishes_and_says_nothing_alarming(own_daemon):
    wire = Wire(own_daemon.port)
    put(wire, create(wire), 1)
    wire.close()
    assert own_daemon.stop() == 0
    logged = own_daemon.logged()
    assert "Traceback" not in logged
    assert "error" not in logged.lower()
    own_daemon.start()
