"""ImportTable, DescribeImport and ListImports: a new table, filled from files in a bucket.

The files are read in the order of their names, some lines in a write. How far an import has come is written with the
items, so that a restart in its middle repeats nothing and misses nothing.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from cdc.model.arns import part_arn, part_id_of, table_arn, table_name_of
from cdc.model.catalog import CREATING
from cdc.model.errors import (
    ImportConflictException,
    ImportNotFoundException,
    ResourceInUseException,
    ValidationException,
)
from cdc.model.keys import encode_key
from cdc.model.values import canonical_bytes
from cdc.store import catalog, items
from cdc.store import transfers as store
from cdc.store.reading import Read, Write
from cdc.tables import table_shapes as shapes
from cdc.tables.actions import Image
from cdc.tables.backups import new_part_id
from cdc.tables.buckets import BucketError, check_place, open_buckets
from cdc.tables.definition_checks import check_create, new_definition
from cdc.tables.definitions import new_table_id
from cdc.tables.encryption import change_encryption
from cdc.tables.import_files import Format, ItemError
from cdc.tables.index_checks import new_definitions
from cdc.tables.index_keys import check_put_index_keys
from cdc.tables.lifecycle import is_taken, made_active, settle
from cdc.tables.write import change_item

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdc.model.catalog import Table
    from cdc.model.options import Options
    from cdc.model.values import Item
    from cdc.store.reading import Reader, View
    from cdc.store.transaction import Transaction
    from cdc.store.transfers import Transfer
    from cdc.store.writer import Writer
    from cdc.tables.buckets import Buckets

log = logging.getLogger(__name__)

IMPORT_ROWS = 250
"""Lines that one write brings into a table, in some 5 ms."""
LOGGED_ERRORS = 10
"""Lines of an import that the log tells of; the others are counted."""
_LEFT_OUT = (
    f"Some of the items failed validation checks and were not imported; cdc's log has the first {LOGGED_ERRORS}."
)
LIST_PAGE = 25
_TOKEN_BYTES = 56
"""Of a NextToken, which the service's model wants to be 112 hex digits at least."""


def import_table(request: dict[str, Any], options: Options) -> Write:
    """Check an ImportTable. DynamoDB: ImportTable."""
    shapes.IMPORT_TABLE.check(request)
    check_place(options, request["S3BucketSource"].get("S3BucketOwner"))
    format_of(request)
    wanted = request["TableCreationParameters"]
    check_create(wanted)
    name, table_id = wanted["TableName"], new_table_id()
    indexes = new_definitions(wanted)

    def run(transaction: Transaction) -> bytes:
        known = _known(transaction, request)
        if known is not None:
            return _describe(known, options)
        if is_taken(transaction, name):
            raise ResourceInUseException(f"Table already exists: {name}")
        settle(transaction, name)
        definition = change_encryption(new_definition(wanted, table_id, transaction.now_ms), wanted, options)
        own_id = catalog.insert_table(transaction, replace(definition, status=CREATING))
        for index in indexes:
            catalog.insert_index(transaction, own_id, index, backfill=False)
        import_id = new_part_id(transaction, store.IMPORT, own_id)
        progress = {"files": None, "done": 0, "lines": 0, "processed": 0, "imported": 0, "errors": 0, "bytes": 0}
        store.insert_transfer(
            transaction,
            store.IMPORT,
            import_id,
            table_name=name,
            table_id=own_id,
            request=request,
            progress=progress | {"table_id": table_id},
        )
        found = store.find_transfer(transaction.cursor, store.IMPORT, import_id)
        assert found is not None
        return _describe(found, options)

    return Write(run)


def describe_import(request: dict[str, Any], options: Options) -> Read:
    """Check a DescribeImport. DynamoDB: DescribeImport."""
    shapes.DESCRIBE_IMPORT.check(request)
    arn = request["ImportArn"]

    def run(view: View) -> bytes:
        found = store.find_transfer(view.connection, store.IMPORT, part_id_of(arn, store.IMPORT))
        if found is None:
            raise ImportNotFoundException(f"Import not found: {arn}")
        return _describe(found, options)

    return Read(run)


def list_imports(request: dict[str, Any], options: Options) -> Read:
    """Check a ListImports. DynamoDB: ListImports."""
    shapes.LIST_IMPORTS.check(request)
    arn, limit = request.get("TableArn"), request.get("PageSize") or LIST_PAGE
    token = request.get("NextToken")
    after = "" if token is None else bytes.fromhex(token).decode("latin-1").rstrip()

    def run(view: View) -> bytes:
        found = [
            each
            for each in store.list_transfers(view.connection, store.IMPORT)
            if each.transfer_id > after and (arn is None or each.table_name == table_name_of(arn))
        ]
        shown = ("ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "InputFormat", "StartTime", "EndTime")
        described = [_description(each, options) for each in found[:limit]]
        summaries = [{name: each[name] for name in shown if name in each} for each in described]
        answer: dict[str, Any] = {"ImportSummaryList": summaries}
        if len(found) > limit:
            answer["NextToken"] = found[limit - 1].transfer_id.encode().ljust(_TOKEN_BYTES).hex()
        return orjson.dumps(answer)

    return Read(run)


def format_of(request: dict[str, Any]) -> Format:
    """Take from a request how its files are written.

    Raises: ValidationException.
    """
    kind, compression = request["InputFormat"], request.get("InputCompressionType") or "NONE"
    for member, value in (("InputFormat", kind), ("InputCompressionType", compression)):
        if value in {"ION", "ZSTD"}:
            others = "DYNAMODB_JSON and CSV" if value == "ION" else "GZIP and NONE"
            raise ValidationException(
                f"ImportTable: {member} {value} is not supported by this version of cdc, only {others}"
            )
    options = (request.get("InputFormatOptions") or {}).get("Csv")
    if options is not None and kind != "CSV":
        raise ValidationException(f"InputFormatOptions.Csv can only be specified when InputFormat is CSV, not {kind}")
    options = options or {}
    return Format(
        csv=kind == "CSV",
        gzip=compression == "GZIP",
        delimiter=options.get("Delimiter") or ",",
        headers=tuple(options.get("HeaderList") or ()),
    )


@dataclass(slots=True)
class _Open:
    """A file that an import is reading."""

    number: int
    rows: Iterator[Any]


@dataclass(slots=True)
class Imports:
    """The imports of one file; keeps open, between steps, what each is reading."""

    _open: dict[int, _Open] = field(default_factory=dict)  # by the import's id in the file

    def step(self, writer: Writer, reader: Reader, options: Options) -> bool:
        """Bring some lines of each import into its table; tell whether there was something to do."""
        unfinished = store.unfinished_transfers(reader.view().connection, store.IMPORT)
        for each in unfinished:
            try:
                self._go_on(writer, options, each)
            except BucketError as error:
                failed = each.progress | {"code": error.code, "message": str(error)}
                writer.call(partial(_fail, transfer=each, progress=failed))
        for ended in self._open.keys() - {each.id for each in unfinished}:
            del self._open[ended]
        return bool(unfinished)

    def _go_on(self, writer: Writer, options: Options, transfer: Transfer) -> None:
        progress = dict(transfer.progress)
        if progress["files"] is None:
            progress["files"] = _list_files(options, transfer)
            writer.call(partial(store.reach, row=transfer.id, progress=progress))
            return
        if progress["done"] == len(progress["files"]):
            writer.call(partial(_complete, transfer=transfer, progress=progress))
            return
        rows = list(islice(self._rows(options, transfer, progress), IMPORT_ROWS))
        if len(rows) < IMPORT_ROWS:
            self._open.pop(transfer.id, None)
        try:
            writer.call(partial(_bring_in, transfer=transfer, rows=rows, progress=progress))
        except BaseException:
            self._open.pop(transfer.id, None)  # its rows are read again
            raise

    def _rows(self, options: Options, transfer: Transfer, progress: dict[str, Any]) -> Iterator[Any]:
        """Return the rest of the file that an import is at; after a restart it is opened anew."""
        number = progress["done"]
        known = self._open.get(transfer.id)
        if known is None or known.number != number:
            name = progress["files"][number][0]
            data = _buckets(options, transfer).get(transfer.request["S3BucketSource"]["S3Bucket"], name)
            rows = islice(format_of(transfer.request).rows(name, data), progress["lines"], None)
            known = self._open[transfer.id] = _Open(number, rows)
        return known.rows


def _buckets(options: Options, transfer: Transfer) -> Buckets:
    return open_buckets(options, transfer.request["S3BucketSource"].get("S3BucketOwner"))


def _list_files(options: Options, transfer: Transfer) -> list[list[Any]]:
    source = transfer.request["S3BucketSource"]
    prefix = source.get("S3KeyPrefix") or ""
    found = [each for each in _buckets(options, transfer).list(source["S3Bucket"], prefix) if each.size_bytes]
    if prefix and not found:  # an empty bucket makes an empty table
        raise BucketError(
            "S3NoSuchKey", f"no file in the bucket {source['S3Bucket']} has a key that begins with '{prefix}'"
        )
    return [[each.key, each.size_bytes] for each in found]


def _bring_in(transaction: Transaction, transfer: Transfer, rows: list[Any], progress: dict[str, Any]) -> None:
    """Write the items of some lines, with how far the import has come."""
    table = _table_of(transaction, transfer)
    if table is None:
        raise BucketError("TableDeleted", "the table was deleted")
    kind, types = format_of(transfer.request), dict(table.definition.attributes)
    progress = dict(progress)
    for number, row in enumerate(rows, start=progress["lines"] + 1):
        try:
            item, size = kind.item(row, table.schema, types)
            _check_index_keys(table, item)
        except ItemError as error:
            progress["errors"] += 1
            if progress["errors"] <= LOGGED_ERRORS:
                file = progress["files"][progress["done"]][0]
                log.warning("import into %s: line %d of %s is left out: %s", table.name, number, file, error)
            continue
        key = encode_key(table.schema, item)
        old = items.fetch(transaction.cursor, table.id, key)
        change_item(transaction, table, key, item, old, Image(item, canonical_bytes(item), size))
        progress["imported"] += 1
    progress["processed"] += len(rows)
    progress["lines"] += len(rows)
    if len(rows) < IMPORT_ROWS:
        progress["bytes"] += progress["files"][progress["done"]][1]
        progress |= {"done": progress["done"] + 1, "lines": 0}
    store.reach(transaction, transfer.id, progress)


def _check_index_keys(table: Table, item: Item) -> None:
    try:
        check_put_index_keys(table, item)
    except ValidationException as error:
        raise ItemError(error.message) from error


def _complete(transaction: Transaction, transfer: Transfer, progress: dict[str, Any]) -> None:
    """End an import at its last line; what could be brought in stays, also if something could not."""
    status = store.FAILED if progress["errors"] else store.COMPLETED
    if progress["errors"]:
        progress = progress | {"code": "ItemValidationError", "message": _LEFT_OUT}
    store.end(transaction, transfer.id, status, progress)
    table = _table_of(transaction, transfer)
    if table is not None:
        catalog.replace_definition(transaction, table.id, made_active(table.definition))


def _fail(transaction: Transaction, transfer: Transfer, progress: dict[str, Any]) -> None:
    """End an import that can't go on; half a table is none."""
    store.end(transaction, transfer.id, store.FAILED, progress)
    table = _table_of(transaction, transfer)
    if table is not None:
        catalog.drop_table(transaction, table.id)


def _table_of(transaction: Transaction, transfer: Transfer) -> Table | None:
    table = transaction.catalog.tables.get(transfer.table_name)
    return table if table is not None and table.id == transfer.table_id else None


def _known(transaction: Transaction, request: dict[str, Any]) -> Transfer | None:
    """Find the import that the same request has begun.

    Raises: ImportConflictException when a request with its token asked for something else.
    """
    token = request.get("ClientToken")
    if not token:
        return None
    for each in store.list_transfers(transaction.cursor, store.IMPORT):
        if each.token == token:
            if each.request != request:
                raise ImportConflictException("There was a conflict: the ClientToken was used with other parameters")
            return each
    return None


def _describe(transfer: Transfer, options: Options) -> bytes:
    return orjson.dumps({"ImportTableDescription": _description(transfer, options)})


def _description(transfer: Transfer, options: Options) -> dict[str, Any]:
    asked, progress = transfer.request, transfer.progress
    description: dict[str, Any] = {
        "ImportArn": part_arn(options, transfer.table_name, store.IMPORT, transfer.transfer_id),
        "ImportStatus": transfer.status,
        "TableArn": table_arn(options, transfer.table_name),
        "TableId": progress["table_id"],
        "S3BucketSource": asked["S3BucketSource"],
        "InputFormat": asked["InputFormat"],
        "InputCompressionType": asked.get("InputCompressionType") or "NONE",
        "TableCreationParameters": asked["TableCreationParameters"],
        "StartTime": transfer.created_ms / 1000,
        "ErrorCount": progress["errors"],
        "ProcessedSizeBytes": progress["bytes"],
        "ProcessedItemCount": progress["processed"],
        "ImportedItemCount": progress["imported"],
    }
    echoed = ("ClientToken", "InputFormatOptions")
    description |= {name: asked[name] for name in echoed if asked.get(name) is not None}
    if transfer.ended_ms is not None:
        description["EndTime"] = transfer.ended_ms / 1000
    if transfer.status == store.FAILED:
        description |= {"FailureCode": progress["code"], "FailureMessage": progress["message"]}
    return description
