"""Transactions from outside: all or nothing in tables, indexes and streams, reasons in order, tokens, and snapshots."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.integration.daemon import Daemon
from tests.integration.stream_reading import records_of
from tests.integration.tables import create, n, s
from tests.integration.wire import Wire
from tests.table_definitions import index

DETECTED = "1 validation error detected: "
BOTH = "NEW_AND_OLD_IMAGES"
DUPLICATES = "Transaction request cannot include multiple operations on one item"
CANCELLED = "Transaction cancelled, please refer cancellation reasons for specific reasons "


@pytest.fixture
def table(wire):
    return create(wire, others="g:S", global_=[index("by-g", "g")], stream=BOTH)


def key(pk):
    return {"pk": s(pk)}


def put(table, pk, **more):
    attributes = more.pop("attributes", {})
    return {"Put": {"TableName": table, "Item": key(pk) | attributes, **more}}


def update(table, pk, text="SET v = :v", **more):
    values = {":v": n(1)} if ":v" in text else {}
    more |= {"ExpressionAttributeValues": values | more.pop("values", {})} if values else {}
    return {"Update": {"TableName": table, "Key": key(pk), "UpdateExpression": text, **more}}


def delete(table, pk, **more):
    return {"Delete": {"TableName": table, "Key": key(pk), **more}}


def check(table, pk, text="attribute_exists(pk)", **more):
    return {"ConditionCheck": {"TableName": table, "Key": key(pk), "ConditionExpression": text, **more}}


def state(wire, table):
    """Return all that a transaction could leave in a table: items, index entries and records."""
    items = sorted(map(repr, wire.items("Scan", TableName=table)))
    entries = sorted(map(repr, wire.items("Scan", TableName=table, IndexName="by-g")))
    return items, entries, records_of(wire, table)


def test_a_transaction_writes_all_of_several_tables_with_a_record_for_each_change(wire, table):
    other = create(wire, stream=BOTH)
    for pk in ("old", "same"):
        wire.call("PutItem", TableName=table, Item=key(pk))
    before = len(records_of(wire, table))
    actions = [
        put(table, "new", attributes={"g": s("x")}),
        put(table, "same"),
        delete(table, "old"),
        delete(table, "never"),
        update(other, "made"),
        check(table, "absent", "attribute_not_exists(pk)"),
    ]
    assert wire.call("TransactWriteItems", TransactItems=actions) == {}
    assert sorted(item["pk"]["S"] for item in wire.items("Scan", TableName=table)) == ["new", "same"]
    assert [item["pk"]["S"] for item in wire.items("Scan", TableName=table, IndexName="by-g")] == ["new"]
    told = [(each["eventName"], each["dynamodb"]["Keys"]["pk"]["S"]) for each in records_of(wire, table)[before:]]
    assert sorted(told) == [("INSERT", "new"), ("REMOVE", "old")]
    assert [each["eventName"] for each in records_of(wire, other)] == ["INSERT"]


def test_a_transaction_of_checks_alone_is_accepted(wire, table):
    assert wire.call("TransactWriteItems", TransactItems=[check(table, "a", "attribute_not_exists(pk)")]) == {}


def test_a_hundred_actions_are_one_transaction(wire, table):
    assert wire.call("TransactWriteItems", TransactItems=[put(table, f"{number}") for number in range(100)]) == {}
    assert wire.call("Scan", TableName=table, Select="COUNT")["Count"] == 100
    assert len(records_of(wire, table)) == 100


def test_a_cancelled_transaction_tells_every_failed_condition_and_leaves_no_trace(wire, table):
    wire.call("PutItem", TableName=table, Item=key("there") | {"v": n(7), "g": s("x")})
    before = state(wire, table)
    shown = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}
    actions = [
        put(table, "new", attributes={"g": s("y")}),
        put(table, "there", ConditionExpression="attribute_not_exists(pk)", **shown),
        delete(table, "absent", ConditionExpression="attribute_exists(pk)", **shown),
        update(table, "also", ConditionExpression="attribute_exists(pk)"),
        check(table, "fine", "attribute_not_exists(pk)"),
    ]
    refusal = wire.refusal("TransactWriteItems", {"TransactItems": actions})
    failed: dict[str, Any] = {"Code": "ConditionalCheckFailed", "Message": "The conditional request failed"}
    assert refusal.status == 400
    assert refusal.body == {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"{CANCELLED}[None, ConditionalCheckFailed, ConditionalCheckFailed, ConditionalCheckFailed, None]",
        "CancellationReasons": [
            {"Code": "None"},
            failed | {"Item": key("there") | {"v": n(7), "g": s("x")}},
            failed,
            failed,
            {"Code": "None"},
        ],
    }
    assert state(wire, table) == before


MISMATCH = "The provided key element does not match the schema"
EMPTY = (
    "One or more parameter values are not valid. "
    "The AttributeValue for a key attribute cannot contain an empty string value. Key: pk"
)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (lambda table: {"Delete": {"TableName": table, "Key": {"pk": n(1)}}}, MISMATCH),
        (
            lambda table: {"Put": {"TableName": table, "Item": {"pk": n(1)}}},
            "One or more parameter values were invalid: Type mismatch for key pk expected: S actual: N",
        ),
        (
            lambda table: put(table, "x", attributes={"g": n(1)}),
            "One or more parameter values were invalid: Type mismatch for Index Key g Expected: S Actual: N IndexName: by-g",
        ),
        (
            lambda table: update(table, "x", "SET a.b = :v"),
            "The document path provided in the update expression is invalid for update",
        ),
        (
            lambda table: update(table, "x", "SET pk = :v"),
            "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key",
        ),
    ],
)
def test_an_invalid_action_cancels_the_others(wire, table, bad, message):
    refusal = wire.refusal("TransactWriteItems", {"TransactItems": [put(table, "good"), bad(table)]})
    assert refusal.body["CancellationReasons"] == [{"Code": "None"}, {"Code": "ValidationError", "Message": message}]
    assert wire.call("Scan", TableName=table)["Count"] == 0


@pytest.mark.parametrize(
    ("actions", "code", "message"),
    [
        (
            lambda _table: [],
            "ValidationException",
            f"{DETECTED}Value '[]' at 'transactItems' failed to satisfy constraint: Member must have length greater than or equal to 1",
        ),
        (lambda table: [put(table, "x"), delete(table, "x")], "ValidationException", DUPLICATES),
        (lambda table: [check(table, "x"), update(table, "x")], "ValidationException", DUPLICATES),
        (
            lambda _table: [{}],
            "ValidationException",
            "TransactItems can only contain one of Check, Put, Update or Delete",
        ),
        (lambda _table: [put("nowhere", "x")], "ResourceNotFoundException", "Requested resource not found"),
        (lambda table: [put(table, "")], "ValidationException", EMPTY),
        (
            lambda table: [put(table, "x", attributes={"v": s("x" * 409_600)})],
            "ValidationException",
            "Item size has exceeded the maximum allowed size",
        ),
        (
            lambda table: [put(table, "x", ConditionExpression="a =")],
            "ValidationException",
            'Invalid ConditionExpression: Syntax error; token: "<EOF>", near: "="',
        ),
        (
            lambda table: [put(table, f"{number}", attributes={"v": s("x" * 350_000)}) for number in range(12)],
            "ValidationException",
            "The aggregate size of the items in the transaction cannot exceed 4 MB",
        ),
    ],
)
def test_a_request_that_is_wrong_as_a_whole_is_no_cancellation(wire, table, actions, code, message):
    refusal = wire.refusal("TransactWriteItems", {"TransactItems": actions(table)})
    assert (refusal.code, refusal.message) == (code, message)
    assert "CancellationReasons" not in refusal.body


def test_more_than_a_hundred_actions_are_too_many(wire, table):
    refusal = wire.refusal("TransactWriteItems", {"TransactItems": [put(table, f"{number}") for number in range(101)]})
    assert refusal.message.endswith(
        "at 'transactItems' failed to satisfy constraint: Member must have length less than or equal to 100"
    )


def test_ten_large_items_fit(wire, table):
    actions = [put(table, f"{number}", attributes={"v": s("x" * 350_000)}) for number in range(10)]
    assert wire.call("TransactWriteItems", TransactItems=actions) == {}
    gets = [{"Get": {"TableName": table, "Key": key(f"{number}")}} for number in range(10)]
    assert len(wire.call("TransactGetItems", TransactItems=gets)["Responses"]) == 10


def counting(table, token):
    return {"TransactItems": [update(table, "counter", "ADD v :v")], "ClientRequestToken": token}


def counted(wire, table):
    return wire.call("GetItem", TableName=table, Key=key("counter"))["Item"]["v"]["N"]


def test_a_request_that_comes_again_under_its_token_is_not_done_again(wire, table):
    first = wire.call("TransactWriteItems", **counting(table, "t"), ReturnConsumedCapacity="TOTAL")
    again = wire.call("TransactWriteItems", **counting(table, "t"), ReturnConsumedCapacity="INDEXES")
    assert first["ConsumedCapacity"] == [{"TableName": table, "CapacityUnits": 2, "WriteCapacityUnits": 2}]
    reads = {"CapacityUnits": 2, "ReadCapacityUnits": 2}
    assert again["ConsumedCapacity"] == [{"TableName": table, **reads, "Table": reads}]
    assert counted(wire, table) == "1"
    assert len(records_of(wire, table)) == 1


def test_another_request_under_a_token_is_refused(wire, table):
    token = f"{table}-mismatch"
    wire.call("TransactWriteItems", **counting(table, token))
    refusal = wire.refusal("TransactWriteItems", {"TransactItems": [put(table, "x")], "ClientRequestToken": token})
    assert refusal.code == "IdempotentParameterMismatchException"
    assert set(refusal.body) == {"__type", "Message"}


def test_a_cancelled_request_may_come_again_under_its_token(wire, table):
    request = {"TransactItems": [check(table, "a"), put(table, "b")], "ClientRequestToken": f"{table}-cancelled"}
    wire.refusal("TransactWriteItems", request)
    wire.call("PutItem", TableName=table, Item=key("a"))
    wire.call("TransactWriteItems", **request)
    assert wire.call("Scan", TableName=table)["Count"] == 2


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_tokens_outlive_the_process(tmp_path, end):
    daemon = Daemon(tmp_path / "cdc.db")
    daemon.start()
    try:
        wire = Wire(daemon.port)
        table = create(wire)
        wire.call("TransactWriteItems", **counting(table, "t"))
        wire.close()
        getattr(daemon, end)()
        daemon.start()
        wire = Wire(daemon.port)
        wire.call("TransactWriteItems", **counting(table, "t"))
        assert counted(wire, table) == "1"
        wire.call("TransactWriteItems", **counting(table, "u"))
        assert counted(wire, table) == "2"
        wire.close()
    finally:
        daemon.stop()


def test_reads_of_a_transaction_are_of_one_moment(wire, table):
    """Two items always written together are never read apart, and transfers between them keep their sum."""
    pair = ["left", "right"]
    wire.call("TransactWriteItems", TransactItems=[put(table, pk, attributes={"v": n(0)}) for pk in pair])
    stop = threading.Event()

    def write():
        number = 0
        while not stop.is_set():
            number += 1
            amount = {":v": n(number if number % 2 else -number)}
            actions = [
                update(table, "left", "SET v = v + :v", values=amount),
                update(table, "right", "SET v = v - :v", values=amount),
            ]
            wire.call("TransactWriteItems", TransactItems=actions)
        wire.close()  # this thread's connection
        return number

    gets = [{"Get": {"TableName": table, "Key": key(pk)}} for pk in pair]
    with ThreadPoolExecutor(1) as writer:
        written = writer.submit(write)
        seen = set()
        for _ in range(150):
            left, right = wire.call("TransactGetItems", TransactItems=gets)["Responses"]
            seen.add(left["Item"]["v"]["N"])
            assert int(left["Item"]["v"]["N"]) == -int(right["Item"]["v"]["N"])
        stop.set()
        assert written.result() > 0
    assert len(seen) > 1


def test_what_is_read_stands_in_the_order_of_the_request(wire, table):
    wire.call("PutItem", TableName=table, Item=key("a") | {"v": n(1), "w": n(2)})
    gets = [
        {"Get": {"TableName": table, "Key": key("no")}},
        {"Get": {"TableName": table, "Key": key("a"), "ProjectionExpression": "w"}},
        {"Get": {"TableName": table, "Key": key("b"), "ProjectionExpression": "w"}},
    ]
    answer = wire.call("TransactGetItems", TransactItems=gets, ReturnConsumedCapacity="TOTAL")
    assert answer == {
        "Responses": [{}, {"Item": {"w": n(2)}}, {}],
        "ConsumedCapacity": [{"TableName": table, "CapacityUnits": 6, "ReadCapacityUnits": 6}],
    }


def test_keys_that_can_not_be_read_are_reasons(wire, table):
    gets = [{"Get": {"TableName": table, "Key": each}} for each in (key("a"), {"pk": n(1)}, key(""))]
    refusal = wire.refusal("TransactGetItems", {"TransactItems": gets})
    assert refusal.body == {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": f"{CANCELLED}[None, ValidationError, ValidationError]",
        "CancellationReasons": [
            {"Code": "None"},
            {"Code": "ValidationError", "Message": MISMATCH},
            {"Code": "ValidationError", "Message": EMPTY},
        ],
    }


def test_boto3_makes_transactions_and_gives_their_reasons(client, resource, table):
    item = {"pk": {"S": "sdk"}, "g": {"S": "x"}}
    client.transact_write_items(TransactItems=[{"Put": {"TableName": table, "Item": item}}])
    found = client.transact_get_items(TransactItems=[{"Get": {"TableName": table, "Key": {"pk": item["pk"]}}}])
    assert found["Responses"] == [{"Item": item}]
    again = {
        "TableName": table,
        "Item": item,
        "ConditionExpression": "attribute_not_exists(pk)",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.transact_write_items(TransactItems=[{"Put": again}])
    [reason] = caught.value.response["CancellationReasons"]
    assert (reason["Code"], reason["Item"]) == ("ConditionalCheckFailed", item)
    with pytest.raises(ClientError, match="ConditionalCheckFailed"):
        resource.meta.client.transact_write_items(
            TransactItems=[{"Put": again | {"Item": {"pk": "sdk"}}}], ClientRequestToken="of-the-resource"
        )
