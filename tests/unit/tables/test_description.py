"""TableDescription field by field, of tables in a real file."""

from __future__ import annotations

import pytest

from cdc.tables.definitions import create_table, update_table
from cdc.tables.description import Sizes, describe

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}
UNITS = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}}
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/flights"


@pytest.fixture
def described(running):
    def describe_now(status="ACTIVE"):
        catalog = running.reader.view().catalog
        return describe(
            catalog,
            catalog.tables["flights"],
            running.options,
            status=status,
            sizes=Sizes((2, 70), {}),
            now_ms=running.clock.now_ms(),
        )

    return describe_now


def test_a_provisioned_table_without_a_stream_has_these_fields_and_no_others(running, described):
    running.run(create_table, TableName="flights", **KEYS, **UNITS)
    table_id = running.reader.view().catalog.tables["flights"].definition.table_id
    assert described() == {
        **KEYS,
        "TableName": "flights",
        "TableStatus": "ACTIVE",
        "CreationDateTime": 1_700_000_000.0,
        "TableArn": ARN,
        "TableId": table_id,
        "ItemCount": 2,
        "TableSizeBytes": 70,
        "ProvisionedThroughput": {"NumberOfDecreasesToday": 0, "ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
        "WarmThroughput": {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 6, "Status": "ACTIVE"},
        "DeletionProtectionEnabled": False,
    }


def test_an_on_demand_table_has_no_units_and_says_how_it_is_billed(running, described):
    running.run(create_table, TableName="flights", **KEYS, BillingMode="PAY_PER_REQUEST")
    table = described()
    assert table["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        "ReadCapacityUnits": 0,
        "WriteCapacityUnits": 0,
    }
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["WarmThroughput"] == {"ReadUnitsPerSecond": 12_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE"}


def test_decreases_of_yesterday_are_not_todays(running, described, clock):
    running.run(create_table, TableName="flights", **KEYS, **UNITS)
    lower = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    running.run(update_table, TableName="flights", ProvisionedThroughput=lower)
    assert described()["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1
    clock.advance(86_400)
    assert described()["ProvisionedThroughput"] == {
        "NumberOfDecreasesToday": 0,
        "LastDecreaseDateTime": 1_700_000_000.0,
        "ReadCapacityUnits": 1,
        "WriteCapacityUnits": 1,
    }


def test_a_disabled_stream_leaves_its_arn(running, described):
    stream = {"StreamEnabled": True, "StreamViewType": "OLD_IMAGE"}
    running.run(create_table, TableName="flights", **KEYS, **UNITS, StreamSpecification=stream)
    label = "2023-11-14T22:13:20.000"
    latest = {"LatestStreamLabel": label, "LatestStreamArn": f"{ARN}/stream/{label}"}
    assert latest.items() <= described().items()
    assert described()["StreamSpecification"] == stream
    running.run(update_table, TableName="flights", StreamSpecification={"StreamEnabled": False})
    assert latest.items() <= described().items()
    assert "StreamSpecification" not in described()


def test_a_table_being_deleted_shows_no_keys(running, described):
    running.run(create_table, TableName="flights", **KEYS, **UNITS)
    assert {"AttributeDefinitions", "KeySchema"} == described().keys() - described("DELETING").keys()
