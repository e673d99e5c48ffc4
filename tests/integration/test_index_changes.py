"""Global indexes that come to and go from a live table: filled beside writers, through stops and kills, skipping the unfit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cdc.clock import SystemClock
from cdc.service import open_service
from cdc.store.check import check
from cdc.store.sqlite import dbapi2
from tests.integration.daemon import Daemon
from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s
from tests.integration.wire import Refused, Wire
from tests.table_definitions import attributes, index

ITEMS = 6_000
"""Some twelve writes of a backfill, with a rest of 20 ms after each."""
PATIENCE_SECONDS = 60


@pytest.fixture
def own(tmp_path):
    """A daemon of the test's own, which it may stop and kill."""
    daemon = Daemon(tmp_path / "cdc.db")
    daemon.start()
    yield daemon
    daemon.stop()


def fill(wire, table, count=ITEMS):
    """Put items with `g` in five groups, in batches."""
    for start in range(0, count, 25):
        items = [{"pk": s(f"k{number}"), "g": s(f"g{number % 5}")} for number in range(start, start + 25)]
        wire.call("BatchWriteItem", RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def add(wire, table, **more):
    change = {"Create": index("late", "g", **more)}
    request = {"AttributeDefinitions": attributes("g:S"), "GlobalSecondaryIndexUpdates": [change]}
    return wire.call("UpdateTable", TableName=table, **request)["TableDescription"]


def described(wire, table):
    table = wire.call("DescribeTable", TableName=table)["Table"]
    return table, {each["IndexName"]: each for each in table.get("GlobalSecondaryIndexes", ())}.get("late")


def wait(wire, table, until):
    """Look at the index until it is as wanted."""
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while clock.monotonic() < deadline:
        _, found = described(wire, table)
        if until(found):
            return found
        clock.sleep(0.005)
    raise AssertionError(f"not within {PATIENCE_SECONDS} s: {described(wire, table)}")


def half_full(found):
    assert found["IndexStatus"] == "CREATING", "the index was full before the test could look"
    return 0 < found["ItemCount"] < ITEMS and found["ItemCount"] >= 1_000


def active(found):
    return found["IndexStatus"] == "ACTIVE"


def entries(wire, table):
    return sorted(item["pk"]["S"] for item in wire.items("Scan", TableName=table, IndexName="late"))


def test_an_index_is_filled_beside_writers_and_then_shows_their_items_too(own):
    wire = Wire(own.port)
    table = create(wire, stream="KEYS_ONLY")
    fill(wire, table)
    records = len(records_of(wire, table, Limit=1000))
    answer = add(wire, table)
    [begun] = answer["GlobalSecondaryIndexes"]
    assert (answer["TableStatus"], begun["IndexStatus"], begun["Backfilling"]) == ("UPDATING", "CREATING", False)
    assert (begun["ItemCount"], begun["IndexSizeBytes"]) == (0, 0)
    shown, found = described(wire, table)
    assert (shown["TableStatus"], found["IndexStatus"], found["Backfilling"]) == ("UPDATING", "CREATING", True)
    refusal = wire.refusal("Scan", {"TableName": table, "IndexName": "late"})
    assert (refusal.code, refusal.message) == (
        "ValidationException",
        "Cannot read from backfilling global secondary index: late",
    )
    written = write_until_full(own, table, wire)
    assert len(written["waits"]) > 20
    assert max(written["waits"]) < 1.0, "a writer was held up"
    shown, found = described(wire, table)
    assert (shown["TableStatus"], found["IndexStatus"], "Backfilling" in found) == ("ACTIVE", "ACTIVE", False)
    wanted = {f"k{number}" for number in range(ITEMS)} - written["gone"] | written["new"]
    assert entries(wire, table) == sorted(wanted)
    assert found["ItemCount"] == len(wanted)
    moved = wire.items(
        "Query",
        TableName=table,
        IndexName="late",
        KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": s("moved")},
    )
    assert {item["pk"]["S"] for item in moved} == written["moved"]
    assert len(records_of(wire, table, Limit=1000)) == records + len(written["waits"])  # none of the filling
    wire.close()


def write_until_full(own, table, wire):
    """Put, move and delete items all over the table while its index is filled; tell what was written, and the waits."""
    full = threading.Event()
    written: dict[str, Any] = {"new": set(), "gone": set(), "moved": set(), "waits": []}

    def write():
        mine, clock, number = Wire(own.port), SystemClock(), 0
        while not full.is_set() and number * 7 + 2 < ITEMS:
            changes = (
                ("PutItem", "new", f"new{number}", {"Item": {"pk": s(f"new{number}"), "g": s("new")}}),
                ("DeleteItem", "gone", f"k{number * 7}", {"Key": {"pk": s(f"k{number * 7}")}}),
                (
                    "UpdateItem",
                    "moved",
                    f"k{number * 7 + 1}",
                    {
                        "Key": {"pk": s(f"k{number * 7 + 1}")},
                        "UpdateExpression": "SET g = :g",
                        "ExpressionAttributeValues": {":g": s("moved")},
                    },
                ),
            )
            for operation, kind, pk, request in changes:
                begun = clock.monotonic()
                mine.call(operation, TableName=table, **request)
                written["waits"].append(clock.monotonic() - begun)
                written[kind].add(pk)
            number += 1
        mine.close()

    with ThreadPoolExecutor(1) as writer:
        writing = writer.submit(write)
        try:
            wait(wire, table, active)
        finally:
            full.set()
        writing.result()
    return written


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_filling_goes_on_after_an_end_in_its_middle(own, end):
    wire = Wire(own.port)
    table = create(wire)
    fill(wire, table)
    add(wire, table)
    before = wait(wire, table, half_full)
    wire.close()
    assert getattr(own, end)() == (0 if end == "stop" else -9)
    with open_service(own.path) as service:  # which fills nothing by itself
        assert list(check(service.database)) == []
        stopped = service.describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"][0]
        assert stopped["Backfilling"] is True
        assert before["ItemCount"] <= stopped["ItemCount"] < ITEMS
        service.put_item(TableName=table, Item={"pk": s("between"), "g": s("x")})
        service.delete_item(TableName=table, Key={"pk": s("k1")})
    own.start()
    wire = Wire(own.port)
    wait(wire, table, active)
    assert entries(wire, table) == sorted({"between", *(f"k{number}" for number in range(ITEMS))} - {"k1"})
    wire.close()
    assert own.stop() == 0
    with open_service(own.path) as service:
        assert list(check(service.database)) == []


def test_an_index_can_be_deleted_while_it_is_filled_and_made_anew(own):
    wire = Wire(own.port)
    table = create(wire)
    fill(wire, table)
    add(wire, table)
    wait(wire, table, half_full)
    delete = [{"Delete": {"IndexName": "late"}}]
    [answer] = wire.call("UpdateTable", TableName=table, GlobalSecondaryIndexUpdates=delete)["TableDescription"][
        "GlobalSecondaryIndexes"
    ]
    assert answer["IndexStatus"] == "DELETING"
    shown, found = described(wire, table)
    assert (shown["TableStatus"], found) == ("ACTIVE", None)
    assert shown["AttributeDefinitions"] == attributes("pk:S")
    add(wire, table)
    wait(wire, table, active)
    assert len(entries(wire, table)) == ITEMS
    wire.close()


def test_a_damaged_item_stops_the_filling_alone_and_the_log_says_so(own):
    wire = Wire(own.port)
    table = create(wire)
    fill(wire, table)
    add(wire, table)
    wait(wire, table, half_full)
    wire.close()
    own.kill()
    connection = dbapi2.connect(str(own.path))
    connection.execute("UPDATE items SET crc = crc + 1 WHERE key > (SELECT backfilled_key FROM indexes)")
    connection.commit()
    connection.close()
    own.start()
    wire = Wire(own.port)
    clock = SystemClock()
    deadline = clock.monotonic() + PATIENCE_SECONDS
    while "filling an index failed" not in own.logged():
        assert clock.monotonic() < deadline
        clock.sleep(0.05)
    assert "is damaged" in own.logged()
    wire.call("PutItem", TableName=table, Item={"pk": s("fine"), "g": s("x")})
    assert described(wire, table)[1]["Backfilling"] is True
    wire.call("UpdateTable", TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])
    assert described(wire, table)[0]["TableStatus"] == "ACTIVE"
    wire.close()


UNFIT: dict[str, dict[str, Any]] = {
    "absent": {},
    "number": {"g": n(1)},
    "set": {"g": {"SS": ["a"]}},
    "null": {"g": {"NULL": True}},
    "empty": {"g": s("")},
    "long": {"g": s("x" * 2049)},
}


def test_items_that_are_not_fit_are_passed_over_and_stay_as_they_are(wire):
    table = create(wire)
    for pk, more in UNFIT.items():
        wire.call("PutItem", TableName=table, Item={"pk": s(pk)} | more)
    wire.call("PutItem", TableName=table, Item={"pk": s("fit"), "g": s("x" * 2048)})
    add(wire, table)
    wait(wire, table, active)
    assert entries(wire, table) == ["fit"]
    for pk, more in UNFIT.items():
        assert wire.call("GetItem", TableName=table, Key={"pk": s(pk)})["Item"] == {"pk": s(pk)} | more
        # An update that does not touch the key is not held against it; one that mends it brings the item in.
        request = {"TableName": table, "Key": {"pk": s(pk)}, "ExpressionAttributeValues": {":v": s("fine")}}
        wire.call("UpdateItem", **request, UpdateExpression="SET v = :v")
        wire.call("UpdateItem", **request, UpdateExpression="SET g = :v")
    assert entries(wire, table) == sorted(["fit", *UNFIT])


def test_a_deleted_index_is_gone_at_once_for_readers_and_writers(wire):
    table = create(wire, others="g:S", global_=[index("late", "g")])
    wire.call("PutItem", TableName=table, Item={"pk": s("a"), "g": s("x")})
    wire.call("UpdateTable", TableName=table, GlobalSecondaryIndexUpdates=[{"Delete": {"IndexName": "late"}}])
    refusal = wire.refusal("Scan", {"TableName": table, "IndexName": "late"})
    assert refusal.message == "The table does not have the specified index: late"
    wire.call("PutItem", TableName=table, Item={"pk": s("b"), "g": n(1)})
    assert wire.call("Scan", TableName=table)["Count"] == 2


def test_waiters_and_the_resource_see_the_index_come(client, resource):
    """As an application does it that adds an index in a release."""
    table = resource.create_table(
        TableName="index-by-resource",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=attributes("pk:S"),
        BillingMode="PAY_PER_REQUEST",
    )
    table.put_item(Item={"pk": "a", "g": "x"})
    table.update(AttributeDefinitions=attributes("g:S"), GlobalSecondaryIndexUpdates=[{"Create": index("late", "g")}])
    client.get_waiter("table_exists").wait(TableName=table.name, WaiterConfig={"Delay": 1, "MaxAttempts": 5})
    table.reload()
    assert table.global_secondary_indexes[0]["IndexStatus"] == "ACTIVE"
    pages = client.get_paginator("query").paginate(
        TableName=table.name,
        IndexName="late",
        KeyConditionExpression="g = :g",
        ExpressionAttributeValues={":g": {"S": "x"}},
        PaginationConfig={"PageSize": 1},
    )
    assert [item["pk"]["S"] for page in pages for item in page["Items"]] == ["a"]


def test_refused_changes_leave_the_table_as_it_was(wire):
    table = create(wire)
    before = described(wire, table)
    for change in ({"Delete": {"IndexName": "nope"}}, {"Create": index("late", "other")}):
        with pytest.raises(Refused):
            wire.call("UpdateTable", TableName=table, GlobalSecondaryIndexUpdates=[change])
    assert described(wire, table) == before
