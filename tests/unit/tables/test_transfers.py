"""Exports and imports on a real file and a real folder: layout, manifests, restarts, failures, and the way back."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from dataclasses import replace
from hashlib import md5

import pytest

from cdc.model.errors import (
    ExportConflictException,
    ExportNotFoundException,
    ImportConflictException,
    ImportNotFoundException,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    ResourceInUseException,
    TableNotFoundException,
    ValidationException,
)
from cdc.store import copies
from cdc.store.check import check
from cdc.tables import backups, exports, imports
from cdc.tables.definitions import create_table, describe_table
from cdc.tables.exports import describe_export, export_table_to_point_in_time, list_exports
from cdc.tables.imports import describe_import, import_table, list_imports
from cdc.tables.read import scan
from cdc.tables.recovery import update_continuous_backups
from cdc.tables.write import put_item
from tests.unit.store.files import opened
from tests.unit.tables.running import Running

KEYS = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/abc"
RECOVERY = {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}


class Place:
    """A file, and a folder with its buckets."""

    def __init__(self, running, folder):
        running.options = replace(running.options, bucket_folder=folder)
        self.running, self.run, self.folder = running, running.run, folder
        self.imports = imports.Imports()

    def fill(self, count):
        self.run(create_table, TableName="abc", **KEYS)
        self.run(update_continuous_backups, TableName="abc", **RECOVERY)
        for number in range(count):
            self.run(put_item, TableName="abc", Item={"pk": {"S": f"k{number:03}"}, "v": {"N": str(number)}})

    def step(self):
        running = self.running
        writer, reader, options = running.writer, running.reader, running.options
        return any(
            [
                backups.copy_step(writer, reader),
                exports.export_step(writer, reader, options, running.clock.now_ms()),
                self.imports.step(writer, reader, options),
            ]
        )

    def finish(self):
        while self.step():
            pass

    def export(self, **request):
        request = {"TableArn": ARN, "S3Bucket": "bucket"} | request
        return self.run(export_table_to_point_in_time, **request)["ExportDescription"]

    def exported(self, arn):
        return self.run(describe_export, ExportArn=arn)["ExportDescription"]

    def bring_in(self, prefix, name="new", **request):
        given = {
            "S3BucketSource": {"S3Bucket": "bucket", "S3KeyPrefix": prefix},
            "InputFormat": "DYNAMODB_JSON",
            "TableCreationParameters": {"TableName": name, **KEYS},
        }
        return self.run(import_table, **given | request)["ImportTableDescription"]

    def imported(self, arn):
        return self.run(describe_import, ImportArn=arn)["ImportTableDescription"]

    def write(self, key, data):
        path = self.folder / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def items(self, name):
        return sorted(self.run(scan, TableName=name)["Items"], key=str)


@pytest.fixture
def place(running, tmp_path):
    yield Place(running, tmp_path / "buckets")
    assert list(check(running.database)) == []


def refusal(error, call, *arguments, **request):
    with pytest.raises(error) as caught:
        call(*arguments, **request)
    return caught.value.message


def lines_of(path):
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


def md5_of(data):
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()


class TestExport:
    def test_files_and_manifests_lie_as_aws_lays_them(self, place, monkeypatch):
        monkeypatch.setattr(exports, "FILE_BYTES", 100)
        place.fill(10)
        shown = place.export(S3Prefix="some/where")
        assert shown["ExportStatus"] == "IN_PROGRESS"
        place.run(put_item, TableName="abc", Item={"pk": {"S": "later"}})
        place.finish()
        done = place.exported(shown["ExportArn"])
        export_id = shown["ExportArn"].rpartition("/")[2]
        root = place.folder / "bucket/some/where/AWSDynamoDB" / export_id
        assert done["ExportManifest"] == f"some/where/AWSDynamoDB/{export_id}/manifest-summary.json"
        assert (done["ExportStatus"], done["ItemCount"], done["ExportType"]) == ("COMPLETED", 10, "FULL_EXPORT")
        assert {path.name for path in root.iterdir()} == {
            *("_started", "data", "manifest-files.json", "manifest-files.md5"),
            *("manifest-summary.json", "manifest-summary.md5"),
        }
        summary = json.loads((root / "manifest-summary.json").read_bytes())
        assert summary["itemCount"] == 10
        assert summary["exportArn"] == shown["ExportArn"]
        assert summary["exportTime"] == "2023-11-14T22:13:20.000Z"
        assert summary["manifestFilesS3Key"] == f"some/where/AWSDynamoDB/{export_id}/manifest-files.json"
        files = [json.loads(line) for line in (root / "manifest-files.json").read_bytes().splitlines()]
        assert len(files) > 2
        for name in ("manifest-summary", "manifest-files"):
            data = (root / f"{name}.json").read_bytes()
            assert (root / f"{name}.md5").read_text() == md5_of(data)
        found = []
        for each in files:
            path = place.folder / "bucket" / each["dataFileS3Key"]
            assert each["md5Checksum"] == md5_of(path.read_bytes())
            assert each["itemCount"] == len(lines_of(path))
            found += [line["Item"] for line in lines_of(path)]
        assert sorted(found, key=str) == [item for item in place.items("abc") if item["pk"]["S"] != "later"]

    def test_an_empty_table_makes_one_empty_file(self, place):
        place.fill(0)
        arn = place.export()["ExportArn"]
        place.finish()
        assert place.exported(arn)["ItemCount"] == 0
        [path] = (place.folder / "bucket").rglob("*.json.gz")
        assert lines_of(path) == []

    def test_it_goes_on_after_a_restart(self, tmp_path, clock, monkeypatch):
        monkeypatch.setattr(exports, "FILE_BYTES", 100)
        path, folder = tmp_path / "restarted.db", tmp_path / "buckets"
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock), folder)
            place.fill(30)
            arn = place.export()["ExportArn"]
            for _ in range(4):
                place.step()
            before = {path.name for path in folder.rglob("*.gz")}
            assert 1 < len(before) < 10
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock), folder)
            place.finish()
            assert place.exported(arn)["ItemCount"] == 30
            found = [line["Item"] for path in folder.rglob("*.gz") for line in lines_of(path)]
            assert sorted(found, key=str) == place.items("abc")
            assert list(check(database)) == []

    def test_a_place_that_can_not_be_written_fails_it(self, place):
        place.fill(3)
        place.folder.write_bytes(b"a file, no folder")
        arn = place.export()["ExportArn"]
        place.finish()
        failed = place.exported(arn)
        assert (failed["ExportStatus"], failed["FailureCode"]) == ("FAILED", "FolderNotWritable")
        assert "can't be written" in failed["FailureMessage"]

    def test_an_item_that_is_damaged_fails_it(self, place):
        place.fill(3)
        arn = place.export()["ExportArn"]
        backups.copy_step(place.running.writer, place.running.reader)
        place.running.writer.call(lambda it: it.cursor.execute("UPDATE copy_items SET crc = crc + 1 WHERE id = 2"))
        place.finish()
        assert place.exported(arn)["FailureCode"] == "InternalServerError"
        while place.running.writer.call(copies.sweep_dropped_copies):
            pass

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ({"S3SseAlgorithm": "KMS"}, "S3SseAlgorithm KMS can't be used: files in a folder are not encrypted"),
            ({"S3SseKmsKeyId": "key"}, "key can't be used: files in a folder are not encrypted"),
            ({"S3BucketOwner": "0" * 12}, "leave it out, or name 123456789012"),
        ],
    )
    def test_what_a_folder_does_not_have_is_refused(self, place, given, message):
        place.fill(1)
        assert message in refusal(ValidationException, place.export, **given)
        place.export(S3SseAlgorithm="AES256", S3BucketOwner="123456789012")

    def test_the_same_token_is_the_same_export(self, place):
        place.fill(1)
        first = place.export(ClientToken="t")
        assert place.export(ClientToken="t")["ExportArn"] == first["ExportArn"]
        refusal(ExportConflictException, place.export, ClientToken="t", S3Bucket="other-bucket")
        assert place.export()["ExportArn"] != first["ExportArn"]

    def test_what_can_not_be_exported_is_refused(self, place):
        place.run(create_table, TableName="abc", **KEYS)
        expected = "Point in time recovery is not enabled for table 'abc'"
        assert refusal(PointInTimeRecoveryUnavailableException, place.export) == expected
        place.run(update_continuous_backups, TableName="abc", **RECOVERY)
        other = ARN.replace("abc", "xyz")
        assert refusal(TableNotFoundException, place.export, TableArn=other) == f"Table not found: {other}"
        assert refusal(ValidationException, place.export, TableArn="abc") == "Invalid TableArn: abc"
        assert "ION is not supported" in refusal(ValidationException, place.export, ExportFormat="ION")
        incremental = refusal(ValidationException, place.export, ExportType="INCREMENTAL_EXPORT")
        assert "INCREMENTAL_EXPORT is not supported" in incremental
        refusal(InvalidExportTimeException, place.export, ExportTime=1_600_000_000)
        place.export(ExportTime=1_700_000_000)
        place.running.options = replace(place.running.options, bucket_folder=None)
        assert "s3.folder" in refusal(ValidationException, place.export)
        missing = f"{ARN}/export/01700000000000-00000000"
        assert refusal(ExportNotFoundException, place.exported, missing) == f"Export not found: {missing}"

    def test_exports_are_listed_in_pages(self, place, clock):
        place.fill(1)
        arns = []
        for _ in range(3):
            arns.append(place.export()["ExportArn"])
            clock.advance(1)
        page = place.run(list_exports, MaxResults=2)
        assert [each["ExportArn"] for each in page["ExportSummaries"]] == arns[:2]
        rest = place.run(list_exports, NextToken=page["NextToken"], TableArn=ARN)
        assert [each["ExportArn"] for each in rest["ExportSummaries"]] == arns[2:]
        assert place.run(list_exports, TableArn=ARN.replace("abc", "xyz")) == {"ExportSummaries": []}


class TestImport:
    def test_one_that_begins_together_with_an_export_has_an_id_of_its_own(self, place):
        place.fill(0)
        place.export()  # of copy 1; the next is of copy 2, and the import makes table 2
        arns = [place.export()["ExportArn"], place.bring_in("in/")["ImportArn"]]
        assert len({arn.rpartition("/")[2] for arn in arns}) == 2

    def test_what_was_exported_comes_back(self, place):
        place.fill(30)
        place.export(S3Prefix="out")
        place.finish()
        [data] = (place.folder / "bucket/out").rglob("data")
        prefix = data.relative_to(place.folder / "bucket").as_posix() + "/"
        shown = place.bring_in(prefix, InputCompressionType="GZIP")
        assert shown["ImportStatus"] == "IN_PROGRESS"
        assert place.run(describe_table, TableName="new")["Table"]["TableStatus"] == "CREATING"
        place.finish()
        done = place.imported(shown["ImportArn"])
        assert (done["ImportStatus"], done["ImportedItemCount"], done["ErrorCount"]) == ("COMPLETED", 30, 0)
        assert done["ProcessedSizeBytes"] > 0
        assert place.run(describe_table, TableName="new")["Table"]["TableStatus"] == "ACTIVE"
        assert place.items("new") == place.items("abc")

    def test_csv_comes_in_and_wrong_lines_are_counted_and_logged_and_fail_it(self, place, caplog):
        place.write("in/1.csv", b"pk;v\na;1\n;2\nb;3\n")
        place.write("in/2.csv", b"pk;v\nb;4\n")
        options = {"InputFormatOptions": {"Csv": {"Delimiter": ";"}}}
        shown = place.bring_in("in/", InputFormat="CSV", **options)
        place.finish()
        done = place.imported(shown["ImportArn"])
        counts = ("ProcessedItemCount", "ImportedItemCount", "ErrorCount")
        assert [done[name] for name in counts] == [4, 3, 1]
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")
        assert "were not imported" in done["FailureMessage"]
        assert place.run(describe_table, TableName="new")["Table"]["TableStatus"] == "ACTIVE"
        assert place.items("new") == [{"pk": {"S": "a"}, "v": {"S": "1"}}, {"pk": {"S": "b"}, "v": {"S": "4"}}]
        [record] = caplog.records
        assert "line 2 of in/1.csv is left out" in record.getMessage()

    def test_the_table_may_have_indexes_whose_keys_are_checked(self, place):
        place.write("in/1.csv", b"pk,n\na,1\nb,x\nc,\n")
        keys = {"KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}]}
        index = {"IndexName": "by-n", **keys, "Projection": {"ProjectionType": "ALL"}}
        types = [*KEYS["AttributeDefinitions"], {"AttributeName": "n", "AttributeType": "N"}]
        parameters = KEYS | {"TableName": "new", "AttributeDefinitions": types, "GlobalSecondaryIndexes": [index]}
        arn = place.bring_in("in/", InputFormat="CSV", TableCreationParameters=parameters)["ImportArn"]
        place.finish()
        done = place.imported(arn)
        assert (done["ImportedItemCount"], done["ErrorCount"]) == (2, 1)
        found = place.run(scan, TableName="new", IndexName="by-n")["Items"]
        assert found == [{"pk": {"S": "a"}, "n": {"N": "1"}}]

    def test_it_goes_on_after_a_restart(self, tmp_path, clock, monkeypatch):
        monkeypatch.setattr(imports, "IMPORT_ROWS", 3)
        path, folder = tmp_path / "restarted.db", tmp_path / "buckets"
        lines = [b'{"Item":{"pk":{"S":"k%d"}}}\n' % number for number in range(20)]
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock), folder)
            place.write("in/a", b"".join(lines[:10]))
            place.write("in/b", b"".join(lines[10:]))
            arn = place.bring_in("in/")["ImportArn"]
            for _ in range(6):
                place.step()
            assert 10 < place.imported(arn)["ProcessedItemCount"] < 20
        with opened(path, clock) as (database, writer):
            place = Place(Running(database, writer, clock), folder)
            place.finish()
            done = place.imported(arn)
            assert (done["ProcessedItemCount"], done["ImportedItemCount"]) == (20, 20)
            assert len(place.items("new")) == 20
            assert list(check(database)) == []

    @pytest.mark.parametrize(
        ("prefix", "compression", "code"),
        [("nothing/", "NONE", "S3NoSuchKey"), ("in/", "GZIP", "InvalidFile"), ("../", "NONE", "S3NoSuchKey")],
    )
    def test_files_that_can_not_be_read_fail_it_and_leave_no_table(self, place, prefix, compression, code):
        place.write("in/a", b"plain")
        arn = place.bring_in(prefix, InputCompressionType=compression)["ImportArn"]
        place.finish()
        failed = place.imported(arn)
        assert (failed["ImportStatus"], failed["FailureCode"]) == ("FAILED", code)
        assert failed["FailureMessage"]
        assert "new" not in place.running.reader.view().catalog.tables

    def test_an_empty_bucket_makes_an_empty_table(self, place):
        place.write("in/a", b"")
        arn = place.bring_in("")["ImportArn"]
        place.finish()
        done = place.imported(arn)
        assert (done["ImportStatus"], done["ProcessedItemCount"], done["ErrorCount"]) == ("COMPLETED", 0, 0)
        assert place.items("new") == []

    def test_a_bucket_that_is_not_there_fails_it(self, place):
        arn = place.bring_in("in/")["ImportArn"]
        place.finish()
        assert place.imported(arn)["FailureCode"] == "S3NoSuchBucket"

    def test_the_same_token_is_the_same_import(self, place):
        place.write("in/a", b"")
        first = place.bring_in("in/", ClientToken="t")
        assert place.bring_in("in/", ClientToken="t")["ImportArn"] == first["ImportArn"]
        refusal(ImportConflictException, place.bring_in, "elsewhere/", ClientToken="t")

    def test_what_can_not_be_imported_is_refused(self, place):
        place.fill(0)
        assert refusal(ResourceInUseException, place.bring_in, "in/", "abc") == "Table already exists: abc"
        assert "ION is not supported" in refusal(ValidationException, place.bring_in, "in/", InputFormat="ION")
        zstd = refusal(ValidationException, place.bring_in, "in/", InputCompressionType="ZSTD")
        assert "ZSTD is not supported" in zstd
        csv = {"InputFormatOptions": {"Csv": {"Delimiter": ";"}}}
        assert "only be specified when InputFormat is CSV" in refusal(ValidationException, place.bring_in, "in/", **csv)
        parameters = {"TableCreationParameters": {"TableName": "new", **KEYS, "AttributeDefinitions": []}}
        assert "have no definition" in refusal(ValidationException, place.bring_in, "in/", **parameters)
        missing = f"{ARN}/import/01700000000000-00000000"
        assert refusal(ImportNotFoundException, place.imported, missing) == f"Import not found: {missing}"

    def test_imports_are_listed_in_pages(self, place, clock):
        arns = []
        for name in ("one", "two", "three"):
            arns.append(place.bring_in("in/", name)["ImportArn"])
            clock.advance(1)
        page = place.run(list_imports, PageSize=2)
        assert [each["ImportArn"] for each in page["ImportSummaryList"]] == arns[:2]
        assert len(page["NextToken"]) >= 112
        rest = place.run(list_imports, NextToken=page["NextToken"])
        assert [each["ImportArn"] for each in rest["ImportSummaryList"]] == arns[2:]
