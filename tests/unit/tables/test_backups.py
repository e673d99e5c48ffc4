"""Backups hold a table as it was at one moment, whatever is written while they are made; tables are made from them."""

from __future__ import annotations

from random import Random

import pytest

from cdc.model.errors import (
    BackupInUseException,
    BackupNotFoundException,
    TableAlreadyExistsException,
    TableNotFoundException,
    ValidationException,
)
from cdc.store import copies
from cdc.store.check import check
from cdc.streams.retention import purge_step
from cdc.tables import backups, restore
from cdc.tables.backups import create_backup, delete_backup, describe_backup, list_backups
from cdc.tables.definitions import create_table, delete_table, describe_table
from cdc.tables.read import scan
from cdc.tables.restore import restore_table_from_backup
from cdc.tables.write import delete_item, put_item
from tests.table_definitions import definition, index
from tests.unit.store.files import opened
from tests.unit.tables.running import Running

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}
ON_DEMAND = {"BillingMode": "PAY_PER_REQUEST"}
UNITS = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/abc"
NOWHERE = f"{ARN}/backup/01700000000000-00000000"


class Place:
    """A file with the table `abc`, in few words."""

    def __init__(self, running):
        self.running = running
        self.run = running.run

    def put(self, number, value="v"):
        self.run(put_item, TableName="abc", Item=key_of(number) | {"v": {"S": value}})

    def delete(self, number):
        self.run(delete_item, TableName="abc", Key=key_of(number))

    def items(self, name="abc"):
        found, page = [], {"LastEvaluatedKey": None}
        while "LastEvaluatedKey" in page:
            page = self.run(scan, TableName=name, ExclusiveStartKey=page["LastEvaluatedKey"])
            found += page["Items"]
        return found

    def back_up(self, name="first"):
        return self.run(create_backup, TableName="abc", BackupName=name)["BackupDetails"]["BackupArn"]

    def status(self, arn):
        return self.run(describe_backup, BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupStatus"]

    def step(self):
        """Do a step of everything that goes on in the background."""
        writer, reader = self.running.writer, self.running.reader
        return any([backups.copy_step(writer, reader), restore.restore_step(writer, reader)])

    def finish(self):
        while self.step():
            pass

    def restore(self, arn, name="copy", **request):
        return self.run(restore_table_from_backup, TargetTableName=name, BackupArn=arn, **request)["TableDescription"]

    def table(self, name):
        return self.run(describe_table, TableName=name)["Table"]


def key_of(number):
    return {"pk": {"S": f"k{number % 7}"}, "sk": {"N": str(number)}}


def start(running):
    place = Place(running)
    stream = {"StreamSpecification": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}
    place.run(create_table, TableName="abc", **KEYS, **ON_DEMAND, **stream)
    return place


@pytest.fixture
def place(running):
    yield start(running)
    assert list(check(running.database)) == []


@pytest.fixture
def small_steps(monkeypatch):
    monkeypatch.setattr(copies, "COPY_ROWS", 5)
    monkeypatch.setattr(restore, "RESTORE_ROWS", 3)


def refusal(error, call, *arguments, **request):
    with pytest.raises(error) as caught:
        call(*arguments, **request)
    return caught.value.message


class TestCreateBackup:
    def test_a_small_table_is_backed_up_by_the_time_the_answer_is_read(self, place):
        for number in range(20):
            place.put(number)
        details = place.run(create_backup, TableName="abc", BackupName="first")["BackupDetails"]
        assert details["BackupArn"].startswith(f"{ARN}/backup/01700000000000-")
        assert (details["BackupName"], details["BackupStatus"], details["BackupType"]) == ("first", "CREATING", "USER")
        assert details["BackupCreationDateTime"] == 1_700_000_000.0
        described = place.run(describe_backup, BackupArn=details["BackupArn"])["BackupDescription"]
        assert described["BackupDetails"]["BackupStatus"] == "AVAILABLE"
        size = place.table("abc")["TableSizeBytes"]
        assert described["BackupDetails"]["BackupSizeBytes"] == size
        source = described["SourceTableDetails"]
        assert (source["TableName"], source["ItemCount"], source["TableSizeBytes"]) == ("abc", 20, size)
        assert source["KeySchema"] == KEYS["KeySchema"]
        features = described["SourceTableFeatureDetails"]
        assert features == {"StreamDescription": {"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"}}

    def test_what_can_not_be_backed_up_is_refused(self, place):
        request = {"TableName": "nowhere", "BackupName": "first"}
        assert refusal(TableNotFoundException, place.run, create_backup, **request) == "Table not found: nowhere"
        request = {"TableName": "abc", "BackupName": "ab"}
        assert "at 'backupName'" in refusal(ValidationException, place.run, create_backup, **request)

    @pytest.mark.usefixtures("small_steps")
    @pytest.mark.parametrize("seed", range(12))
    def test_it_is_the_table_of_its_moment_whatever_is_written_meanwhile(self, place, seed):
        random = Random(seed)

        def write():
            number = random.randrange(60)
            if random.random() < 0.4:
                place.delete(number)
            else:
                place.put(number, str(random.random()))

        for _ in range(60):
            write()
        moments = []
        for name in ("first", "second"):
            moments.append((place.items(), place.back_up(name)))
            for _ in range(random.randrange(20)):
                write()
        while place.step():
            for _ in range(random.randrange(10)):
                write()
        for number, (expected, arn) in enumerate(moments):
            assert place.status(arn) == "AVAILABLE"
            place.restore(arn, f"copy{number}")
            place.finish()
            assert place.items(f"copy{number}") == expected
            assert place.table(f"copy{number}")["ItemCount"] == len(expected)

    @pytest.mark.usefixtures("small_steps")
    def test_the_table_may_be_deleted_while_it_is_backed_up(self, place):
        for number in range(30):
            place.put(number)
        expected, arn = place.items(), place.back_up()
        place.run(delete_table, TableName="abc")
        running = place.running
        purge_step(running.writer, running.reader, running.clock.now_ms())
        place.finish()
        place.restore(arn)
        place.finish()
        assert place.items("copy") == expected
        purge_step(running.writer, running.reader, running.clock.now_ms())

    @pytest.mark.usefixtures("small_steps")
    def test_it_goes_on_after_a_restart(self, tmp_path, clock):
        path = tmp_path / "restarted.db"
        with opened(path, clock) as (database, writer):
            place = start(Running(database, writer, clock))
            for number in range(40):
                place.put(number)
            expected, arn = place.items(), place.back_up()
            place.step()
            place.put(39, "new")
            assert place.status(arn) == "CREATING"
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock))
            place.put(38, "newer")
            place.finish()
            place.restore(arn)
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock))
            assert place.table("copy")["TableStatus"] == "CREATING"
            place.finish()
            assert place.items("copy") == expected
            assert place.table("copy")["TableStatus"] == "ACTIVE"
            assert list(check(database)) == []


class TestListBackups:
    @pytest.fixture
    def arns(self, place, clock):
        found = []
        for name in ("one", "two", "three"):
            found.append(place.back_up(name))
            clock.advance(10)
        return found

    @pytest.fixture
    def listed(self, place):
        def listed(**request):
            return [each["BackupArn"] for each in place.run(list_backups, **request)["BackupSummaries"]]

        return listed

    def test_they_come_in_the_order_of_their_making_in_pages(self, place, arns, listed):
        assert listed() == listed(TableName="abc") == listed(TableName=ARN) == arns
        page = place.run(list_backups, Limit=2)
        assert page["LastEvaluatedBackupArn"] == arns[1]
        assert listed(ExclusiveStartBackupArn=arns[1]) == arns[2:]
        assert "LastEvaluatedBackupArn" not in place.run(list_backups, Limit=3)
        summary = page["BackupSummaries"][0]
        assert (summary["TableName"], summary["TableArn"], summary["BackupStatus"]) == ("abc", ARN, "AVAILABLE")

    def test_they_are_told_apart_by_table_time_and_type(self, arns, listed):
        assert listed(TableName="other") == []
        assert listed(TimeRangeLowerBound=1_700_000_010) == arns[1:]
        assert listed(TimeRangeUpperBound=1_700_000_010) == arns[:1]
        assert listed(BackupType="ALL") == listed(BackupType="USER") == arns
        assert listed(BackupType="AWS_BACKUP") == listed(BackupType="SYSTEM") == []


class TestDeleteBackup:
    def test_it_is_gone_and_its_items_go_in_the_background(self, place):
        for number in range(20):
            place.put(number)
        arn = place.back_up()
        deleted = place.run(delete_backup, BackupArn=arn)["BackupDescription"]["BackupDetails"]
        assert deleted["BackupStatus"] == "DELETED"
        assert place.run(list_backups)["BackupSummaries"] == []
        for operation in (describe_backup, delete_backup):
            assert refusal(BackupNotFoundException, place.run, operation, BackupArn=arn) == f"Backup not found: {arn}"
        running = place.running
        count = "SELECT count(*) FROM copy_items"
        assert running.database.reader().execute(count).fetchall() == [(20,)]
        purge_step(running.writer, running.reader, running.clock.now_ms())
        assert running.database.reader().execute(count).fetchall() == [(0,)]

    @pytest.mark.parametrize("arn", [NOWHERE, f"{ARN}/export/01700000000000-00000000", "x" * 40])
    def test_one_that_is_not_there_is_refused(self, place, arn):
        assert refusal(BackupNotFoundException, place.run, delete_backup, BackupArn=arn) == f"Backup not found: {arn}"

    @pytest.mark.usefixtures("small_steps")
    def test_one_in_use_is_refused(self, place):
        for number in range(20):
            place.put(number)
        arn = place.back_up()
        assert "is being created" in refusal(BackupInUseException, place.run, delete_backup, BackupArn=arn)
        assert "is being created" in refusal(BackupInUseException, place.restore, arn)
        place.finish()
        place.restore(arn)
        assert "is being restored" in refusal(BackupInUseException, place.run, delete_backup, BackupArn=arn)
        place.finish()
        place.run(delete_backup, BackupArn=arn)
        assert len(place.items("copy")) == 20


class TestRestore:
    @pytest.fixture
    def arn(self, place):
        for number in range(10):
            place.put(number)
        arn = place.back_up()
        place.finish()
        return arn

    def test_the_table_is_filled_by_the_time_the_answer_is_read_and_is_like_its_source(self, place, arn):
        shown = place.restore(arn)
        assert (shown["TableName"], shown["TableStatus"]) == ("copy", "CREATING")
        assert shown["RestoreSummary"]["RestoreInProgress"] is True
        table, source = place.table("copy"), place.table("abc")
        assert table["TableStatus"] == "ACTIVE"
        assert table["RestoreSummary"] == {
            "SourceBackupArn": arn,
            "SourceTableArn": ARN,
            "RestoreDateTime": 1_700_000_000.0,
            "RestoreInProgress": False,
        }
        assert table["TableId"] != source["TableId"]
        for same in ("KeySchema", "AttributeDefinitions", "BillingModeSummary", "ItemCount", "TableSizeBytes"):
            assert table[same] == source[same]
        assert "LatestStreamArn" not in table
        assert place.items("copy") == place.items()

    def test_its_indexes_are_those_of_the_source_with_their_entries(self, place):
        key = [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "v", "KeyType": "RANGE"}]
        local = {"IndexName": "local", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}
        projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["w"]}
        other = {
            "IndexName": "other",
            "KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}],
            "Projection": projection,
        }
        types = [*KEYS["AttributeDefinitions"], {"AttributeName": "v", "AttributeType": "S"}]
        keys = KEYS | {"AttributeDefinitions": types}
        indexes = {"LocalSecondaryIndexes": [local], "GlobalSecondaryIndexes": [other]}
        place.run(create_table, TableName="indexed", **keys, **indexes, **ON_DEMAND)
        for number in range(5):
            place.run(put_item, TableName="indexed", Item=key_of(number) | {"v": {"S": f"v{number}"}, "w": {"N": "1"}})
        arn = place.run(create_backup, TableName="indexed", BackupName="one")["BackupDetails"]["BackupArn"]
        features = place.run(describe_backup, BackupArn=arn)["BackupDescription"]["SourceTableFeatureDetails"]
        assert features["LocalSecondaryIndexes"] == [local]
        assert features["GlobalSecondaryIndexes"][0]["Projection"] == projection
        place.restore(arn, BillingModeOverride="PROVISIONED", ProvisionedThroughputOverride=UNITS)
        table = place.table("copy")
        for kind in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
            [index] = table[kind]
            assert index["ItemCount"] == 5
        assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
        for name in ("local", "other"):
            found = place.run(scan, TableName="copy", IndexName=name)["Items"]
            assert found == place.run(scan, TableName="indexed", IndexName=name)["Items"]

    @pytest.fixture
    def indexed_arn(self, place):
        """A backup of a table with two global indexes and a local one."""
        place.run(
            create_table,
            TableName="indexed",
            **definition(
                "pk:S sk:S",
                "v:S w:N",
                local=[index("local", "pk v")],
                global_=[index("one", "v"), index("two", "w", ["x", "y"])],
            ),
        )
        place.run(put_item, TableName="indexed", Item={name: {"S": name} for name in ("pk", "sk", "v")})
        return place.run(create_backup, TableName="indexed", BackupName="all")["BackupDetails"]["BackupArn"]

    def test_indexes_can_be_left_out_and_their_attributes_with_them(self, place, indexed_arn):
        place.restore(indexed_arn, GlobalSecondaryIndexOverride=[index("one", "v")], LocalSecondaryIndexOverride=[])
        table = place.table("copy")
        assert [(each["IndexName"], each["ItemCount"]) for each in table["GlobalSecondaryIndexes"]] == [("one", 1)]
        assert "LocalSecondaryIndexes" not in table
        assert [each["AttributeName"] for each in table["AttributeDefinitions"]] == ["pk", "sk", "v"]
        assert len(place.run(scan, TableName="copy", IndexName="one")["Items"]) == 1
        place.restore(indexed_arn, "copy2", GlobalSecondaryIndexOverride=[])
        assert "GlobalSecondaryIndexes" not in place.table("copy2")
        assert place.table("copy2")["LocalSecondaryIndexes"][0]["ItemCount"] == 1

    def test_indexes_can_have_other_units(self, place, indexed_arn):
        provisioned = {"BillingModeOverride": "PROVISIONED", "ProvisionedThroughputOverride": UNITS}
        own = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 2}
        wanted = [index("two", "w", ["y", "x"], ProvisionedThroughput=own), index("one", "v")]
        place.restore(indexed_arn, **provisioned, GlobalSecondaryIndexOverride=wanted)
        units = [each["ProvisionedThroughput"] for each in place.table("copy")["GlobalSecondaryIndexes"]]
        assert [(each["ReadCapacityUnits"], each["WriteCapacityUnits"]) for each in units] == [(5, 6), (1, 2)]
        maximum = index("one", "v", OnDemandThroughput={"MaxReadRequestUnits": 7})
        place.restore(indexed_arn, "copy2", GlobalSecondaryIndexOverride=[maximum])
        assert place.table("copy2")["GlobalSecondaryIndexes"][0]["OnDemandThroughput"] == {"MaxReadRequestUnits": 7}

    @pytest.mark.parametrize(
        ("override", "message"),
        [
            ({"GlobalSecondaryIndexOverride": [index("new", "v")]}, "does not have, or names it twice: new"),
            ({"GlobalSecondaryIndexOverride": [index("local", "pk v")]}, "does not have, or names it twice: local"),
            ({"LocalSecondaryIndexOverride": [index("one", "v")]}, "does not have, or names it twice: one"),
            ({"LocalSecondaryIndexOverride": [index("local", "pk v")] * 2}, "or names it twice: local"),
            (
                {"GlobalSecondaryIndexOverride": [index("one", "w")]},
                "another KeySchema or Projection than the backup's",
            ),
            (
                {"GlobalSecondaryIndexOverride": [index("two", "w")]},
                "another KeySchema or Projection than the backup's",
            ),
            (
                {"GlobalSecondaryIndexOverride": [index("one", "v", ProvisionedThroughput=UNITS)]},
                "should not be specified for index: one when BillingMode is PAY_PER_REQUEST",
            ),
        ],
    )
    def test_indexes_that_the_backup_does_not_have_so_are_refused(self, place, indexed_arn, override, message):
        assert message in refusal(ValidationException, place.restore, indexed_arn, **override)

    @pytest.mark.usefixtures("small_steps")
    def test_while_it_is_filled_it_is_being_created(self, place, arn):
        place.restore(arn)
        assert place.table("copy")["TableStatus"] == "CREATING"
        assert place.table("copy")["ItemCount"] == 3
        refused = refusal(Exception, place.run, put_item, TableName="copy", Item=key_of(1))
        assert refused == "Requested resource not found"
        place.finish()
        place.run(put_item, TableName="copy", Item=key_of(1))

    def test_what_it_costs_and_how_it_is_encrypted_can_be_chosen(self, place, arn):
        place.restore(arn, BillingModeOverride="PROVISIONED", ProvisionedThroughputOverride=UNITS)
        throughput = place.table("copy")["ProvisionedThroughput"]
        assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (5, 6)
        maximum = {"OnDemandThroughputOverride": {"MaxReadRequestUnits": 9}}
        place.restore(arn, "copy2", **maximum, SSESpecificationOverride={"Enabled": True})
        table = place.table("copy2")
        assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
        assert table["SSEDescription"]["Status"] == "ENABLED"

    @pytest.mark.parametrize(
        ("error", "request_", "message"),
        [
            (BackupNotFoundException, {"BackupArn": NOWHERE}, f"Backup not found: {NOWHERE}"),
            (TableAlreadyExistsException, {"TargetTableName": "abc"}, "Table already exists: abc"),
            (ValidationException, {"TargetTableName": "ab"}, "at 'targetTableName' failed"),
            (ValidationException, {"BillingModeOverride": "PROVISIONED"}, "must both be specified"),
            (ValidationException, {"ProvisionedThroughputOverride": UNITS}, "can be specified when BillingMode is PAY"),
        ],
    )
    def test_what_can_not_be_restored_is_refused(self, place, arn, error, request_, message):
        request = {"TargetTableName": "copy", "BackupArn": arn} | request_
        assert message in refusal(error, place.run, restore_table_from_backup, **request)
