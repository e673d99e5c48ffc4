"""Exports and imports of a running daemon: through a folder, and through an S3-compatible server; with boto3."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.config import Config

from tests.integration.daemon import Daemon
from tests.integration.destinations.moto_server import MotoServer
from tests.integration.tables import create, n, s, schema
from tests.integration.waiting import eventually
from tests.integration.wire import Wire

KEYS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
BUCKET = "exported"


@pytest.fixture(scope="module")
def s3_url(tmp_path_factory):
    """Run moto as an S3-compatible server."""
    server = MotoServer(tmp_path_factory.mktemp("moto"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture(scope="module")
def s3(s3_url):
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    config = Config(s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=s3_url, region_name="us-east-1", config=config, **keys)
    client.create_bucket(Bucket=BUCKET)
    yield client
    client.close()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory, s3_url):
    """Run a daemon whose buckets are the server's."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        daemon = Daemon(tmp_path_factory.mktemp("exporter") / "cdc.db", f'[s3]\nendpoint_url = "{s3_url}"\n')
        daemon.start()
    yield daemon
    assert daemon.stop() == 0


def filled(wire):
    table = create(wire)
    for start in range(0, 500, 25):
        items = [{"pk": s(f"{number:03}"), "v": n(number)} for number in range(start, start + 25)]
        wire.call("BatchWriteItem", RequestItems={table: [{"PutRequest": {"Item": item}} for item in items]})
    recovery = {"PointInTimeRecoveryEnabled": True}
    wire.call("UpdateContinuousBackups", TableName=table, PointInTimeRecoverySpecification=recovery)
    return table, wire.call("DescribeTable", TableName=table)["Table"]["TableArn"]


def ended(wire, kind, arn):
    """Wait for the end of an export or import, and return its description."""
    member = "ExportDescription" if kind == "Export" else "ImportTableDescription"

    def look():
        found = wire.call(f"Describe{kind}", **{f"{kind}Arn": arn})[member]
        return found if found[f"{kind}Status"] != "IN_PROGRESS" else None

    return eventually(look)


def export_and_import(wire, bucket, prefix):
    """Export a table and make another of the files; return the manifest's key."""
    table, arn = filled(wire)
    request = {"TableArn": arn, "S3Bucket": bucket, "S3Prefix": prefix}
    shown = wire.call("ExportTableToPointInTime", **request)["ExportDescription"]
    done = ended(wire, "Export", shown["ExportArn"])
    assert (done["ExportStatus"], done["ItemCount"]) == ("COMPLETED", 500)
    folder = done["ExportManifest"].removesuffix("manifest-summary.json")
    shown = wire.call(
        "ImportTable",
        S3BucketSource={"S3Bucket": bucket, "S3KeyPrefix": f"{folder}data/"},
        InputFormat="DYNAMODB_JSON",
        InputCompressionType="GZIP",
        TableCreationParameters={"TableName": f"{table}-in", "BillingMode": "PAY_PER_REQUEST", **schema("pk:S")},
    )["ImportTableDescription"]
    done = ended(wire, "Import", shown["ImportArn"])
    assert (done["ImportStatus"], done["ImportedItemCount"]) == ("COMPLETED", 500)
    assert wire.items("Scan", TableName=f"{table}-in") == wire.items("Scan", TableName=table)
    return f"{folder}manifest-summary.json"


def test_a_table_goes_to_a_folder_and_comes_back(daemon, wire):
    manifest = export_and_import(wire, BUCKET, "a/b")
    summary = json.loads((daemon.path.parent / "buckets" / BUCKET / manifest).read_bytes())
    assert summary["itemCount"] == 500


def test_a_table_goes_to_an_s3_server_and_comes_back(exporter, s3):
    wire = Wire(exporter.port)
    manifest = export_and_import(wire, BUCKET, "c/d")
    summary = json.loads(s3.get_object(Bucket=BUCKET, Key=manifest)["Body"].read())
    assert summary["itemCount"] == 500
    files = s3.get_object(Bucket=BUCKET, Key=summary["manifestFilesS3Key"])["Body"].read().splitlines()
    for line in map(json.loads, files):
        head = s3.head_object(Bucket=BUCKET, Key=line["dataFileS3Key"])
        assert head["ETag"].strip('"') == line["etag"]
    wire.close()


def test_a_bucket_that_the_server_does_not_have_fails_the_export(exporter):
    wire = Wire(exporter.port)
    _, arn = filled(wire)
    shown = wire.call("ExportTableToPointInTime", TableArn=arn, S3Bucket="missing")["ExportDescription"]
    failed = ended(wire, "Export", shown["ExportArn"])
    assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "S3NoSuchBucket")
    wire.close()


def test_boto3_exports_imports_and_lists(client, wire):
    table, arn = filled(wire)
    quickly = {"Delay": 0.1, "MaxAttempts": 100}
    export = client.export_table_to_point_in_time(TableArn=arn, S3Bucket=BUCKET)["ExportDescription"]
    client.get_waiter("export_completed").wait(ExportArn=export["ExportArn"], WaiterConfig=quickly)
    [summary] = client.list_exports(TableArn=arn)["ExportSummaries"]
    assert summary["ExportArn"] == export["ExportArn"]
    parameters = {"TableName": f"{table}-in", "BillingMode": "PAY_PER_REQUEST", **schema("pk:S")}
    prefix = {"S3Bucket": BUCKET, "S3KeyPrefix": f"AWSDynamoDB/{export['ExportArn'].rpartition('/')[2]}/data/"}
    request = {"InputFormat": "DYNAMODB_JSON", "InputCompressionType": "GZIP"}
    shown = client.import_table(S3BucketSource=prefix, TableCreationParameters=parameters, **request)
    arn_of_import = shown["ImportTableDescription"]["ImportArn"]
    client.get_waiter("import_completed").wait(ImportArn=arn_of_import, WaiterConfig=quickly)
    client.get_waiter("table_exists").wait(TableName=f"{table}-in", WaiterConfig=quickly)
    found = client.list_imports(TableArn=f"{arn}-in")["ImportSummaryList"]
    assert [each["ImportStatus"] for each in found] == ["COMPLETED"]
