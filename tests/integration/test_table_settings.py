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

    clients = []

    def client(attempts):
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
        config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
        made = boto3.client("dynamodb", endpoint_url=daemon.url, region_name="us-east-1", config=config, **keys)
        clients.append(made)
        return made

    yield client
    for each in clients:
        each.close()
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


def test_an_update_takes_its_time_and_keeps_others_out(strict, table):
    client, quickly = strict(1), {"Delay": 0.1, "MaxAttempts": 100}
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=quickly)
    units = {"ReadCapacityUnits": 7, "WriteCapacityUnits": 2}
    shown = client.update_table(TableName=table, ProvisionedThroughput=units)["TableDescription"]
    assert (shown["TableStatus"], shown["ProvisionedThroughput"]["ReadCapacityUnits"]) == ("UPDATING", 5)
    for call in (client.update_table, client.delete_table):
        change = {"DeletionProtectionEnabled": True} if call == client.update_table else {}
        with pytest.raises(client.exceptions.ResourceInUseException) as caught:
            call(TableName=table, **change)
        assert caught.value.response["Error"]["Message"].endswith(f"Table is being updated: {table}")
    client.put_item(TableName=table, Item={"pk": s("a")})
    client.get_waiter("table_exists").wait(TableName=table, WaiterConfig=quickly)
    described = client.describe_table(TableName=table)["Table"]
    assert described["ProvisionedThroughput"]["ReadCapacityUnits"] == 7


def test_a_protected_table_is_deleted_only_without_its_protection(client, new_table):
    table = new_table(DeletionProtectionEnabled=True)
    with pytest.raises(client.exceptions.ClientError, match="currently protected against deletion") as caught:
        client.delete_table(TableName=table)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    client.update_table(TableName=table, DeletionProtectionEnabled=False)
    client.delete_table(TableName=table)
    client.get_waiter("table_not_exists").wait(TableName=table)


def test_insights_are_waited_for(client, new_table):
    table = new_table()
    client.update_contributor_insights(TableName=table, ContributorInsightsAction="ENABLE")
    client.get_waiter("contributor_insights_enabled").wait(TableName=table)


def test_all_constraints_that_a_request_breaks_are_in_one_message(daemon):
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    client = boto3.client("dynamodb", endpoint_url=daemon.url, region_name="us-east-1", config=config, **keys)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.create_backup(TableName="abc", BackupName="!")
    assert caught.value.response["Error"]["Message"] == (
        "2 validation errors detected: "
        "Value '!' at 'backupName' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[a-zA-Z0-9_.-]+; "
        "Value '!' at 'backupName' failed to satisfy constraint: Member must have length greater than or equal to 3"
    )
    wrong = {"TableName": "abc", "Key": {"pk": {"S": "a"}}, "ReturnValues": "x", "ReturnConsumedCapacity": "y"}
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.delete_item(**wrong, ReturnItemCollectionMetrics="z")
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("3 validation errors detected: ")
    assert all(
        f"'{name}'" in message for name in ("returnValues", "returnConsumedCapacity", "returnItemCollectionMetrics")
    )
    client.close()


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
