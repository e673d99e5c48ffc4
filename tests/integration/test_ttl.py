"""Time to live in a running daemon: expired items go by themselves, with records in the stream and in events."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from cdc.clock import SystemClock
from tests.integration.daemon import Daemon
from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s
from tests.integration.waiting import eventually
from tests.integration.wire import Refused, Wire

FUNCTION = """
import json, pathlib
def handler(event, context):
    with pathlib.Path("seen.jsonl").open("a") as file:
        for record in event["Records"]:
            file.write(json.dumps(record) + "\\n")
"""
CONFIG = """
[tables]
ttl_sweep_interval_seconds = 1
[[functions]]
name = "see"
handler = "see:handler"
[[mappings]]
name = "see"
table = "expiring"
function = "see"
starting_position = "TRIM_HORIZON"
"""


@pytest.fixture(scope="module")
def sweeper(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweeper")
    (folder / "see.py").write_text(FUNCTION)
    daemon = Daemon(folder / "cdc.db", CONFIG)
    daemon.start()
    yield daemon
    daemon.stop()


def seconds(offset):
    return SystemClock().now_ms() // 1000 + offset


def enable(wire, table, attribute="ttl"):
    wanted = {"Enabled": True, "AttributeName": attribute}
    wire.call("UpdateTimeToLive", TableName=table, TimeToLiveSpecification=wanted)


def keys(wire, table):
    return sorted(item["pk"]["S"] for item in wire.items("Scan", TableName=table))


def test_an_expired_item_goes_by_itself_and_handlers_see_who_did_it(sweeper):
    wire = Wire(sweeper.port)
    table = create(wire, TableName="expiring", stream="NEW_AND_OLD_IMAGES")
    enable(wire, table)
    wire.call("PutItem", TableName=table, Item={"pk": s("gone"), "ttl": n(seconds(-5))})
    wire.call("PutItem", TableName=table, Item={"pk": s("here"), "ttl": n(seconds(3600))})
    eventually(lambda: keys(wire, table) == ["here"])
    removed = records_of(wire, table)[-1]
    assert (removed["eventName"], removed["dynamodb"]["Keys"]) == ("REMOVE", {"pk": s("gone")})
    assert removed["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}

    def seen():
        path = sweeper.path.parent / "seen.jsonl"
        events = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return next((event for event in events if event["eventName"] == "REMOVE"), None)

    event = eventually(seen)
    assert event["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    wire.close()


def test_giving_many_items_their_time_goes_on_after_a_kill(sweeper):
    wire = Wire(sweeper.port)
    table = create(wire)
    for start in range(0, 3000, 25):
        puts = [
            {"PutRequest": {"Item": {"pk": s(f"{number:04}"), "ttl": n(seconds(-5 if number % 2 else 3600))}}}
            for number in range(start, start + 25)
        ]
        wire.call("BatchWriteItem", RequestItems={table: puts})
    enable(wire, table)
    wire.close()
    sweeper.kill()
    sweeper.start()
    wire = Wire(sweeper.port)
    eventually(
        lambda: (
            wire.call("DescribeTimeToLive", TableName=table)["TimeToLiveDescription"]
            == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
        )
    )
    eventually(lambda: len(keys(wire, table)) == 1500)
    assert keys(wire, table) == [f"{number:04}" for number in range(0, 3000, 2)]
    wire.close()


def test_an_item_that_is_given_more_time_while_it_is_swept_is_never_lost(sweeper):
    """Writers that give items more time, if they are still there, race the sweep; who was told "done" is right."""
    wire = Wire(sweeper.port)
    table = create(wire, stream="NEW_AND_OLD_IMAGES")
    enable(wire, table)
    names = [f"{number:04}" for number in range(4000)]  # more than can be updated between two sweeps
    expire = seconds(3)
    for start in range(0, len(names), 25):
        items = [{"pk": s(name), "ttl": n(expire)} for name in names[start : start + 25]]
        wire.call("BatchWriteItem", RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})

    def prolong(part):
        own, kept = Wire(sweeper.port), set()
        for name in names[part::4]:
            eventually(lambda: SystemClock().now_ms() >= expire * 1000)
            request = {"TableName": table, "Key": {"pk": s(name)}, "ConditionExpression": "attribute_exists(pk)"}
            update = {"UpdateExpression": "SET #t = :t", "ExpressionAttributeNames": {"#t": "ttl"}}
            try:
                own.call("UpdateItem", **request, **update, ExpressionAttributeValues={":t": n(seconds(3600))})
            except Refused as refused:
                if refused.code != "ConditionalCheckFailedException":
                    raise
            else:
                kept.add(name)
        own.close()
        return kept

    with ThreadPoolExecutor(4) as pool:
        kept = set().union(*pool.map(prolong, range(4)))
    assert 0 < len(kept) < len(names)  # it was a race
    eventually(lambda: len(keys(wire, table)) == len(kept))
    assert keys(wire, table) == sorted(kept)
    removed = [each for each in records_of(wire, table) if each["eventName"] == "REMOVE"]
    assert {each["dynamodb"]["Keys"]["pk"]["S"] for each in removed} == set(names) - kept
    assert all(each["userIdentity"]["Type"] == "Service" for each in removed)
    wire.close()


@pytest.fixture
def idler(tmp_path):
    """Run a daemon that sweeps once a day."""
    daemon = Daemon(tmp_path / "cdc.db", "[tables]\nttl_sweep_interval_seconds = 86400\n")
    daemon.start()
    yield daemon
    daemon.stop()


def test_another_interval_is_taken_from_the_configuration_when_it_is_read_again(idler):
    wire = Wire(idler.port)
    table = create(wire)
    enable(wire, table)
    wire.call("PutItem", TableName=table, Item={"pk": s("gone"), "ttl": n(seconds(-5))})
    idler.path.with_suffix(".toml").write_text("[tables]\nttl_sweep_interval_seconds = 1\n")
    idler.hang_up()
    eventually(lambda: keys(wire, table) == [])
    wire.close()


def test_boto3_enables_and_describes_it(client, new_table):
    table = new_table()
    wanted = {"Enabled": True, "AttributeName": "expires"}
    assert (
        client.update_time_to_live(TableName=table, TimeToLiveSpecification=wanted)["TimeToLiveSpecification"] == wanted
    )
    described = client.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert described == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
