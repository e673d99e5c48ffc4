"""Point-in-time recovery is kept and shown."""

from __future__ import annotations

import pytest

from cdc.model.errors import TableNotFoundException, ValidationException
from cdc.tables.definitions import create_table
from cdc.tables.recovery import describe_continuous_backups, update_continuous_backups

NOW = 1_700_000_000.0
DISABLED = {"PointInTimeRecoveryStatus": "DISABLED"}


@pytest.fixture(autouse=True)
def _table(running):
    running.run(
        create_table,
        TableName="abc",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


@pytest.fixture
def described(running):
    def described():
        description = running.run(describe_continuous_backups, TableName="abc")["ContinuousBackupsDescription"]
        assert description["ContinuousBackupsStatus"] == "ENABLED"
        return description["PointInTimeRecoveryDescription"]

    return described


@pytest.fixture
def update(running):
    def update(**wanted):
        specification = {"PointInTimeRecoverySpecification": wanted}
        answer = running.run(update_continuous_backups, TableName="abc", **specification)
        return answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    return update


def test_it_is_disabled_until_it_is_enabled_and_shows_since_when(described, update, clock):
    assert described() == DISABLED
    expected = {
        "PointInTimeRecoveryStatus": "ENABLED",
        "RecoveryPeriodInDays": 35,
        "EarliestRestorableDateTime": NOW,
        "LatestRestorableDateTime": NOW,
    }
    assert update(PointInTimeRecoveryEnabled=True) == expected
    clock.advance(60)
    expected["LatestRestorableDateTime"] = NOW + 60
    assert described() == update(PointInTimeRecoveryEnabled=True) == expected
    assert update(PointInTimeRecoveryEnabled=False) == DISABLED


def test_the_period_bounds_what_is_the_earliest(described, update, clock):
    update(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=2)
    clock.advance(5 * 86_400)
    assert described()["EarliestRestorableDateTime"] == NOW + 3 * 86_400
    assert described()["RecoveryPeriodInDays"] == 2
    assert update(PointInTimeRecoveryEnabled=True)["RecoveryPeriodInDays"] == 2
    with pytest.raises(ValidationException, match="less than or equal to 35"):
        update(PointInTimeRecoveryEnabled=True, RecoveryPeriodInDays=36)


def test_an_unknown_table_has_an_error_of_its_own(running):
    wanted = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}
    for operation, request in ((describe_continuous_backups, {}), (update_continuous_backups, wanted)):
        with pytest.raises(TableNotFoundException, match=r"^Table not found: nowhere$"):
            running.run(operation, TableName="nowhere", **request)
