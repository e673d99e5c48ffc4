"""The AWS SDK against the daemon: client, resource, waiters, paginators, errors, and streams, without a special setting."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import boto3
import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from tests.integration.tables import unique_name

SCHEMA = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


@pytest.fixture
def table(resource):
    table = resource.create_table(TableName=unique_name(), **SCHEMA)
    table.wait_until_exists()
    return table


def test_waiters_see_a_table_come_and_go(client):
    name = unique_name()
    client.create_table(TableName=name, **SCHEMA)
    client.get_waiter("table_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 1})
    client.delete_table(TableName=name)
    client.get_waiter("table_not_exists").wait(TableName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 1})


def test_the_resource_stores_and_finds_python_values(table):
    item = {
        "pk": "a", "sk": Decimal("1.5"), "text": "ä", "binary": Binary(b"\x00\xff"), "none": None, "yes": True,
        "list": [Decimal(1), "x", [True]], "map": {"nested": {"deep": Decimal("1E-100")}},
        "strings": {"a", "b"}, "numbers": {Decimal(1), Decimal("2.5")}, "binaries": {Binary(b"a"), Binary(b"b")},
    }  # fmt: skip
    table.put_item(Item=item)
    assert table.get_item(Key={"pk": "a", "sk": Decimal("1.50")})["Item"] == item
    assert table.query(KeyConditionExpression=Key("pk").eq("a") & Key("sk").between(1, 2))["Items"] == [item]
    assert table.scan(FilterExpression=Attr("map.nested.deep").lt(1) & Attr("strings").contains("a"))["Items"] == [item]
    assert table.item_count == 1


def test_an_update_of_the_resource_returns_python_values(table):
    answer = table.update_item(
        Key={"pk": "a", "sk": 1},
        UpdateExpression="ADD #c :one",
        ExpressionAttributeNames={"#c": "counter"},
        ExpressionAttributeValues={":one": 1},
        ReturnValues="UPDATED_NEW",
    )
    assert answer["Attributes"] == {"counter": Decimal(1)}


def test_the_batch_writer_writes_any_number_of_items(table):
    with table.batch_writer(overwrite_by_pkeys=["pk", "sk"]) as batch:
        for number in range(60):
            batch.put_item(Item={"pk": "a", "sk": number})
        batch.put_item(Item={"pk": "a", "sk": 59, "again": True})
        batch.delete_item(Key={"pk": "a", "sk": 0})
    found = table.query(KeyConditionExpression=Key("pk").eq("a"))["Items"]
    assert [int(item["sk"]) for item in found] == list(range(1, 60))
    assert found[-1]["again"] is True


def test_a_batch_of_gets_of_the_resource_comes_back(resource, table):
    table.put_item(Item={"pk": "a", "sk": 1})
    keys = [{"pk": "a", "sk": 1}, {"pk": "b", "sk": 1}]
    answer = resource.batch_get_item(RequestItems={table.name: {"Keys": keys}})
    assert answer["Responses"] == {table.name: [{"pk": "a", "sk": Decimal(1)}]}


def test_paginators_join_the_pages(client, table):
    with table.batch_writer() as batch:
        for number in range(25):
            batch.put_item(Item={"pk": "a", "sk": number})
    values = {":p": {"S": "a"}}
    query = {"KeyConditionExpression": "pk = :p", "ExpressionAttributeValues": values}
    for operation, request in (("query", query), ("scan", {})):
        paginator = client.get_paginator(operation)
        pages = list(paginator.paginate(TableName=table.name, PaginationConfig={"PageSize": 10}, **request))
        assert [page["Count"] for page in pages] == [10, 10, 5]
    pages = client.get_paginator("list_tables").paginate(PaginationConfig={"PageSize": 1})
    assert table.name in [name for page in pages for name in page["TableNames"]]


def test_errors_come_as_the_clients_own_exceptions(client, table):
    with pytest.raises(client.exceptions.ResourceNotFoundException) as missing:
        client.describe_table(TableName="nowhere")
    assert missing.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.create_table(TableName=table.name, **SCHEMA)
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}}
    client.put_item(TableName=table.name, Item=item)
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as failed:
        client.put_item(
            TableName=table.name,
            Item=item,
            ConditionExpression="attribute_not_exists(pk)",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    assert failed.value.response["Item"] == item
    assert failed.value.response["Error"]["Message"] == "The conditional request failed"
    with pytest.raises(ClientError) as invalid:
        client.get_item(TableName=table.name, Key={"pk": {"S": "a"}})
    assert invalid.value.response["Error"]["Code"] == "ValidationException"


def test_the_sdk_tells_the_request_id_of_every_answer(client):
    metadata = client.list_tables()["ResponseMetadata"]
    assert len(metadata["RequestId"]) == 52
    assert metadata["RequestId"] == metadata["HTTPHeaders"]["x-amzn-requestid"]


def test_a_foreign_name_of_the_machine_is_refused_with_words_that_the_sdk_shows(session, daemon):
    """A name that resolves to the loopback address all the same, as an attacker's would."""

    def change_host(request, **_):
        request.headers["Host"] = "evil.example"

    client = session.client("dynamodb", endpoint_url=daemon.url, aws_access_key_id="a", aws_secret_access_key="b")
    client.meta.events.register("before-send", change_host)
    with pytest.raises(ClientError, match=r"server\.allowed_hosts"):
        client.list_tables()
    client.close()


def test_a_stream_is_walked_with_the_streams_client(client, streams, table):
    specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    client.update_table(TableName=table.name, StreamSpecification=specification)
    for number in range(20):
        table.put_item(Item={"pk": f"k{number}", "sk": 1, "b": Binary(b"x")})
    [stream] = streams.list_streams(TableName=table.name)["Streams"]
    description = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]
    assert isinstance(description["CreationRequestDateTime"], datetime)
    found = []
    for shard in description["Shards"]:
        following = streams.get_shard_iterator(
            StreamArn=stream["StreamArn"],
            ShardId=shard["ShardId"],
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=datetime.now(UTC) - timedelta(hours=1),
        )["ShardIterator"]
        while page := streams.get_records(ShardIterator=following, Limit=3):
            if not page["Records"]:
                break
            found += page["Records"]
            following = page["NextShardIterator"]
    assert sorted(record["dynamodb"]["Keys"]["pk"]["S"] for record in found) == sorted(f"k{n}" for n in range(20))
    assert all(record["dynamodb"]["NewImage"]["b"]["B"] == b"x" for record in found)
    assert all(isinstance(record["dynamodb"]["ApproximateCreationDateTime"], datetime) for record in found)


def test_errors_of_streams_come_as_the_clients_own_exceptions(streams):
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/nowhere/stream/2015-05-20T20:51:10.252"
    with pytest.raises(streams.exceptions.ResourceNotFoundException):
        streams.describe_stream(StreamArn=arn)


@pytest.mark.parametrize("region", ["eu-central-1", "us-west-2"])
def test_a_client_of_any_region_is_served(daemon, region):
    client = boto3.client(
        "dynamodb", endpoint_url=daemon.url, region_name=region, aws_access_key_id="x", aws_secret_access_key="y"
    )
    assert client.list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200
    client.close()
