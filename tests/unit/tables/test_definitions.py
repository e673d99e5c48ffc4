"""CreateTable, DescribeTable, ListTables, UpdateTable and DeleteTable on a real file."""

from __future__ import annotations

from uuid import UUID

import pytest

from cdc.model.errors import ResourceInUseException, ResourceNotFoundException, ServiceError, ValidationException
from cdc.store import catalog as store
from cdc.tables.definition_checks import new_definition
from cdc.tables.definitions import create_table, delete_table, describe_table, list_tables, update_table

OOMPV = "One or more parameter values were invalid: "
KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}
ON_DEMAND = KEYS | {"BillingMode": "PAY_PER_REQUEST"}
STREAM = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
NO_STREAM = {"StreamSpecification": {"StreamEnabled": False}}
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/flights"
UNKNOWN = "Requested resource not found: Table: flights not found"


def units(reads, writes):
    return {"ProvisionedThroughput": {"ReadCapacityUnits": reads, "WriteCapacityUnits": writes}}


@pytest.fixture
def create(running):
    return lambda **request: running.run(create_table, TableName="flights", **(ON_DEMAND | request))["TableDescription"]


@pytest.fixture
def update(running):
    return lambda **request: running.run(update_table, TableName="flights", **request)["TableDescription"]


@pytest.fixture
def describe(running):
    return lambda: running.run(describe_table, TableName="flights")["Table"]


@pytest.fixture
def refusal(running):
    def refused(operation, error_type: type[ServiceError] = ValidationException, **request):
        epoch = running.reader.view().catalog.epoch
        with pytest.raises(error_type) as error:
            running.run(operation, **({"TableName": "flights"} | request))
        assert running.reader.view().catalog.epoch == epoch, "a refusal changes nothing"
        return error.value.message

    return refused


class TestCreateTable:
    def test_the_name_may_be_an_arn_with_a_name_for_a_new_table_in_it(self, running, describe, refusal):
        created = running.run(create_table, TableName=ARN, **ON_DEMAND)["TableDescription"]
        assert (created["TableName"], created["TableArn"]) == ("flights", ARN)
        assert describe()["TableStatus"] == "ACTIVE"
        too_short = (
            "Value 'ab' at 'tableName' failed to satisfy constraint: Member must have length greater than or equal"
        )
        assert too_short in refusal(create_table, TableName=ARN.replace("flights", "ab"), **ON_DEMAND)

    def test_the_table_is_being_created_in_the_answer_and_active_afterwards(self, create, describe):
        created, described = create(), describe()
        assert created.pop("TableStatus") == "CREATING"
        assert described.pop("TableStatus") == "ACTIVE"
        assert created.pop("BillingModeSummary") == {"BillingMode": "PAY_PER_REQUEST"}
        assert described.pop("BillingModeSummary") == {
            "BillingMode": "PAY_PER_REQUEST",
            "LastUpdateToPayPerRequestDateTime": 1_700_000_000.0,
        }
        assert created == described

    def test_its_id_is_a_random_uuid_of_its_own(self, running, create):
        first = create()["TableId"]
        running.run(delete_table, TableName="flights")
        second = create()["TableId"]
        assert first != second
        assert UUID(first).version == UUID(second).version == 4

    def test_the_stream_asked_for_is_there_at_once(self, create, describe):
        created = create(**STREAM)
        assert created["LatestStreamArn"] == f"{ARN}/stream/{created['LatestStreamLabel']}"
        assert created["StreamSpecification"] == STREAM["StreamSpecification"]
        assert describe()["LatestStreamArn"] == created["LatestStreamArn"]

    def test_a_stream_declined_leaves_no_trace(self, create):
        assert not {"StreamSpecification", "LatestStreamArn", "LatestStreamLabel"} & create(**NO_STREAM).keys()

    def test_class_and_protection_are_kept(self, create, describe):
        create(TableClass="STANDARD", DeletionProtectionEnabled=True)
        assert describe()["TableClassSummary"] == {"TableClass": "STANDARD"}
        assert describe()["DeletionProtectionEnabled"] is True

    def test_a_name_is_taken_once(self, create, refusal):
        create()
        assert refusal(create_table, ResourceInUseException, **ON_DEMAND) == "Table already exists: flights"

    def test_what_is_wrong_in_the_request_comes_before_the_name_being_taken(self, create, refusal):
        create()
        expected = (
            f"{OOMPV}ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED"
        )
        assert refusal(create_table, **KEYS) == expected

    def test_constraints_come_before_the_rules_of_throughput(self, refusal):
        assert "at 'keySchema'" in refusal(create_table, AttributeDefinitions=[], **units(5, 5))


class TestDescribeTable:
    @pytest.mark.parametrize("name", ["flights", ARN])
    def test_a_table_goes_by_its_name_or_arn(self, running, create, refusal, name):
        assert refusal(describe_table, ResourceNotFoundException, TableName=name) == UNKNOWN
        create()
        assert running.run(describe_table, TableName=name)["Table"]["TableArn"] == ARN

    def test_items_are_counted_exactly(self, running, create, describe):
        create()
        table_id = running.reader.view().catalog.tables["flights"].id
        running.writer.call(lambda transaction: transaction.count_items(table_id, 3, 120))
        described = describe()
        assert (described["ItemCount"], described["TableSizeBytes"]) == (3, 120)


class TestListTables:
    @pytest.fixture
    def names(self, running):
        # A page of 100 and one more; capitals come first in UTF-8.
        names = sorted(["Zebra", *(f"t{number:03}" for number in range(100))])

        def insert_all(transaction):
            for name in reversed(names):
                store.insert_table(transaction, new_definition(ON_DEMAND | {"TableName": name}, name, 0))

        running.writer.call(insert_all)
        return names

    def test_names_come_in_utf8_order_in_pages_of_100_at_most(self, running, names):
        first = running.run(list_tables)
        assert first == {"TableNames": names[:100], "LastEvaluatedTableName": names[99]}
        assert running.run(list_tables, ExclusiveStartTableName=names[99]) == {"TableNames": names[100:]}
        assert running.run(list_tables, ExclusiveStartTableName="t0005", Limit=2) == {
            "TableNames": ["t001", "t002"],
            "LastEvaluatedTableName": "t002",
        }
        assert running.run(list_tables, ExclusiveStartTableName="t098", Limit=1) == {"TableNames": ["t099"]}

    def test_there_may_be_none(self, running):
        assert running.run(list_tables) == {"TableNames": []}

    def test_both_faults_are_named_the_start_first(self, refusal):
        message = refusal(list_tables, ExclusiveStartTableName="ab", Limit=0)
        assert message == (
            "2 validation errors detected: Value 'ab' at 'exclusiveStartTableName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 3; "
            "Value '0' at 'limit' failed to satisfy constraint: Member must have value greater than or equal to 1"
        )


class TestUpdateTable:
    def test_an_unknown_table_is_named(self, refusal):
        assert refusal(update_table, ResourceNotFoundException, DeletionProtectionEnabled=True) == UNKNOWN

    def test_new_units_count_once_the_change_is_over(self, create, update, describe, clock):
        create(BillingMode="PROVISIONED", **units(5, 5))
        clock.advance(10)
        changing = update(**units(6, 4))
        assert changing["TableStatus"] == "UPDATING"
        assert changing["ProvisionedThroughput"] == {
            "ReadCapacityUnits": 5,
            "WriteCapacityUnits": 5,
            "NumberOfDecreasesToday": 0,
            "LastIncreaseDateTime": 1_700_000_010.0,
            "LastDecreaseDateTime": 1_700_000_010.0,
        }
        assert describe()["ProvisionedThroughput"] == {
            "ReadCapacityUnits": 6,
            "WriteCapacityUnits": 4,
            "NumberOfDecreasesToday": 1,
            "LastIncreaseDateTime": 1_700_000_010.0,
            "LastDecreaseDateTime": 1_700_000_010.0,
        }

    def test_a_table_moves_to_on_demand_and_back(self, create, update, describe, clock):
        create(BillingMode="PROVISIONED", **units(5, 5))
        assert "BillingModeSummary" not in describe()
        clock.advance(10)
        assert update(BillingMode="PAY_PER_REQUEST")["TableStatus"] == "UPDATING"
        assert describe()["ProvisionedThroughput"] == {
            "ReadCapacityUnits": 0,
            "WriteCapacityUnits": 0,
            "NumberOfDecreasesToday": 0,
        }
        since = {"LastUpdateToPayPerRequestDateTime": 1_700_000_010.0}
        assert describe()["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"} | since
        update(BillingMode="PROVISIONED", **units(7, 7))
        assert describe()["BillingModeSummary"] == {"BillingMode": "PROVISIONED"} | since
        assert describe()["ProvisionedThroughput"]["ReadCapacityUnits"] == 7

    def test_a_stream_is_enabled_disabled_and_enabled_anew(self, create, update, describe, clock):
        create()
        first = update(**STREAM)
        assert first["TableStatus"] == "UPDATING"
        assert first["StreamSpecification"] == STREAM["StreamSpecification"]
        assert describe()["LatestStreamArn"] == first["LatestStreamArn"]
        clock.advance(1)
        disabled = update(**NO_STREAM)
        assert "StreamSpecification" not in disabled
        assert "StreamSpecification" not in describe()
        assert disabled["LatestStreamArn"] == describe()["LatestStreamArn"] == first["LatestStreamArn"]
        assert update(**STREAM)["LatestStreamArn"] != first["LatestStreamArn"]

    @pytest.mark.parametrize("view_type", ["KEYS_ONLY", "NEW_IMAGE"])
    def test_a_second_stream_is_refused(self, create, refusal, view_type):
        create(**STREAM)
        wanted = {"StreamEnabled": True, "StreamViewType": view_type}
        expected = "Table already has an enabled stream: TableName: flights"
        assert refusal(update_table, StreamSpecification=wanted) == expected

    def test_where_no_stream_is_enabled_none_is_disabled(self, create, update, refusal):
        create(**STREAM)
        update(**NO_STREAM)
        expected = "Table has no enabled stream to disable: TableName: flights"
        assert refusal(update_table, **NO_STREAM) == expected

    def test_stream_and_billing_are_changed_one_at_a_time(self, create, update, refusal):
        expected = f"{OOMPV}You cannot modify stream status while updating table IOPS"
        create(BillingMode="PROVISIONED", **units(5, 5))
        assert refusal(update_table, **STREAM, **units(6, 6)) == expected
        assert refusal(update_table, **STREAM, BillingMode="PAY_PER_REQUEST") == expected
        update(BillingMode="PAY_PER_REQUEST")
        assert update(**STREAM, BillingMode="PAY_PER_REQUEST")["LatestStreamArn"]

    def test_a_stream_stays_the_same_through_other_changes(self, create, update):
        before = create(**STREAM)
        after = update(DeletionProtectionEnabled=True)
        assert after["LatestStreamArn"] == before["LatestStreamArn"]
        assert after["StreamSpecification"] == before["StreamSpecification"]

    def test_class_and_protection_change_on_their_own(self, create, update, describe):
        create()
        update(TableClass="STANDARD")
        update(DeletionProtectionEnabled=True)
        assert describe()["TableClassSummary"] == {"TableClass": "STANDARD"}
        assert describe()["DeletionProtectionEnabled"] is True
        update(DeletionProtectionEnabled=False)
        assert describe()["DeletionProtectionEnabled"] is False

    def test_what_does_not_change_anything_is_accepted_and_changes_nothing(self, running, create, update):
        create()
        epoch = running.reader.view().catalog.epoch
        assert update(BillingMode="PAY_PER_REQUEST")["TableName"] == "flights"
        assert running.reader.view().catalog.epoch == epoch

    def test_items_written_in_the_same_group_are_counted(self, running, create):
        create()

        def write_then_update(transaction):
            transaction.count_items(transaction.catalog.tables["flights"].id, 2, 50)
            change = {"TableName": "flights", "DeletionProtectionEnabled": True}
            return update_table(change, running.options).run(transaction)

        answer = running.writer.call(write_then_update)
        assert b'"ItemCount":2,"TableSizeBytes":50' in answer


class TestDeleteTable:
    def test_the_answer_says_deleting_and_then_the_table_is_gone(self, running, create, refusal):
        create()
        deleted = running.run(delete_table, TableName="flights")["TableDescription"]
        assert deleted["TableStatus"] == "DELETING"
        assert deleted["TableArn"] == ARN
        assert not {"AttributeDefinitions", "KeySchema"} & deleted.keys()
        assert refusal(describe_table, ResourceNotFoundException) == UNKNOWN
        assert refusal(delete_table, ResourceNotFoundException) == UNKNOWN
        assert running.run(list_tables) == {"TableNames": []}

    def test_its_stream_closes_and_stays_in_the_catalogue(self, running, create, describe):
        create(**STREAM)
        running.run(delete_table, TableName="flights")
        [stream] = running.reader.view().catalog.streams_of("flights")
        assert stream.disabled_ms == running.clock.now_ms()
        assert not any(shard.open for shard in stream.shards)
        create()
        assert "LatestStreamArn" not in describe(), "the stream of a table before it is none of its own"

    def test_a_protected_table_stays(self, create, update, running, refusal):
        create(DeletionProtectionEnabled=True)
        assert refusal(delete_table) == (
            "Resource cannot be deleted as it is currently protected against deletion. Disable deletion protection first."
        )
        update(DeletionProtectionEnabled=False)
        running.run(delete_table, TableName="flights")
