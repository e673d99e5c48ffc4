"""ExportTableToPointInTime, DescribeExport and ListExports: a table's items as files of DynamoDB JSON, in S3's layout.

An export copies its table as it is when the request is committed (`cdc.store.copies`), and writes files from the copy: a
restart in its middle goes on with the file that was being written.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import closing
from functools import partial
from hashlib import blake2b, md5
from typing import TYPE_CHECKING, Any
from zlib import compress

import orjson

from cdc.clock import utc_text
from cdc.model.arns import part_arn, part_id_of, table_arn, table_name_of
from cdc.model.catalog import SERVED
from cdc.model.errors import (
    ExportConflictException,
    ExportNotFoundException,
    InternalServerError,
    InvalidExportTimeException,
    PointInTimeRecoveryUnavailableException,
    TableNotFoundException,
    ValidationException,
)
from cdc.store import copies
from cdc.store import transfers as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.backups import new_part_id
from cdc.tables.buckets import BucketError, check_place, open_buckets
from cdc.tables.recovery import backed_up_table

if TYPE_CHECKING:
    from cdc.model.options import Options
    from cdc.store.reading import Reader, View
    from cdc.store.transaction import Transaction
    from cdc.store.transfers import Transfer
    from cdc.store.writer import Writer
    from cdc.tables.buckets import Buckets

FILE_BYTES = 16 << 20
"""Of items in one data file, before it is compressed: so much is held in memory."""
TIME_TOLERANCE_MS = 5000
"""How far ExportTime may be from the present, which is all that can be exported."""
LIST_PAGE = 25
_GZIP = 31
"""zlib's number for the gzip format."""


def export_table_to_point_in_time(request: dict[str, Any], options: Options) -> Write:
    """Check an ExportTableToPointInTime. DynamoDB: ExportTableToPointInTime."""
    shapes.EXPORT_TABLE.check(request)
    key = request.get("S3SseKmsKeyId") or ("S3SseAlgorithm KMS" if request.get("S3SseAlgorithm") == "KMS" else None)
    check_place(options, request.get("S3BucketOwner"), key)
    name = _table_name(request["TableArn"])
    _refuse_unsupported(request)

    def run(transaction: Transaction) -> bytes:
        known = _known(transaction, request)
        if known is not None:
            return _describe(known, options)
        try:
            table = backed_up_table(transaction.catalog, name, transaction.now_ms)
        except TableNotFoundException:
            raise TableNotFoundException(f"Table not found: {request['TableArn']}") from None
        if table.definition.recovery_since_ms is None or table.definition.status not in SERVED:
            raise PointInTimeRecoveryUnavailableException(f"Point in time recovery is not enabled for table '{name}'")
        _check_time(request.get("ExportTime"), transaction.now_ms)
        copy_id = copies.begin_copy(transaction, table.id)
        export_id = new_part_id(transaction, store.EXPORT, copy_id)
        progress = {"after": "", "files": [], "table_id": table.definition.table_id}
        store.insert_transfer(
            transaction,
            store.EXPORT,
            export_id,
            table_name=name,
            table_id=table.id,
            request=request,
            progress=progress,
            copy_id=copy_id,
        )
        return _describe(_existing(transaction.cursor, export_id), options)

    return Write(run)


def describe_export(request: dict[str, Any], options: Options) -> Read:
    """Check a DescribeExport. DynamoDB: DescribeExport."""
    shapes.DESCRIBE_EXPORT.check(request)
    arn = request["ExportArn"]

    def run(view: View) -> bytes:
        export = store.find_transfer(view.connection, store.EXPORT, part_id_of(arn, store.EXPORT))
        if export is None:
            raise ExportNotFoundException(f"Export not found: {arn}")
        return _describe(export, options)

    return Read(run)


def list_exports(request: dict[str, Any], options: Options) -> Read:
    """Check a ListExports. DynamoDB: ListExports."""
    shapes.LIST_EXPORTS.check(request)
    arn, after = request.get("TableArn"), request.get("NextToken") or ""
    limit = request.get("MaxResults") or LIST_PAGE

    def run(view: View) -> bytes:
        found = [
            each
            for each in store.list_transfers(view.connection, store.EXPORT)
            if each.transfer_id > after and (arn is None or each.table_name == table_name_of(arn))
        ]
        summaries = [
            {
                "ExportArn": part_arn(options, each.table_name, store.EXPORT, each.transfer_id),
                "ExportStatus": each.status,
                "ExportType": "FULL_EXPORT",
            }
            for each in found[:limit]
        ]
        answer: dict[str, Any] = {"ExportSummaries": summaries}
        if len(found) > limit:
            answer["NextToken"] = found[limit - 1].transfer_id
        return orjson.dumps(answer)

    return Read(run)


def export_step(writer: Writer, reader: Reader, options: Options, now_ms: int) -> bool:
    """Write a file of each export whose copy is complete; tell whether one was written."""
    written = False
    connection = reader.view().connection
    for export in store.unfinished_transfers(connection, store.EXPORT):
        assert export.copy_id is not None, "an export in progress has a copy"
        copy = copies.find_copy(connection, export.copy_id)
        if copy is not None and copy.complete:
            _go_on(writer, connection, options, export, now_ms)
            written = True
    return written


def _go_on(writer: Writer, connection: Any, options: Options, export: Transfer, now_ms: int) -> None:
    try:
        buckets = open_buckets(options, export.request.get("S3BucketOwner"))
        progress, ended = _write_file(buckets, connection, export)
        if ended:
            progress = _write_manifests(buckets, options, export, progress, now_ms)
    except (BucketError, InternalServerError) as error:  # the latter of an item that is damaged
        failed = export.progress | {"code": error.code, "message": str(error)}
        writer.call(partial(_end, export=export, status=store.FAILED, progress=failed))
        return
    if ended:
        writer.call(partial(_end, export=export, status=store.COMPLETED, progress=progress))
    else:
        writer.call(partial(store.reach, row=export.id, progress=progress))


def _write_file(buckets: Buckets, connection: Any, export: Transfer) -> tuple[dict[str, Any], bool]:
    """Write the next data file; return the progress with it, and whether it was the last."""
    assert export.copy_id is not None, "an export in progress has a copy"
    lines, room, after = [], FILE_BYTES, bytes.fromhex(export.progress["after"])
    ended = True
    with closing(copies.read_copy(connection, export.copy_id, after)) as items:
        for key, _, item in items:
            if room <= 0:
                ended = False
                break
            lines.append(b'{"Item":' + item + b"}\n")
            room, after = room - len(item), key
    files = list(export.progress["files"])
    if not files:
        _put(buckets, export, "_started", b"")
    if lines or not files:
        data = compress(b"".join(lines), wbits=_GZIP)
        name = f"data/{_file_name(export.transfer_id, len(files))}.json.gz"
        place, etag = _put(buckets, export, name, data)
        files.append({"itemCount": len(lines), "md5Checksum": _md5(data), "etag": etag, "dataFileS3Key": place})
    return export.progress | {"after": after.hex(), "files": files}, ended


def _write_manifests(
    buckets: Buckets, options: Options, export: Transfer, progress: dict[str, Any], now_ms: int
) -> dict[str, Any]:
    """Write what lists the data files; return the progress with what a description of the whole shows."""
    asked = export.request
    listed = b"".join(orjson.dumps(each) + b"\n" for each in progress["files"])
    items = sum(each["itemCount"] for each in progress["files"])
    files_key, _ = _put(buckets, export, "manifest-files.json", listed)
    _put(buckets, export, "manifest-files.md5", _md5(listed).encode())
    started = _moment(export.created_ms)
    summary = orjson.dumps(
        {
            "version": "2020-06-30",
            "exportArn": part_arn(options, export.table_name, store.EXPORT, export.transfer_id),
            "startTime": started,
            "endTime": _moment(now_ms),
            "tableArn": table_arn(options, export.table_name),
            "tableId": progress["table_id"],
            "exportTime": started,
            "s3Bucket": asked["S3Bucket"],
            "s3Prefix": asked.get("S3Prefix"),
            "s3SseAlgorithm": asked.get("S3SseAlgorithm") or "AES256",
            "s3SseKmsKeyId": asked.get("S3SseKmsKeyId"),
            "manifestFilesS3Key": files_key,
            "billedSizeBytes": 0,
            "itemCount": items,
            "outputFormat": "DYNAMODB_JSON",
            "exportType": "FULL_EXPORT",
        }
    )
    summary_key, _ = _put(buckets, export, "manifest-summary.json", summary)
    _put(buckets, export, "manifest-summary.md5", _md5(summary).encode())
    return progress | {"items": items, "manifest": summary_key}


def _moment(ms: int) -> str:
    return f"{utc_text(ms, '%Y-%m-%dT%H:%M:%S')}.{ms % 1000:03}Z"


def _end(transaction: Transaction, export: Transfer, status: str, progress: dict[str, Any]) -> None:
    assert export.copy_id is not None, "an export in progress has a copy"
    store.end(transaction, export.id, status, progress)
    copies.drop_copy(transaction, export.copy_id)


def _put(buckets: Buckets, export: Transfer, name: str, data: bytes) -> tuple[str, str]:
    """Write a file of an export; return its key and its entity tag."""
    asked, encryption = export.request, {}
    if asked.get("S3SseAlgorithm") is not None:
        encryption["ServerSideEncryption"] = "aws:kms" if asked["S3SseAlgorithm"] == "KMS" else "AES256"
    if asked.get("S3SseKmsKeyId") is not None:
        encryption["SSEKMSKeyId"] = asked["S3SseKmsKeyId"]
    prefix = f"{asked['S3Prefix'].rstrip('/')}/" if asked.get("S3Prefix") else ""
    key = f"{prefix}AWSDynamoDB/{export.transfer_id}/{name}"
    return key, buckets.put(asked["S3Bucket"], key, data, encryption)


def _file_name(export_id: str, number: int) -> str:
    """Name a data file; the same when it is written again after a restart."""
    return blake2b(f"{export_id}/{number}".encode(), digest_size=13).hexdigest()


def _md5(data: bytes) -> str:
    return b64encode(md5(data, usedforsecurity=False).digest()).decode()


def _table_name(arn: str) -> str:
    name = table_name_of(arn)
    if name == arn:
        raise ValidationException(f"Invalid TableArn: {arn}")
    return name


def _refuse_unsupported(request: dict[str, Any]) -> None:
    for member, supported in (("ExportFormat", "DYNAMODB_JSON"), ("ExportType", "FULL_EXPORT")):
        value = request.get(member)
        if value not in {None, supported}:
            raise ValidationException(
                f"ExportTableToPointInTime: {member} {value} is not supported by this version of cdc, only {supported}"
            )


def _check_time(export_time: float | None, now_ms: int) -> None:
    if export_time is not None and abs(export_time * 1000 - now_ms) > TIME_TOLERANCE_MS:
        raise InvalidExportTimeException(
            "ExportTime must be the present, as this server keeps no earlier states of a table: leave it out"
        )


def _known(transaction: Transaction, request: dict[str, Any]) -> Transfer | None:
    """Find the export that the same request has begun.

    Raises: ExportConflictException when a request with its token asked for something else.
    """
    token = request.get("ClientToken")
    if not token:
        return None
    for export in store.list_transfers(transaction.cursor, store.EXPORT):
        if export.token == token:
            if export.request != request:
                raise ExportConflictException("There was a conflict: the ClientToken was used with other parameters")
            return export
    return None


def _existing(connection: Any, export_id: str) -> Transfer:
    export = store.find_transfer(connection, store.EXPORT, export_id)
    assert export is not None
    return export


def _describe(export: Transfer, options: Options) -> bytes:
    asked, progress = export.request, export.progress
    description: dict[str, Any] = {
        "ExportArn": part_arn(options, export.table_name, store.EXPORT, export.transfer_id),
        "ExportStatus": export.status,
        "StartTime": export.created_ms / 1000,
        "ExportTime": export.created_ms / 1000,
        "TableArn": table_arn(options, export.table_name),
        "TableId": progress["table_id"],
        "ExportFormat": "DYNAMODB_JSON",
        "ExportType": "FULL_EXPORT",
        "S3SseAlgorithm": asked.get("S3SseAlgorithm") or "AES256",
    }
    echoed = ("ClientToken", "S3Bucket", "S3BucketOwner", "S3Prefix", "S3SseKmsKeyId")
    description |= {name: asked[name] for name in echoed if asked.get(name) is not None}
    if export.ended_ms is not None:
        description["EndTime"] = export.ended_ms / 1000
    if export.status == store.COMPLETED:
        done = {"ExportManifest": progress["manifest"], "ItemCount": progress["items"], "BilledSizeBytes": 0}
        description |= done
    if export.status == store.FAILED:
        description |= {"FailureCode": progress["code"], "FailureMessage": progress["message"]}
    return orjson.dumps({"ExportDescription": description})
