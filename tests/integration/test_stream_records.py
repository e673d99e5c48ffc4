"""Which writes make which records: names, images, sizes, and the writes that make none (streams of DynamoDB)."""

from __future__ import annotations

import re

import pytest

from tests.integration.stream_reading import arn_of, records_of
from tests.integration.tables import create, n, s
from tests.integration.wire import Refused

BOTH = "NEW_AND_OLD_IMAGES"
KEY = {"pk": s("a")}
VIEWS = ["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", BOTH]


def put(**attributes):
    return "PutItem", {"Item": KEY | attributes}


def update(expression=None, values=None, **more):
    request = {"Key": KEY, **more}
    if expression is not None:
        request["UpdateExpression"] = expression
    if values is not None:
        request["ExpressionAttributeValues"] = values
    return "UpdateItem", request


DELETE = "DeleteItem", {"Key": KEY}
ABSENT = [DELETE]
FULL = {
    "v": s("x"), "n": n(1), "ss": {"SS": ["a", "b"]}, "m": {"M": {"a": n(1), "b": n(2)}}, "l": {"L": [n(1), n(2)]},
}  # fmt: skip
PRESENT = [put(**FULL)]
SAME = [
    put(v=s("x"), n=n("1.0"), ss={"SS": ["b", "a"]}, m={"M": {"b": n("2.00"), "a": n(1)}}, l={"L": [n(1), n(2)]}),
    put(**FULL),
    update("SET v = :v", {":v": s("x")}),
    update("SET m = :v", {":v": {"M": {"b": n(2), "a": n(1)}}}),
    update("SET ss = :v", {":v": {"SS": ["b", "a"]}}),
    update("SET n = :v", {":v": n("1.000")}),
    update("SET n = n"),
    update("ADD n :v", {":v": n(0)}),
    update("ADD ss :v", {":v": {"SS": ["a"]}}),
    update("DELETE ss :v", {":v": {"SS": ["z"]}}),
    update("REMOVE nothing"),
    update("REMOVE l[9]"),
    update("REMOVE m.c"),
    update(),
]
CHANGED = [
    put(),
    put(**{**FULL, "v": s("y")}),
    put(**{**FULL, "v": {"B": "eA=="}}),
    put(**{**FULL, "l": {"L": [n(2), n(1)]}}),
    put(**FULL, more={"NULL": True}),
    update("SET v = :v", {":v": s("y")}),
    update("REMOVE v"),
    update("ADD n :v", {":v": n(1)}),
    update("DELETE ss :v", {":v": {"SS": ["a"]}}),
    update("SET l[0] = :v", {":v": n(9)}),
]
CREATING = [
    put(),
    put(**FULL),
    update(),
    update("SET v = :v", {":v": s("x")}),
    update("ADD n :v", {":v": n(1)}),
    update("SET v = if_not_exists(v, :v)", {":v": s("x")}),
]
NOT_CREATING = [DELETE, update("REMOVE v"), update("REMOVE m.a"), update("DELETE ss :v", {":v": {"SS": ["a"]}})]
ROWS = (
    [(ABSENT, write, "INSERT") for write in CREATING]
    + [(ABSENT, write, None) for write in NOT_CREATING]
    + [(PRESENT, write, None) for write in SAME]
    + [(PRESENT, write, "MODIFY") for write in CHANGED]
    + [(PRESENT, DELETE, "REMOVE")]
)
UNMET = {"ConditionExpression": "attribute_exists(nothing)"}
REFUSED = [
    ("PutItem", {"Item": KEY, **UNMET}),
    ("PutItem", {"Item": {}}),
    ("PutItem", {"Item": KEY | {"v": s("x" * 409_600)}}),
    update("SET v = :v", {":v": s("y")}, **UNMET),
    update("SET v.a = :v", {":v": s("y")}),
    ("DeleteItem", {"Key": KEY, **UNMET}),
]


@pytest.fixture(scope="module")
def table(wire):
    return create(wire, stream=BOTH)


def batched(operation, request):
    """Write the same as a BatchWriteItem, or None if it can't."""
    if operation == "PutItem":
        return {"PutRequest": {"Item": request["Item"]}}
    return {"DeleteRequest": {"Key": request["Key"]}} if operation == "DeleteItem" else None


def made_by(wire, table, before, run):
    """Bring the item into a state, run something, and return the records that it alone made, with the items around it."""
    for operation, request in before:
        wire.call(operation, TableName=table, **request)
    count = len(records_of(wire, table))
    old = wire.call("GetItem", TableName=table, Key=KEY).get("Item")
    run()
    new = wire.call("GetItem", TableName=table, Key=KEY).get("Item")
    return records_of(wire, table)[count:], old, new


@pytest.mark.parametrize(("before", "write", "event"), ROWS, ids=lambda value: repr(value)[:50])
def test_a_write_makes_one_record_of_its_change_and_none_if_there_is_none(wire, table, before, write, event):
    runs = [lambda: wire.call(write[0], TableName=table, **write[1])]
    in_batch = batched(*write)
    if in_batch is not None:
        runs.append(lambda: wire.call("BatchWriteItem", RequestItems={table: [in_batch]}))
    for run in runs:
        records, old, new = made_by(wire, table, before, run)
        if event is None:
            assert records == []
            assert old == new
            continue
        [record] = records
        change = record["dynamodb"]
        assert record["eventName"] == event
        assert change["Keys"] == KEY
        assert (change.get("OldImage"), change.get("NewImage")) == (old, new)


@pytest.mark.parametrize("before", [ABSENT, PRESENT])
@pytest.mark.parametrize(("operation", "request_"), REFUSED)
def test_a_refused_write_makes_no_record(wire, table, before, operation, request_):
    def run():
        wire.refusal(operation, {"TableName": table, **request_})

    assert made_by(wire, table, before, run)[0] == []


def test_a_batch_makes_one_record_for_each_effective_write_of_each_table(wire, new_table):
    streamed, plain = new_table(stream=BOTH), new_table()
    wire.call("PutItem", TableName=streamed, Item={"pk": s("same")})
    wire.call("PutItem", TableName=streamed, Item={"pk": s("gone")})
    writes = [
        {"PutRequest": {"Item": {"pk": s("same")}}},
        {"DeleteRequest": {"Key": {"pk": s("gone")}}},
        {"DeleteRequest": {"Key": {"pk": s("never there")}}},
        {"PutRequest": {"Item": {"pk": s("new")}}},
    ]
    wire.call("BatchWriteItem", RequestItems={streamed: writes, plain: [writes[3]]})
    made = records_of(wire, streamed)[2:]
    assert [(record["eventName"], record["dynamodb"]["Keys"]["pk"]["S"]) for record in made] == [
        ("REMOVE", "gone"),
        ("INSERT", "new"),
    ]


@pytest.mark.parametrize("view_type", VIEWS)
def test_a_view_type_decides_which_images_a_record_has(wire, view_type):
    name = create(wire, stream=view_type)
    first, second = KEY | {"v": n(1)}, KEY | {"v": n(2)}
    wire.call("PutItem", TableName=name, Item=first)
    wire.call("PutItem", TableName=name, Item=second)
    wire.call("DeleteItem", TableName=name, Key=KEY)
    images = [
        (record["eventName"], record["dynamodb"].get("OldImage"), record["dynamodb"].get("NewImage"))
        for record in records_of(wire, name)
    ]
    old, new = "OLD" in view_type, "NEW" in view_type
    assert images == [
        ("INSERT", None, first if new else None),
        ("MODIFY", first if old else None, second if new else None),
        ("REMOVE", second if old else None, None),
    ]
    assert all(record["dynamodb"]["Keys"] == KEY for record in records_of(wire, name))


def test_an_item_of_keys_alone_has_an_image_of_keys_alone(wire):
    name = create(wire, "pk:S sk:N", stream=BOTH)
    key = {"pk": s("a"), "sk": n("1.0")}
    wire.call("PutItem", TableName=name, Item=key)
    [record] = records_of(wire, name)
    assert record["dynamodb"]["NewImage"] == record["dynamodb"]["Keys"] == {"pk": s("a"), "sk": n(1)}


def test_a_record_has_every_member_of_the_service_and_no_other(wire):
    name = create(wire, stream=BOTH)
    wire.call("PutItem", TableName=name, Item=KEY)
    [record] = records_of(wire, name)
    change = record.pop("dynamodb")
    assert re.fullmatch("[0-9a-f]{32}", record.pop("eventID"))
    assert record == {
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
    }
    assert re.fullmatch("[1-9][0-9]{20}", change.pop("SequenceNumber"))
    assert isinstance(change.pop("ApproximateCreationDateTime"), int)
    assert change == {"Keys": KEY, "NewImage": KEY, "SizeBytes": 6, "StreamViewType": BOTH}


SIZES = [
    (BOTH, "id:S", [("PutItem", {"Item": {"id": s("id_value_1")}})], [24]),
    ("KEYS_ONLY", "Username:S", [("PutItem", {"Item": {"Username": s("Fred")}})], [12]),
    (
        "KEYS_ONLY",
        "Username:S",
        [
            ("PutItem", {"Item": {"Username": s("Fred"), "x": n(1)}}),
            ("PutItem", {"Item": {"Username": s("Fred")}}),
            ("DeleteItem", {"Key": {"Username": s("Fred")}}),
        ],
        [12, 12, 12],
    ),
    ("NEW_IMAGE", "my_partition_key:S", [("PutItem", {"Item": {"my_partition_key": s("hello world")}})], [54]),
    (
        "NEW_IMAGE",
        "my_partition_key:S",
        [("PutItem", {"Item": {"my_partition_key": s("hello world"), "binary_key": {"B": "YmluYXJ5"}}})],
        [70],
    ),
    (
        "NEW_IMAGE",
        "my_partition_key:S",
        [("PutItem", {"Item": {"my_partition_key": s("testId0"), "should_fail": {"BOOL": False}}})],
        [58],
    ),
    (
        BOTH,
        "Id:N",
        [
            ("PutItem", {"Item": {"Id": n(101), "Message": s("New item!")}}),
            ("PutItem", {"Item": {"Id": n(101), "Message": s("This item has changed")}}),
            ("DeleteItem", {"Key": {"Id": n(101)}}),
        ],
        [26, 59, 38],
    ),
    (
        BOTH,
        "id:S",
        [
            ("PutItem", {"Item": {"id": s("Fred")}}),
            ("PutItem", {"Item": {"id": s("Fred"), "name": s("Fred")}}),
        ],
        [12, 26],
    ),
    (
        "OLD_IMAGE",
        "id:S",
        [("PutItem", {"Item": {"id": s("Freddy")}}), ("DeleteItem", {"Key": {"id": s("Freddy")}})],
        [8, 16],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("view_type", "keys", "writes", "sizes"), SIZES)
def test_a_records_size_counts_keys_and_the_images_it_has(wire, view_type, keys, writes, sizes):
    name = create(wire, keys, stream=view_type)
    for operation, request in writes:
        wire.call(operation, TableName=name, **request)
    assert [record["dynamodb"]["SizeBytes"] for record in records_of(wire, name)] == sizes


def test_images_hold_every_type_as_it_is_stored(wire, table):
    item = KEY | {
        "n": n("0010.50"), "b": {"B": "AAEC"}, "ns": {"NS": ["3", "1.0"]}, "z": {"NULL": True}, "t": {"BOOL": False},
        "m": {"M": {"": s(""), "l": {"L": []}}}, "u": s('ä𝄞\u0000"%s%d'), "%d": s("%"),
    }  # fmt: skip
    records, _, stored = made_by(wire, table, ABSENT, lambda: wire.call("PutItem", TableName=table, Item=item))
    assert records[0]["dynamodb"]["NewImage"] == stored
    assert stored["n"] == n("10.5")


def test_a_table_without_a_stream_makes_no_records_and_a_new_stream_has_no_old_ones(wire):
    name = create(wire)
    wire.call("PutItem", TableName=name, Item=KEY)
    wire.call("UpdateTable", TableName=name, StreamSpecification={"StreamEnabled": True, "StreamViewType": BOTH})
    assert records_of(wire, name) == []
    wire.call("DeleteItem", TableName=name, Key=KEY)
    assert [record["eventName"] for record in records_of(wire, name)] == ["REMOVE"]


def test_deleting_a_table_makes_no_record_and_its_stream_can_still_be_read(wire):
    name = create(wire, stream=BOTH)
    wire.call("PutItem", TableName=name, Item=KEY)
    arn = arn_of(wire, name)
    wire.call("DeleteTable", TableName=name)
    assert [record["eventName"] for record in records_of(wire, name, arn)] == ["INSERT"]
    description = wire.call("DescribeStream", StreamArn=arn)["StreamDescription"]
    assert (description["StreamStatus"], description["TableName"]) == ("DISABLED", name)
    with pytest.raises(Refused, match="ResourceNotFoundException"):
        wire.call("DescribeTable", TableName=name)
