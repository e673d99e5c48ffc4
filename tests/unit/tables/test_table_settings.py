"""What CreateTable and UpdateTable set besides keys, units and streams: on-demand maxima, warmth, encryption."""

from __future__ import annotations

import pytest

from cdc.model.errors import ValidationException
from cdc.tables.definitions import create_table, describe_table, update_table
from tests.table_definitions import index

OOMPV = "One or more parameter values were invalid: "
KEYS = {
    "TableName": "abc",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}}


def maximum(reads=None, writes=None):
    given = {"MaxReadRequestUnits": reads, "MaxWriteRequestUnits": writes}
    return {"OnDemandThroughput": {name: units for name, units in given.items() if units is not None}}


def warm(reads, writes):
    return {"WarmThroughput": {"ReadUnitsPerSecond": reads, "WriteUnitsPerSecond": writes}}


@pytest.fixture
def create(running):
    return lambda **request: running.run(create_table, **KEYS, **request)["TableDescription"]


@pytest.fixture
def update(running):
    return lambda **request: running.run(update_table, TableName="abc", **request)["TableDescription"]


@pytest.fixture
def described(running):
    return lambda: running.run(describe_table, TableName="abc")["Table"]


def refusal(call, **request):
    with pytest.raises(ValidationException) as caught:
        call(**request)
    return caught.value.message


class TestOnDemandThroughput:
    def test_maxima_are_kept_merged_and_taken_away(self, create, update, described):
        create(**ON_DEMAND, **maximum(10, 20))
        assert described()["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}
        update(**maximum(11))
        assert described()["OnDemandThroughput"] == {"MaxReadRequestUnits": 11, "MaxWriteRequestUnits": 20}
        shown = update(**maximum(-1))["OnDemandThroughput"]
        assert shown == {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 20}
        assert described()["OnDemandThroughput"] == {"MaxWriteRequestUnits": 20}
        assert update(**maximum(writes=-1))["OnDemandThroughput"] == {"MaxWriteRequestUnits": -1}
        assert "OnDemandThroughput" not in described()

    def test_an_empty_one_counts_as_absent(self, create, update, described):
        create(**UNITS, OnDemandThroughput={})
        assert "OnDemandThroughput" not in described()
        assert refusal(update, OnDemandThroughput={}).startswith("At least one of ProvisionedThroughput")

    @pytest.mark.parametrize(
        ("wanted", "message"),
        [
            (maximum(0), "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"),
            (maximum(-1), "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range"),
            (
                maximum(1, 0),
                "Requested MaxWriteRequestUnits for OnDemandThroughput for table is outside of valid range",
            ),
        ],
    )
    def test_a_new_table_needs_maxima_of_one_at_least(self, create, wanted, message):
        assert refusal(create, **ON_DEMAND, **wanted) == OOMPV + message

    def test_they_are_for_on_demand_tables_which_is_looked_at_before_their_range(self, create, update):
        text = "{} for OnDemandThroughput cannot be specified when {}table BillingMode is PROVISIONED{}"
        expected = OOMPV + text.format("MaxReadRequestUnits", "", ".")
        assert refusal(create, **UNITS, **maximum(0, 5)) == expected
        expected = OOMPV + text.format("MaxWriteRequestUnits", "", ".")
        assert refusal(create, **UNITS, **maximum(writes=5)) == expected
        create(**UNITS)
        expected = OOMPV + text.format("MaxReadRequestUnits", "the ", "")
        assert refusal(update, **maximum(-2)) == expected
        update(**ON_DEMAND, **maximum(7))
        assert refusal(update, BillingMode="PROVISIONED", **UNITS, **maximum(7)) == expected
        assert refusal(update, **maximum(0)).endswith("is outside of valid range")
        assert refusal(update, **maximum(-2)).endswith("is outside of valid range")

    def test_switching_to_provisioned_drops_them(self, create, update, described):
        create(**ON_DEMAND, **maximum(10, 20))
        update(BillingMode="PROVISIONED", **UNITS)
        assert "OnDemandThroughput" not in described()
        update(**ON_DEMAND)
        assert "OnDemandThroughput" not in described()


class TestWarmThroughput:
    def test_it_is_shown_from_the_start_and_grows(self, create, update, described):
        create(**ON_DEMAND)
        assert described()["WarmThroughput"] == {
            "ReadUnitsPerSecond": 12_000,
            "WriteUnitsPerSecond": 4_000,
            "Status": "ACTIVE",
        }
        update(**warm(15_000, 5_000))
        assert described()["WarmThroughput"]["ReadUnitsPerSecond"] == 15_000
        assert refusal(update, **warm(14_999, 5_000)) == (
            f"{OOMPV}Requested ReadUnitsPerSecond for WarmThroughput for table is lower than current WarmThroughput, "
            "decreasing WarmThroughput is not supported"
        )

    def test_a_provisioned_table_has_its_units_at_least(self, create, described):
        create(**UNITS, **warm(5, 100))
        found = described()["WarmThroughput"]
        assert (found["ReadUnitsPerSecond"], found["WriteUnitsPerSecond"]) == (5, 100)


class TestThroughputOfIndexes:
    """OnDemandThroughput and WarmThroughput of global indexes, which have the rules of a table's."""

    @pytest.fixture
    def found(self, described):
        return lambda: described()["GlobalSecondaryIndexes"][0]

    @staticmethod
    def with_index(**more):
        return {"GlobalSecondaryIndexes": [index("glo", "pk", **more)]}

    @staticmethod
    def updating(**more):
        return {"GlobalSecondaryIndexUpdates": [{"Update": {"IndexName": "glo", **more}}]}

    def test_maxima_are_kept_merged_and_taken_away(self, create, update, found):
        create(**ON_DEMAND, **self.with_index(**maximum(10, 20)))
        assert found()["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 20}
        shown = update(**self.updating(**maximum(-1, 21)))["GlobalSecondaryIndexes"][0]
        assert shown["OnDemandThroughput"] == {"MaxReadRequestUnits": -1, "MaxWriteRequestUnits": 21}
        assert shown["IndexStatus"] == "UPDATING"
        assert found()["OnDemandThroughput"] == {"MaxWriteRequestUnits": 21}
        update(**self.updating(**maximum(writes=-1)))
        assert "OnDemandThroughput" not in found()

    def test_a_new_index_of_a_table_may_have_them(self, create, update, found):
        create(**ON_DEMAND)
        wanted = index("glo", "pk", **maximum(3), **warm(20_000, 4_000))
        update(GlobalSecondaryIndexUpdates=[{"Create": wanted}], AttributeDefinitions=KEYS["AttributeDefinitions"])
        assert found()["OnDemandThroughput"] == {"MaxReadRequestUnits": 3}
        assert found()["WarmThroughput"]["ReadUnitsPerSecond"] == 20_000

    def test_maxima_are_for_on_demand_tables_and_of_one_at_least(self, create, update):
        units = self.with_index(**UNITS, **maximum(5))
        assert "MaxReadRequestUnits for OnDemandThroughput cannot be specified" in refusal(create, **UNITS, **units)
        out_of_range = f"{OOMPV}Requested MaxWriteRequestUnits for OnDemandThroughput for index glo is outside of valid"
        assert refusal(create, **ON_DEMAND, **self.with_index(**maximum(1, 0))).startswith(out_of_range)
        create(**ON_DEMAND, **self.with_index())
        assert refusal(update, **self.updating(**maximum(writes=-2))).startswith(out_of_range)

    def test_switching_to_provisioned_needs_units_and_drops_maxima(self, create, update, found):
        create(**ON_DEMAND, **self.with_index(**maximum(10, 20)))
        switch = {"BillingMode": "PROVISIONED", **UNITS}
        assert refusal(update, **switch, **self.updating(**warm(20_000, 20_000))).endswith("for index: glo")
        update(**switch, **self.updating(**UNITS))
        assert "OnDemandThroughput" not in found()
        update(**ON_DEMAND)
        assert "OnDemandThroughput" not in found()

    def test_warmth_is_shown_and_grows_beside_the_tables(self, create, update, described, found):
        create(**UNITS, **self.with_index(**UNITS, **warm(5, 100)))
        assert found()["WarmThroughput"] == {"ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 100, "Status": "ACTIVE"}
        update(**warm(50, 60), **self.updating(**warm(7, 100)))
        assert found()["WarmThroughput"]["ReadUnitsPerSecond"] == 7
        assert found()["ProvisionedThroughput"]["ReadCapacityUnits"] == 5
        assert described()["WarmThroughput"]["ReadUnitsPerSecond"] == 50
        refused = f"{OOMPV}Requested WriteUnitsPerSecond for WarmThroughput for index glo is lower than current"
        assert refusal(update, **self.updating(**warm(7, 99))).startswith(refused)


class TestEncryption:
    def test_it_is_absent_shown_with_a_key_and_absent_again(self, create, update, described):
        create(**ON_DEMAND)
        assert "SSEDescription" not in described()
        update(SSESpecification={"Enabled": True})
        found = described()["SSEDescription"]
        assert (found["Status"], found["SSEType"]) == ("ENABLED", "KMS")
        assert found["KMSMasterKeyArn"].startswith("arn:aws:kms:eu-west-1:123456789012:key/")
        update(SSESpecification={"Enabled": False})
        assert "SSEDescription" not in described()

    @pytest.mark.parametrize(
        ("key", "arn"),
        [
            ("arn:aws:kms:eu-west-1:1:key/x", "arn:aws:kms:eu-west-1:1:key/x"),
            ("1234", "arn:aws:kms:eu-west-1:123456789012:key/1234"),
            ("alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine"),
        ],
    )
    def test_a_key_is_shown_by_its_arn(self, create, described, key, arn):
        create(**ON_DEMAND, SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key})
        assert described()["SSEDescription"]["KMSMasterKeyArn"] == arn

    def test_what_contradicts_itself_is_refused(self, create):
        assert "AES256" in refusal(create, **ON_DEMAND, SSESpecification={"Enabled": True, "SSEType": "AES256"})
        assert "KMSMasterKeyId" in refusal(create, **ON_DEMAND, SSESpecification={"KMSMasterKeyId": "x"})


class TestOneKindOfChange:
    @pytest.mark.parametrize(
        ("change", "kinds"),
        [
            ({"TableClass": "STANDARD", **ON_DEMAND}, "TableClass and ProvisionedThroughput"),
            ({"TableClass": "STANDARD", "SSESpecification": {"Enabled": True}}, "TableClass and SSESpecification"),
            ({**warm(20_000, 20_000), "TableClass": "STANDARD"}, "TableClass and ProvisionedThroughput"),
            (
                {"TableClass": "STANDARD", "StreamSpecification": {"StreamEnabled": False}},
                "StreamSpecification and TableClass",
            ),
        ],
    )
    def test_two_kinds_in_one_request_are_refused(self, create, update, described, change, kinds):
        create(**ON_DEMAND)
        before = described()
        assert refusal(update, **change) == (
            f"{OOMPV}An UpdateTable makes one kind of change, and this one has {kinds}: make one request for each"
        )
        assert described() == before

    def test_protection_may_change_with_any(self, create, update, described):
        create(**ON_DEMAND)
        update(TableClass="STANDARD", DeletionProtectionEnabled=True)
        assert described()["DeletionProtectionEnabled"] is True
        update(DeletionProtectionEnabled=False, BillingMode="PROVISIONED", **UNITS)
        assert described()["DeletionProtectionEnabled"] is False
