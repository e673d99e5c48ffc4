"""Reads: the encoded bounds of key conditions, segments of the ring, and lookups over a changed catalogue."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc.expressions import KeyRange
from cdc.model.errors import ResourceNotFoundException
from cdc.model.keys import KeySchema, encode_key
from cdc.model.options import Options
from cdc.tables.definitions import create_table, delete_table, update_table
from cdc.tables.read import get_item, key_bounds, query, scan
from cdc.tables.write import put_item

STRINGS = KeySchema("pk", "S", "sk", "S")
BINARIES = KeySchema("pk", "S", "sk", "B")
HASH_ONLY = KeySchema("pk", "B")
P = {"S": "p"}


def key(sk):
    return encode_key(STRINGS, {"pk": P, "sk": {"S": sk}})


def bounds(operator, *operands):
    return key_bounds(STRINGS, KeyRange(P, operator, tuple({"S": text} for text in operands)))


HOLDS = {
    "=": lambda sk, v: sk == v,
    "<": lambda sk, v: sk < v,
    "<=": lambda sk, v: sk <= v,
    ">": lambda sk, v: sk > v,
    ">=": lambda sk, v: sk >= v,
    "begins_with": lambda sk, v: sk.startswith(v),
}
TEXTS = st.text("\x00a\x7f\u00ffb\uffff\U0010ffff", min_size=1, max_size=3)


@given(st.sampled_from(sorted(HOLDS)), TEXTS, TEXTS)
def test_a_sort_key_is_within_the_bounds_exactly_when_the_condition_holds(operator, value, sk):
    low, high = bounds(operator, value)
    assert (low <= key(sk) < high) == HOLDS[operator](sk.encode(), value.encode())


@given(TEXTS, TEXTS, TEXTS)
def test_between_is_both_bounds(first, last, sk):
    low, high = bounds("BETWEEN", first, last)
    assert (low <= key(sk) < high) == (first.encode() <= sk.encode() <= last.encode())


@given(st.binary(max_size=3), st.binary(min_size=1, max_size=3), st.binary(max_size=3))
def test_a_binary_prefix_may_end_at_the_last_byte(prefix, rest, other):
    low, high = key_bounds(BINARIES, KeyRange(P, "begins_with", ({"B": _base64(prefix + b"\xff")},)))
    for sk in (prefix + b"\xff", prefix + b"\xff" + rest, other):
        encoded = encode_key(BINARIES, {"pk": P, "sk": {"B": _base64(sk)}})
        assert (low <= encoded < high) == sk.startswith(prefix + b"\xff")


def _base64(raw):
    return b64encode(raw).decode()


@given(st.binary(min_size=1, max_size=4), st.binary(min_size=1, max_size=4))
def test_a_whole_partition_holds_its_own_key_and_no_other(mine, other):
    low, high = key_bounds(HASH_ONLY, KeyRange({"B": _base64(mine)}))
    assert low <= encode_key(HASH_ONLY, {"pk": {"B": _base64(mine)}}) < high
    assert (low <= encode_key(HASH_ONLY, {"pk": {"B": _base64(other)}}) < high) == (mine == other)


@pytest.fixture
def table(running):
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "N"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return "abc"


@pytest.mark.parametrize("segments", [1, 2, 3, 5, 8, 13])
def test_every_item_is_in_exactly_one_segment_also_page_by_page(running, table, segments):
    for number in range(40):
        running.run(put_item, TableName=table, Item={"pk": {"S": str(number)}, "sk": {"N": "1"}})
    found = []
    for segment in range(segments):
        request = {"TableName": table, "Segment": segment, "TotalSegments": segments, "Limit": 2}
        while page := running.run(scan, **request):
            found += [item["pk"]["S"] for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
    assert sorted(found, key=int) == [str(number) for number in range(40)]


def test_a_get_sees_the_newest_catalogue(running, table):
    request = {"TableName": table, "Key": {"pk": {"S": "a"}, "sk": {"N": "1"}}}
    running.run(put_item, TableName=table, Item=request["Key"])
    assert running.run(get_item, **request)
    running.run(update_table, TableName=table, DeletionProtectionEnabled=False, TableClass="STANDARD")
    assert running.run(get_item, **request) == {"Item": request["Key"]}
    running.run(delete_table, TableName=table)
    with pytest.raises(ResourceNotFoundException):
        running.run(get_item, **request)


def test_a_get_is_quick():
    assert get_item({"TableName": "abc", "Key": {"pk": {"S": "a"}}}, Options()).quick


def test_a_query_needs_no_look_at_other_partitions(running, table):
    for pk in ("a", "b"):
        for sk in range(3):
            running.run(put_item, TableName=table, Item={"pk": {"S": pk}, "sk": {"N": str(sk)}})
    page = running.run(
        query,
        TableName=table,
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "a"}},
        ScanIndexForward=False,
    )
    assert page["ScannedCount"] == 3
    assert [item["sk"]["N"] for item in page["Items"]] == ["2", "1", "0"]
