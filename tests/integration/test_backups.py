"""Backups of a running daemon: writers go on, a kill in the middle loses nothing, boto3 sees what it expects."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.daemon import Daemon
from tests.integration.tables import create, n, s
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

ITEMS = 4000


@pytest.fixture(scope="module")
def own_daemon(tmp_path_factory):
    daemon = Daemon(tmp_path_factory.mktemp("backups") / "cdc.db")
    daemon.start()
    yield daemon
    daemon.stop()


def fill(wire, table):
    for start in range(0, ITEMS, 25):
        items = [{"pk": s(f"{number:05}"), "v": n(0)} for number in range(start, start + 25)]
        wire.call("BatchWriteItem", RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})


def values(wire, table):
    return {item["pk"]["S"]: item["v"]["N"] for item in wire.items("Scan", TableName=table)}


def wait_for(wire, operation, **request):
    """Wait until a backup is available, or a table active."""

    def look():
        answer = wire.call(operation, **request)
        status = (
            answer["Table"]["TableStatus"]
            if operation == "DescribeTable"
            else answer["BackupDescription"]["BackupDetails"]["BackupStatus"]
        )
        return status in {"ACTIVE", "AVAILABLE"}

    eventually(look)


def test_a_backup_made_under_writes_and_a_kill_is_the_table_of_its_moment(own_daemon):
    wire = Wire(own_daemon.port)
    table = create(wire)
    fill(wire, table)
    arn = wire.call("CreateBackup", TableName=table, BackupName="under-fire")["BackupDetails"]["BackupArn"]

    def write(part):
        own = Wire(own_daemon.port)
        for number in range(part, ITEMS, 40):
            own.call("PutItem", TableName=table, Item={"pk": s(f"{number:05}"), "v": n(1)})
            own.call("PutItem", TableName=table, Item={"pk": s(f"new{number}"), "v": n(1)})
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    wire.close()
    own_daemon.kill()
    own_daemon.start()
    wire = Wire(own_daemon.port)
    wait_for(wire, "DescribeBackup", BackupArn=arn)
    wire.call("RestoreTableFromBackup", TargetTableName="restored", BackupArn=arn)
    wire.close()
    own_daemon.kill()
    own_daemon.start()
    wire = Wire(own_daemon.port)
    wait_for(wire, "DescribeTable", TableName="restored")
    assert values(wire, "restored") == {f"{number:05}": "0" for number in range(ITEMS)}
    assert len(values(wire, table)) == ITEMS + 4 * ITEMS // 40
    wire.close()


def test_boto3_backs_up_lists_restores_and_deletes(client, new_table):
    table = new_table()
    client.put_item(TableName=table, Item={"pk": s("a")})
    details = client.create_backup(TableName=table, BackupName="with-boto3")["BackupDetails"]
    arn = details["BackupArn"]
    client.delete_item(TableName=table, Key={"pk": s("a")})
    [summary] = client.list_backups(TableName=table)["BackupSummaries"]
    assert (summary["BackupArn"], summary["BackupStatus"]) == (arn, "AVAILABLE")
    assert summary["BackupCreationDateTime"] == details["BackupCreationDateTime"]
    client.restore_table_from_backup(TargetTableName=f"{table}-restored", BackupArn=arn)
    client.get_waiter("table_exists").wait(TableName=f"{table}-restored")
    assert client.scan(TableName=f"{table}-restored")["Items"] == [{"pk": s("a")}]
    client.delete_backup(BackupArn=arn)
    with pytest.raises(client.exceptions.BackupNotFoundException):
        client.describe_backup(BackupArn=arn)
    with pytest.raises(client.exceptions.TableNotFoundException):
        client.create_backup(TableName="nowhere", BackupName="with-boto3")
