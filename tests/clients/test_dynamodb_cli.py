"""The AWS command line against a real daemon: a table with an index, writes, queries, a transaction, its stream."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def aws(daemon, tmp_path):
    """Run a command of `aws`; return what it prints, or the text of its error."""
    if not AWS.exists():
        pytest.skip("the AWS command line is not installed")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    account = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = kept | account | {"AWS_PAGER": "", "HOME": str(tmp_path)}

    def aws(service, command, *arguments, fails=False, **members):
        given = [
            text
            for name, value in members.items()
            for text in (f"--{name.replace('_', '-')}", value if isinstance(value, str) else json.dumps(value))
        ]
        done = subprocess.run(
            [sys.executable, str(AWS), service, "--endpoint-url", daemon.url, command, *arguments, *given],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stderr
        if fails:
            return done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    return aws


def test_the_command_line_makes_a_table_writes_queries_transacts_and_reads_the_stream(aws):
    table = "cli"
    stream = create_table(aws, table)
    item = {"pk": {"S": "a"}, "sk": {"N": "1"}, "g": {"S": "x"}, "b": {"B": "raw"}, "tags": {"SS": ["t", "u"]}}
    aws("dynamodb", "put-item", table_name=table, item=item)
    refused = aws(
        "dynamodb", "put-item", fails=True, table_name=table, item=item, condition_expression="attribute_not_exists(pk)"
    )
    assert "(ConditionalCheckFailedException)" in refused
    assert "The conditional request failed" in refused
    changes = [
        {"Put": {"TableName": table, "Item": {"pk": {"S": "a"}, "sk": {"N": "2"}, "g": {"S": "x"}}}},
        {"ConditionCheck": {"TableName": table, "Key": key(1), "ConditionExpression": "attribute_exists(b)"}},
    ]
    aws("dynamodb", "transact-write-items", transact_items=changes)
    updated = aws(
        *("dynamodb", "update-item"),
        table_name=table,
        key=key(2),
        update_expression="SET #c = if_not_exists(#c, :zero) + :one",
        expression_attribute_names={"#c": "count"},
        expression_attribute_values={":zero": {"N": "0"}, ":one": {"N": "1"}},
        return_values="UPDATED_NEW",
    )
    assert updated == {"Attributes": {"count": {"N": "1"}}}
    found = aws(
        *("dynamodb", "query", "--page-size", "1"),  # which it puts together again
        table_name=table,
        index_name="by-g",
        key_condition_expression="g = :g",
        expression_attribute_values={":g": {"S": "x"}},
    )
    assert [each["sk"]["N"] for each in found["Items"]] == ["1", "2"]
    assert found["Items"][0] == item | {"b": {"B": "cmF3"}}  # it encodes what it is given, and shows what it gets
    assert (found["Count"], found["ScannedCount"]) == (2, 2)
    assert changes_in(aws, stream) == [("INSERT", "1"), ("INSERT", "2"), ("MODIFY", "2")]


def key(number):
    return {"pk": {"S": "a"}, "sk": {"N": str(number)}}


def create_table(aws, table):
    created = aws(
        "dynamodb",
        "create-table",
        *("--attribute-definitions", *("AttributeName=pk,AttributeType=S", "AttributeName=g,AttributeType=S")),
        *("AttributeName=sk,AttributeType=N",),
        *("--key-schema", "AttributeName=pk,KeyType=HASH", "AttributeName=sk,KeyType=RANGE"),
        table_name=table,
        provisioned_throughput="ReadCapacityUnits=1,WriteCapacityUnits=1",  # for a stream of one shard
        global_secondary_indexes=[
            {
                "IndexName": "by-g",
                "KeySchema": [
                    {"AttributeName": "g", "KeyType": "HASH"},
                    {"AttributeName": "sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
                "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1},
            }
        ],
        stream_specification="StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
    )["TableDescription"]
    aws("dynamodb", "wait", "table-exists", table_name=table)
    return created["LatestStreamArn"]


def changes_in(aws, stream):
    """Read a stream of one shard: each record's event and sort key."""
    described = aws("dynamodbstreams", "describe-stream", stream_arn=stream)["StreamDescription"]
    assert described["StreamViewType"] == "NEW_AND_OLD_IMAGES"
    [shard] = described["Shards"]
    position = {"stream_arn": stream, "shard_id": shard["ShardId"], "shard_iterator_type": "TRIM_HORIZON"}
    iterator = aws("dynamodbstreams", "get-shard-iterator", **position)["ShardIterator"]
    records = aws("dynamodbstreams", "get-records", shard_iterator=iterator)["Records"]
    return [(record["eventName"], record["dynamodb"]["Keys"]["sk"]["N"]) for record in records]
