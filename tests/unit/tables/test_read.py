"""Reads: segments of the ring, pages of one partition, and lookups over a changed catalogue."""

from __future__ import annotations

import pytest

from cdc.model.errors import ResourceNotFoundException
from cdc.model.options import Options
from cdc.tables.definitions import create_table, delete_table, update_table
from cdc.tables.read import get_item, query, scan
from cdc.tables.write import put_item


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
