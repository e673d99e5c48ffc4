"""Settings of tables in a running daemon: enforced throughput, and statuses that take their time."""

from __future__ import annotations

import boto3
import pytest
from botocore.config import Config

from tests.integration.daemon import Daemon
from tests.integration.tables import s, schema, unique_name

CONFIG = """
[tables]
enforce_throughput = true
burst_seconds = 1
status_delay_seconds = 2
"""


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """Run a daemon that refuses what is too much, and lets tables take a while; returns clients of it."""
    daemon = Daemon(tmp_path_factory.mktemp("strict") / "cdc.db", CONFIG)
    daemon.start()

    def client(attempts):
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
        return boto3.client("dynamodb", endpoint_url=daemon.url, region_name="us-east-1", config=config, **keys)

    yield client
    daemon.stop()


@pytest.fixture
def table(strict):
    name = unique_name()
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 2}
    strict(1).create_table(TableName=name, **schema("pk:S"), ProvisionedThroughput=units)
    return name


def test_waiters_see_a_table_being_created_and_deleted(strict, table):
    client = strict(1)
    assert client.describe_table(TableName=table)["Table"]["TableStatus"] == "CREATING"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.put_item(TableName=table, Item={"pk": s("a")})
    quickly = {"Delay": 0.1, "MaxAttempts": 100}
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=quickly)
    client.put_item(TableName=table, Item={"pk": s("a")})
    client.delete_table(TableName=table)
    assert client.describe_table(TableName=table)["Table"]["TableStatus"] == "DELETING"
    client.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig=quickly)


def test_writes_beyond_the_units_are_refused_and_come_through_with_retries(strict, table):
    client = strict(1)
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})

    def put_many():
        for number in range(100):
            client.put_item(TableName=table, Item={"pk": s(str(number))})

    with pytest.raises(client.exceptions.ProvisionedThroughputExceededException) as caught:
        put_many()
    assert caught.value.response["ThrottlingReasons"][0]["reason"] == "TableWriteProvisionedThroughputExceeded"
    patient = strict(20)
    for number in range(4):
        patient.put_item(TableName=table, Item={"pk": s(f"retried {number}")})
